"""What version 2 says of the course of a case is checked; version 1 is not asked for it."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.inspection import course, process
from archive.inspection.subject import Subject
from archive.inspection.table import Phase, all_findings, inspect
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import Finding
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue, snapshot
from archive.reference.worktime import add_workdays, due_with_pauses, is_workday
from tests.support.factories import HOME, OTHER, sound_case
from tests.support.window_cases import CASE_NO, signature, window_case

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
Case = dict[str, Any]
REFUSED = {"result": "REFUSE"}


def subject_of(case: Case) -> Subject:
    facts = CaseFacts.model_validate(case)
    item = CATALOGUE.get(facts.item.code, facts.item.version)
    return Subject(
        facts, item, snapshot(item), ORGANISATIONS, (), datetime(2026, 11, 1, tzinfo=UTC)
    )


def findings_of(case: Case) -> list[Finding]:
    rows = all_findings(inspect(subject_of(case), Phase.GD))
    return [row for row in rows if row.code != "FILE_MISSING"]


def reasons(case: Case) -> set[tuple[str, str]]:
    """The codes of a case with the reason that each gives, where it gives one."""
    return {(row.code, row.message.partition("：")[2].rstrip("。")) for row in findings_of(case)}


def changed(change: Callable[[Case], object], *, receive: str = HOME) -> Case:
    case = copy.deepcopy(window_case(receive=receive))
    change(case)
    return case


def steps(case: Case, *nodes: str, **last: str) -> None:
    """Leave these nodes of the process, the last of them with other values."""
    case["process"] = [event for event in case["process"] if event["node"] in nodes]
    case["process"][-1].update(last)


def ended(kind: str, *nodes: str, **last: str) -> Case:
    """A case with another end, and the way to it."""
    case = window_case()
    steps(case, *nodes, **last)
    back = {**case["returns"][0], "kind": kind, "node": nodes[-1], "materials": []}
    case |= {"ending": kind, "returns": [*case["returns"], back], "seal_uses": [], "clocks": []}
    return case


@pytest.mark.parametrize("receive", [HOME, OTHER])
def test_a_sound_case_of_version_2_has_no_finding(receive: str) -> None:
    assert findings_of(window_case(receive=receive)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda case: case["applicant"].update(phone="13900000000"),
        lambda case: case["applicant"].update(name="测某某"),
        lambda case: case["materials"][0].update(data={"备注": "后加"}),
        lambda case: case["materials"][5].update(type="居住证明"),
        lambda case: case.update(due_on="2026-09-30"),
        lambda case: case["signatures"][0].update(form_sha256="00" * 32),
    ],
)
def test_a_form_that_was_changed_after_signing_asks_for_a_new_signature(
    change: Callable[[Case], object],
) -> None:
    case = changed(change)
    (row,) = [row for row in findings_of(case) if row.code == "SIGNATURE_INVALID"]
    assert row.place == "material 1"
    assert "重新签名" in row.action
    case["signatures"] = [signature(case)]
    assert "SIGNATURE_INVALID" not in {row.code for row in findings_of(case)}


def test_a_material_that_came_after_signing_was_not_on_the_form() -> None:
    case = window_case()
    late = {**case["materials"][5], "no": 7, "type": "走访调查材料", "files": ["materials/007.jpg"]}
    case["materials"].append(late | {"captured_at": "2026-09-01T11:30:00+08:00"})
    assert findings_of(case) == []
    case["materials"][-1]["captured_at"] = "2026-09-01T09:01:00+08:00"
    assert "SIGNATURE_INVALID" in {row.code for row in findings_of(case)}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda row: row.update(strokes=[]), "没有笔迹"),
        (lambda row: row["strokes"][0].reverse(), "先后颠倒"),
    ],
)
def test_a_signature_without_strokes_or_out_of_time_is_none(
    change: Callable[[Case], object], why: str
) -> None:
    case = changed(lambda case: change(case["signatures"][0]))
    assert [why in message for code, message in reasons(case) if code == "SIGNATURE_INVALID"] == [
        True
    ]


def test_a_signature_from_before_the_case_is_none() -> None:
    case = window_case()
    case["signatures"] = [signature(case, at="2026-08-31T09:05:00+08:00")]
    assert ("SIGNATURE_INVALID", "签名早于收件") in reasons(case)


def test_who_came_was_compared_or_the_reason_why_not_is_there() -> None:
    by_hand = {"result": "NO_DEVICE", "device": None, "score": None, "reason": "设备故障"}
    assert findings_of(changed(lambda case: case["identity_checks"][0].update(by_hand))) == []
    case = changed(lambda case: case.update(identity_checks=[]))
    assert [row.code for row in findings_of(case)] == ["IDENTITY_MISSING"]
    assert findings_of({**case, "channel": "ONLINE", "signatures": []}) == []


def test_the_last_comparison_counts() -> None:
    case = window_case()
    first = {**case["identity_checks"][0], "at": "2026-09-01T09:01:00+08:00", "result": "MISMATCH"}
    case["identity_checks"].append(first)
    assert findings_of(case) == []
    case["identity_checks"][1]["at"] = "2026-09-01T09:03:00+08:00"
    assert [row.code for row in findings_of(case)] == ["IDENTITY_MISMATCH"]


def test_who_signs_for_another_is_compared_too() -> None:
    case = changed(lambda case: case["signatures"][0].update(signer="AGENT"))
    assert [(row.code, "代办人" in row.message) for row in findings_of(case)] == [
        ("IDENTITY_MISSING", True)
    ]


@pytest.mark.parametrize(
    "case",
    [
        ended("NOT_ACCEPTED", "RECEIVE", "ACCEPT", result="REFUSE"),
        ended("NOT_APPROVED", "RECEIVE", "ACCEPT", "REVIEW", "APPROVE", result="REFUSE"),
        ended("NOT_APPROVED", "RECEIVE", "ACCEPT", "REVIEW", result="REFUSE"),
        ended("WITHDRAWN", "RECEIVE", "ACCEPT", result="RETURN"),
        ended("WITHDRAWN", "RECEIVE"),
    ],
)
def test_every_end_is_archived_by_its_own_way(case: Case) -> None:
    assert findings_of(case) == []


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (ended("NOT_ACCEPTED", "RECEIVE", "ACCEPT", "REVIEW", "APPROVE", **REFUSED), "有审批"),
        (ended("NOT_ACCEPTED", "RECEIVE", "ACCEPT"), "没有不同意的环节"),
        (ended("NOT_APPROVED", "RECEIVE", "ACCEPT", "REVIEW"), "以不同意结束"),
        (ended("WITHDRAWN", "RECEIVE", "ACCEPT", "ISSUE"), "已经出件"),
        (ended("NOT_APPROVED", "RECEIVE", "REVIEW", **REFUSED), "缺少受理"),
        (changed(lambda case: case["process"][3].update(REFUSED)), "不是办结出件"),
    ],
)
def test_an_end_that_the_process_does_not_come_to_is_refused(case: Case, why: str) -> None:
    assert any(why in message for code, message in reasons(case) if code == "GD-2-5")


def test_a_case_that_was_investigated_says_so_where_it_must() -> None:
    case = window_case()
    case["item"]["code"] = "HF01"
    asked = {row.message for row in findings_of(case) if row.code == "INVESTIGATION_MISSING"}
    assert any("调查环节" in message for message in asked)
    looked = {**case["process"][1], "node": "INVESTIGATE", "at": "2026-09-01T10:30:00+08:00"}
    case["process"].insert(2, looked)
    asked = {row.message for row in findings_of(case) if row.code == "INVESTIGATION_MISSING"}
    assert not any("调查环节" in message for message in asked)
    assert "GD-2-5" not in {row.code for row in findings_of(case)}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"at": "2026-09-01T10:00:00+08:00"}, "SEAL_EARLY"),
        ({"at": "2026-09-01T10:00:00+08:00"}, "SEAL_OWNER"),
        ({"seal_owner": OTHER}, "SEAL_OWNER"),
        ({"form": "RECEIPT"}, "SEAL_OWNER"),
        ({"caller": OTHER}, "SEAL_GRANT"),
    ],
)
def test_the_approval_bears_the_seal_of_its_unit_from_after_the_approval(
    change: Case, code: str
) -> None:
    case = changed(lambda case: case["seal_uses"][0].update(change))
    assert code in {row.code for row in findings_of(case)}


def test_a_receipt_may_be_sealed_before_the_approval() -> None:
    case = window_case()
    early = {"form": "RECEIPT", "at": "2026-09-01T09:06:00+08:00", "use_no": "YZ-0"}
    case["seal_uses"].append({**case["seal_uses"][0], **early})
    assert findings_of(case) == []


def test_a_seal_is_used_by_another_only_while_its_grant_holds() -> None:
    case = changed(lambda case: case["grant"].update(valid_until="2026-08-31"), receive=OTHER)
    assert ("SEAL_GRANT", "用章时授权已过期") in reasons(case)


def test_a_case_that_stood_still_for_a_correction_is_not_overdue() -> None:
    """Five working days, and the applicant took twenty to bring what was missing."""
    case = window_case()
    clock, late = case["clocks"][0], "2026-09-28T17:00:00+08:00"
    clock |= {"ended_at": late, "alerts": []}
    case["process"][-1]["at"] = late
    clock["spans"][0]["to"] = "2026-09-25T09:00:00+08:00"
    clock["due_on"] = due_with_pauses(
        date(2026, 9, 1), 5, [(date(2026, 9, 1), date(2026, 9, 25))], workdays=True
    ).isoformat()
    assert findings_of(case) == []
    clock |= {"spans": [], "due_on": "2026-09-08"}
    assert [row.code for row in findings_of(case)] == ["OVERDUE"]


def test_a_clock_over_holidays_that_are_not_entered_makes_nobody_late() -> None:
    case = window_case()
    case["clocks"][0] |= {
        "started_at": "2026-12-31T09:00:00+08:00",
        "ended_at": "2027-01-29T09:00:00+08:00",
        "due_on": "2027-01-08",
        "spans": [],
        "alerts": [],
    }
    late = list(process.promised_time_is_kept(subject_of(case)))
    assert [row.code for row in late] == ["OVERDUE_PROVISIONAL"]
    assert list(course.clocks_come_to_their_days(subject_of(case))) == []


def test_a_clock_that_stands_for_decades_is_told_and_breaks_nothing() -> None:
    case = window_case()
    span = {"from": "2026-09-01T10:00:00+08:00", "to": "2190-09-01T10:00:00+08:00"}
    case["clocks"][0] |= {"spans": [span | {"reason": "STATUTORY"}], "ended_at": None}
    assert list(course.clocks_come_to_their_days(subject_of(case))) == []


def test_what_is_of_tomorrow_is_asked_about() -> None:
    case = changed(lambda case: case["rating"].update(at="2027-01-01T00:00:00+08:00"))
    assert ("GD-1-5", "评价时间晚于现在") in reasons(case)


def test_version_1_is_not_asked_for_what_it_cannot_state() -> None:
    assert findings_of(sound_case(CASE_NO)) == []
    assert findings_of(sound_case(CASE_NO, receive=OTHER)) == []


@given(
    start=st.dates(date(2025, 1, 1), date(2026, 6, 1)),
    budget=st.integers(0, 40),
    pauses=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), max_size=4),
)
def test_a_term_with_pauses_counts_the_days_that_lie_in_none(
    start: date, budget: int, pauses: list[tuple[int, int]]
) -> None:
    spans = [(start + timedelta(first), start + timedelta(first + days)) for first, days in pauses]
    due = due_with_pauses(start, budget, spans, workdays=True)
    days = [start + timedelta(step) for step in range(1, (due - start).days + 1)]
    counted = [
        day
        for day in days
        if is_workday(day) and not any(first < day <= last for first, last in spans)
    ]
    assert len(counted) == budget
    assert due == (counted[-1] if counted else start)
    assert due_with_pauses(start, budget, [], workdays=True) == add_workdays(start, budget)
    assert due >= add_workdays(start, budget)


def test_an_unknown_item_stops_none_of_the_checks() -> None:
    subject = replace(subject_of(window_case()), item=None)
    assert list(course.investigation_was_a_node(subject)) == []
