"""The generated sheets: the right pages, nothing lost, the same bytes again."""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from resource import getpagesize

import pikepdf
import pypdfium2 as pdfium
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.arrangement.plan import FormSheet
from archive.checking.acts import Decision
from archive.compile import sheets
from archive.compile.inspection_sheet import inspection_sheet
from archive.compile.seal_art import seal_pdf
from archive.compile.sheets import (
    SEAL_BOX,
    InspectionSheet,
    SheetRow,
    Sheets,
    SheetsInput,
    render_sheets,
)
from archive.inspection.report import report
from archive.inspection.table import CHECKS, Phase
from archive.reference.findings import rules
from archive.reference.vocabulary import FormKind

SEALED = "电子印章 · 用章记录 2026-03-04 16:41，天骄派出所调用"
DECISIONS = (
    Decision(
        "演示核对员（152327）", datetime(2026, 3, 5, 8, tzinfo=UTC), "与原件一致", ("BLANK_PAGE",)
    ),
)
PROCESS = (
    ("收件", "东胜区天骄派出所", "王芳", "2026-03-02 09:15", "同意", "材料齐全，予以收件。", ""),
    ("审核", "东胜区公安分局", "李强", "2026-03-03 10:00", "同意", "经审核，符合迁入条件。", ""),
    ("审批", "鄂尔多斯市公安局", "赵敏", "2026-03-04 16:40", "同意", "同意迁入。", SEALED),
)
FIELDS = (
    ("申请人", "张三"),
    ("公民身份号码", "150602199001010011"),
    ("联系电话", "13800000000"),
    ("事项", "夫妻投靠迁入"),
    ("申请理由", "因与配偶共同生活，申请将户口由外地迁入配偶户内，随配偶共同居住生活。"),
    ("备注", ""),
)


def form(key: str, kind: FormKind, fields: int = 6) -> FormSheet:
    return FormSheet(key, kind, kind.label, (FIELDS * 40)[:fields], PROCESS)


def row(no: int, pages: int | None, key: str | None = None, title: str = "结婚证") -> SheetRow:
    return SheetRow(no, title, "东胜区天骄派出所", "2026-03-02", "扫描录入的证明", pages, key, "")


def inspected(*findings: Mapping[str, str]) -> InspectionSheet:
    return inspection_sheet(
        report(findings, Phase.GD),
        Phase.GD,
        datetime(2026, 3, 5, 2, tzinfo=UTC),
        decisions=DECISIONS,
    )


def volume(
    rows: tuple[SheetRow, ...], forms: tuple[FormSheet, ...] = (), **more: object
) -> SheetsInput:
    base = SheetsInput(
        code="J602-ZY·HJ·QR·2026·Y-000123",
        title="张三夫妻投靠迁入业务档案",
        fonds_name="鄂尔多斯市公安局东胜区分局天骄派出所",
        fonds_no="J602",
        series_label="迁入",
        year="2026",
        retention_label="永久",
        case_no="DEMO-2026-0001",
        item_name="夫妻投靠迁入",
        completed_on="2026-03-05",
        archived_on="2026-03-06",
        receive_org="天骄派出所",
        domicile_org="天骄派出所",
        compiled_by="演示立卷员（152318）",
        checked_by="演示核对员（152327）",
        demo=True,
        rows=rows,
        forms=forms,
        notes=("扫描件原件留存于收件单位。",),
        cross_reference=None,
        late=False,
        inspection=inspected(),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def usual() -> SheetsInput:
    kinds = (FormKind.APPROVAL, FormKind.RECEIPT, FormKind.REGISTER, FormKind.OTHER)
    forms = tuple(form(f"m{at}", kind) for at, kind in enumerate(kinds))
    rows = (
        row(1, None, "m0", "审批表"),
        row(2, None, "m1", "收件单"),
        row(3, 4),
        row(4, None, "m2", "登记表"),
        row(5, 2),
        row(6, None, "m3", "其他"),
    )
    return volume(rows, forms)


def text_of(pdf: bytes, first: int, count: int) -> str:
    opened = pdfium.PdfDocument(pdf)
    return "\n".join(
        opened[at].get_textpage().get_text_range() for at in range(first, first + count)
    )


def expected_starts(sheets: Sheets, given_rows: tuple[SheetRow, ...]) -> list[int]:
    page, starts = sheets.parts["cover"][1] + sheets.parts["contents"][1] + 1, []
    for row in given_rows:
        starts.append(page)
        page += row.pages if row.pages is not None else sheets.parts[f"form:{row.form_key}"][1]
    return starts


def test_parts_cover_every_page_in_order() -> None:
    rendered = render_sheets(usual())
    assert list(rendered.parts) == [
        "cover",
        "contents",
        "form:m0",
        "form:m1",
        "form:m2",
        "form:m3",
        "inspection",
        "closing",
    ]
    ranges = list(rendered.parts.values())
    assert [first for first, _ in ranges] == [
        sum(count for _, count in ranges[:at]) for at in range(len(ranges))
    ]
    with pikepdf.open(BytesIO(rendered.pdf)) as pdf:
        assert sum(count for _, count in ranges) == len(pdf.pages)
        assert {(round(float(p.mediabox[2])), round(float(p.mediabox[3]))) for p in pdf.pages} == {
            (595, 842)
        }


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.one_of(st.integers(1, 400), st.sampled_from([None, "long"])), min_size=1, max_size=70
    )
)
def test_the_contents_show_the_page_on_which_each_item_starts(
    shape: list[int | str | None],
) -> None:
    rows, forms = [], []
    for no, size in enumerate(shape, 1):
        if not isinstance(size, int):
            forms.append(form(f"k{no}", FormKind.OTHER, 120 if size else 6))
        rows.append(
            row(
                no,
                size if isinstance(size, int) else None,
                None if isinstance(size, int) else f"k{no}",
                "件",
            )
        )
    rendered = render_sheets(volume(tuple(rows), tuple(forms)))
    numbers = [
        int(line)
        for line in text_of(rendered.pdf, *rendered.parts["contents"]).split()
        if line.isdigit()
    ]
    expected = [
        number
        for no, start in enumerate(expected_starts(rendered, tuple(rows)), 1)
        for number in (no, start)
    ]
    assert numbers == expected


