"""Pages of foreign PDFs beside their originals, each drawn by another program: what programs add at
edges passes, what a person would miss does not.
"""

from collections.abc import Callable
from hashlib import sha256

import pytest
from pikepdf import Array

from archive.compile.foreign_pages import place_pages, redraw_pages
from archive.compile.page_proof import ForeignPage, PageResult, prove_pages
from archive.reference.objects import OriginalObject
from archive.reference.vocabulary import PageVerdict
from ingest.reading.second_drawing import draw_originals
from tests.resources import pdf_kinds

BARS = b"0 g 82 605 40 10 re f 132 605 40 10 re f 72 500.2 400 19.6 re f"
RULES = (
    b"0 w 72 500 400 200 re S 0.1 w 72 400 m 400 450 l S "
    b"0.5 w 72 300 400 90 re S 72 320 m 472 320 l S 172 300 m 172 390 l S"
)


def proved(volume: bytes, original: bytes) -> PageResult:
    """How the only page of a volume stands to its original."""
    kept = OriginalObject(1, "a.pdf", sha256(original).hexdigest(), len(original), PDF, 1)
    page = ForeignPage(1, 1, 1, kept, 1, 0)
    (result,) = prove_pages(volume, [page], lambda _: original, draw_originals, ())
    return result


PDF = "application/pdf"


def copied(data: bytes) -> bytes:
    return place_pages(data, {}).pdf


def as_picture(data: bytes) -> bytes:
    return redraw_pages(copied(data)).pdf


@pytest.mark.parametrize("laid", [copied, as_picture])
@pytest.mark.parametrize(
    "content", [BARS, RULES, b"1 0 0 rg 90.3 600.4 50.5 30.3 re f 0 0 1 rg 150 600 5 90 re f"]
)
def test_bars_and_rules_which_programs_widen_to_whole_pixels_do_not_wait(
    content: bytes, laid: Callable[[bytes], bytes]
) -> None:
    original = pdf_kinds.one_page(content)
    assert proved(laid(original), original).verdict is PageVerdict.SAME


WRITTEN = (
    b"0.2 g 0.6 w 72 660 150 3 re f 72 640 m 230 644 l S 300 640 m 306 632 l 318 652 l S "
    b"72 600 8 12 re f 84 600 8 12 re f 96 600 8 12 re f"
)


@pytest.mark.parametrize("laid", [copied, as_picture])
@pytest.mark.parametrize(
    ("gone", "instead"),
    [
        (b"300 640 m 306 632 l 318 652 l S", b""),
        (b"84 600 8 12 re f", b""),
        (b"84 600 8 12 re f", b"84 600 8 5 re f"),
        (b"72 640 m 230 644 l S", b""),
        (b"72 660 150 3 re f", b"72 660 140 3 re f"),
        (b"0.2 g", b"0.6 0 0 rg"),
    ],
)
def test_a_stroke_or_colour_that_is_missing_waits_at_the_closer_look_too(
    gone: bytes, instead: bytes, laid: Callable[[bytes], bytes]
) -> None:
    original = pdf_kinds.one_page(WRITTEN)
    wrong = pdf_kinds.one_page(WRITTEN.replace(gone, instead))
    result = proved(laid(wrong), original)
    assert result.verdict is PageVerdict.DIFFERS
    assert result.distance > 1


@pytest.mark.parametrize("box", [[700, 900, 900, 1000], [72, 700, 73, 701], [0, 0, 0, 0]])
def test_a_crop_without_area_or_beyond_the_page_is_passed_over_by_both(box: list[int]) -> None:
    original = pdf_kinds.boxed(CropBox=Array(box))
    assert not proved(as_picture(original), original).waits
