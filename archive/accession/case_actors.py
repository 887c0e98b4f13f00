"""Officers who answer for a case, by officer number."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, CaseActor
from archive.reference.case_facts import CaseFacts
from archive.reference.vocabulary import Node

_ANSWERABLE = frozenset({Node.RECEIVE, Node.ACCEPT, Node.REVIEW, Node.APPROVE})


def actors_in(facts: CaseFacts) -> dict[tuple[str, str, str], datetime]:
    """Return the times at which officers answered, by node, officer number and organisation."""
    return {
        (str(event.node), event.actor_no[:64], event.org): event.at
        for event in facts.process
        if event.node in _ANSWERABLE
    }


def remember_actors(session: Session, case: Case) -> None:
    """Replace the officers who answer for a case by those of its current facts (R35).

    They are kept by officer number, so that the case is found after its facts are sealed and the
    officer has left.
    """
    facts = CaseFacts.model_validate(case.facts)
    session.execute(delete(CaseActor).where(CaseActor.case_id == case.id))
    session.add_all(
        CaseActor(case_id=case.id, node=node, actor_no=actor_no, org=org, at=at)
        for (node, actor_no, org), at in sorted(actors_in(facts).items())
    )
    session.flush()