def test_the_same_input_gives_the_same_bytes() -> None:
    assert render_sheets(usual()).pdf == render_sheets(usual()).pdf


def test_the_cover_carries_the_code_as_qr_and_as_barcode() -> None:
    image = pdfium.PdfDocument(render_sheets(usual()).pdf)[0].render(scale=3).to_pil()
    texts = [barcode.text for barcode in zxingcpp.read_barcodes(image)]
    assert "J602-ZY·HJ·QR·2026·Y-000123" in texts
    assert "J602-ZY.HJ.QR.2026.Y-000123" in texts


LONG_TITLE = (
    "张三等3人夫妻投靠迁入（鄂尔多斯市公安局东胜区分局天骄派出所受理，"
    "鄂尔多斯市公安局康巴什区分局滨河派出所办理，150602010000-20260901-000001）"
)
CROSS = "J602·出生（鄂尔多斯市公安局东胜区分局天骄派出所）"


@pytest.mark.parametrize("title", ["张三死亡注销", LONG_TITLE, "甲" * 480])
def test_the_place_of_the_seal_is_blank_and_nothing_lies_on_anything_however_long_the_title(
    title: str,
) -> None:
    left, bottom, right, top = SEAL_BOX
    sheets = volume(usual().rows, usual().forms, title=title, cross_reference=CROSS, late=True)
    page = pdfium.PdfDocument(render_sheets(sheets).pdf)[0]
    image = page.render(scale=1).to_pil().convert("L")
    assert image.crop((left, 842 - top, right, 842 - bottom)).getextrema() == (255, 255)
    boxes = sorted(line_boxes(page), key=lambda box: -box[3])
    assert len(boxes) > 14
    for at, (low_left, low, low_right, _) in enumerate(boxes):
        for other_left, _, other_right, high in boxes[at + 1 :]:
            assert high <= low + 1 or other_right <= low_left or low_right <= other_left, (
                "two lines overlap"
            )


def line_boxes(page: pdfium.PdfPage) -> list[tuple[float, float, float, float]]:
    """The runs of text on a page: left, bottom, right, top."""
    text = page.get_textpage()
    return [text.get_rect(at) for at in range(text.count_rects())]


def test_the_contents_and_the_closing_sheet_state_what_a_reader_needs() -> None:
    rendered = render_sheets(volume(usual().rows, usual().forms, cross_reference=CROSS, late=True))
    cover, closing = text_of(rendered.pdf, 0, 1), text_of(rendered.pdf, *rendered.parts["closing"])
    assert CROSS in cover.replace("\r\n", "")
    assert "补归" in cover
    assert f"互见：{CROSS}" in closing
    heads = text_of(rendered.pdf, *rendered.parts["contents"]).splitlines()[2]
    assert heads.split(" ")[0] == "顺序号"  # on one line of its cell
    plain = render_sheets(usual())
    assert "补归" not in text_of(plain.pdf, 0, 1)
    assert "互" not in text_of(plain.pdf, 0, 1)


