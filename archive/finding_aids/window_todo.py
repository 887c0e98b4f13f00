"""Cases at the window that wait for a reader: by step, side, level of approval, 督办.

The flow says who may do what (`ingest.window`); a test holds these steps to it.
"""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from archive.administration.policy import Role
from archive.database.tables_window import WindowCase, WindowClock
from archive.finding_aids.todo_terms import Desk, Todo, TodoKind, todo_row
from archive.reference.submission_terms import ClockKind
from archive.reference.vocabulary import ApprovalLevel
from archive.reference.window_steps import ENDED, Step

_READ = 1000
_COLLECTED = (Step.RECEIVE, Step.TRANSFER, Step.CORRECTION, Step.AMENDING)
RECEIVER_STEPS: Mapping[Role, tuple[Step, ...]] = {
    Role.AUXILIARY: _COLLECTED,
    Role.OFFICER: (*_COLLECTED, Step.ISSUE, Step.CLOSING),
    Role.STATION_CLIENT: (*_COLLECTED, Step.ISSUE, Step.CLOSING),
}
"""The steps at which a case waits for the window that took it in, by role."""
HOME_STEPS: Mapping[Role, tuple[Step, ...]] = dict.fromkeys(
    (Role.OFFICER, Role.STATION_CLIENT),
    (Step.ACCEPT, Step.INVESTIGATE, Step.REVIEW, Step.FEEDBACK),
)
"""The steps at which it waits for the station of the household register, by role."""
LEVELS: Mapping[Role, ApprovalLevel] = {
    Role.CHIEF: ApprovalLevel.STATION,
    Role.DISTRICT_SUPERVISOR: ApprovalLevel.DISTRICT,
    Role.CITY_SUPERVISOR: ApprovalLevel.CITY,
}
"""The level at which a role approves."""


def window_cases(session: Session, desk: Desk, limit: int) -> list[Todo]:
    """Return the open cases that wait for the reader's role, or that the reader's unit sees."""
    due = (
        select(func.min(WindowClock.due_on))
        .where(WindowClock.case_id == WindowCase.id, WindowClock.ended_at.is_(None))
        .scalar_subquery()
    )  # what was reported or concluded in time is late no more, whatever day was promised
    query = (
        select(WindowCase, due)
        .where(WindowCase.step.not_in([str(step) for step in ENDED]), _waits(desk))
        .order_by(due.is_(None), due, WindowCase.id)
        .limit(_READ)
    )
    rows = []
    for case, due_on in session.execute(query):
        levels = desk.reference.catalogue.get(case.item_code, case.item_version).approval_levels
        at_level = case.step == Step.APPROVE
        mine = LEVELS.get(desk.reader.role)
        if at_level and mine is not None and levels[case.level] is not mine:
            continue
        rows.append(_row(desk, case, due_on, supervised=mine is not None and not at_level))
    return rows[:limit]


def _row(desk: Desk, case: WindowCase, due: date | None, *, supervised: bool) -> Todo:
    at_home = case.step in (*HOME_STEPS[Role.OFFICER], Step.APPROVE)
    mine, other = case.receive_org, case.home_org
    if at_home:
        mine, other = other, mine
    notes = ["答复督办" if supervised else Step(case.step).label]
    if case.receive_org != case.home_org:
        notes.append("全域通办")
    return todo_row(
        desk,
        TodoKind.WINDOW,
        case.case_no,
        desk.reference.catalogue.get(case.item_code, case.item_version).name,
        due,
        who=desk.name(other),
        org=mine,
        note=" · ".join(notes),
    )


def _waits(desk: Desk) -> ColumnElement[bool]:
    """Return the condition for what the role may do now; of other roles, for the unit's cases."""
    role, org, reach = desk.reader.role, desk.reader.org, desk.reach
    if role in LEVELS:
        at_level = WindowCase.step == Step.APPROVE
        if reach is not None:
            at_level = and_(at_level, WindowCase.home_org.in_(reach))
        if role is not Role.CHIEF:
            return at_level
        asked = exists().where(
            WindowClock.case_id == WindowCase.id,
            WindowClock.kind == ClockKind.SUPERVISION,
            WindowClock.ended_at.is_(None),
        )
        return or_(at_level, and_(asked, WindowCase.home_org == org))
    if role in RECEIVER_STEPS:
        return or_(
            and_(WindowCase.receive_org == org, WindowCase.step.in_(RECEIVER_STEPS[role])),
            and_(WindowCase.home_org == org, WindowCase.step.in_(HOME_STEPS.get(role, ()))),
        )
    if reach is None:
        return WindowCase.id.is_not(None)
    return or_(WindowCase.receive_org.in_(reach), WindowCase.home_org.in_(reach))
