"""Lists and look-ups of cases: what waits to be checked (核对), what is ready (组卷)."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from archive.administration.filing_units import FilingRule
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_volumes import Volume
from archive.finding_aids.reach import Reach, cases_in, filed_in
from archive.reference.vocabulary import CaseState


def find_case(session: Session, case_no: str) -> Case | None:
    """Return the case of a number, None when there is none."""
    return session.scalars(select(Case).where(Case.case_no == case_no)).first()


def find_case_within(session: Session, reach: Reach, case_no: str) -> Case | None:
    """Return the case of a number if it is within the reach."""
    return session.scalars(select(Case).where(Case.case_no == case_no, cases_in(reach))).first()


def count_waiting(session: Session, reach: Reach, rule: FilingRule) -> int:
    """Count the cases that wait to be checked by the reach, which files them."""
    return _count(session, Case.state == CaseState.CONFIRM, filed_in(reach, rule))


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


def count_ready(session: Session, reach: Reach, rule: FilingRule) -> int:
    """Count the accepted cases without a number that the reach files."""
    return _count(session, _is_unnumbered(), filed_in(reach, rule))


def ready_cases(session: Session, reach: Reach) -> Sequence[Case]:
    """Return the reach's accepted cases without a number, in order of completion.

    Those that another unit files are among them.
    """
    query = select(Case).where(_is_unnumbered(), cases_in(reach))
    return session.scalars(query.order_by(Case.completed_at, Case.case_no)).all()


def _is_unnumbered() -> ColumnElement[bool]:
    # The few that have no number are found first, from an index; only their rows, which are wide
    # with sealed facts, are then read.
    other = aliased(Case)
    return Case.id.in_(
        select(other.id).where(
            other.state == CaseState.ACCEPTED, ~exists().where(Volume.case_id == other.id)
        )
    )


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