@pytest.mark.parametrize("notes", [1, 60])
def test_the_closing_sheet_states_the_true_total_of_pages_also_when_it_is_longer_than_one(
    notes: int,
) -> None:
    sheets = volume(
        usual().rows, usual().forms, notes=tuple(f"第{n}条说明。" for n in range(notes))
    )
    rendered = render_sheets(sheets)
    first, count = rendered.parts["closing"]
    assert (count > 1) == (notes > 1)
    total = first + count + sum(row.pages or 0 for row in sheets.rows)
    assert f"本卷共 {len(sheets.rows)} 件，自封面至备考表共 {total} 页。" in text_of(
        rendered.pdf, first, count
    )


@pytest.mark.parametrize("times", [0, 1, 30])
def test_the_inspection_is_one_page_with_every_check_its_result_and_time_however_much_was_found(
    times: int,
) -> None:
    everything = [
        {
            "code": code,
            "outcome": str(rule.outcome),
            "place": "x",
            "message": rule.message,
            "action": "",
        }
        for code, rule in rules().items()
    ]
    rendered = render_sheets(
        volume(usual().rows, usual().forms, inspection=inspected(*everything * times))
    )
    first, count = rendered.parts["inspection"]
    assert count == 1
    text = "".join(text_of(rendered.pdf, first, count).split())
    assert all(
        word in text
        for word in ("真实性", "完整性", "可用性", "安全性", "归档（GD）", "2026-03-0510:00")
    )
    for check in CHECKS:
        assert (Phase.GD not in check.phases) or check.name in text
        assert check.code(Phase.GD) in text
    assert ("核对确认" in text) == bool(times)


def test_a_character_that_no_font_has_is_shown_as_its_code_point() -> None:
    rendered = render_sheets(volume((row(1, 1),), title="\U0002ebf0野家"))
    assert "[U+2EBF0]野家" in text_of(rendered.pdf, 0, 1)


@pytest.mark.parametrize(
    "name",
    [
        "葛\U000e0100某",
        "𠮷野𪚥",
        "𰻝\U000323af",
        "ﾖ\uf92e⼈",
        "ᠮᠣᠩᠭᠣᠯ ᠪᠠᠲᠤ\u180eᠠ",
        "阿卜杜拉•例提甫",
    ],
)
def test_a_rare_name_is_drawn_by_a_font_that_has_it(name: str) -> None:
    rendered = render_sheets(volume((row(1, 1),), title=name))
    text = text_of(rendered.pdf, 0, 1)
    assert name in text
    assert "U+" not in text
    with pikepdf.open(BytesIO(rendered.pdf)) as opened:
        fonts = " ".join(str(entry.BaseFont) for entry in opened.pages[0].Resources.Font.values())
    rare = any(ord(char) > 0x1FFFF and ord(char) < 0xE0000 for char in name)
    assert not rare or "HanaMinB" in fonts or "BabelStone" in fonts
    assert "ᠮ" not in name or "Mongolian" in fonts


def test_user_text_is_never_markup() -> None:
    rendered = render_sheets(volume((row(1, 1, title="#panic() $x$ *a*"),), title="#read(1) <b>"))
    assert "#panic() $x$ *a*" in text_of(rendered.pdf, *rendered.parts["contents"])


def test_a_form_without_a_row_is_a_defect() -> None:
    with pytest.raises(ValueError, match="row"):
        render_sheets(volume((row(1, 1),), (form("m0", FormKind.OTHER),)))


def test_the_seal_is_42_mm_and_says_whose_it_is() -> None:
    pdf = seal_pdf("东胜区公安分局天骄派出所", demo=True)
    with pikepdf.open(BytesIO(pdf)) as opened:
        assert float(opened.pages[0].mediabox[2]) == pytest.approx(119.06, abs=0.1)
    assert {"东", "所", "演", "示"} <= set(text_of(pdf, 0, 1))


def _memory_taken_by_further_volumes(remembered: int) -> int:
    """Bytes that this process grew by from the third volume's sheets to the fifteenth's."""
    sheets._REMEMBERED = remembered
    sizes = []
    for number in range(15):
        forms = tuple(form(f"f{at}", FormKind.APPROVAL, fields=60) for at in range(4))
        rows = tuple(row(at + 1, None, form.key) for at, form in enumerate(forms))
        render_sheets(
            replace(
                volume(rows, forms),
                code=f"J602-ZY·HJ·QR·2026·Y-{number:06d}",
                case_no=f"DEMO-2026-{number:04d}",
            )
        )
        sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize())
    return sizes[-1] - sizes[2]


def test_pages_laid_out_for_one_volume_are_not_kept_in_memory_while_others_are_made() -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as children:
        kept, forgotten = children.map(_memory_taken_by_further_volumes, (0, 11))
    assert forgotten < kept / 4, f"{forgotten >> 20} MB instead of {kept >> 20} MB"
