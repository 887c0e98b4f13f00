"""The ways of a case: the straight one, the two ways back, and the five ends."""

from datetime import timedelta

import pytest

from archive.administration.policy import Role
from archive.reference.submission_terms import ClockKind, Ending
from archive.reference.window_steps import Step
from ingest.window.fold import fold
from ingest.window.ledger import Dates, dates_of, lamp_of
from ingest.window.refusals import Refusal
from ingest.window.terms import Lamp, WindowAct
from tests.support.window import (
    AWAY,
    DISTRICT,
    HOME,
    REFUSED,
    Play,
    due_material,
    grant,
    id_number,
    lacking,
    officer,
    scanned,
    signing,
)

INVESTIGATED = "BL07"


def code(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


@pytest.mark.parametrize(
    ("item", "receive", "nodes"),
    [
        ("CS02", HOME, ["RECEIVE", "ACCEPT", "REVIEW", "APPROVE", "ISSUE"]),
        (
            "CS02",
            AWAY,
            ["RECEIVE", "TRANSFER", "ACCEPT", "REVIEW", "APPROVE", "FEEDBACK", "ISSUE"],
        ),
        (
            "SY01",
            AWAY,
            ["RECEIVE", "TRANSFER", "ACCEPT", "REVIEW", "APPROVE", "APPROVE", "FEEDBACK", "ISSUE"],
        ),
    ],
)
def test_a_case_goes_through_its_nodes_to_its_close(
    item: str, receive: str, nodes: list[str]
) -> None:
    play = Play(item, receive).until(Step.CLOSED)
    assert [event["node"] for event in play.state.process] == nodes
    assert play.state.ending is Ending.ISSUED
    assert fold(play.rows) == play.state


def test_a_case_that_is_investigated_needs_comparison_and_visit_before_review() -> None:
    play = Play(INVESTIGATED).until(Step.INVESTIGATE)
    play.do(WindowAct.INVESTIGATE, play.accepter)
    assert code(play.answer(WindowAct.REVIEW, play.reviewer)) == "INVESTIGATION_MISSING"
    play.do(WindowAct.STEP_BACK, play.reviewer, {"reason": "补充比对和走访材料"})
    assert play.state.step is Step.INVESTIGATE
    play.until(Step.CLOSED)
    assert "INVESTIGATE" in {event["node"] for event in play.state.process}


def test_each_level_approves_in_turn_and_only_its_own_people() -> None:
    play = Play("SY01", AWAY).until(Step.APPROVE)
    district = officer(Role.DISTRICT_SUPERVISOR, DISTRICT)
    assert code(play.answer(WindowAct.APPROVE, district)) == "ACT_PLACE"
    play.do(WindowAct.APPROVE, play.chief)
    assert code(play.answer(WindowAct.APPROVE, play.chief)) == "ACT_PLACE"
    play.do(WindowAct.STEP_BACK, district, {"reason": "依据不清"})
    assert (play.state.step, play.state.level) == (Step.APPROVE, 0)
    play.until(Step.FEEDBACK)
    owners = [seal["seal_owner"] for seal in play.state.seals]
    assert owners == [HOME, HOME, DISTRICT]


def test_a_case_is_not_received_without_identity_materials_and_signature() -> None:
    play = Play("CS02")
    assert code(play.answer(WindowAct.RECEIVE, play.clerk)) == "IDENTITY_MISSING"
    play.do(WindowAct.IDENTIFY, play.clerk, {"result": "MISMATCH", "device": "核验仪1"})
    assert code(play.answer(WindowAct.RECEIVE, play.clerk)) == "IDENTITY_MISMATCH"
    without = play.answer(WindowAct.IDENTIFY, play.clerk, {"result": "NO_DEVICE"})
    assert code(without) == "IDENTITY_REASON"
    manual = {"result": "NO_DEVICE", "reason": "核验仪报修，人工比对证件"}
    play.do(WindowAct.IDENTIFY, play.clerk, manual)
    refused = play.answer(WindowAct.RECEIVE, play.clerk)
    assert code(refused) == "MATERIALS_MISSING"
    assert isinstance(refused, Refusal)
    assert "非婚生育说明" in refused.message
    for row in lacking(play.state):
        play.do(WindowAct.ADD_MATERIAL, play.clerk, due_material(row))
    assert code(play.answer(WindowAct.RECEIVE, play.clerk)) == "SIGNATURE_MISSING"
    play.do(WindowAct.SIGN, play.clerk, signing(play.state))
    play.do(WindowAct.RECEIVE, play.clerk)


def test_a_signature_is_for_the_form_as_it_was_shown() -> None:
    play = Play("CS02").gathered()
    stale = signing(play.state)
    play.do(WindowAct.ADD_MATERIAL, play.clerk, scanned("另一证明"))
    assert code(play.answer(WindowAct.SIGN, play.clerk, stale)) == "SIGNATURE_OTHER_FORM"
    assert code(play.answer(WindowAct.RECEIVE, play.clerk)) == "SIGNATURE_MISSING"
    play.do(WindowAct.SIGN, play.clerk, signing(play.state))
    play.do(WindowAct.RECEIVE, play.clerk)
    empty = {**stale, "strokes": []}
    again = Play("CS02").gathered()
    assert code(again.answer(WindowAct.SIGN, again.clerk, empty)) == "SIGNATURE_BAD"


def test_a_material_is_ticked_only_after_it_was_shown_and_all_of_them_before_review() -> None:
    play = Play("CS02").until(Step.REVIEW)
    numbers = sorted(play.state.papers)
    ticking = {"materials": numbers}
    assert code(play.answer(WindowAct.TICK, play.reviewer, ticking)) == "NOT_SHOWN"
    play.do(WindowAct.SHOW, play.reviewer, {"materials": numbers[:-1]})
    play.do(WindowAct.TICK, play.reviewer, {"materials": numbers[:-1]})
    assert code(play.answer(WindowAct.REVIEW, play.reviewer)) == "NOT_TICKED"
    other = officer(Role.OFFICER, HOME, "other")
    play.do(WindowAct.SHOW, other, {"materials": numbers})
    assert code(play.answer(WindowAct.TICK, play.reviewer, ticking)) == "NOT_SHOWN"
    assert code(play.answer(WindowAct.REVIEW, other)) == "NOT_TICKED"


def test_what_came_anew_is_ticked_anew() -> None:
    play = Play("CS02", AWAY).until(Step.REVIEW)
    play.ticked()
    named = ["非婚生育说明"]
    play.do(WindowAct.CORRECT, play.reviewer, {"reason": "看不清", "materials": named})
    play.do(WindowAct.ADD_MATERIAL, play.clerk, scanned(named[0]))
    play.do(WindowAct.SIGN, play.clerk, signing(play.state))
    play.do(WindowAct.RESUBMIT, play.clerk)
    answer = play.answer(WindowAct.REVIEW, play.reviewer)
    assert code(answer) == "NOT_TICKED"
    assert isinstance(answer, Refusal)
    assert named[0] in answer.message


def test_who_took_in_a_material_neither_reviews_nor_approves_whatever_the_account() -> None:
    play = Play("CS02").until(Step.REVIEW)
    assert code(play.answer(WindowAct.REVIEW, play.clerk)) == "ACT_COLLECTOR"
    person = play.clerk.id_number
    second = officer(Role.CHIEF, HOME, "second account")
    second = type(second)(second.account, second.role, second.org, second.name, "X9", person)
    play.until(Step.APPROVE)
    assert code(play.answer(WindowAct.APPROVE, second)) == "ACT_COLLECTOR"


def test_nobody_decides_on_a_case_of_the_own_household() -> None:
    play = Play("CS02").until(Step.ACCEPT)
    kin = officer(Role.OFFICER, HOME, "kin")
    own = type(kin)(kin.account, kin.role, kin.org, kin.name, kin.officer_no, id_number(44990))
    assert code(play.answer(WindowAct.ACCEPT, own)) == "ACT_HOUSEHOLD"
    nobody = type(kin)(kin.account, kin.role, kin.org, kin.name, kin.officer_no, "")
    assert code(play.answer(WindowAct.ACCEPT, nobody)) == "ACT_NO_PERSON"


def test_a_correction_is_said_once_and_stops_the_term_until_all_of_it_came() -> None:
    play = Play("QR11", AWAY).until(Step.ACCEPT)
    names = [paper.title for paper in play.state.papers.values() if "files" in paper.stated][:2]
    started = dates_of(play.state.clocks[ClockKind.PROMISE])
    play.do(WindowAct.CORRECT, play.accepter, {"reason": "缺页", "materials": names})
    assert lamp_of(play.state.clocks[ClockKind.PROMISE], play.now) is Lamp.STOPPED
    play.now += timedelta(days=30)
    play.do(WindowAct.ADD_MATERIAL, play.clerk, scanned(names[0]))
    assert code(play.answer(WindowAct.RESUBMIT, play.clerk)) == "CORRECTION_PARTIAL"
    assert lamp_of(play.state.clocks[ClockKind.PROMISE], play.now) is Lamp.STOPPED
    for name in names[1:]:
        play.do(WindowAct.ADD_MATERIAL, play.clerk, scanned(name))
    play.do(WindowAct.SIGN, play.clerk, signing(play.state))
    play.do(WindowAct.RESUBMIT, play.clerk)
    assert play.state.step is Step.ACCEPT
    ended = dates_of(play.state.clocks[ClockKind.PROMISE])
    assert isinstance(started, Dates)
    assert isinstance(ended, Dates)
    assert ended.due > started.due
    second = {"reason": "又缺页", "materials": names[:1]}
    assert code(play.answer(WindowAct.CORRECT, play.accepter, second)) == "CORRECTION_AGAIN"
    play.do(WindowAct.CORRECT, play.accepter, {**second, "again": "首次送来时此页完好"})
    assert play.state.corrections == 2


@pytest.mark.parametrize("receive", [HOME, AWAY])
def test_a_refusal_to_accept_and_one_to_approve_are_issued_and_archived(receive: str) -> None:
    refused = Play("CS02", receive).until(Step.ACCEPT)
    without = refused.answer(WindowAct.REFUSE_ACCEPT, refused.accepter, {"reason": "不符合"})
    assert code(without) == "ACT_DATA"
    refused.do(WindowAct.REFUSE_ACCEPT, refused.accepter, REFUSED)
    refused.until(Step.CLOSED)
    denied = Play("CS02", receive).until(Step.APPROVE)
    denied.do(WindowAct.REFUSE_APPROVE, denied.chief, REFUSED)
    denied.until(Step.CLOSED)
    assert refused.state.ending is Ending.NOT_ACCEPTED
    assert denied.state.ending is Ending.NOT_APPROVED
    for play in (refused, denied):
        assert play.state.returns[-1]["remedy"] == REFUSED["remedy"]


def test_an_applicant_withdraws_and_the_case_is_closed_as_withdrawn() -> None:
    play = Play("CS02", AWAY).until(Step.REVIEW)
    play.do(WindowAct.WITHDRAW, play.clerk, {"reason": "申报人改在本所办理"})
    play.until(Step.CLOSED)
    assert play.state.ending is Ending.WITHDRAWN
    assert not play.state.seals


def test_an_extension_is_of_ten_days_at_most_once_and_in_time() -> None:
    play = Play("QR11").until(Step.REVIEW)
    long = {"days": 11, "reason": "外省核查未回"}
    assert code(play.answer(WindowAct.EXTEND, play.chief, long)) == "EXTENSION_LONG"
    assert code(play.answer(WindowAct.EXTEND, play.reviewer, long)) == "ACT_ROLE"
    play.do(WindowAct.EXTEND, play.chief, {**long, "days": 10})
    assert code(play.answer(WindowAct.EXTEND, play.chief, {**long, "days": 1})) == "EXTENSION_LONG"
    late = Play("QR11").until(Step.REVIEW)
    late.now += timedelta(days=90)
    assert code(late.answer(WindowAct.EXTEND, late.chief, {**long, "days": 1})) == "EXTENSION_LATE"


def test_a_special_procedure_stops_the_term_and_leads_back_where_it_began() -> None:
    play = Play("QR11").until(Step.REVIEW)
    play.do(WindowAct.BEGIN_SPECIAL, play.chief, {"reason": "笔迹鉴定"})
    assert lamp_of(play.state.clocks[ClockKind.PROMISE], play.now) is Lamp.STOPPED
    assert code(play.answer(WindowAct.REVIEW, play.reviewer)) == "ACT_ORDER"
    play.now += timedelta(days=40)
    play.do(WindowAct.END_SPECIAL, play.chief)
    assert play.state.step is Step.REVIEW
    assert lamp_of(play.state.clocks[ClockKind.PROMISE], play.now) is Lamp.NORMAL


def test_a_grant_that_ends_at_ten_seals_a_second_before_and_not_at_ten() -> None:
    play = Play("CS02", AWAY).until(Step.ISSUE)
    ten = play.now.replace(hour=10, minute=0, second=0) + timedelta(days=1)
    play.grants = (grant(ends=ten),)
    play.now = ten
    refused = play.answer(WindowAct.ISSUE, play.clerk)
    assert code(refused) == "NO_GRANT"
    assert isinstance(refused, Refusal)
    assert "交通派出所" in refused.action
    play.now = ten - timedelta(seconds=1)
    row = play.do(WindowAct.ISSUE, play.clerk)
    assert row.grant == "YZ2026-000001"


@pytest.mark.parametrize(
    "other",
    [
        {"grantee": HOME},
        {"items": frozenset({"QR01"})},
        {"quota": 3, "used": 3},
        {"case_no": "another"},
        {"seal": "公章"},
    ],
)
def test_a_grant_for_something_else_seals_nothing(other: dict[str, object]) -> None:
    play = Play("CS02", AWAY).until(Step.ISSUE)
    play.grants = (grant(**other),)
    assert code(play.answer(WindowAct.ISSUE, play.clerk)) == "NO_GRANT"


def test_a_page_that_is_stale_changes_nothing_but_a_look_makes_none_stale() -> None:
    play = Play("CS02").until(Step.REVIEW)
    seen = play.state.seq
    play.do(WindowAct.SHOW, play.reviewer, {"materials": [1]})
    play.do(WindowAct.STEP_BACK, play.reviewer, {"reason": "重新受理"}, seen=seen)
    assert code(play.answer(WindowAct.ACCEPT, play.accepter, seen=seen)) == "ACT_STALE"


def test_urging_and_supervising_are_acts_of_their_own_and_the_answer_has_a_term() -> None:
    play = Play("QR11").until(Step.ACCEPT)
    above = officer(Role.DISTRICT_SUPERVISOR, DISTRICT)
    play.do(WindowAct.URGE, above, {"reason": "群众反映"})
    assert code(play.answer(WindowAct.ANSWER, play.chief, {"reason": "已办"})) == "NOT_SUPERVISED"
    play.do(WindowAct.SUPERVISE, above, {"reason": "临近期限"})
    clock = play.state.clocks[ClockKind.SUPERVISION]
    assert clock.budget == 5
    again = play.answer(WindowAct.SUPERVISE, above, {"reason": "再督"})
    assert code(again) == "SUPERVISED_ALREADY"
    play.do(WindowAct.ANSWER, play.chief, {"reason": "今日审核"})
    assert lamp_of(play.state.clocks[ClockKind.SUPERVISION], play.now) is Lamp.ENDED


def test_a_running_case_keeps_its_flow_until_an_act_moves_it() -> None:
    play = Play("CS02").until(Step.ACCEPT)
    city = officer(Role.CITY_SUPERVISOR, "150600000000")
    unknown = {"flow": "0" * 64, "reason": "新规定"}
    assert code(play.answer(WindowAct.MIGRATE, city, unknown)) == "FLOW_UNKNOWN"
    same = {"flow": play.flow.digest, "reason": "新规定"}
    assert code(play.answer(WindowAct.MIGRATE, city, same)) == "FLOW_SAME"
    play.do(WindowAct.MIGRATE, city, {"flow": "f" * 64, "reason": "新规定"})
    assert play.state.flow == "f" * 64
