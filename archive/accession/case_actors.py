"""Who answers for a case, by officer number."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, CaseActor
from archive.reference.case_facts import CaseFacts
from archive.reference.vocabulary import Node

_ANSWERABLE = frozenset({Node.RECEIVE, Node.ACCEPT, Node.REVIEW, Node.APPROVE})


def remember_actors(session: Session, case: Case) -> None:
    """Enter who answers for a case, by officer number, so that it is found after the facts are sealed and the officer has left (R35)."""
    facts = CaseFacts.model_validate(case.facts)
    session.execute(delete(CaseActor).where(CaseActor.case_id == case.id))
    found = {
        (str(event.node), event.actor_no[:64], event.org): event.at
        for event in facts.process
        if event.node in _ANSWERABLE
    }
    session.add_all(
        CaseActor(case_id=case.id, node=node, actor_no=actor_no, org=org, at=at)
        for (node, actor_no, org), at in sorted(found.items())
    )
    session.flush()
