"""Version 2 of a submission is read strictly; version 1 is taken as it always was."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.demo.cases import make_case
from archive.reference.case_facts import SPEC_2, CaseFacts
from archive.reference.case_rules import faults_of
from archive.reference.findings import Finding
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from ingest.intake.facts import read_facts
from ingest.intake.submission import inspect_submission
from ingest.package.bag import Bag, read_bag
from ingest.package.payload import PayloadFile
from tests.support import submission_schema
from tests.support.factories import OTHER, make_bag, sound_case
from tests.support.window_cases import CASE_NO, window_case

Case = dict[str, Any]
VALIDATOR = jsonschema_rs.validator_for(submission_schema.schema(), validate_formats=True)
LATER = ("flow", "ending", "clocks", "returns", "identity_checks", "signatures", "rating")
SHAPE = ("没有这个字段", "缺少该字段", "不在允许的取值之内")
"""What a rule says where the schema says it too."""


def read(folder: Path, case: Case) -> tuple[CaseFacts | None, list[Finding]]:
    data = json.dumps(case, ensure_ascii=False).encode()
    (folder / "case.json").write_bytes(data)
    return read_facts(
        Bag("bag", {"case.json": PayloadFile(folder, "case.json", len(data))}, "", ())
    )


def changed(change: Callable[[Case], object]) -> Case:
    case = copy.deepcopy(window_case())
    change(case)
    return case


def test_a_case_of_version_2_is_read_with_all_that_it_states(tmp_path: Path) -> None:
    facts, findings = read(tmp_path, window_case())
    assert findings == []
    assert facts is not None
    assert facts.spec == SPEC_2
    assert facts.clocks[0].spans[0].end > facts.clocks[0].spans[0].start
    assert CaseFacts.model_validate(facts.model_dump(mode="json")) == facts


def test_a_case_of_version_1_is_kept_without_a_field_of_version_2() -> None:
    kept = CaseFacts.model_validate(sound_case(CASE_NO)).model_dump(mode="json")
    assert not set(kept) & set(LATER)
    assert all("trust" not in material for material in kept["materials"])


def test_a_sound_package_of_version_2_brings_no_finding(tmp_path: Path) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    for receive in (None, OTHER):
        case = window_case(receive=receive) if receive else window_case()
        bag = read_bag(make_bag(tmp_path / f"bag-{receive}", case=case))
        submission = inspect_submission(bag, load_catalogue(), load_organisations(), now=now)
        assert submission.findings == ()


FAULTS: dict[str, tuple[Callable[[Case], object], str, str]] = {
    "a time that is none": (
        lambda case: case["clocks"][0]["spans"][0].update({"from": "2026-09-01"}),
        "clocks.0.spans.0.from",
        "带时区",
    ),
    "an unknown value": (
        lambda case: case["clocks"][0].update(kind="LUNCH"),
        "clocks.0.kind",
        "不在允许的取值之内",
    ),
    "an unknown end": (
        lambda case: case.update(ending="LOST"),
        "ending",
        "不在允许的取值之内",
    ),
    "no end": (lambda case: case.pop("ending"), "ending", "缺少该字段"),
    "a field that nobody knows": (
        lambda case: case["rating"].update(comment="好"),
        "rating.（未知字段）",
        "没有这个字段",
    ),
    "a score that is a text": (
        lambda case: case["rating"].update(score="5"),
        "rating.score",
        "须为数字",
    ),
    "a point outside the field": (
        lambda case: case["signatures"][0]["strokes"][0].append([1.2, 0, 0, 0]),
        "signatures.0.strokes.0.4.0",
        "数值过大",
    ),
    "a pause outside its clock": (
        lambda case: case["clocks"][0]["spans"][0].update({"to": "2026-09-02T09:00:00+08:00"}),
        "clocks.0.spans.0",
        "起止之内",
    ),
    "a pause that ends before it begins": (
        lambda case: case["clocks"][0]["spans"][0].update({"to": "2026-09-01T09:10:00+08:00"}),
        "clocks.0.spans.0.to",
        "晚于 from",
    ),
    "two pauses at once": (
        lambda case: case["clocks"][0]["spans"].append(
            {
                "from": "2026-09-01T09:30:00+08:00",
                "to": "2026-09-01T09:50:00+08:00",
                "reason": "EXTENSION",
            }
        ),
        "clocks.0.spans.1",
        "与第 1 项的时间重叠",
    ),
    "a lamp lit twice": (
        lambda case: case["clocks"][0]["alerts"].append(case["clocks"][0]["alerts"][0]),
        "clocks.0.alerts.1.rung",
        "只亮一次",
    ),
    "a clock that ends before it starts": (
        lambda case: case["clocks"][0].update(
            ended_at="2026-08-01T09:00:00+08:00", spans=[], alerts=[]
        ),
        "clocks.0.ended_at",
        "不得早于",
    ),
    "a signature of no material": (
        lambda case: case["signatures"][0].update(material=99),
        "signatures.0.material",
        "没有这一件材料",
    ),
    "a signature of another form": (
        lambda case: case["signatures"][0].update(material=2),
        "signatures.0.material",
        "不是 form 所称的电子表单",
    ),
    "a fingerprint that is no file": (
        lambda case: case["signatures"][0].update(fingerprint="materials/099.png"),
        "signatures.0.fingerprint",
        "某一件材料",
    ),
    "an end that no return states": (
        lambda case: case.update(ending="NOT_APPROVED"),
        "ending",
        "须在 returns 中写明理由",
    ),
    "an end beside another in the returns": (
        lambda case: case["returns"][0].update(kind="WITHDRAWN"),
        "ending",
        "申请人撤回",
    ),
    "two ends": (
        lambda case: case.update(
            ending="WITHDRAWN",
            returns=[
                case["returns"][0] | {"kind": "WITHDRAWN"},
                case["returns"][0] | {"kind": "NOT_ACCEPTED"},
            ],
        ),
        "returns.1.kind",
        "只有一个结局",
    ),
    "no device and no reason": (
        lambda case: case["identity_checks"][0].update(result="NO_DEVICE", device=None, score=None),
        "identity_checks.0.reason",
        "写明原因",
    ),
    "a comparison without a device": (
        lambda case: case["identity_checks"][0].update(device=None),
        "identity_checks.0.device",
        "NO_DEVICE",
    ),
    "a use of a seal numbered twice": (
        lambda case: case["seal_uses"].append(case["seal_uses"][0]),
        "seal_uses.1.use_no",
        "重复",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_a_block_is_told_with_its_place_and_what_is_right(
    tmp_path: Path, name: str
) -> None:
    change, place, words = FAULTS[name]
    facts, findings = read(tmp_path, changed(change))
    assert facts is None
    assert {row.code for row in findings} == {"SCHEMA"}
    named = [row for row in findings if row.place == f"case.json:{place}"]
    assert [words in row.message for row in named] == [True]


@pytest.mark.parametrize("field", LATER)
def test_version_1_has_no_field_of_version_2(tmp_path: Path, field: str) -> None:
    facts, (row,) = read(tmp_path, sound_case(CASE_NO) | {field: window_case()[field]})
    assert facts is None
    assert row.place == f"case.json:{field}"
    assert "没有这个字段" in row.message


def test_version_1_has_no_trust_no_number_of_a_seal_and_no_investigation(tmp_path: Path) -> None:
    case = sound_case(CASE_NO)
    case["materials"][0]["trust"] = "A"
    case["seal_uses"] = window_case()["seal_uses"]
    case["process"][1]["node"] = "INVESTIGATE"
    facts, findings = read(tmp_path, case)
    assert facts is None
    assert {row.place.partition(":")[2] for row in findings} >= {
        "materials.0.trust",
        "seal_uses.0.use_no",
        "process.1.node",
    }


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    facts, (row,) = read(tmp_path, window_case() | {"spec": "case-submission/3"})
    assert facts is None
    assert (row.place, row.code) == ("case.json:spec", "SCHEMA")


def test_the_schema_is_the_one_of_the_models() -> None:
    assert submission_schema.SCHEMA.read_text("utf-8") == submission_schema.written()


def test_the_page_names_every_field_of_the_schema() -> None:
    page = submission_schema.SCHEMA.with_name("submission.md").read_text("utf-8")
    assert [name for name in set(submission_schema.texts()) if name not in page] == []


def test_the_example_of_the_page_is_of_the_schema(tmp_path: Path) -> None:
    page = submission_schema.SCHEMA.with_name("submission.md").read_text("utf-8")
    blocks = json.loads(page.partition("```json\n")[2].partition("```")[0])
    case = window_case() | blocks
    assert VALIDATOR.is_valid(case)
    assert read(tmp_path, case)[1] == []


@pytest.mark.parametrize("case", [sound_case(CASE_NO), window_case(), window_case(receive=OTHER)])
def test_sound_packages_are_of_the_schema(case: Case) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(case)] == []


@pytest.mark.parametrize("index", range(0, 102, 17))
def test_packages_of_the_demonstration_are_of_the_schema(index: int) -> None:
    case = make_case(1, index, load_catalogue(), load_organisations()).facts
    assert [error.message for error in VALIDATOR.iter_errors(case)] == []


def _paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    rows = [path] if path else []
    if isinstance(value, dict):
        return rows + [row for key, item in value.items() for row in _paths(item, (*path, key))]
    if isinstance(value, list):
        return rows + [row for at, item in enumerate(value) for row in _paths(item, (*path, at))]
    return rows


BLOCK_PATHS = [
    path for path in _paths(window_case()) if path[0] in LATER or path[-1] in {"trust", "use_no"}
]
ANYTHING: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(
            None,
            "",
            "x",
            0,
            1,
            -1,
            1.5,
            5.0,
            True,
            False,
            [],
            {},
            [[]],
            [{}],
            "ISSUED",
            "A",
            "CITY",
        ),
        *("2026-09-01T09:30:00+08:00", "2026-09-01T09:30+08:00", "2026-09-01T09:30:00", "1e9"),
        *("2026-09-01", "20260901", "24:00", "x" * 201, "x" * 2001, "5f" * 32, "\u0007", 10**9),
        *("REVIEW", "INVESTIGATE", "RECEIPT", "PROMISE", "NO_DEVICE", "150602010000", 0.5, 1e-9),
    ]
)


def _place(case: Case, path: tuple[str | int, ...]) -> Any:
    place: Any = case
    for part in path[:-1]:
        place = place[part]
    return place


def reads(case: Case) -> bool:
    """Whether the reader takes the shape of a case; what parts must agree on is left aside."""
    try:
        facts = CaseFacts.model_validate(case)
    except ValidationError:
        return False
    return not any(words in SHAPE for _, words in faults_of(facts))


@settings(max_examples=300)
@given(
    path=st.sampled_from(BLOCK_PATHS),
    value=ANYTHING,
    way=st.sampled_from(["put", "drop", "add", "repeat"]),
    version=st.sampled_from([SPEC_2, SPEC_2, SPEC_2, "case-submission/1"]),
)
def test_schema_and_reader_agree_on_the_blocks_of_version_2(
    path: tuple[str | int, ...], value: object, way: str, version: str
) -> None:
    case = copy.deepcopy(window_case()) | {"spec": version}
    place = _place(case, path)
    if way == "put":
        place[path[-1]] = value
    elif way == "drop":
        del place[path[-1]]
    elif way == "add" and isinstance(place, dict):
        place["another"] = value
    elif way == "repeat" and isinstance(place, list):
        place.append(copy.deepcopy(place[0]))
    assert VALIDATOR.is_valid(case) == reads(case)


@settings(max_examples=300)
@given(path=st.sampled_from(_paths(window_case())), value=ANYTHING)
def test_what_the_schema_takes_the_reader_takes(path: tuple[str | int, ...], value: object) -> None:
    case = copy.deepcopy(window_case())
    _place(case, path)[path[-1]] = value
    assert reads(case) or not VALIDATOR.is_valid(case)
