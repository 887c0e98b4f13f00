"""One case for who works on it: what may be done now, who can do the rest, what it needs.

Whether an act may be done is asked of `decide` itself, with nothing filled in: what it says of
step, place, role and person is the answer, what it says of the contents is for later.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Denial, Reader
from archive.database.tables_window import WindowAlert, WindowCase
from archive.finding_aids.reach import reach_of
from archive.reference.case_facts import CaseFacts
from archive.reference.service_items import snapshot_materials
from archive.reference.vocabulary import ProcessResult, SourceKind
from archive.reference.window_steps import ENDED, Step
from archive.reference.worktime import WorkCalendar, is_workday
from archive.usage.looks import DeniedError
from ingest.window.alerts import alerts_of
from ingest.window.cases import Tables, require_window
from ingest.window.closing import facts_of
from ingest.window.decide import Asked, Officer, decide
from ingest.window.flow import Flow
from ingest.window.flows import flow_numbered, known_flows
from ingest.window.fold import fold
from ingest.window.grants import grants_between
from ingest.window.ledger import Clock, dates_of, lamp_of, local_day
from ingest.window.officers import officer_of
from ingest.window.refusals import Refusal
from ingest.window.rows import acts_of
from ingest.window.rules import World
from ingest.window.state import ActRow, CaseState, Paper
from ingest.window.terms import SYSTEM_ACTS, Lamp, WindowAct

_STANDING = frozenset(
    {"ACT_ORDER", "ACT_PLACE", "ACT_ROLE", "ACT_NO_PERSON", "ACT_COLLECTOR", "ACT_HOUSEHOLD"}
)
"""Refusals for where, who and when; any other is about what the act has to say."""
_CONTENT = "ACT_DATA"
_MOST_DAYS = 45


@dataclass(frozen=True, slots=True)
class Offer:
    """An act that belongs to this step: `why` it may not be done, `yet` what it still wants."""

    act: WindowAct
    why: Refusal | None = None
    yet: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Needed:
    """A material of the item's list, and what was taken in of it."""

    name: str
    sources: tuple[SourceKind, ...]
    condition: str | None
    paper: Paper | None


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a clock: whether it counts, is off, or stands in a pause; marks of its own."""

    day: date
    kind: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class DeskCase:
    """A case with its acts, and what the reader may do on it."""

    row: WindowCase
    state: CaseState
    acts: tuple[ActRow, ...]
    flow: Flow
    officer: Officer
    offers: tuple[Offer, ...]
    alerts: tuple[WindowAlert, ...]

    def offer(self, act: WindowAct) -> Offer | None:
        """Return the offer of an act that may be done now; None when it may not."""
        return next((row for row in self.offers if row.act is act and row.why is None), None)


def desk_case(
    session: Session, reader: Reader, *, case_no: str, tables: Tables, now: datetime
) -> DeskCase:
    """Return a case of the reader's reach with what may be done on it.

    The caller journals the look. Raises DeniedError alike for a foreign case and a missing one.
    """
    require_window(reader)
    reach = reach_of(reader.org, tables.organisations)
    case = session.scalars(select(WindowCase).filter_by(case_no=case_no)).first()
    if case is None or not (reach is None or reach & {case.receive_org, case.home_org}):
        raise DeniedError(Denial.NOT_HERE)
    acts = tuple(acts_of(session, case.id))
    state = fold(acts)
    if state is None:
        raise DeniedError(Denial.NOT_HERE)
    flow, officer = flow_numbered(session, state.flow), officer_of(session, reader)
    world = World(
        tables.organisations,
        tables.catalogue.get(case.item_code, case.item_version),
        grants_between(session, case),
        known_flows(session),
        tables.calendar,
    )
    offers = tuple(offers_of(flow, state, officer, now, world))
    return DeskCase(case, state, acts, flow, officer, offers, tuple(alerts_of(session, case.id)))


def offers_of(
    flow: Flow, state: CaseState, officer: Officer, now: datetime, world: World
) -> Iterator[Offer]:
    """Yield the acts of this step, each with why not or what is still wanted."""
    if state.step in ENDED:
        return
    for act in WindowAct:
        if act in SYSTEM_ACTS or act is WindowAct.OPEN or not flow.rules(act, state.step):
            continue
        answer = decide(flow, state, Asked(act, "offered", state.seq), officer, now, world)
        refused = answer if isinstance(answer, Refusal) else None
        if refused is not None and refused.code in _STANDING:
            yield Offer(act, why=refused)
        else:
            yield Offer(act, yet=None if refused and refused.code == _CONTENT else refused)


def needed_of(state: CaseState) -> tuple[Needed, ...]:
    """Return the list of the item with what was taken in, then what was taken in beside it."""
    listed = [
        Needed(row.name, tuple(row.sources), row.condition, state.paper_named(row.name))
        for row in snapshot_materials(state.opening.item)
        if tuple(row.sources) != (SourceKind.SYSTEM_FORM,)
    ]
    names = {row.name for row in listed}
    further = [
        Needed(paper.title, (SourceKind(paper.stated["source"]),), None, paper)
        for _, paper in sorted(state.papers.items())
        if not paper.stated.get("form") and paper.title not in names
    ]
    return (*listed, *further)


def forms_of(state: CaseState) -> tuple[Paper, ...]:
    """Return the forms of a case, in order."""
    return tuple(paper for _, paper in sorted(state.papers.items()) if paper.stated.get("form"))


def facts_so_far(session: Session, desk: DeskCase, calendar: WorkCalendar | None) -> CaseFacts:
    """Return what the submission would state now, for the pictures of the forms.

    Before it was received a case has no step yet: its receipt shows when it was opened.
    """
    facts: dict[str, Any] = facts_of(session, desk.row, desk.state, calendar)
    opening, first = desk.state.opening, desk.acts[0]
    if not facts["process"]:
        facts["process"] = [
            {
                "node": str(Step.RECEIVE),
                "org": opening.receive_org,
                "actor_no": first.actor_no,
                "actor": first.actor,
                "at": opening.opened_at.isoformat(),
                "result": str(ProcessResult.AGREE),
            }
        ]
    files = {no: paper.stated.get("files") or [] for no, paper in desk.state.papers.items()}
    for material in facts["materials"]:
        names = [
            f"materials/{material['no']:03d}-{at}" for at, _ in enumerate(files[material["no"]])
        ]
        if names:
            material["files"] = names
    return CaseFacts.model_validate(facts)


def days_of(clock: Clock, now: datetime, calendar: WorkCalendar | None = None) -> tuple[Day, ...]:
    """Return the days of a clock from its start to its due day or today, whichever is later.

    None of more days than a row of a page holds: then it says nothing.
    """
    dates, today = dates_of(clock, calendar), local_day(now)
    first, ended = local_day(clock.started), clock.ended and local_day(clock.ended)
    last = max([first, ended or today, *([dates.due] if dates else [])])
    if (last - first).days > _MOST_DAYS:
        return ()
    pauses = _pauses(clock, dates.pauses if dates else (), today)
    days = []
    for step in range((last - first).days + 1):
        day = first + timedelta(step)
        still = any(began < day <= end for began, end in pauses)
        kind = "still" if still else "used" if is_workday(day, calendar) else "rest"
        if kind == "used" and day > (ended or today):
            kind = "left"
        marks = [
            mark
            for mark, at in (
                ("起算", first),
                ("终止", ended),
                ("今天", None if ended else today),
                ("到期", dates.due if dates else None),
            )
            if at == day
        ]
        days.append(Day(day, kind, "、".join(marks) or ("停计" if still else "")))
    return tuple(days)


def _pauses(
    clock: Clock, known: Sequence[tuple[date, date]], today: date
) -> tuple[tuple[date, date], ...]:
    """Return the pauses of a clock; of one that stands now the pause lasts until today."""
    if known:
        return tuple(known)
    return tuple(
        (local_day(span.began), local_day(span.ended) if span.ended else today)
        for span in clock.spans
    )


def lamps_of(desk: DeskCase, now: datetime, calendar: WorkCalendar | None) -> dict[str, Lamp]:
    """Return how each clock of a case stands."""
    return {str(kind): lamp_of(clock, now, calendar) for kind, clock in desk.state.clocks.items()}
