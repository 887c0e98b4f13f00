from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from ingest.intake.submission import inspect_submission
from ingest.package.bag import read_bag
from tests.resources import bags
from tests.support.factories import OTHER, enabled_items, make_bag, sound_case

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def codes(folder: Path) -> set[str]:
    """Inspect a bag; the codes found."""
    return {
        row.code
        for row in inspect_submission(read_bag(folder), CATALOGUE, ORGANISATIONS, now=NOW).findings
    }


@pytest.mark.parametrize("receive", ["150602010000", OTHER])
def test_a_sound_package_has_no_findings(tmp_path: Path, receive: str) -> None:
    assert codes(make_bag(tmp_path / "bag", receive=receive)) == set()


def _drop_material(case: dict[str, Any]) -> None:
    case["materials"].pop()


def _declare_more(case: dict[str, Any]) -> None:
    case["materials"][3]["pages"] = 2


def _wrong_id(case: dict[str, Any]) -> None:
    case["applicant"] = {**case["applicant"], "id_number": "150602199001010017"}


def _home_only(case: dict[str, Any]) -> None:
    case["item"]["code"] = next(
        item.code for item in enabled_items(CATALOGUE) if item.mode == "HOME_ONLY"
    )


def _skip_node(case: dict[str, Any]) -> None:
    del case["process"][2]


def _unknown_org(case: dict[str, Any]) -> None:
    case["orgs"]["accept"] = "110105000000"


def _same_person(case: dict[str, Any]) -> None:
    case["process"][4]["actor_no"] = "1"


def _strange_field(case: dict[str, Any]) -> None:
    case["surprise"] = 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_drop_material, "GD-2-9"),
        (_declare_more, "GD-2-7"),
        (_wrong_id, "ID_INVALID"),
        (_home_only, "MODE_VIOLATION"),
        (_skip_node, "GD-2-5"),
        (_unknown_org, "ORG_UNKNOWN"),
        (_same_person, "SAME_PERSON"),
        (_strange_field, "SCHEMA"),
    ],
)
def test_each_fault_of_the_facts_is_found_under_its_code(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], code: str
) -> None:
    case = sound_case("150622020000-20260901-000001", receive=OTHER)
    change(case)
    folder = make_bag(
        tmp_path / "bag",
        case=case,
        files={"materials/006.jpg": b""} if change is _drop_material else None,
    )
    assert code in codes(folder)


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"materials/004.jpg": b""}, "FILE_MISSING"),
        ({"materials/009.jpg": b"x"}, "EXTRA_FILE"),
        ({"materials/004.jpg": b"\xff\xd8\xff garbage"}, "GD-3-4"),
        ({"materials/004.jpg": b"%PDF-1.7 garbage"}, "GD-3-4"),
        ({"materials/004.jpg": b"GIF89a"}, "FORMAT_UNKNOWN"),
    ],
)
def test_each_fault_of_the_files_is_found_under_its_code(
    tmp_path: Path, files: dict[str, bytes], code: str
) -> None:
    assert code in codes(make_bag(tmp_path / "bag", files=files))


def test_a_file_that_differs_from_the_manifest_is_found(tmp_path: Path) -> None:
    folder = make_bag(tmp_path / "bag")
    path = folder / "data" / "materials" / "004.jpg"
    path.write_bytes(path.read_bytes() + b"x")
    assert "GD-1-14" in codes(folder)


def test_a_link_out_of_the_bag_is_not_followed(tmp_path: Path) -> None:
    folder = make_bag(tmp_path / "bag")
    (folder / "data" / "link").symlink_to("/etc/passwd")
    assert codes(folder) == {"BAG_UNSAFE"}


def test_no_finding_repeats_an_id_number_or_a_name(tmp_path: Path) -> None:
    case = sound_case("150602010000-20260901-000001")
    case["applicant"]["id_number"] = "150602199001010017"
    case["subjects"][0]["phone"] = {"not": "text"}
    findings = inspect_submission(
        read_bag(make_bag(tmp_path / "bag", case=case)), CATALOGUE, ORGANISATIONS, now=NOW
    ).findings
    assert findings
    assert not any("测某" in str(row) or "150602199001010017" in str(row) for row in findings)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.integers(0, 10_000), junk=st.binary(max_size=40))
def test_no_bytes_in_case_json_crash_the_inspection(tmp_path: Path, at: int, junk: bytes) -> None:
    folder = tmp_path / "bag"
    if not folder.exists():
        make_bag(folder)
        (folder / "whole").write_bytes((folder / "data" / "case.json").read_bytes())
    whole = (folder / "whole").read_bytes()
    (folder / "data" / "case.json").write_bytes(
        whole[: at % len(whole)] + junk + whole[at % len(whole) :]
    )
    codes(folder)


def test_no_finding_repeats_a_number_hidden_in_a_key_a_path_or_an_item_code(tmp_path: Path) -> None:
    number = "150602199001010016"
    strange = {**sound_case("150602010000-20260901-000001"), number: 1}
    coded = sound_case("150602010000-20260901-000001")
    coded["item"]["code"] = number
    for name, case in (("strange", strange), ("coded", coded)):
        folder = make_bag(tmp_path / name, case=case, files={f"materials/{number}.jpg": b"x"})
        findings = inspect_submission(read_bag(folder), CATALOGUE, ORGANISATIONS, now=NOW).findings
        assert findings
        assert number not in str([row.public() for row in findings])


def test_a_home_case_received_and_approved_by_one_person_is_noted_and_not_held_up(
    tmp_path: Path,
) -> None:
    case = sound_case("150602010000-20260901-000001")
    for event in case["process"]:
        event["actor_no"] = "1"
    assert codes(make_bag(tmp_path / "bag", case=case)) == {"SAME_PERSON_HOME"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"name": "测某"', '"name": "测\\u0000某"'),
        ('"name": "测某"', '"name": "测\\u001b[31m某"'),
        ('"name": "测某"', '"name": "测\\ud800某"'),
        ('"name": "测某"', '"name": "测某", "name": "另某"'),
        ('"data": {}', '"data": {"数": NaN}'),
        ('"data": {}', '"data": {"数": ' + "9" * 5000 + "}"),
        ('"data": {}', '"data": ' + '{"a":' * 5000 + "1" + "}" * 5000),
        ("2026-09-01T10:00:00+08:00", "0001-01-01T00:00:00+14:00"),
        ("2026-09-01T10:00:00+08:00", "9999-12-31T23:59:59-12:00"),
        ("2026-09-01T10:00:00+08:00", "2026-09-01T10:00:00"),
        ('"pages": 1', '"pages": 1e9'),
    ],
)
def test_what_no_database_or_clock_can_hold_is_refused_as_schema(
    tmp_path: Path, old: str, new: str
) -> None:
    folder = make_bag(tmp_path / "bag")
    text = (folder / "data" / "case.json").read_text("utf-8")
    assert old in text
    files = {**bags.members(folder), "data/case.json": text.replace(old, new, 1).encode()}
    assert codes(bags.folder_of(tmp_path / "changed", bags.resealed(files))) == {"SCHEMA"}


def test_who_settles_from_abroad_may_apply_without_a_number_and_nobody_else(tmp_path: Path) -> None:
    settling = next(item.code for item in enabled_items(CATALOGUE) if item.series == "SY")
    case = sound_case("150602010000-20260901-000001")
    del case["applicant"]["id_number"]
    assert "ID_INVALID" in codes(make_bag(tmp_path / "birth", case=case))
    case["item"]["code"] = settling
    assert "ID_INVALID" not in codes(make_bag(tmp_path / "settling", case=case))
