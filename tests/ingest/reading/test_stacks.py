"""A scanned stack is split by its sheets, and no page of it is decoded and encoded again."""

import io
from collections.abc import Callable

import pikepdf
import pytest
from PIL import Image

from api.demo.source_world import _pdf, _sheet
from ingest.reading.stacks import StackError, split
from ingest.reading.tiff_pages import pages_of
from tests.support.factories import page

COVER, FIRST, SECOND = (
    "YICE/1 CASE 150602010000-20260901-000001",
    "YICE/1 MATERIAL 4 出生医学证明",
    "YICE/1 MATERIAL 6 非婚生育说明",
)
OTHER = "YICE/1 CASE 150602010000-20260901-000002"


def sheets(*words: str | int) -> list[bytes]:
    """Sheets where a word stands, pages where a number does."""
    return [page(word) if isinstance(word, int) else _sheet(word)[1] for word in words]


def tiff(pages: list[bytes], compression: str = "tiff_deflate") -> bytes:
    images = [Image.open(io.BytesIO(data)).convert("L") for data in pages]
    out = io.BytesIO()
    images[0].save(
        out,
        "TIFF",
        save_all=True,
        append_images=images[1:],
        compression=compression,
        dpi=(200, 200),
    )
    return out.getvalue()


def strips(data: bytes) -> list[bytes]:
    """The compressed strips of each page as they lie in the file."""
    pixels = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(image.n_frames):
            image.seek(number)
            tags = image.tag_v2
            pixels += [data[at : at + size] for at, size in zip(tags[273], tags[279], strict=True)]
    return pixels


@pytest.mark.parametrize("form", [tiff, _pdf])
def test_cover_and_separator_sheets_split_a_stack_into_cases_and_materials(
    form: Callable[[list[bytes]], bytes],
) -> None:
    _, pieces = split(form(sheets(COVER, FIRST, 1, 2, SECOND, 3, OTHER, FIRST, 4)))
    assert [(piece.case_no[-1], piece.no, piece.type, piece.pages) for piece in pieces] == [
        ("1", 4, "出生医学证明", [2, 3]),
        ("1", 6, "非婚生育说明", [5]),
        ("2", 4, "出生医学证明", [8]),
    ]


@pytest.mark.parametrize("compression", ["tiff_deflate", "jpeg", "tiff_lzw"])
def test_the_pages_of_a_tiff_are_copied_strip_for_strip(compression: str) -> None:
    stack = tiff(sheets(COVER, FIRST, 1, 2, SECOND, 3), compression)
    _, pieces = split(stack)
    of_sheets = len(strips(tiff(sheets(COVER, FIRST), compression)))
    assert (
        strips(pieces[0].data) == strips(stack)[of_sheets : of_sheets + len(strips(pieces[0].data))]
    )
    with Image.open(io.BytesIO(pieces[0].data)) as image:
        assert (image.n_frames, image.info["dpi"]) == (2, (200, 200))


def test_the_images_of_a_pdf_are_copied_stream_for_stream() -> None:
    _, pieces = split(_pdf(sheets(COVER, FIRST, 1)))
    with pikepdf.open(io.BytesIO(pieces[0].data)) as opened:
        assert opened.pages[0].Resources.XObject.Scan.read_raw_bytes() == page(1)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((1, COVER, FIRST, 2), "第 1 页之前没有封面和分隔页"),
        ((COVER, 1), "第 2 页之前没有封面和分隔页"),
        ((COVER, FIRST, 1, OTHER, 2), "第 5 页之前没有封面和分隔页"),
        ((COVER, FIRST, SECOND, 1), "分隔页之后没有页"),
        ((COVER, FIRST, 1, FIRST, 2), "同一材料出现两次"),
        ((COVER,), "分隔页之后没有页"),
    ],
)
def test_a_stack_whose_sheets_leave_a_doubt_is_refused_whole(
    words: tuple[str | int, ...], why: str
) -> None:
    with pytest.raises(StackError, match=why):
        split(tiff(sheets(*words)))


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.99])
def test_a_stack_that_is_cut_off_is_refused(cut: float) -> None:
    whole = tiff(sheets(COVER, FIRST, 1))
    with pytest.raises(StackError):
        split(whole[: int(len(whole) * cut)])


def test_a_tiff_whose_pages_go_in_a_circle_is_refused() -> None:
    whole = bytearray(tiff(sheets(1)))
    first = int.from_bytes(whole[4:8], "little")
    count = int.from_bytes(whole[first : first + 2], "little")
    whole[first + 2 + 12 * count : first + 6 + 12 * count] = whole[4:8]
    with pytest.raises(ValueError, match="circle"):
        pages_of(bytes(whole), [0])
