"""What a page offers on a case is what `decide` would let happen; the flow as pictures."""

from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from archive.administration.policy import Role
from archive.reference.submission_terms import ClockKind, ClockUnit, SpanReason
from archive.reference.vocabulary import SourceKind
from archive.reference.window_steps import Step
from ingest.window.decide import Asked, decide
from ingest.window.flow import current_flow
from ingest.window.flow_drawing import flow_bpmn, flow_svg
from ingest.window.ledger import Clock, Span
from ingest.window.offers import days_of, forms_of, needed_of, offers_of
from ingest.window.refusals import Refusal
from ingest.window.terms import WindowAct
from tests.support.window import AWAY, BEGIN, CITY, HOME, Play, officer

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
DI = "{http://www.omg.org/spec/BPMN/20100524/DI}"


@pytest.mark.parametrize(
    ("role", "org"),
    [
        (Role.OFFICER, HOME),
        (Role.AUXILIARY, HOME),
        (Role.CHIEF, HOME),
        (Role.OFFICER, AWAY),
        (Role.CITY_SUPERVISOR, CITY),
    ],
)
def test_every_act_of_the_step_is_offered_or_says_why_not(role: Role, org: str) -> None:
    play = Play()
    who = officer(role, org)
    offers = list(offers_of(play.flow, play.state, who, play.now, play.world()))
    of_step = {act for act in WindowAct if play.flow.rules(act, Step.RECEIVE)}
    assert {row.act for row in offers} == of_step
    for row in offers:
        asked = Asked(row.act, "a-key", play.state.seq)
        answer = decide(play.flow, play.state, asked, who, play.now, play.world())
        if row.why is not None:
            assert answer == row.why
            assert row.why.message
            assert row.why.action
        elif row.yet is not None:
            assert answer == row.yet


def test_the_auxiliary_takes_in_and_decides_nothing() -> None:
    play = Play()
    who = officer(Role.AUXILIARY, HOME)
    open_now = {
        row.act
        for row in offers_of(play.flow, play.state, who, play.now, play.world())
        if row.why is None
    }
    assert WindowAct.ADD_MATERIAL in open_now
    assert WindowAct.URGE not in open_now


def test_what_a_case_still_wants_is_said_before_it_is_asked() -> None:
    play = Play()
    offers = offers_of(play.flow, play.state, play.clerk, play.now, play.world())
    (receive,) = [row for row in offers if row.act is WindowAct.RECEIVE]
    assert receive.why is None
    assert isinstance(receive.yet, Refusal)


def test_the_list_of_materials_has_no_form_and_every_requirement() -> None:
    play = Play()
    names = [row.name for row in needed_of(play.state)]
    assert names == ["出生医学证明", "母亲居民户口簿", "非婚生育说明"]
    assert all(row.paper is None for row in needed_of(play.state))
    assert all(SourceKind.SYSTEM_FORM not in row.sources for row in needed_of(play.state))
    assert [paper.title for paper in forms_of(play.state)][:2] == ["收件单", "审批表"]


def test_the_days_of_a_clock_show_what_counts_and_what_stands_still() -> None:
    span = Span(BEGIN + timedelta(days=1), BEGIN + timedelta(days=3), SpanReason.CORRECTION)
    clock = Clock(ClockKind.PROMISE, ClockUnit.WORKING_DAY, 3, BEGIN, spans=(span,))
    days = days_of(clock, BEGIN + timedelta(days=4))
    kinds = {day.day.day: day.kind for day in days}
    assert days[0].mark == "起算"
    assert (kinds[3], kinds[4], kinds[5], kinds[6]) == ("used", "still", "still", "used")
    assert (kinds[7], kinds[8]) == ("rest", "rest")
    assert days[-1].mark == "到期"
    assert days[-1].kind == "left"


def test_a_clock_that_stands_now_stands_until_today_and_has_no_end() -> None:
    span = Span(BEGIN + timedelta(days=1), None, SpanReason.CORRECTION)
    clock = Clock(ClockKind.PROMISE, ClockUnit.WORKING_DAY, 3, BEGIN, spans=(span,))
    days = days_of(clock, BEGIN + timedelta(days=3))
    assert [day.kind for day in days[2:]] == ["still", "still"]
    assert not any("到期" in day.mark for day in days)
    assert days_of(clock, BEGIN + timedelta(days=300)) == ()


def test_the_picture_has_every_step_of_the_flow() -> None:
    flow = current_flow()
    picture = ET.fromstring(flow_svg(flow))  # noqa: S314 - our own
    shown = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert shown == {step.label for edge in flow.edges for step in edge[:2]}
    assert flow_svg(flow) == flow_svg(flow)


def test_the_bpmn_refers_to_nothing_that_it_lacks_and_draws_all_that_it_has() -> None:
    flow = current_flow()
    root = ET.fromstring(flow_bpmn(flow))  # noqa: S314 - our own
    (process,) = root.findall(f"{BPMN}process")
    flows = process.findall(f"{BPMN}sequenceFlow")
    nodes = {node.get("id") for node in process} - {row.get("id") for row in flows}
    assert len(flows) == len(flow.edges) + 1
    assert {row.get(end) for row in flows for end in ("sourceRef", "targetRef")} <= nodes
    assert {row.get("bpmnElement") for row in root.iter(f"{DI}BPMNShape")} == nodes
    assert {row.get("bpmnElement") for row in root.iter(f"{DI}BPMNEdge")} == {
        row.get("id") for row in flows
    }
    ids = [row.get("id") for row in root.iter() if row.get("id")]
    assert len(ids) == len(set(ids))
