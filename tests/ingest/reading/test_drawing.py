"""Pictures of originals: for who looks at 核对, and for the proof of the pages."""

from io import BytesIO
from random import Random

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name
from PIL import Image

from api.demo import scans
from archive.compile.page_comparison import SCAN, distance
from archive.compile.page_drawing import drawn_volume
from archive.compile.scans import image_pages
from ingest.reading.sandbox import draw_page
from ingest.reading.second_drawing import draw_originals
from tests.resources.pdf_kinds import changed, form, text_field

WIDTH = 900


def ink(data: bytes) -> int:
    """How many dark pixels the preview of the first page has."""
    picture = draw_page(data, 1, WIDTH)
    assert picture is not None
    return sum(Image.open(BytesIO(picture)).convert("L").histogram()[:128])


def lines_without_a_font(pages: int) -> bytes:
    """Pages of Chinese whose font is not embedded; all share it."""
    document = pikepdf.new()
    descendant = Dictionary(
        Type=Name.Font,
        Subtype=Name.CIDFontType0,
        BaseFont=Name("/STSong-Light"),
        CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"GB1", Supplement=4),
    )
    font = document.make_indirect(
        Dictionary(
            Type=Name.Font,
            Subtype=Name.Type0,
            BaseFont=Name("/STSong-Light"),
            Encoding=Name("/UniGB-UCS2-H"),
            DescendantFonts=Array([descendant]),
        )
    )
    text = "补充说明".encode("utf-16-be").hex()
    for _ in range(pages):
        page = document.add_blank_page(page_size=(595, 842))
        page.obj.Resources = Dictionary(Font=Dictionary(F0=font))
        page.obj.Contents = document.make_stream(f"BT /F0 14 Tf 72 700 Td <{text}> Tj ET".encode())
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def test_the_preview_shows_a_value_without_appearance_as_the_volume_will() -> None:
    empty = ink(changed(lambda _: None))
    assert ink(form(text_field("阿拉腾花", (100, 500, 300, 530)))) > empty + 100


def test_every_page_that_shares_a_font_that_is_not_embedded_is_known_as_drawn_in_another() -> None:
    pages = list(draw_originals(lines_without_a_font(3), "application/pdf", 3))
    assert [page is not None and page.substituted for page in pages] == [True] * 3


@pytest.mark.parametrize("dpi", [100, 150, 300])
def test_a_scan_of_any_fineness_lies_on_its_page_as_a_second_program_shows_it(dpi: int) -> None:
    lines = tuple(f"第{row}行：演示材料，仅供测量之用。" for row in range(14))
    sheet = scans.colour(scans.Page("申请书", lines, "演示派出所"), dpi, Random(7))
    data = scans.jpeg(sheet, dpi)
    (original,) = draw_originals(data, "image/jpeg", 1)
    assert original is not None
    out = BytesIO()
    with image_pages(data, "image/jpeg") as pdf:
        pdf.save(out)
    with drawn_volume(out.getvalue()) as volume:
        page = volume.drawn(1, volume.scan(1), original.picture.size)
    assert distance(original.picture, page, SCAN) < 0.75
