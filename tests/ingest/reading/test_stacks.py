"""A scanned stack is split by its sheets, and no page of it is decoded and encoded again."""

import io
import json
import struct
from collections.abc import Callable

import pikepdf
import pytest
from PIL import Image

from api.demo.source_world import _pdf, _sheet
from ingest.reading.sandbox import run_task
from ingest.reading.stacks import StackError, hints, split
from ingest.reading.tiff_pages import pages_of
from ingest.sources.scans import unpacked
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


CASE = "150602010000-20260901-000001"


@pytest.mark.parametrize("form", [tiff, _pdf])
def test_codes_hint_at_the_case_and_material_of_the_pages_after_them(
    form: Callable[[list[bytes]], bytes],
) -> None:
    receipt = f"https://hj.example/receipt?no={CASE}&v=2"
    assert json.loads(hints(form(sheets(receipt, 1, FIRST, 2, "WIFI:S:hall;;")))) == {
        "1": {"case_no": CASE, "sheet": False},
        "3": {"no": 4, "type": "出生医学证明", "sheet": True},
    }


def test_a_photograph_of_a_receipt_hints_and_what_is_no_picture_says_nothing() -> None:
    assert json.loads(hints(sheets(CASE)[0])) == {"1": {"case_no": CASE, "sheet": False}}
    assert json.loads(hints(page(1))) == json.loads(hints(b"MZ")) == {}


@pytest.mark.parametrize("form", [tiff, _pdf])
def test_runs_of_pages_are_cut_in_the_sandbox_and_none_is_decoded(
    form: Callable[[list[bytes]], bytes],
) -> None:
    stack = form(sheets(1, 2, 3))
    order = json.dumps({"runs": [[1, 1], [2, 3]]}).encode()
    answer = run_task("cut", struct.pack("<I", len(order)) + order + stack)
    assert isinstance(answer, bytes)
    head, (first, second) = unpacked(answer)
    assert [piece["pages"] for piece in head["pieces"]] == [1, 2]
    if form is tiff:
        assert strips(first) + strips(second) == strips(stack)
    else:
        with pikepdf.open(io.BytesIO(second)) as opened:
            raw = [sheet.Resources.XObject.Scan.read_raw_bytes() for sheet in opened.pages]
        assert raw == [page(2), page(3)]


def test_what_cannot_be_cut_says_so() -> None:
    order = json.dumps({"runs": [[1, 1]]}).encode()
    answer = run_task("cut", struct.pack("<I", len(order)) + order + b"MZ no picture")
    assert isinstance(answer, bytes)
    assert "fault" in unpacked(answer)[0]
