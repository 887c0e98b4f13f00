"""Exactly the published matrix is allowed: every act, step, level, role and organisation."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from archive.administration.policy import Role
from archive.reference.vocabulary import ApprovalLevel
from archive.reference.window_steps import Step
from ingest.window.refusals import Refusal
from ingest.window.terms import SYSTEM_ACTS, Side, WindowAct
from tests.support.window import (
    AWAY,
    AWAY_DISTRICT,
    CITY,
    DISTRICT,
    HOME,
    THIRD,
    Play,
    officer,
)

PAGE = Path(__file__).parents[3] / "docs" / "window.md"
ORGS = (HOME, AWAY, THIRD, DISTRICT, AWAY_DISTRICT, CITY)
BY_FLOW = {"ACT_ORDER", "ACT_PLACE", "ACT_ROLE"}
Cell = tuple[frozenset[Step], str, frozenset[Role]]


def published() -> dict[WindowAct, list[Cell]]:
    """The matrix of the documentation, in its words."""
    acts = {act.label: act for act in WindowAct}
    steps = {step.label: step for step in Step}
    roles = {role.label: role for role in Role}
    matrix: dict[WindowAct, list[Cell]] = {}
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] in acts:
            cell = (
                frozenset(steps[word] for word in cells[1].split("、")),
                cells[2],
                frozenset(roles[word] for word in cells[3].split("、")),
            )
            matrix.setdefault(acts[cells[0]], []).append(cell)
    return matrix


MATRIX = published()
UNIT = {
    ApprovalLevel.STATION: (HOME, Role.CHIEF),
    ApprovalLevel.DISTRICT: (DISTRICT, Role.DISTRICT_SUPERVISOR),
    ApprovalLevel.CITY: (CITY, Role.CITY_SUPERVISOR),
}


def in_matrix(act: WindowAct, role: Role, org: str, play: Play) -> bool:
    """Whether the table lets a role at an organisation do an act where a case stands."""
    above = {DISTRICT, CITY} | ({AWAY_DISTRICT} if play.receive == AWAY else set())
    unit, approver = UNIT[play.state.current_level]
    places = {
        Side.RECEIVER.label: {play.receive},
        Side.HOME.label: {HOME},
        Side.LEVEL.label: {unit} if role is approver else set(),
        Side.PARTY.label: {HOME, play.receive} | above,
        Side.ABOVE.label: above,
        Side.CITY.label: {CITY},
    }
    return any(
        play.state.step in steps and org in places[side] and role in roles
        for steps, side, roles in MATRIX.get(act, ())
    )


def standing() -> list[tuple[str, str, Step, int]]:
    """Where a case may stand: item, receiving station, step and level of approval."""
    straight = [Step.RECEIVE, Step.ACCEPT, Step.REVIEW, Step.ISSUE, Step.CLOSING, Step.CLOSED]
    waits = [Step.CORRECTION, Step.SPECIAL, Step.AMENDING, Step.ARCHIVED]
    places = [("QR11", org, step, 0) for org in (HOME, AWAY) for step in (*straight, *waits)]
    places += [("QR11", AWAY, step, 0) for step in (Step.TRANSFER, Step.FEEDBACK)]
    places += [("BL07", HOME, Step.INVESTIGATE, 0), ("HF03", AWAY, Step.INVESTIGATE, 0)]
    places += [("BL07", HOME, Step.APPROVE, level) for level in range(3)]
    places += [("SY01", AWAY, Step.APPROVE, level) for level in range(2)]
    return places


def stood(item: str, receive: str, step: Step, level: int) -> Play:
    """A case that stands there."""
    before = {
        Step.CORRECTION: Step.REVIEW,
        Step.SPECIAL: Step.REVIEW,
        Step.AMENDING: Step.CLOSED,
        Step.ARCHIVED: Step.CLOSED,
    }
    if step not in before:
        return Play(item, receive).until(step, level)
    play = Play(item, receive).until(before[step])
    play.state = replace(play.state, step=step, back_to=before[step])
    return play


def test_the_matrix_names_every_act_of_a_person() -> None:
    assert set(MATRIX) == set(WindowAct) - SYSTEM_ACTS - {WindowAct.OPEN}


@pytest.mark.parametrize(("item", "receive", "step", "level"), standing())
def test_exactly_the_published_matrix_is_allowed(
    item: str, receive: str, step: Step, level: int
) -> None:
    play = stood(item, receive, step, level)
    wrong = []
    for act, role, org in itertools.product(WindowAct, Role, ORGS):
        answer = play.answer(act, officer(role, org, "somebody"))
        let = not (isinstance(answer, Refusal) and answer.code in BY_FLOW)
        if let is not in_matrix(act, role, org, play):
            wrong.append((act, role, org, answer))
    assert wrong == []


def test_auxiliaries_never_accept_review_approve_or_seal() -> None:
    kept = {
        WindowAct.ACCEPT,
        WindowAct.REFUSE_ACCEPT,
        WindowAct.REVIEW,
        WindowAct.APPROVE,
        WindowAct.REFUSE_APPROVE,
        WindowAct.ISSUE,
    }
    let = {act for act, cells in MATRIX.items() for _, _, roles in cells if Role.AUXILIARY in roles}
    assert not let & kept
