"""A case that the window closed becomes a volume: signed on the screen, its course on its sheet."""

import json
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from archive.arrangement.course import course_record, course_tables, signed_marks
from archive.arrangement.plan import form_sheet
from archive.compile.signature_art import form_data, signature_svg
from archive.preservation.verify import committed
from archive.reference.case_facts import CaseFacts
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from archive.reference.strokes import SignatureError, check_strokes, fault_of
from tests.support.factories import OTHER, page, sound_case
from tests.support.holdings import CASE_NO, holdings
from tests.support.window_cases import STROKES, signature, window_case

ORGANISATIONS = load_organisations()
POINT = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 60_000), st.floats(0, 1))


def words(text: str) -> str:
    return "".join(text.split())


def test_a_case_of_the_window_becomes_a_volume_that_shows_its_course(
    tmp_path: Path, engine: Engine, keys: Path
) -> None:
    archive, case = holdings(tmp_path, engine, keys), window_case(CASE_NO, receive=OTHER)
    late = {**case["materials"][5], "no": 7, "type": "申请人指纹", "files": ["materials/007.jpg"]}
    case["materials"].append(late | {"captured_at": "2026-09-01T09:04:00+08:00"})
    case["signatures"] = [
        signature(case) | {"fingerprint": "materials/007.jpg"},
        signature(case, form="APPROVAL"),
    ]
    taken = archive.deliver("bag", case, {"materials/007.jpg": page(177)})
    assert [(row.code, row.message) for row in taken.findings] == []
    archive.freeze()
    archive.make()
    (version,) = committed(engine)
    process = json.loads(archive.store.read(f"{version.prefix}/process.json"))
    assert process["flow"] == case["flow"]
    assert process["clocks"][0]["spans"][0]["reason"] == "CORRECTION"
    assert process["clocks"][0]["alerts"][0]["rung"] == "YELLOW"
    assert process["returns"][0]["reason"] == case["returns"][0]["reason"]
    assert process["seal_uses"][0]["use_no"] == "YZ-20260901-0001"
    assert {row["trust"] for row in process["trust"]} == {"A", "B"}
    assert [row["strokes"] for row in process["signatures"]] == [4, 4]
    assert case["applicant"]["id_number"] not in json.dumps(process, ensure_ascii=False)
    kept = json.loads(archive.store.read(f"{version.prefix}/case.json"))
    assert kept["signatures"][0]["strokes"][0][0] == [0.1, 0.2, 0, 0.3]
    document = pypdfium2.PdfDocument(archive.store.read(f"{version.prefix}/volume.pdf"))
    try:
        text = words("".join(sheet.get_textpage().get_text_range() for sheet in document))
    finally:
        document.close()
    for shown in (
        "办理期限",
        "停计",
        "2026-09-0109:20至2026-09-0109:40：补正",
        "退回与结局",
        "人证一致",
        "屏幕签名",
        "电子印章使用",
        "材料可信等级",
        "指纹见材料“申请人指纹”",
    ):
        assert words(shown) in text
    assert text.count(words("申请人签名2026-09-01 09:05")) == 2


def test_version_1_has_neither_tables_nor_marks_nor_more_in_process_json() -> None:
    facts = CaseFacts.model_validate(sound_case(CASE_NO))
    assert course_tables(facts, ORGANISATIONS) == ()
    assert course_record(facts) == {}
    assert all(signed_marks(facts, material.no) == () for material in facts.materials)


def test_what_came_after_signing_stands_apart_on_the_receipt() -> None:
    case = window_case()
    late = {**case["materials"][5], "no": 7, "type": "走访调查材料", "files": ["materials/7.jpg"]}
    case["materials"].append(late | {"captured_at": "2026-09-01T11:30:00+08:00"})
    facts = CaseFacts.model_validate(case)
    item = load_catalogue().get("CS02", "2026-1")
    fields = dict(form_sheet(facts.materials[0], facts, item, ORGANISATIONS).fields)
    assert fields["收取材料"] == "出生医学证明、母亲居民户口簿、非婚生育说明"
    assert fields["签名后收取"] == "走访调查材料"


@given(st.lists(st.lists(POINT, min_size=1, max_size=6), max_size=5))
def test_every_recording_is_drawn_or_refused_and_the_same_twice(
    strokes: list[list[tuple[float, float, float, float]]],
) -> None:
    drawing = signature_svg(strokes)
    assert drawing == signature_svg(strokes)
    assert "nan" not in drawing
    segments = sum(max(len(stroke) - 1, 0) for stroke in strokes)
    assert drawing.count("<path") == segments
    times = [point[2] for stroke in strokes for point in stroke]
    if times != sorted(times):
        assert fault_of(strokes) == "笔迹的时间先后颠倒"


@pytest.mark.parametrize(
    ("strokes", "why"),
    [
        ([], "没有笔迹"),
        ([[(0.5, 0.5, 0, 0.5)]], "笔迹过少"),
        ([[(0.5, 0.5, at, 0.5) for at in range(20)]], "笔迹过小"),
        ([[(at / 40, at / 20, 20 - at, 0.5) for at in range(20)]], "先后颠倒"),
        ([[(at / 10, 0.5, at, 0.5) for at in range(20)]], "超出签名框"),
        ([[(at / 40, at / 20, at * 60_000, 0.5) for at in range(20)]], "历时过长"),
        ([[(0.5, 0.5, 0, 0.5)] * 20_001], "点过多"),
    ],
)
def test_what_is_no_signature_is_refused_with_what_to_do(
    strokes: list[list[tuple[float, float, float, float]]], why: str
) -> None:
    with pytest.raises(SignatureError) as raised:
        check_strokes(strokes)
    assert why in raised.value.message
    assert "重新签名" in raised.value.action


def test_pressure_is_the_width_of_the_line() -> None:
    light, hard = [(0.1, 0.1, 0, 0.0), (0.2, 0.2, 1, 0.0)], [(0.1, 0.1, 0, 1.0), (0.2, 0.2, 1, 1.0)]
    assert 'stroke-width="1.20"' in signature_svg([light])
    assert 'stroke-width="7.00"' in signature_svg([hard])
    assert "<circle" in signature_svg([[(0.5, 0.5, 0, 0.5)]])


def test_a_sound_signature_is_taken() -> None:
    check_strokes([[(x, y, t, p) for x, y, t, p in stroke] for stroke in STROKES])


def test_the_data_of_a_form_holds_the_drawing_and_no_strokes() -> None:
    facts = CaseFacts.model_validate(window_case())
    item = load_catalogue().get("CS02", "2026-1")
    (mark,) = form_data(form_sheet(facts.materials[0], facts, item, ORGANISATIONS))["marks"]
    assert mark["svg"].startswith("<svg")
    assert set(mark) == {"label", "notes", "svg"}
