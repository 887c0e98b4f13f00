"""case.json is read to the last digit, and what is wrong with it is told with the right form."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.reference.case_facts import CaseFacts
from archive.reference.exact_json import as_digits
from archive.reference.findings import Finding
from ingest.intake.facts import read_facts
from ingest.package.bag import Bag
from ingest.package.payload import PayloadFile
from tests.support.factories import sound_case

CASE_NO = "150602010000-20260901-000001"


def read(folder: Path, data: bytes) -> tuple[CaseFacts | None, list[Finding]]:
    (folder / "case.json").write_bytes(data)
    return read_facts(
        Bag("bag", {"case.json": PayloadFile(folder, "case.json", len(data))}, "", ())
    )


def with_form(written: str) -> bytes:
    """The case with this text of JSON as the data of its third form."""
    case = sound_case(CASE_NO)
    case["materials"][2]["data"] = "FORM"
    return json.dumps(case, ensure_ascii=False).replace('"FORM"', written).encode()


def with_moment(written: str) -> bytes:
    """The case with this text of JSON as the time of its first step."""
    case = sound_case(CASE_NO)
    case["process"][0]["at"] = "TIME"
    return json.dumps(case).replace('"TIME"', written).encode()


@pytest.mark.parametrize(
    "written",
    [
        "2026-09-01T09:00:00+08:00",
        "2026-09-01T01:00:00Z",
        "2026-09-01T09:00+08:00",
        "2026-09-01T09:00:00.123456+08:00",
        "2026-09-01T09:00:00,5+08:00",
        "2026-08-31T21:00:00-04:00",
    ],
)
def test_a_time_of_iso_8601_with_its_offset_is_read(tmp_path: Path, written: str) -> None:
    facts, findings = read(tmp_path, with_moment(f'"{written}"'))
    assert findings == []
    assert facts is not None
    assert facts.process[0].at.tzinfo is not None


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ('"20260901"', "2026-09-01T09:00:00+08:00"),
        ("20260901", "2026-09-01T09:00:00+08:00"),
        ("1788224400", "2026-09-01T09:00:00+08:00"),
        ('"1788224400.5"', "2026-09-01T09:00:00+08:00"),
        ("1.5", "2026-09-01T09:00:00+08:00"),
        ("true", "2026-09-01T09:00:00+08:00"),
        ("null", "2026-09-01T09:00:00+08:00"),
        ('"2026-09-01"', "带时区"),
        ('"2026-09-01T09:00:00"', "带时区"),
        ('"2026-09-01 09:00:00+08:00"', "带时区"),
        ('"2026-09-01T09:00:00+0800"', "+08:00"),
        ('"2026-09-01T09:00:00+08"', "+08:00"),
        ('"20260901T090000+0800"', "+08:00"),
        ('"2026-09-01t09:00:00z"', "带时区"),
        ('"2026-09-01T09:00:00-00:00"', "带时区"),
        ('"2026-02-30T09:00:00+08:00"', "带时区"),
        ('"2026-09-01T24:00:00+08:00"', "次日 00:00"),
        ('"2016-12-31T23:59:60Z"', "闰秒"),
        ('"２０２６-09-01T09:00:00+08:00"', "带时区"),
        ('"1026-09-01T09:00:00+08:00"', "1900"),
    ],
)
def test_any_other_time_is_told_with_its_field_and_the_right_form(
    tmp_path: Path, written: str, word: str
) -> None:
    facts, (row,) = read(tmp_path, with_moment(written))
    assert facts is None
    assert (row.code, row.place) == ("SCHEMA", "case.json:process.0.at")
    assert "process 第 1 项 at" in row.message
    assert word in row.message


@pytest.mark.parametrize(
    "written", [20261106, "20261106", "2026-11-06T00:00:00+08:00", 1.5, "2026-2-3", "2026-02-30"]
)
def test_a_day_is_read_in_its_one_form_only(tmp_path: Path, written: object) -> None:
    case = sound_case(CASE_NO) | {"due_on": written}
    facts, (row,) = read(tmp_path, json.dumps(case).encode())
    assert facts is None
    assert row.place == "case.json:due_on"
    assert "2026-09-01" in row.message


def test_numbers_of_a_form_keep_their_digits(tmp_path: Path) -> None:
    written = (
        '{"编号": 12345678901234567, "比例": 1e+16, "面积": 98.10, "小": 1.50E-3, "负": -0,'
        ' "长": 0.12345678901234567890123, "大": 123456789012345678901234567890,'
        ' "是": true, "否": false, "空": null, "文": "1e5"}'
    )
    facts, findings = read(tmp_path, with_form(written))
    assert findings == []
    assert facts is not None
    assert facts.materials[2].data == {
        "编号": "12345678901234567",
        "比例": "10000000000000000",
        "面积": "98.10",
        "小": "0.00150",
        "负": "-0",
        "长": "0.12345678901234567890123",
        "大": "123456789012345678901234567890",
        "是": True,
        "否": False,
        "空": None,
        "文": "1e5",
    }


def test_facts_are_the_same_after_they_were_kept_as_json(tmp_path: Path) -> None:
    facts, _ = read(tmp_path, with_form('{"编号": 12345678901234567, "是": true, "空": null}'))
    assert facts is not None
    assert CaseFacts.model_validate(facts.model_dump(mode="json")) == facts


@pytest.mark.parametrize("written", ['{"甲": {"乙": 1}}', '{"甲": [1, 2]}', '{"甲": [[[]]]}'])
def test_a_nested_value_of_a_form_is_refused_in_one_finding(tmp_path: Path, written: str) -> None:
    facts, (row,) = read(tmp_path, with_form(written))
    assert facts is None
    assert row.place == "case.json:materials.2.data"
    assert "不得嵌套" in row.message
    assert "甲" not in row.message


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ("{".encode("utf-16"), "UTF-8"),
        ('{"名": 1}'.encode("gb18030"), "UTF-8"),
        (b"{", "JSON"),
        (b'{"a": NaN}', "JSON"),
        (b'{"a": 1, "a": 1}', "重复"),
        (b"[" * 100_000, "嵌套"),
        (b'{"spec": "\\ud800"}', "JSON"),
    ],
)
def test_what_is_no_json_is_told_in_words(tmp_path: Path, data: bytes, word: str) -> None:
    facts, (row,) = read(tmp_path, data)
    assert facts is None
    assert row.code == "SCHEMA"
    assert word in row.message


def test_a_byte_order_mark_before_case_json_is_no_text(tmp_path: Path) -> None:
    facts, findings = read(tmp_path, b"\xef\xbb\xbf" + json.dumps(sound_case(CASE_NO)).encode())
    assert (facts is not None, findings) == (True, [])


@given(
    written=st.from_regex(
        r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
    )
)
def test_plain_digits_mean_the_number_that_was_written(written: str) -> None:
    digits = as_digits(written)
    assert not set(digits) & set("eE")
    assert Decimal(digits) == Decimal(written)
