"""The checks on facts alone: what is wrong is found under its code, and what is unusual but right
is not.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from archive.inspection import process
from archive.inspection.subject import Look, LookedFile, Subject
from archive.inspection.table import CHECKS, Phase, all_findings, inspect
from archive.reference.case_facts import CaseFacts
from archive.reference.findings import Finding, rules
from archive.reference.organisations import load_organisations
from archive.reference.prints import PageCopy, PageViews, Sameness, candidates
from archive.reference.service_items import (
    load_catalogue,
    missing_investigation,
    required_materials,
    snapshot,
)
from archive.reference.vocabulary import Mode, OrgKind, Outcome
from tests.support.factories import HOME, OTHER, enabled_items, sound_case

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
NOW = datetime(2026, 11, 1, tzinfo=UTC)
Case = dict[str, Any]


def subject_of(case: Case, *, now: datetime = NOW, looks: dict[str, Look] | None = None) -> Subject:
    """A subject whose files are sound, of the pages declared, unless `looks` says otherwise."""
    facts = CaseFacts.model_validate(case)
    item = CATALOGUE.get(facts.item.code, facts.item.version)
    files = tuple(
        LookedFile(
            material.no,
            path,
            f"{material.no:064d}",
            1,
            (looks or {}).get(path, Look("image/jpeg", material.pages, pictures=(f"{path}",))),
        )
        for material in facts.materials
        for path in material.files
    )
    return Subject(facts, item, snapshot(item), ORGANISATIONS, files, now)


def codes(case: Case, **more: Any) -> set[str]:
    return {finding.code for finding in all_findings(inspect(subject_of(case, **more), Phase.GD))}


def citywide() -> Case:
    return sound_case("150622020000-20260901-000001", receive=OTHER)


def home() -> Case:
    return sound_case("150602010000-20260901-000001")


def _at_new_year(case: Case) -> Case:
    """Received on the last day of 2026 with one working day, done on the first Monday of 2027."""
    times = iter(range(8, 20))
    for event in case["process"]:
        event["at"] = f"2026-12-31T{next(times):02d}:00:00+08:00"
    case["process"][-1]["at"] = "2027-01-04T09:00:00+08:00"
    case.pop("due_on", None)
    return case


def _promised(case: Case, days: int) -> Subject:
    """The subject of a case whose item promises this many working days."""
    subject = subject_of(case, now=LATER)
    assert subject.item is not None
    return replace(subject, item=subject.item.model_copy(update={"limit_workdays": days}))


LATER = datetime(2027, 2, 1, tzinfo=UTC)


def test_a_day_counted_over_holidays_that_are_not_entered_makes_nobody_late() -> None:
    """What the holidays of 2027 will be was not published when this was written."""
    late = list(process.promised_time_is_kept(_promised(_at_new_year(home()), 1)))
    assert [(row.code, row.outcome) for row in late] == [("OVERDUE_PROVISIONAL", Outcome.NOTE)]


def test_a_day_that_the_source_states_needs_no_calendar() -> None:
    case = {**_at_new_year(home()), "due_on": "2027-01-01"}
    late = [row.code for row in process.promised_time_is_kept(subject_of(case, now=LATER))]
    assert late == ["OVERDUE"]


def test_a_day_that_lies_before_the_unknown_year_is_sure() -> None:
    case = _at_new_year(home())
    case["process"][0]["at"] = "2026-12-01T08:00:00+08:00"
    late = [row.code for row in process.promised_time_is_kept(_promised(case, 5))]
    assert late == ["OVERDUE"]


def of_item(code: str, *, receive: str = HOME) -> Case:
    """A sound case of any item: its required materials, an approval for each of its levels, at the
    organisation of that level.
    """
    item = CATALOGUE.get(code, "2026-1")
    case = sound_case("150602010000-20260901-000001", receive=receive)
    case["item"]["code"] = case["grant"]["item"] = code
    forms = {"收件单": "RECEIPT", "审批表": "APPROVAL", "常住人口登记表": "REGISTER"}
    case["materials"] = []
    for no, required in enumerate(required_materials(snapshot(item)), 1):
        material: Case = {
            "no": no,
            "type": required.name,
            "source": str(required.sources[0]),
            "pages": 1,
        }
        if required.sources[0] == "SYSTEM_FORM":
            material |= {"form": forms.get(required.name, "OTHER"), "data": {}}
        else:
            material |= {
                "files": [f"materials/{no:03d}.jpg"],
                "source_ref": {"system": "s", "id": "1", "fetched_at": "2026-09-01T09:00:00+08:00"},
            }
        case["materials"].append(material)
    for kind in missing_investigation(item, [material["type"] for material in case["materials"]]):
        case["materials"].append(
            {
                "no": len(case["materials"]) + 1,
                "type": kind.label,
                "source": "SYSTEM_FORM",
                "form": "OTHER",
                "data": {},
                "pages": 1,
            }
        )
    at = next(index for index, event in enumerate(case["process"]) if event["node"] == "APPROVE")
    approval = case["process"].pop(at)
    orgs = {"STATION": HOME, "DISTRICT": "150602000000", "CITY": "150600000000"}
    for offset, level in enumerate(item.approval_levels):
        minute = {"at": approval["at"].replace(":00:00", f":{offset:02d}:00")}
        case["process"].insert(
            at + offset,
            {
                **approval,
                "level": str(level),
                "org": orgs[level],
                "actor_no": f"9{offset}",
                **minute,
            },
        )
    return case


@pytest.mark.parametrize("item", [item.code for item in enabled_items(CATALOGUE)])
def test_a_sound_case_of_every_item_is_accepted_at_home_and_citywide(item: str) -> None:
    modes = [HOME] if CATALOGUE.get(item, "2026-1").mode is Mode.HOME_ONLY else [HOME, OTHER]
    for receive in modes:
        results = all_findings(inspect(subject_of(of_item(item, receive=receive)), Phase.GD))
        assert results == ()


def _event(case: Case, node: str) -> Case:
    event: Case = next(candidate for candidate in case["process"] if candidate["node"] == node)
    return event


def _set(node: str, **values: str) -> Callable[[Case], None]:
    return lambda case: _event(case, node).update(values)


def _material(number: int, **values: Any) -> Callable[[Case], None]:
    return lambda case: case["materials"][number].update(values)


def _grant(**values: str) -> Callable[[Case], None]:
    return lambda case: case["grant"].update(values)


def _drop(node: str) -> Callable[[Case], None]:
    return lambda case: case["process"].remove(_event(case, node))


def _swap(case: Case) -> None:
    first, second = _event(case, "ACCEPT"), _event(case, "REVIEW")
    first["node"], second["node"] = "REVIEW", "ACCEPT"


def _seal(at: str, owner: str = HOME) -> Callable[[Case], None]:
    return lambda case: case.update(seal_uses=[{"seal_owner": owner, "caller": OTHER, "at": at}])


CITYWIDE_FAULTS: list[tuple[Callable[[Case], None], str]] = [
    *(
        (_drop(node), "GD-2-5")
        for node in ("RECEIVE", "TRANSFER", "ACCEPT", "REVIEW", "APPROVE", "FEEDBACK", "ISSUE")
    ),
    (_swap, "GD-2-5"),
    (_set("APPROVE", at="2026-09-01T08:00:00+08:00"), "GD-2-5"),
    (_set("ISSUE", at="2027-09-01T08:00:00+08:00"), "GD-2-5"),
    (_set("REVIEW", actor_no=" "), "GD-2-5"),
    (_set("REVIEW", result="RETURN"), "GD-2-5"),
    (_set("APPROVE", actor_no="1"), "SAME_PERSON"),
    (_set("REVIEW", actor_no="1"), "SAME_PERSON"),
    (_set("APPROVE", org=OTHER), "SAME_UNIT"),
    (_set("APPROVE", org=OTHER), "ORG_MISMATCH"),
    (_set("RECEIVE", org=HOME), "ORG_MISMATCH"),
    (_set("ACCEPT", org="150625030000"), "ORG_MISMATCH"),
    (_set("FEEDBACK", org="150625030000"), "ORG_MISMATCH"),
    (_set("ISSUE", org="150625030000"), "ORG_MISMATCH"),
    (_set("APPROVE", level="CITY"), "APPROVAL_LEVEL"),
    (lambda case: case.pop("grant"), "NO_GRANT"),
    (_grant(valid_until="2026-08-31"), "GRANT_INVALID"),
    (_grant(item="QC04"), "GRANT_INVALID"),
    (_grant(grantee=HOME), "GRANT_INVALID"),
    (_grant(grantor=OTHER), "GRANT_INVALID"),
    (_grant(grantor="110105000000"), "ORG_UNKNOWN"),
    (lambda case: case.update(due_on="2026-08-31"), "OVERDUE"),
    (_set("ISSUE", at="2026-09-10T15:00:00+08:00"), "OVERDUE"),
    (_seal("2026-09-01T09:00:00+08:00"), "SEAL_EARLY"),
    (_seal("2027-09-01T09:00:00+08:00"), "GD-1-5"),
    (_seal("2026-09-01T15:00:00+08:00", "110105000000"), "ORG_UNKNOWN"),
    (_material(5, captured_at="2027-01-01T00:00:00+08:00"), "GD-1-5"),
    (_material(5, captured_at="2026-07-01T00:00:00+08:00"), "GD-1-5"),
    (lambda case: case["subjects"][0].update(id_number="150602202609100018"), "GD-1-5"),
    (
        _material(
            4, source_ref={"system": "s", "id": "1", "fetched_at": "2027-01-01T00:00:00+08:00"}
        ),
        "GD-1-5",
    ),
    (_material(4, source_ref=None), "NO_EVIDENCE"),
    (
        _material(
            4,
            source_ref={
                "system": "s",
                "id": "1",
                "fetched_at": "2026-09-01T09:00:00+08:00",
                "sha256": "f" * 64,
            },
        ),
        "GD-1-1",
    ),
    (_material(4, source="SCANNED_PROOF"), "SOURCE_UNUSUAL"),
    (_material(5, blank_pages=[2]), "SCHEMA"),
    (_material(5, blank_pages=[1]), "BLANK_NOT_BLANK"),
    (_material(5, no=4), "SCHEMA"),
    (_material(0, source="SCANNED_PROOF"), "SCHEMA"),
    (
        _material(0, form=None, source="SCANNED_PROOF", files=["materials/001.jpg"]),
        "FORM_NOT_SYSTEM",
    ),
    (_material(5, type="其他说明"), "GD-2-9"),
    (lambda case: case["subjects"][0].update(name="测\ue000"), "GD-1-6"),
    (lambda case: case["subjects"][0].update(name="测\u202e某"), "GD-1-6"),
    (lambda case: case["applicant"].update(id_number="150602190001010014"), "PERSON_AGE"),
    (lambda case: case["applicant"].update(id_number="150602199001010017"), "ID_INVALID"),
    (lambda case: case["applicant"].pop("id_number"), "ID_INVALID"),
]


@pytest.mark.parametrize(("change", "code"), CITYWIDE_FAULTS)
def test_each_fault_of_a_citywide_case_is_found_under_its_code(
    change: Callable[[Case], None], code: str
) -> None:
    case = copy.deepcopy(citywide())
    assert codes(case) == set()
    change(case)
    assert code in codes(case)


def _insert(case: Case, before: str, *events: Case) -> None:
    at = case["process"].index(_event(case, before))
    case["process"][at:at] = events


def _returned(case: Case) -> None:
    """REVIEW sends the case back to ACCEPT, which passes it on again."""
    review, accept = _event(case, "REVIEW"), _event(case, "ACCEPT")
    _insert(case, "REVIEW", {**review, "result": "RETURN", "at": accept["at"]}, {**accept})


def _returned_to_the_window(case: Case) -> None:
    accept, receive = _event(case, "ACCEPT"), _event(case, "RECEIVE")
    again = [{**event, "at": accept["at"]} for event in (receive, _event(case, "TRANSFER"))]
    _insert(case, "ACCEPT", {**accept, "result": "RETURN"}, *again)


def _refused(case: Case) -> None:
    _event(case, "REVIEW")["result"] = "REFUSE"
    case["process"].remove(_event(case, "APPROVE"))


def _hall(case: Case) -> None:
    hall = next(
        org.code for org in ORGANISATIONS.of_kind(OrgKind.HALL) if org.parent == "150602000000"
    )
    _event(case, "REVIEW")["org"] = hall


@pytest.mark.parametrize(
    "change",
    [
        _returned,
        _returned_to_the_window,
        _refused,
        _hall,
        _set("APPROVE", org="150602000000"),
        _set("APPROVE", org="150600000000"),
        _set("ISSUE", org=HOME),
        _set("APPROVE", level="STATION"),
        _grant(grantee="150622000000", grantor="150602000000", valid_until="2026-09-01"),
        _seal("2026-09-01T15:00:00+08:00"),
        lambda case: case["subjects"][0].update(name="测\U00020000·某"),
        lambda case: case["subjects"][0].pop("id_number"),
        lambda case: case["materials"].append(
            {
                "no": 9,
                "type": "补充说明",
                "source": "SCANNED_PROOF",
                "files": ["materials/009.jpg"],
                "pages": 3,
            }
        ),
        _material(4, source="ONLINE_APPLICATION"),
    ],
)
def test_what_is_unusual_but_right_is_not_found(change: Callable[[Case], None]) -> None:
    case = citywide()
    case["channel"] = "ONLINE"
    change(case)
    # The district or the city that decides without stating its level is no fault of the case.
    assert codes(case) == set()


def test_a_home_case_is_not_passed_on_and_one_that_another_unit_accepts_may_be() -> None:
    case = home()
    case["process"].insert(1, {**_event(case, "RECEIVE"), "node": "TRANSFER"})
    assert codes(case) == {"GD-2-5"}
    case["orgs"]["accept"] = "150602000000"
    assert codes(case) == set()


def test_a_missing_level_is_refused_where_the_rule_was_read_and_noted_where_it_is_inferred() -> (
    None
):
    for item, code in (("BG06", "GD-2-5"), ("BG03", "APPROVAL_LEVEL")):
        case = of_item(item)
        assert code not in codes(case)
        case["process"] = [
            event
            for event in case["process"]
            if event.get("level") != str(CATALOGUE.get(item, "2026-1").approval_levels[-1])
        ]
        assert code in codes(case)


def test_a_person_born_today_by_the_local_day_is_not_born_tomorrow() -> None:
    case = home()
    case["subjects"].append({"name": "新生", "id_number": "150602202609020019"})
    from archive.reference.citizen_id import check_digit

    case["subjects"][1]["id_number"] = "15060220260902001" + check_digit("15060220260902001")
    at_one_in_the_morning = datetime(2026, 9, 1, 17, tzinfo=UTC)
    assert "ID_INVALID" not in codes(case, now=at_one_in_the_morning)
    assert "ID_INVALID" in codes(case, now=datetime(2026, 9, 1, 15, tzinfo=UTC))


def test_ethnicity_must_be_confirmed_when_a_form_says_that_the_parents_differ() -> None:
    case = of_item("CS01")
    case["materials"][0]["data"] = {"父亲民族": "汉族", "母亲民族": "汉"}
    assert codes(case) == set()
    case["materials"][0]["data"]["母亲民族"] = "蒙古族"
    assert codes(case) == {"GD-2-9"}


@pytest.mark.parametrize(
    "item", ["BL01", "BL08", "HF01", "HF04", "BG02", "BG03", "BG04", "BG06", "BG07"]
)
def test_comparison_and_visit_are_asked_for_where_the_rule_demands_them(item: str) -> None:
    """MPS §9: 补录、恢复、改名、改性别、更正出生日期和号码."""
    case = of_item(item)
    assert codes(case) == set()
    case["materials"] = [
        material
        for material in case["materials"]
        if not any(word in material["type"] for word in ("比对", "走访", "调查", "谈话"))
    ]
    findings = [
        finding
        for finding in all_findings(inspect(subject_of(case), Phase.GD))
        if finding.code == "INVESTIGATION_MISSING"
    ]
    assert len(findings) == 2
    assert {finding.outcome for finding in findings} == {Outcome.CONFIRM}
    case["materials"].append(
        {
            "no": 50,
            "type": "人像比对与走访记录",
            "source": "SYSTEM_FORM",
            "form": "OTHER",
            "data": {},
            "pages": 1,
        }
    )
    assert codes(case) <= {"GD-2-9"}


def _missing(*titles: str) -> list[str]:
    return [kind.label for kind in missing_investigation(CATALOGUE.get("HF01", "2026-1"), titles)]


@pytest.mark.parametrize(
    ("title", "covered"),
    [
        ("邻里询问笔录", ["走访调查材料"]),
        ("入户核查记录", ["走访调查材料"]),
        ("知情人证言", ["走访调查材料"]),
        ("（村委会）情况核实报告", ["走访调查材料"]),
        ("人脸识别结果单", ["人像指纹比对材料"]),
        ("指 掌 纹 核 验 单", ["人像指纹比对材料"]),
        ("人口系统查重结果", ["人像指纹比对材料"]),
        ("人像比对与走访记录", ["人像指纹比对材料", "走访调查材料"]),
        ("指纹采集同意书", []),
        ("调查通知书", []),
        ("免于走访申请", []),
        ("重错号核查材料", []),
        ("居民户口簿", []),
    ],
)
def test_the_catalogue_says_by_which_names_comparison_and_visit_come(
    title: str, covered: list[str]
) -> None:
    both = ["人像指纹比对材料", "走访调查材料"]
    assert _missing(title) == [label for label in both if label not in covered]


def test_labels_and_headings_speak_for_an_investigation_as_names_do() -> None:
    case = of_item("HF01")
    case["materials"][-2]["type"] = "附件一"
    case["materials"][-2]["data"] = {"人像比对结果": "一致", "走访情况": None}
    case["materials"][-1] |= {"type": "附件二", "source": "SCANNED_PROOF", "files": ["m/9.pdf"]}
    del case["materials"][-1]["form"], case["materials"][-1]["data"]
    heard = Look("application/pdf", 1, texts=((1, "\n询 问 笔 录\n时间：某日"),))
    assert codes(case, looks={"m/9.pdf": heard}) == set()
    assert codes(case, looks={"m/9.pdf": Look("application/pdf", 1)}) == {"INVESTIGATION_MISSING"}


def test_no_comparison_is_asked_for_where_no_rule_demands_it() -> None:
    assert codes(of_item("BG05")) == set()
    assert codes(of_item("QR03")) == set()


def test_the_same_image_twice_is_told_also_within_one_file_and_blank_pages_are_no_images() -> None:
    paths = ["materials/004.jpg", "materials/005.jpg"]
    same = Look("image/jpeg", 1, pictures=("p",))
    assert codes(home(), looks=dict.fromkeys(paths, same)) == {"DUPLICATE_SCAN"}
    case = home()
    case["materials"][5]["pages"] = 2
    assert codes(case, looks={"materials/006.jpg": Look("image/jpeg", 2, pictures=("p", "p"))}) == {
        "DUPLICATE_SCAN"
    }
    case["materials"][5]["blank_pages"] = [1, 2]
    assert codes(case, looks={"materials/006.jpg": Look("image/jpeg", 2, blank=(1, 2))}) == set()


def _with_look(number: int, look: Look, **values: Any) -> set[str]:
    case = home()
    case["materials"][number].update(values)
    return codes(case, looks={case["materials"][number]["files"][0]: look})


def test_a_copy_of_a_page_of_the_same_case_is_told_and_the_very_same_image_only_once() -> None:
    case = home()
    case["materials"][5]["pages"] = 3
    path = case["materials"][5]["files"][0]

    def findings(pictures: tuple[str, ...], *copies: PageCopy) -> list[Finding]:
        look = Look(
            "image/jpeg", 3, pictures=pictures, prints=tuple((at, "0") for at in range(1, 4))
        )
        subject = replace(subject_of(case, looks={path: look}), copies=copies)
        return list(all_findings(inspect(subject, Phase.GD)))

    again = PageCopy((6, 3), (6, 1), Sameness.COPY)
    altered = PageCopy((6, 3), (6, 2), Sameness.ALTERED)
    assert findings(("p", "q", "r")) == []
    (finding,) = findings(("p", "q", "r"), again, altered)
    assert (finding.code, finding.outcome) == ("NEAR_COPY", Outcome.CONFIRM)
    assert "第 3 页疑为材料 6 第 1 页的副本" in finding.message
    assert {row.code for row in findings(("p", "q", "p"), again)} == {"DUPLICATE_SCAN"}


def test_pages_are_held_against_each_earlier_one_in_every_quarter_turn_and_by_layout() -> None:
    base, other, sheet = int("9a" * 64, 16), int("35" * 64, 16), int("6c" * 64, 16)
    turned = PageViews(other, (base ^ 0b1011 << 300, other, other))
    pages = {(6, 1): PageViews(base), (6, 2): PageViews(other), (7, 1): turned}
    assert list(candidates(pages)) == [((7, 1), (6, 2)), ((7, 1), (6, 1))]
    laid = {
        (6, 1): PageViews(base, (), (sheet, other)),
        (6, 2): PageViews(other, (), (other, sheet ^ 0b111 << 77)),
    }
    assert list(candidates(laid)) == [((6, 2), (6, 1))]


def test_only_captured_pages_are_held_against_each_other() -> None:
    case, print_ = home(), f"{1:0128x}"
    path = case["materials"][4]["files"][0]
    look = Look("image/jpeg", 2, pictures=("p", "q"), prints=((1, print_), (2, print_)))
    case["materials"][4]["pages"] = 2
    # Two certificates from one library may look alike: the fetch is their proof.
    assert subject_of(case, looks={path: look}).views() == {}
    case["materials"][4]["source"] = "SCANNED_PROOF"
    subject = subject_of(case, looks={path: look})
    assert list(subject.views()) == [(5, 1), (5, 2)]
    assert subject.located((5, 2)) == (subject.files_of(subject.facts.materials[4])[0], 2)
    assert subject.located((5, 3)) is None
    assert subject.located((99, 1)) is None


def test_a_page_that_cannot_be_read_is_told_of_what_can_be_captured_again() -> None:
    for code in ("TOO_DARK", "BLURRED", "CUT_OFF"):
        look = Look("image/jpeg", 1, pictures=("p",), unclear=((1, code),))
        assert _with_look(5, look) == {code}
        assert _with_look(4, look) == set()


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ("2026-09-05T12:00:00", {"GD-1-5"}),
        ("2026-09-01T18:00:00", set()),
        ("2001-01-01T00:00:00", set()),
    ],
)
def test_no_picture_is_taken_after_its_case_was_closed(taken: str, expected: set[str]) -> None:
    look = Look("image/jpeg", 1, pictures=("p",), taken=((1, taken),))
    assert _with_look(5, look) == expected
    # What is scanned later says so, and a supplement comes later by its nature.
    assert _with_look(5, look, captured_at="2026-09-06T09:00:00+08:00") == set()
    case = home() | {"supplement": True}
    assert codes(case, looks={"materials/006.jpg": look}) == set()


def test_the_fetched_file_is_the_one_that_is_proven_and_not_any_one() -> None:
    case = home()
    sound = "0" * 63 + "5"
    case["materials"][4] |= {"source_ref": {**case["materials"][4]["source_ref"], "sha256": sound}}
    assert codes(case) == set()
    subject = subject_of(case)
    forged = LookedFile(
        5, "materials/forged.jpg", "f" * 64, 1, Look("image/jpeg", 1, pictures=("f",))
    )

    def with_files(*files: LookedFile) -> set[str]:
        others = tuple(file for file in subject.files if file.material_no != 5)
        changed = Subject(
            subject.facts, subject.item, subject.snapshot, ORGANISATIONS, (*others, *files), NOW
        )
        return {finding.code for finding in all_findings(inspect(changed, Phase.GD))} & {
            "GD-1-1",
            "EVIDENCE_PARTIAL",
        }

    proven = next(file for file in subject.files if file.material_no == 5)
    ofd = LookedFile(5, "materials/5.ofd", sound, 1, Look("application/ofd"))
    assert with_files(forged, proven) == {"GD-1-1"}
    assert with_files(proven, forged) == {"EVIDENCE_PARTIAL"}
    assert with_files(forged, ofd) == set()


def test_every_check_says_which_codes_it_gives_and_every_phase_has_checks_of_all_four_kinds() -> (
    None
):
    assert set().union(*(check.codes for check in CHECKS)) <= rules().keys()
    for phase in Phase:
        assert {check.item[0] for check in CHECKS if phase in check.phases} == {"1", "2", "3", "4"}


@pytest.mark.parametrize(("change", "code"), CITYWIDE_FAULTS)
def test_a_check_gives_no_code_but_its_own(change: Callable[[Case], None], code: str) -> None:
    case = copy.deepcopy(citywide())
    change(case)
    subject = subject_of(case)
    for check in CHECKS:
        assert {finding.code for finding in check.run(subject)} <= check.codes
    assert code in {finding.code for check in CHECKS for finding in check.run(subject)}


def test_a_report_names_each_check_with_its_phase_and_what_it_found() -> None:
    case = citywide()
    case["process"].remove(_event(case, "REVIEW"))
    report = inspect(subject_of(case), Phase.YJ)
    assert all(row.code.startswith("YJ-") for row in report)
    assert [row.name for row in report if row.findings] == ["环节完整"]
