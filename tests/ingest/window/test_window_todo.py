"""待办 of the window: a case waits for whoever may take it on, and for nobody else."""

import pytest
from sqlalchemy import Engine, select

from archive.administration.filing_units import FilingRule, FilingUnits
from archive.administration.policy import Role
from archive.database.engine import reading
from archive.database.tables_window import WindowClock
from archive.finding_aids.todo import count_todo, todo
from archive.finding_aids.todo_terms import Todo, TodoKind, Whose
from archive.finding_aids.window_todo import HOME_STEPS, LEVELS, RECEIVER_STEPS
from archive.reference.submission_terms import ClockKind
from archive.reference.window_steps import ENDED, Step
from archive.usage.reading_room import ReferenceData
from ingest.window.flow import current_flow
from ingest.window.terms import ASIDE, Side, WindowAct
from tests.support.window import BEGIN, CATALOGUE, ORGANISATIONS
from tests.support.window_rows import PEOPLE, Desk, give, staff_window

REFERENCE = ReferenceData(FilingUnits(ORGANISATIONS, FilingRule.RECEIVING_PLACE), CATALOGUE)
MOVING = frozenset(WindowAct) - ASIDE - {WindowAct.MIGRATE, WindowAct.WITHDRAW, WindowAct.IDENTIFY}


@pytest.fixture
def staffed(engine: Engine) -> Engine:
    staff_window(engine)
    give(engine)
    return engine


def waiting(engine: Engine, login: str) -> list[Todo]:
    with reading(engine) as session:
        rows = todo(session, PEOPLE[login], REFERENCE, Whose.MINE, limit=100)
        counts = count_todo(session, PEOPLE[login], REFERENCE, Whose.MINE)
    rows = [row for row in rows if row.kind is TodoKind.WINDOW]
    assert counts[TodoKind.WINDOW].total == len(rows)
    return rows


def steps_of(side: Side, role: Role) -> set[Step]:
    return {
        step
        for rule in current_flow().acts
        if rule.side is side and role in rule.roles and rule.act in MOVING
        for step in rule.steps
    }


@pytest.mark.parametrize("role", [Role.OFFICER, Role.AUXILIARY])
def test_the_steps_that_wait_for_a_role_are_those_at_which_the_flow_lets_it_go_on(
    role: Role,
) -> None:
    assert set(RECEIVER_STEPS[role]) == steps_of(Side.RECEIVER, role) - ENDED
    assert set(HOME_STEPS.get(role, ())) == steps_of(Side.HOME, role) - {Step.SPECIAL}


def test_the_roles_that_approve_are_those_of_the_flow() -> None:
    approving = [rule for rule in current_flow().acts if rule.act is WindowAct.APPROVE]
    assert {role for rule in approving for role in rule.roles} == set(LEVELS)


def test_a_case_waits_for_one_side_after_the_other(staffed: Engine) -> None:
    desk = Desk(staffed, "CS02", "away")
    stations = {
        Step.RECEIVE: "away",
        Step.TRANSFER: "away",
        Step.ACCEPT: "accepter",
        Step.REVIEW: "reviewer",
        Step.APPROVE: "chief",
        Step.FEEDBACK: "accepter",
        Step.ISSUE: "away",
        Step.CLOSING: "away",
    }
    for step, login in stations.items():
        desk.until(step)
        (row,) = waiting(staffed, login)
        assert (row.subject, row.note) == (desk.case_no, f"{step.label} · 全域通办")
        sides = {"away": ("accepter", "chief"), "chief": ("accepter", "away-chief")}
        for other in (*sides.get(login, ("away", "chief")), "district", "city", "helper"):
            assert waiting(staffed, other) == [], f"{step}: {other}"
    desk.until(Step.CLOSED)
    assert not any(waiting(staffed, login) for login in PEOPLE)


def test_what_a_higher_level_approves_waits_for_that_level_alone(staffed: Engine) -> None:
    item = next(row.code for row in CATALOGUE if len(row.approval_levels) == 3)
    desk = Desk(staffed, item).until(Step.APPROVE)
    for login in ("chief", "district", "city"):
        assert [row.subject for row in waiting(staffed, login)] == [desk.case_no]
        assert [name for name in ("chief", "district", "city") if waiting(staffed, name)] == [login]
        desk.do(WindowAct.APPROVE, login)


def test_a_supervision_waits_for_the_chief_until_it_is_answered(staffed: Engine) -> None:
    desk = Desk(staffed).until(Step.ACCEPT)
    assert waiting(staffed, "chief") == []
    desk.do(WindowAct.SUPERVISE, "district", {"reason": "请说明进展"})
    assert [row.note for row in waiting(staffed, "chief")] == ["答复督办"]
    desk.do(WindowAct.ANSWER, "chief", {"reason": "已安排"})
    assert waiting(staffed, "chief") == []


def test_a_case_is_due_when_its_term_ends(staffed: Engine) -> None:
    desk = Desk(staffed).until(Step.ACCEPT)
    (row,) = waiting(staffed, "accepter")
    assert row.due is not None
    assert row.due >= BEGIN.date()
    assert desk.case_no.startswith(row.org)


def test_a_case_whose_term_has_ended_is_late_no_more(staffed: Engine) -> None:
    desk = Desk(staffed, "CS02", "away").until(Step.APPROVE)
    (row,) = waiting(staffed, "chief")
    assert row.state == "late"  # promised for the day itself, months ago
    desk.until(Step.FEEDBACK)
    (row,) = waiting(staffed, "accepter")
    with reading(staffed) as session:
        running = session.scalars(select(WindowClock).where(WindowClock.ended_at.is_(None))).all()
    assert {clock.kind for clock in running} == {ClockKind.PROMISE, ClockKind.FEEDBACK}
    assert row.due == min(clock.due_on for clock in running if clock.due_on)
    desk.until(Step.CLOSING)
    (row,) = waiting(staffed, "away")
    assert (row.due, row.state) == (None, "")
