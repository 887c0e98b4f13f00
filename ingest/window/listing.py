"""What is at the window, for lists and for one case; names and numbers of people stay out."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select, true
from sqlalchemy.orm import Session

from archive.administration.policy import Denial, Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.listing import ListPart, ListWanted, QueryList
from archive.database.tables_window import WindowAlert, WindowCase, WindowClock
from archive.finding_aids.reach import reach_of
from archive.reference.submission_terms import ClockKind, Ending
from archive.reference.vocabulary import ApprovalLevel
from archive.reference.window_steps import ENDED, Step
from archive.usage.looks import DeniedError
from ingest.window.alerts import alerts_of
from ingest.window.cases import Tables, require_window
from ingest.window.fold import fold
from ingest.window.ledger import Clock, calendar_version, dates_of, lamp_of, local_day
from ingest.window.rows import acts_of
from ingest.window.state import ActRow, CaseState
from ingest.window.terms import Lamp, QueryOutcome

_LAST_DAY = date(9999, 12, 31)


def case_rows(
    session: Session,
    reader: Reader,
    *,
    tables: Tables,
    now: datetime,
    step: Step | None = None,
    after: str = "",
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return the cases of the reader's reach, by number; without `step` those not ended."""
    require_window(reader)
    query = select(WindowCase).where(WindowCase.case_no > after, _within(reader, tables))
    query = query.where(WindowCase.step == step) if step else query.where(_open())
    cases = session.scalars(query.order_by(WindowCase.case_no).limit(limit)).all()
    clocks = _promises(session, [case.id for case in cases])
    return [_row(case, clocks.get(case.id), tables, now) for case in cases]


CASES = QueryList(
    WindowCase.id,
    {
        "case": WindowCase.case_no,
        "item": WindowCase.item_code,
        "step": WindowCase.step,
        "receive": WindowCase.receive_org,
        "due": func.coalesce(WindowClock.due_on, _LAST_DAY),
    },
    "due",
    day=WindowCase.opened_at,
    stations=(WindowCase.receive_org, WindowCase.home_org),
)


def part_of_cases(
    session: Session,
    reader: Reader,
    wanted: ListWanted,
    *,
    tables: Tables,
    now: datetime,
    step: Step | None = None,
) -> ListPart[dict[str, Any]]:
    """Return one page of the cases of the reader's reach; without `step` those not ended."""
    require_window(reader)
    query = (
        select(WindowCase)
        .outerjoin(WindowClock, _promise())
        .where(_within(reader, tables), WindowCase.step == step if step else _open())
    )
    part = CASES.part(session, query, wanted)
    clocks = _promises(session, [case.id for case in part.rows])
    return ListPart(
        [_row(case, clocks.get(case.id), tables, now) for case in part.rows], part.total
    )


def counts_by_step(
    session: Session, reader: Reader, *, tables: Tables, now: datetime
) -> dict[str, tuple[int, int, int]]:
    """Return by step how many cases are open, how many of them red, how many yellow."""
    require_window(reader)
    today = local_day(now)
    running = (WindowClock.ended_at.is_(None), WindowClock.yellow_on.is_not(None))
    late = and_(*running, WindowClock.due_on < today, ~WindowClock.provisional)
    soon = and_(
        *running,
        WindowClock.due_on >= today,
        WindowClock.yellow_on <= today,
        WindowClock.budget > 0,
    )
    query = (
        select(
            WindowCase.step,
            func.count(),
            func.sum(case((late, 1), else_=0)),
            func.sum(case((soon, 1), else_=0)),
        )
        .outerjoin(WindowClock, _promise())
        .where(_within(reader, tables), _open())
        .group_by(WindowCase.step)
    )
    return {step: (total, red, yellow) for step, total, red, yellow in session.execute(query)}


def _promise() -> ColumnElement[bool]:
    return and_(WindowClock.case_id == WindowCase.id, WindowClock.kind == ClockKind.PROMISE)


def _within(reader: Reader, tables: Tables) -> ColumnElement[bool]:
    reach = reach_of(reader.org, tables.organisations)
    if reach is None:
        return true()
    return WindowCase.receive_org.in_(reach) | WindowCase.home_org.in_(reach)


def _open() -> Any:  # noqa: ANN401 - a condition
    return WindowCase.step.not_in([str(step) for step in ENDED])


def _promises(session: Session, ids: Sequence[int]) -> dict[int, WindowClock]:
    query = select(WindowClock).where(
        WindowClock.case_id.in_(ids), WindowClock.kind == ClockKind.PROMISE
    )
    return {row.case_id: row for row in session.scalars(query)}


