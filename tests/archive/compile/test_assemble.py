"""One volume from its parts: footers, outline, metadata, and the same bytes every time."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archive.compile.assemble import PagePart, VolumeMeta, assemble
from archive.compile.pdfa import srgb_icc
from archive.compile.scans import image_pages
from archive.reference.compile_errors import PlanMismatchError

CODE = "J602-ZY·HJ·QR·2026·Y-000123"
META = VolumeMeta(
    code=CODE,
    title="市外迁入 <一> & 二",
    fonds="J602",
    series="QR",
    retention="Y",
    case_no="C-1",
    created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=8))),
    producer="一册 Yice",
)
SHEETS = "= 封面 <a>\n#link(<a>)[去] #pagebreak() 目录 #pagebreak() 备考表"


def scan() -> bytes:
    out = BytesIO()
    Image.effect_noise((400, 500), 60).convert("RGB").save(out, "JPEG", dpi=(200, 200))
    return out.getvalue()


def blank(rotate: int = 0, box: tuple[int, ...] = (0, 0, 595, 842)) -> pikepdf.Pdf:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(595, 842))
    pdf.pages[0].obj.MediaBox = pikepdf.Array(list(box))
    pdf.pages[0].obj.Rotate = rotate
    return pdf


def texts(data: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(data)]


@pytest.fixture
def parts(typeset: Callable[[str], bytes]) -> list[PagePart]:
    sheets = typeset(SHEETS)
    return [
        PagePart(sheets, 0, 1, "封面"),
        PagePart(sheets, 1, 1, "卷内目录"),
        PagePart(image_pages(scan(), "image/jpeg"), 0, 1, "001 迁移证", 1),
        PagePart(sheets, 2, 1, "备考表"),
    ]


def test_every_page_bears_the_code_and_its_running_number(parts: list[PagePart]) -> None:
    pages = texts(assemble(parts, META, srgb_icc()))
    assert len(pages) == 4
    for number, text in enumerate(pages, 1):
        assert CODE in text
        assert f"第 {number} 页 共 4 页" in text
    assert "目录" in pages[1]
    assert "备考表" in pages[3]


def test_the_volume_passes_as_pdfa_2u(parts: list[PagePart], prove: Any) -> None:
    assert prove(assemble(parts, META, srgb_icc())) == {}


def test_the_same_inputs_give_the_same_bytes(parts: list[PagePart]) -> None:
    assert assemble(parts, META, srgb_icc()) == assemble(parts, META, srgb_icc())


def test_outline_labels_metadata_and_docinfo_agree(parts: list[PagePart]) -> None:
    data = assemble(parts, META)
    with pikepdf.open(BytesIO(data)) as pdf:
        assert str(pdf.docinfo.CreationDate) == "D:20260102030405+08'00'"
        with pdf.open_outline() as outline:
            assert [entry.title for entry in outline.root] == ["封面", "卷内目录", "备考表"]
            assert [entry.title for entry in outline.root[1].children] == ["001 迁移证"]
        with pdf.open_metadata() as xmp:
            assert xmp["dc:title"] == META.title == str(pdf.docinfo.Title)
            assert xmp["dc:identifier"] == CODE
            assert (xmp["pdfaid:part"], xmp["pdfaid:conformance"]) == ("2", "U")
            assert xmp["{urn:yice:volume:1#}caseNo"] == "C-1"
        assert [page.label for page in pdf.pages] == ["1", "2", "3", "4"]
        assert pdf.Root.Lang == "zh-CN"
        assert "/Filter" not in pdf.Root.Metadata
        assert not pdf.is_linearized
        assert all("/StructParents" not in page.obj for page in pdf.pages)
    assert b"urn:yice:volume:1#" in data


def test_a_scan_is_still_byte_for_byte_in_the_volume() -> None:
    data = scan()
    assert data in assemble([PagePart(image_pages(data, "image/jpeg"), 0, 1)], META)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_footer_stands_upright_at_the_visible_foot(rotate: int) -> None:
    pdf = assemble([PagePart(blank(rotate, (100, -50, 695, 792)), 0, 1)], META)
    picture = (
        pypdfium2.PdfDocument(pdf)[0]
        .render(scale=2)
        .to_pil()
        .convert("L")
        .point(lambda value: 255 - value)
    )
    left, top, right, bottom = picture.getbbox()
    assert top > picture.height - 2 * 34
    assert bottom < picture.height
    assert left == pytest.approx(85, abs=4)
    assert right == pytest.approx(picture.width - 85, abs=4)


def test_a_narrow_page_gets_a_smaller_footer_within_its_width() -> None:
    pdf = assemble([PagePart(blank(0, (0, 0, 150, 300)), 0, 1)], META)
    picture = (
        pypdfium2.PdfDocument(pdf)[0]
        .render(scale=3)
        .to_pil()
        .convert("L")
        .point(lambda value: 255 - value)
    )
    left, _, right, _ = picture.getbbox()
    assert left > 0
    assert right < picture.width


@settings(max_examples=20, deadline=None)
@given(counts=st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_pages_are_numbered_through_whatever_the_parts(counts: list[int]) -> None:
    source = pikepdf.new()
    for _ in range(4):
        source.add_blank_page(page_size=(595, 842))
    pages = texts(assemble([PagePart(source, 0, count) for count in counts], META))
    assert len(pages) == sum(counts)
    assert all(f"第 {number} 页 共 {len(pages)} 页" in text for number, text in enumerate(pages, 1))


def test_pages_that_a_part_lacks_are_refused() -> None:
    with pytest.raises(PlanMismatchError):
        assemble([PagePart(blank(), 0, 2)], META)
    with pytest.raises(PlanMismatchError):
        assemble([], META)
