"""The acts at the window: a case is opened, and one act after the other is done on it.

Each checks, adds its row, lets the columns follow, and journals; the caller commits. The same key
again is the same act: it is not done twice.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act, Denial, Reader, may, scope_of
from archive.database.engine import lock_journal
from archive.database.tables_window import WindowActRow, WindowCase
from archive.jobs.crashpoints import reach
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import Organisations
from archive.reference.service_items import (
    Catalogue,
    ItemNotEnabledError,
    ServiceItem,
    UnknownItemError,
)
from archive.reference.worktime import WorkCalendar
from archive.usage.looks import DeniedError
from ingest.window.decide import SYSTEM, Asked, Officer, decide
from ingest.window.flow import current_flow
from ingest.window.flows import flow_numbered, known_flows, remember_flow
from ingest.window.fold import after, opened
from ingest.window.grants import grants_between
from ingest.window.known import Answers
from ingest.window.officers import officer_of
from ingest.window.opening import decide_opening
from ingest.window.refusals import Refusal, RefusedActError
from ingest.window.rows import case_columns, enter, project, state_of
from ingest.window.rules import World
from ingest.window.state import CaseState
from ingest.window.terms import WindowAct


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that the acts stand on."""

    organisations: Organisations
    catalogue: Catalogue
    calendar: WorkCalendar | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """An act that was done, or had been done already under the same key (`again`)."""

    case_no: str
    seq: int
    state: CaseState
    again: bool = False


def open_case(
    session: Session,
    actor: Reader,
    *,
    asked: Asked,
    tables: Tables,
    now: datetime,
    answers: Answers,
) -> Done:
    """Open a case at the actor's window. Raises DeniedError, RefusedActError.

    `answers` are what the population system says of its people (`ingest.window.population`).
    """
    require_window(actor)
    lock_journal(session)  # numbers are given one after the other
    earlier = opened_before(session, actor, asked.key)
    if earlier is not None:
        return earlier
    flow = remember_flow(session, actor.account, now)
    case_no = _next_number(session, actor.org, now)
    act = decide_opening(
        flow,
        asked,
        officer_of(session, actor),
        case_no,
        now,
        item=_item(tables.catalogue, asked),
        organisations=tables.organisations,
        answers=answers,
    )
    if isinstance(act, Refusal):
        raise RefusedActError(act)
    state = opened(act)
    case = WindowCase(**case_columns(state))
    session.add(case)
    session.flush()
    enter(session, case, act)
    return Done(case_no, act.seq, state)


def check_opening(
    session: Session,
    actor: Reader,
    *,
    asked: Asked,
    tables: Tables,
    now: datetime,
    answers: Answers,
) -> None:
    """Raise DeniedError or RefusedActError where `open_case` would; nothing is changed."""
    require_window(actor)
    act = decide_opening(
        current_flow(),
        asked,
        officer_of(session, actor),
        "",
        now,
        item=_item(tables.catalogue, asked),
        organisations=tables.organisations,
        answers=answers,
    )
    if isinstance(act, Refusal):
        raise RefusedActError(act)


def require_window(actor: Reader) -> None:
    """Raise DeniedError for a reader who has nothing to do at the window."""
    decision = may(actor, Act.HANDLE)
    if decision.denial is not None:
        raise DeniedError(decision.denial)


def opened_before(session: Session, actor: Reader, key: str) -> Done | None:
    """Return the case that this request opened already, None for a new one."""
    case = session.scalars(
        select(WindowCase)
        .join(WindowActRow, WindowActRow.case_id == WindowCase.id)
        .where(
            WindowActRow.key == key,
            WindowActRow.act == WindowAct.OPEN,
            WindowActRow.account == actor.account,
        )
    ).first()
    return Done(case.case_no, 1, state_of(session, case.id), again=True) if case else None


def _next_number(session: Session, org: str, now: datetime) -> str:
    """Return the next case number of a window on a day."""
    prefix = f"{org}-{now.astimezone(LOCAL_TIME):%Y%m%d}-W"
    last = session.scalar(
        select(func.max(WindowCase.case_no)).where(
            WindowCase.case_no >= prefix, WindowCase.case_no < f"{prefix}~"
        )
    )
    return f"{prefix}{int(last.removeprefix(prefix)) + 1 if last else 1:05d}"


def _item(catalogue: Catalogue, asked: Asked) -> ServiceItem | None:
    """Return the enabled item that is asked for; without a version the newest one."""
    code, version = asked.data.get("item"), asked.data.get("version")
    versions = (
        [str(version)]
        if version
        else sorted((row.version for row in catalogue if row.code == code), reverse=True)
    )
    try:
        return catalogue.enabled(str(code), versions[0]) if versions else None
    except (UnknownItemError, ItemNotEnabledError):
        return None


def lock_window_case(session: Session, actor: Reader, case_no: str, tables: Tables) -> WindowCase:
    """Return a case of the actor's reach, locked. Raises DeniedError alike for a foreign one."""
    case = session.scalars(select(WindowCase).filter_by(case_no=case_no).with_for_update()).first()
    if case is None or actor.org not in scope_of(
        (case.receive_org, case.home_org), tables.organisations
    ):
        raise DeniedError(Denial.NOT_HERE)
    return case


def do_act(
    session: Session,
    actor: Reader,
    *,
    case_no: str,
    asked: Asked,
    tables: Tables,
    now: datetime,
) -> Done:
    """Do an act on a case. Raises DeniedError, RefusedActError; then nothing was changed."""
    require_window(actor)
    case = lock_window_case(session, actor, case_no, tables)
    return _act(session, case, officer_of(session, actor), asked, tables, now)


def answer_of_archive(
    session: Session, case: WindowCase, *, asked: Asked, tables: Tables, now: datetime
) -> Done:
    """Enter what the archive answered to a closed case."""
    return _act(session, case, SYSTEM, asked, tables, now)


def _act(
    session: Session,
    case: WindowCase,
    officer: Officer,
    asked: Asked,
    tables: Tables,
    now: datetime,
) -> Done:
    before = session.scalars(
        select(WindowActRow.seq).filter_by(case_id=case.id, key=asked.key)
    ).first()
    state = state_of(session, case.id)
    if before is not None:
        return Done(case.case_no, before, state, again=True)
    world = World(
        tables.organisations,
        tables.catalogue.get(case.item_code, case.item_version),
        grants_between(session, case),
        known_flows(session),
        tables.calendar,
    )
    act = decide(flow_numbered(session, state.flow), state, asked, officer, now, world)
    if isinstance(act, Refusal):
        raise RefusedActError(act)
    enter(session, case, act)
    state = after(state, act)
    project(session, case, state, tables.calendar)
    reach("window-acted")
    return Done(case.case_no, act.seq, state)