def _row(
    case: WindowCase, clock: WindowClock | None, tables: Tables, now: datetime
) -> dict[str, Any]:
    names, item = tables.organisations, tables.catalogue.get(case.item_code, case.item_version)
    return {
        "case_no": case.case_no,
        "item": item.name,
        "step": case.step,
        "step_label": Step(case.step).label,
        "level": _level(case, [str(level) for level in item.approval_levels]),
        "ending": case.ending,
        "receive": names.get(case.receive_org).name,
        "home": names.get(case.home_org).name,
        "opened_at": case.opened_at.isoformat(),
        "due_on": clock and clock.due_on and clock.due_on.isoformat(),
        "lamp": str(_lamp(clock, now)) if clock else None,
        "corrected_again": case.corrections > 1,
        "seq": case.seq,
    }


def _level(case: WindowCase, levels: Sequence[str]) -> str | None:
    at_approval = case.step == Step.APPROVE and case.level < len(levels)
    return ApprovalLevel(levels[case.level]).label if at_approval else None


def _lamp(row: WindowClock, now: datetime) -> Lamp:
    """Return the lamp of a clock by the days that its row holds."""
    today = local_day(now)
    if row.ended_at is not None:
        return Lamp.ENDED
    if row.due_on is None or row.yellow_on is None:
        return Lamp.STOPPED
    if today > row.due_on:
        return Lamp.PROVISIONAL if row.provisional else Lamp.RED
    return Lamp.YELLOW if row.budget and today >= row.yellow_on else Lamp.NORMAL


def shown_case(
    session: Session, reader: Reader, *, case_no: str, tables: Tables, now: datetime
) -> dict[str, Any]:
    """Return one case with its acts, clocks and spans; the look is journalled.

    Raises DeniedError alike for a foreign case and for one that is not there.
    """
    require_window(reader)
    reach = reach_of(reader.org, tables.organisations)
    case = session.scalars(select(WindowCase).filter_by(case_no=case_no)).first()
    within = reach is None or (case and reach & {case.receive_org, case.home_org})
    if case is None or not within:
        raise DeniedError(Denial.NOT_HERE)
    journal.record(session, reader.account, JournalAct.WINDOW_LOOK, case_no, org=reader.org)
    acts = acts_of(session, case.id)
    state = fold(acts)
    if state is None:
        raise DeniedError(Denial.NOT_HERE)
    return _shown(session, case, state, acts, tables, now)


def _shown(
    session: Session,
    case: WindowCase,
    state: CaseState,
    acts: Sequence[ActRow],
    tables: Tables,
    now: datetime,
) -> dict[str, Any]:
    ending = state.ending and Ending(state.ending)
    alerts = alerts_of(session, case.id)
    return {
        "case_no": case.case_no,
        "item": str(state.opening.item["name"]),
        "step": str(state.step),
        "step_label": state.step.label,
        "ending": ending and str(ending),
        "receive": tables.organisations.get(case.receive_org).name,
        "home": tables.organisations.get(case.home_org).name,
        "flow": state.flow,
        "seq": state.seq,
        "materials": [
            {
                "no": no,
                "title": paper.title,
                "source": paper.stated["source"],
                "pages": paper.stated["pages"],
                "trust": paper.stated.get("trust"),
                "form": paper.stated.get("form"),
            }
            for no, paper in sorted(state.papers.items())
        ],
        "awaited": list(state.awaited),
        "acts": [_act(act, tables) for act in acts],
        "clocks": [_shown_clock(clock, alerts, tables, now) for clock in state.clocks.values()],
        "population": [
            {**row, "label": QueryOutcome(row["outcome"]).label} for row in state.opening.population
        ],
        "returns": [dict(row) for row in state.returns],
        "seal_uses": [dict(use) for use in state.seals],
        "rating": state.rating and dict(state.rating),
    }


def _act(act: ActRow, tables: Tables) -> dict[str, Any]:
    known = act.org in tables.organisations
    return {
        "seq": act.seq,
        "act": str(act.act),
        "label": act.act.label,
        "step": str(act.step),
        "at": act.at.isoformat(),
        "actor": act.actor,
        "actor_no": act.actor_no,
        "org": tables.organisations.get(act.org).name if known else act.org,
        "opinion": act.opinion,
        "grant": act.grant,
        "findings": list(act.detail.get("findings", ())),
    }


def _shown_clock(
    clock: Clock, alerts: Sequence[WindowAlert], tables: Tables, now: datetime
) -> dict[str, Any]:
    dates = dates_of(clock, tables.calendar)
    return {
        "kind": str(clock.kind),
        "label": clock.kind.label,
        "unit": str(clock.unit),
        "budget": clock.budget,
        "calendar": calendar_version(tables.calendar),
        "started_at": clock.started.isoformat(),
        "ended_at": clock.ended and clock.ended.isoformat(),
        "due_on": dates and dates.due.isoformat(),
        "provisional": bool(dates and dates.provisional),
        "lamp": str(lamp_of(clock, now, tables.calendar)),
        "spans": [
            {
                "from": span.began.isoformat(),
                "to": span.ended and span.ended.isoformat(),
                "reason": str(span.reason),
                "days": span.days or None,
            }
            for span in clock.spans
        ],
        "alerts": [
            {"rung": row.rung, "at": row.at.isoformat()} for row in alerts if row.kind == clock.kind
        ],
    }
