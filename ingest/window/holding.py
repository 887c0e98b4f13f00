"""Rows held to acts: columns to the fold, seals to grants, acts and archived cases.

What differs is a fault of the window; the journal holds the acts themselves (`yice verify`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case
from archive.database.tables_window import (
    WindowCase,
    WindowClock,
    WindowGrant,
    WindowRegistration,
    WindowSealUse,
    WindowSpan,
)
from archive.preservation.faults import Fault
from archive.reference.window_steps import Step
from archive.reference.worktime import WorkCalendar
from ingest.window.fold import fold
from ingest.window.ledger import calendar_version
from ingest.window.registering import owes_result
from ingest.window.rows import acts_of, case_columns, clock_columns, span_columns
from ingest.window.state import CaseState

_BATCH = 200
_SEAL_FIELDS = ("use_no", "seal_owner", "caller", "grant_ref", "seal", "form", "document_sha256")


def window_faults(session: Session, calendar: WorkCalendar | None = None) -> Iterator[Fault]:
    """Yield what the rows of the window do not agree in."""
    after = 0
    while True:
        query = select(WindowCase).where(WindowCase.id > after).order_by(WindowCase.id)
        cases = session.scalars(query.limit(_BATCH)).all()
        if not cases:
            break
        for case in cases:
            yield from _case_faults(session, case, calendar)
        after = cases[-1].id
        session.expunge_all()
    yield from seal_faults(session)


def _case_faults(
    session: Session, case: WindowCase, calendar: WorkCalendar | None
) -> Iterator[Fault]:
    acts = acts_of(session, case.id)
    state = fold(acts)
    if state is None or [act.seq for act in acts] != list(range(1, len(acts) + 1)):
        yield Fault("W1", case.case_no, "办理记录缺号或没有")
        return
    differs = _differs(case, case_columns(state))
    if differs:
        yield Fault("W2", case.case_no, f"登记与办理记录不符：{'、'.join(differs)}")
    yield from _clock_faults(session, case, state, calendar)
    yield from _act_seals(session, case, state)
    owed = session.scalars(select(WindowRegistration.id).filter_by(case_id=case.id)).first()
    if (owed is not None) != owes_result(state):
        yield Fault("W7", case.case_no, "办理结果的登记与办理记录不符")


def _differs(row: object, columns: Mapping[str, Any]) -> list[str]:
    return [name for name, value in columns.items() if getattr(row, name) != value]


def _clock_faults(
    session: Session, case: WindowCase, state: CaseState, calendar: WorkCalendar | None
) -> Iterator[Fault]:
    rows = {
        row.kind: row for row in session.scalars(select(WindowClock).filter_by(case_id=case.id))
    }
    if set(rows) != {str(kind) for kind in state.clocks}:
        yield Fault("W3", case.case_no, "期限登记与办理记录不符")
        return
    version = calendar_version(calendar)
    for clock in state.clocks.values():
        row = rows[clock.kind]
        # A clock that was counted by an older calendar says so, and is counted anew at its
        # next act.
        if row.calendar == version and (differs := _differs(row, clock_columns(clock, calendar))):
            yield Fault("W3", case.case_no, f"期限登记与办理记录不符：{'、'.join(differs)}")
        spans = session.scalars(
            select(WindowSpan).filter_by(clock_id=row.id).order_by(WindowSpan.no)
        ).all()
        wanted = span_columns(clock)
        if len(spans) != len(wanted) or any(
            _differs(span, columns) for span, columns in zip(spans, wanted, strict=False)
        ):
            yield Fault("W3", case.case_no, "停计登记与办理记录不符")


def _act_seals(session: Session, case: WindowCase, state: CaseState) -> Iterator[Fault]:
    """Yield uses of a seal that only the acts or only the rows know."""
    rows = {_stated(_as_use(row)) for row in session.scalars(_uses_of(case.id))}
    acts = {_stated(use) for use in state.seals}
    for use in sorted(rows ^ acts, key=str):
        yield Fault("W4", str(use[0]), "用章登记与办理记录不符")


def _uses_of(case_id: int) -> Any:  # noqa: ANN401 - a query
    return select(WindowSealUse).filter_by(case_id=case_id)


def _as_use(row: WindowSealUse) -> dict[str, Any]:
    return {
        "use_no": row.use_no,
        "seal_owner": row.owner,
        "caller": row.caller,
        "grant_ref": row.grant_number,
        "seal": row.seal,
        "form": row.form,
        "document_sha256": row.document_sha256,
    }


def _stated(use: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(use.get(name) for name in _SEAL_FIELDS)


def seal_faults(session: Session) -> Iterator[Fault]:
    """Yield uses without a grant that let them, and archived cases that state other seals."""
    grants = {row.number: row for row in session.scalars(select(WindowGrant))}
    uses: dict[str, int] = {}
    by_case: dict[int, set[tuple[Any, ...]]] = {}
    for row in session.scalars(select(WindowSealUse).order_by(WindowSealUse.id)):
        by_case.setdefault(row.case_id, set()).add(_stated(_as_use(row)))
        if row.grant_number is not None:
            uses[row.grant_number] = uses.get(row.grant_number, 0) + 1
            yield from _unlet(row, grants.get(row.grant_number), uses[row.grant_number])
    yield from _archived(session, by_case)


def _unlet(row: WindowSealUse, grant: WindowGrant | None, count: int) -> Iterator[Fault]:
    if grant is None:
        yield Fault("W5", row.use_no, "用章没有授权")
        return
    ends = min(grant.ends_at, grant.ended_at or grant.ends_at)
    parties = (grant.grantor, grant.grantee) == (row.owner, row.caller)
    in_time = grant.begins_at <= row.at < ends
    if not parties or not in_time or (grant.quota is not None and count > grant.quota):
        yield Fault("W5", row.use_no, "用章超出授权的单位、期限或次数")


def _archived(session: Session, by_case: Mapping[int, set[tuple[Any, ...]]]) -> Iterator[Fault]:
    """Yield archived cases whose sealed record states other seals than the rows."""
    after = 0
    while True:
        query = (
            select(WindowCase.id, WindowCase.case_no)
            .where(WindowCase.step == Step.ARCHIVED, WindowCase.id > after)
            .order_by(WindowCase.id)
            .limit(_BATCH)
        )
        rows = session.execute(query).all()
        if not rows:
            return
        numbers = [row.case_no for row in rows]
        stated_by = select(Case.case_no, Case.facts).where(Case.case_no.in_(numbers))
        facts = {row.case_no: row.facts for row in session.execute(stated_by)}
        for case_id, case_no in rows:
            stated = _seals(facts.get(case_no, {}).get("seal_uses", ()))
            if case_no not in facts or stated != by_case.get(case_id, set()):
                yield Fault("W6", case_no, "册中的用章与用章登记不符")
        after = rows[-1].id


def _seals(uses: Iterable[Mapping[str, Any]]) -> set[tuple[Any, ...]]:
    return {_stated(use) for use in uses}
