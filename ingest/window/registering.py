"""Results are registered back in the population system, once a case is closed.

What is owed is a row of the transaction that closes the case. A system that is silent or refuses is
asked again after a pause that doubles; it keys a result by its case, so that a call made again
registers nothing further.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, or_, select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_window import WindowCase, WindowRegistration
from archive.gathering.window_rows import registration_digest
from archive.reference.backoff import pause_after
from archive.reference.submission_terms import Ending
from archive.reference.window_steps import Step
from ingest.sources.population import Population, Registered
from ingest.sources.protocol import SourceError
from ingest.window.ledger import local_day
from ingest.window.rows import state_of
from ingest.window.state import CaseState, moment

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
_AWAY = frozenset({"SOURCE_UNAVAILABLE", "SOURCE_ANSWER"})
"""Trouble of the system itself: the other results of a round would meet it too."""
_WHY = {
    "SOURCE_UNAVAILABLE": "人口信息管理系统没有应答",
    "SOURCE_ANSWER": "人口信息管理系统的应答与约定的格式不符",
    "SOURCE_REFUSED": "人口信息管理系统拒绝了登记，请核对该系统中的本件",
}
_UNNAMED = "登记没有成功"


@dataclass(frozen=True, slots=True)
class _Result:
    """What is registered of a case: its item, its people, and the day of the decision."""

    case_id: int
    case_no: str
    item: str
    persons: tuple[str, ...] = field(repr=False)
    decided_on: date


def owe_result(session: Session, case: WindowCase, state: CaseState, now: datetime) -> None:
    """Owe the result of a case that was just closed; one that came to nothing owes none."""
    known = session.scalars(select(WindowRegistration).filter_by(case_id=case.id)).first()
    if known is None and owes_result(state):
        session.add(WindowRegistration(case_id=case.id, owed_since=now, failures=0))
        session.flush()


def owes_result(state: CaseState) -> bool:
    """Return whether a closed case has a result for the register: what was issued to somebody."""
    closed = state.step in {Step.CLOSED, Step.AMENDING, Step.ARCHIVED}
    return closed and state.ending is Ending.ISSUED and bool(_persons(state))


def _persons(state: CaseState) -> tuple[str, ...]:
    """Return the ID numbers of whom it is about; a newborn has none, then of who applied."""
    opening = state.opening
    people = [*opening.subjects] if any(map(_number, opening.subjects)) else [opening.applicant]
    return tuple(dict.fromkeys(filter(None, map(_number, people))))


def _number(person: Mapping[str, Any]) -> str:
    return str(person.get("id_number") or "")


def register_results(
    engine: Engine, actor: str, *, population: Population | None, limit: int = 200
) -> dict[str, int]:
    """Register the results that are due; return how many were, failed and are still owed.

    Ends early where the system itself is away. Without a system nothing is due.
    """
    if population is None:
        return {"registered": 0, "failed": 0, "unregistered": 0}
    counts = {"registered": 0, "failed": 0}
    with reading(engine) as session:
        due = [_result(session, row) for row in _due(session, limit)]
    for result in due:
        try:
            registered = population.register(
                case_no=result.case_no,
                item=result.item,
                persons=result.persons,
                decided_on=result.decided_on,
            )
        except SourceError as error:
            counts["failed"] += 1
            with writing(engine) as session:
                _failed(session, result, error)
            if error.code in _AWAY:
                break
        else:
            with writing(engine) as session:
                counts["registered"] += _registered(session, actor, result, registered)
    with reading(engine) as session:
        return {**counts, "unregistered": len(owed_results(session))}


def _due(session: Session, limit: int) -> list[tuple[WindowRegistration, WindowCase]]:
    row = WindowRegistration
    query = (
        select(row, WindowCase)
        .join(WindowCase, WindowCase.id == row.case_id)
        .where(row.registration_no.is_(None))
        .where(or_(row.not_before.is_(None), row.not_before <= database_now(session)))
        .order_by(row.id)
        .limit(limit)
    )
    return [(due, case) for due, case in session.execute(query)]


def _result(session: Session, due: tuple[WindowRegistration, WindowCase]) -> _Result:
    _, case = due
    state = state_of(session, case.id)
    approved = [event["at"] for event in state.process if event["node"] == Step.APPROVE]
    decided = moment(approved[-1]) if approved else state.last_at
    return _Result(case.id, case.case_no, case.item_code, _persons(state), local_day(decided))


def _row(session: Session, result: _Result) -> WindowRegistration:
    query = select(WindowRegistration).filter_by(case_id=result.case_id).with_for_update()
    return session.scalars(query).one()


def _failed(session: Session, result: _Result, error: SourceError) -> None:
    row = _row(session, result)
    if row.registration_no is not None:
        return
    row.failures += 1
    pause = pause_after(row.failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
    row.not_before = database_now(session) + max(pause, min(error.retry_after, _LONGEST_PAUSE))
    row.error_code = error.code


def _registered(session: Session, actor: str, result: _Result, answer: Registered) -> int:
    """Enter the number of a result, journalled; return 0 where another was first."""
    row = _row(session, result)
    if row.registration_no is not None:
        return 0
    row.registration_no, row.registered_on = answer.registration_no, answer.registered_on
    row.not_before = row.error_code = None
    journal.record(
        session,
        actor,
        JournalAct.WINDOW_REGISTER,
        result.case_no,
        registration=answer.registration_no,
        digest=registration_digest(result.case_no, row),
    )
    return 1


def owed_results(session: Session, *, limit: int = 1000) -> list[dict[str, Any]]:
    """Return the results that are not registered yet, each with the reason and the next try."""
    row = WindowRegistration
    query = (
        select(row, WindowCase)
        .join(WindowCase, WindowCase.id == row.case_id)
        .where(row.registration_no.is_(None))
        .order_by(row.id)
        .limit(limit)
    )
    return [
        {
            "case_no": case.case_no,
            "since": owed.owed_since.isoformat(),
            "step": case.step,
            "why": _why(owed),
            "failures": owed.failures,
            "next_try": owed.not_before and owed.not_before.isoformat(timespec="seconds"),
        }
        for owed, case in session.execute(query)
    ]


def _why(row: WindowRegistration) -> str:
    if row.error_code is None:
        return "办理结果待登记到人口信息管理系统"
    why = _WHY.get(row.error_code, _UNNAMED)
    return f"办理结果未登记：{why}，已试 {row.failures} 次"
