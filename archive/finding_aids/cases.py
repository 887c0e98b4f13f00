"""Lists and look-ups of cases: what waits to be checked (核对), what is ready (组卷)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_, select, true
from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingRule
from archive.arrangement.selection import is_unnumbered
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_volumes import Volume
from archive.finding_aids.reach import Reach, cases_in, filed_in
from archive.reference.vocabulary import CaseState

_BATCH = 400  # ids in one query: SQLite takes a limited number of values


def find_case(session: Session, case_no: str) -> Case | None:
    """Return the case of a number, None when there is none."""
    return session.scalars(select(Case).where(Case.case_no == case_no)).first()


def find_case_within(session: Session, reach: Reach, case_no: str) -> Case | None:
    """Return the case of a number if it is within the reach."""
    return session.scalars(select(Case).where(Case.case_no == case_no, cases_in(reach))).first()


def count_waiting(
    session: Session, reach: Reach, rule: FilingRule, *, before: datetime | None = None
) -> int:
    """Count the cases that wait to be checked by the reach, which files them.

    With `before` only those that were completed before it.
    """
    return _count(session, Case.state == CaseState.CONFIRM, filed_in(reach, rule), _since(before))


def _since(before: datetime | None) -> ColumnElement[bool]:
    return true() if before is None else Case.completed_at < before


def waiting_cases(
    session: Session, reach: Reach, rule: FilingRule, *, after: Case | None = None, limit: int
) -> Sequence[Case]:
    """Return the cases that the reach is to check, the earliest completed first, after a case."""
    query = (
        select(Case)
        .where(Case.state == CaseState.CONFIRM, filed_in(reach, rule))
        .order_by(Case.completed_at, Case.case_no)
        .limit(limit)
    )
    return session.scalars(query.where(follows(after)) if after else query).all()


def waiting_elsewhere(
    session: Session, reach: Reach, rule: FilingRule, *, limit: int
) -> Sequence[Case]:
    """Return the reach's cases that another unit, which files them, is to check."""
    return session.scalars(
        select(Case)
        .where(Case.state == CaseState.CONFIRM, cases_in(reach), not_(filed_in(reach, rule)))
        .order_by(Case.completed_at, Case.case_no)
        .limit(limit)
    ).all()


def follows(case: Case) -> ColumnElement[bool]:
    """Return the condition for cases that come after a case in the order of completion."""
    return or_(
        Case.completed_at > case.completed_at,
        and_(Case.completed_at == case.completed_at, Case.case_no > case.case_no),
    )


def count_ready(
    session: Session, reach: Reach, rule: FilingRule, *, before: datetime | None = None
) -> int:
    """Count the accepted cases without a number that the reach files, as `count_waiting` does."""
    return _count(session, is_unnumbered(), filed_in(reach, rule), _since(before))


def earliest_ready(
    session: Session, reach: Reach, rule: FilingRule, *, limit: int
) -> Sequence[Case]:
    """Return the accepted cases without a number that the reach files, the earliest first."""
    query = select(Case).where(is_unnumbered(), filed_in(reach, rule))
    return session.scalars(query.order_by(Case.completed_at, Case.case_no).limit(limit)).all()


def facts_by_id(session: Session, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """Return the facts of the cases that a page shows, by id."""
    facts: dict[int, Mapping[str, Any]] = {}
    for begin in range(0, len(ids), _BATCH):
        query = select(Case.id, Case.facts).where(Case.id.in_(ids[begin : begin + _BATCH]))
        facts |= {row.id: row.facts for row in session.execute(query)}
    return facts


def _count(session: Session, *where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Case).where(and_(*where))) or 0


def cases_with_codes(
    session: Session, reach: Reach, case_nos: Iterable[str]
) -> Sequence[tuple[Case, str | None]]:
    """Return those cases within the reach, each with its 档号 (None before numbering)."""
    query = select(Case, Volume.code).outerjoin(Volume, Volume.case_id == Case.id)
    rows = session.execute(query.where(Case.case_no.in_(list(case_nos)), cases_in(reach)))
    return rows.all()


def waiting_revision(session: Session, case: Case) -> CaseRevision | None:
    """Return the revision of a case that waits to be checked."""
    return session.scalars(
        select(CaseRevision).filter_by(case_id=case.id, state=CaseState.CONFIRM)
    ).first()


def accepted_revision(session: Session, case: Case) -> CaseRevision | None:
    """Return the newest revision of a case if it is accepted."""
    return session.scalars(
        select(CaseRevision).filter_by(
            case_id=case.id, revision=case.revision, state=CaseState.ACCEPTED
        )
    ).first()


def revision_of(session: Session, case: Case, revision: int) -> CaseRevision:
    """Return one revision of a case, which must be there."""
    return session.scalars(select(CaseRevision).filter_by(case_id=case.id, revision=revision)).one()


def is_numbered(session: Session, case: Case) -> bool:
    """Say whether a case has the number of a volume."""
    return session.scalars(select(Volume.id).filter_by(case_id=case.id)).first() is not None


def components_of(session: Session, case: Case, revision: int) -> Sequence[Component]:
    """Return the files of a revision in order of their paths."""
    return session.scalars(
        select(Component).filter_by(case_id=case.id, revision=revision).order_by(Component.path)
    ).all()
