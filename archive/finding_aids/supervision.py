"""监督: lists of responsible officers (R35), late cases (R34) and citywide cases (R28).

Both sides of a citywide case and those above them see it. Each list holds only what the reader's
organisation, or one below it, received, accepted or keeps.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, or_, select
from sqlalchemy.orm import Session

from archive.administration.policy import Reader, scope_of
from archive.database.tables_cases import Case, CaseActor
from archive.database.tables_volumes import Volume
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import Node


def _in_reach(reader: Reader, organisations: Organisations) -> ColumnElement[bool]:
    below = [
        organisation.code
        for organisation in organisations
        if reader.org in scope_of((organisation.code,), organisations)
    ]
    return or_(
        *(
            column.in_(below)
            for column in (Case.receive_org, Case.accept_org, Case.domicile_org, Volume.filing_org)
        )
    )


def responsibility(
    session: Session,
    reader: Reader,
    actor_no: str,
    organisations: Organisations,
    after: int = 0,
    limit: int = 100,
) -> Sequence[dict[str, Any]]:
    """Return every case that an officer received, accepted, reviewed or approved.

    It does not matter whether the officer still serves.
    """
    query = (
        select(CaseActor, Case, Volume.code)
        .join(Case, Case.id == CaseActor.case_id)
        .outerjoin(Volume, Volume.case_id == Case.id)
        .where(
            CaseActor.actor_no == actor_no, CaseActor.id > after, _in_reach(reader, organisations)
        )
        .order_by(CaseActor.id)
        .limit(limit)
    )
    return [
        {
            "id": actor.id,
            "case_no": case.case_no,
            "code": code,
            "item": case.item_code,
            "node": actor.node,
            "node_label": Node(actor.node).label,
            "org": actor.org,
            "at": actor.at.isoformat(),
        }
        for actor, case, code in session.execute(query)
    ]


def overdue(
    session: Session, reader: Reader, organisations: Organisations, after: int = 0, limit: int = 100
) -> Sequence[dict[str, Any]]:
    """Return cases that were finished after the promised day.

    That is the finding OVERDUE of their inspection.
    """
    return _cases(
        session,
        reader,
        organisations,
        cast(Case.findings, Text).contains('"OVERDUE"'),
        after,
        limit,
    )


def citywide(
    session: Session, reader: Reader, organisations: Organisations, after: int = 0, limit: int = 100
) -> Sequence[dict[str, Any]]:
    """Return cases received elsewhere than at the domicile (全域通办)."""
    return _cases(
        session, reader, organisations, Case.receive_org != Case.domicile_org, after, limit
    )


def _cases(
    session: Session,
    reader: Reader,
    organisations: Organisations,
    condition: ColumnElement[bool],
    after: int,
    limit: int,
) -> Sequence[dict[str, Any]]:
    query = (
        select(Case, Volume.code)
        .outerjoin(Volume, Volume.case_id == Case.id)
        .where(condition, Case.id > after, _in_reach(reader, organisations))
        .order_by(Case.id)
        .limit(limit)
    )
    return [
        {
            "id": case.id,
            "case_no": case.case_no,
            "code": code,
            "item": case.item_code,
            "receive_org": case.receive_org,
            "accept_org": case.accept_org,
            "domicile_org": case.domicile_org,
            "completed_at": case.completed_at.isoformat(),
        }
        for case, code in session.execute(query)
    ]
