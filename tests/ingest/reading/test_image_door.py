"""Images are judged at the door as they will be seen in a volume, and refused in words."""

import io

import numpy as np
import pytest
from PIL import Image

from api.demo.source_world import _sheet
from ingest.reading.drawing import _ORDER, answer
from ingest.reading.formats import examine
from ingest.reading.stacks import split
from ingest.reading.tiff_pages import pages_of
from tests.resources import images
from tests.resources import odd_images as odd


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\x24ftypheic" + bytes(40), "HEIC"),
        (b"\0\0\0\x24ftypavif" + bytes(40), "AVIF"),
        (odd.saved(odd.TRUTH, "JPEG2000"), "JPEG 2000"),
        (odd.saved(odd.TRUTH, "WEBP"), "WebP"),
        (odd.saved(odd.TRUTH, "BMP"), "BMP"),
        (odd.saved(odd.TRUTH, "GIF"), "GIF"),
        (b"PK\x03\x04" + bytes(26) + b"word/document.xml", "Word"),
        (b"", "空文件"),
    ],
)
def test_a_format_that_is_not_taken_is_named(data: bytes, name: str) -> None:
    look = examine(data)
    assert look.media_type is None
    assert name in look.why


@pytest.mark.parametrize(
    ("data", "fault", "word"),
    [
        (odd.with_frame(images.jpeg(), 0, b"\xc9"), "FORMAT_UNKNOWN", "算术"),
        (odd.deep_tiff(32, white_is_zero=True), "FORMAT_UNKNOWN", "8 位"),
        (images.jpeg()[:-2], "GD-3-4", "结束标记"),
        (odd.fax_tiff(tags={279: 99_999}), "GD-3-4", "中断"),
        (images.cut_jpeg(), "GD-3-4", "结束标记"),
    ],
)
def test_what_no_volume_can_show_is_refused_with_its_reason(
    data: bytes, fault: str, word: str
) -> None:
    look = examine(data)
    assert look.fault == fault
    assert word in look.why


def signature() -> bytes:
    """Black everywhere, its strokes in the alpha alone."""
    strokes = np.asarray(images.written().convert("L").point(lambda level: 255 - level))
    black = np.zeros((*strokes.shape, 3), dtype=np.uint8)
    return odd.saved(Image.fromarray(np.dstack([black, strokes])), "PNG")


def test_a_signature_whose_strokes_are_in_the_alpha_is_no_blank_page() -> None:
    assert examine(signature()).blank == ()
    empty = Image.new("RGBA", images.A4, (0, 0, 0, 0))
    assert examine(odd.saved(empty, "PNG")).blank == (1,)


def test_grey_of_16_bits_is_neither_blank_nor_dark() -> None:
    grey = np.asarray(images.written().convert("L")).astype(np.uint16)
    for data in (
        odd.png(16, 0, grey * 257, tRNS=b"\xff\xff"),
        odd.tiff(odd.directory((65535 - grey * 257).astype("<u2"), 0)),
        odd.tiff(odd.directory(grey.astype("<i4"), 1)),
    ):
        look = examine(data)
        assert (look.pages, look.blank, look.unclear, look.fault) == (1, (), (), None)


@pytest.mark.parametrize(
    "data",
    [
        images.jpeg(),
        odd.saved(images.picture(), "TIFF", compression="jpeg"),
        odd.saved(images.picture(mode="1"), "TIFF", compression="group4"),
        odd.saved(images.picture(mode="1"), "TIFF", compression="group3"),
        odd.saved(images.picture(mode="1"), "TIFF", compression="group3", tiffinfo={292: 1}),
    ],
)
def test_damage_that_a_decoder_complains_of_is_evidence(data: bytes) -> None:
    assert examine(data).flags == ()
    assert examine(images.broken_in_the_middle(data)).flags == ("IMAGE_DAMAGED",)


def test_a_comment_with_a_wrong_checksum_is_evidence_of_damage() -> None:
    assert examine(odd.broken_comment_png()).flags == ("IMAGE_DAMAGED",)


def test_what_stands_beside_the_pages_and_what_is_shrunk_is_noted() -> None:
    page, small = odd.directory(odd.RGB, 2), odd.directory(odd.RGB[::4, ::4].copy(), 2, {254: 1})
    look = examine(odd.tiff(page, small))
    assert (look.pages, look.flags) == (1, ("IMAGE_EXTRA",))
    assert examine(images.animated_png()).flags == ("IMAGE_EXTRA",)
    assert examine(images.receipt_jpeg()).flags == ("PAGE_SHRUNK",)


def test_the_preview_is_drawn_as_the_page_will_look() -> None:
    data = odd.tiff(odd.directory((odd.GREY.astype(np.uint16) * 257).astype("<u2"), 1))
    with Image.open(io.BytesIO(answer(_ORDER.pack(1, 120) + data))) as preview:
        assert abs(int(np.asarray(preview.convert("L"))[60, 100]) - int(odd.GREY[60, 100])) < 8
    fax = odd.fax_tiff(tags={282: [200, 1], 283: [100, 1], 296: 2})
    with Image.open(io.BytesIO(answer(_ORDER.pack(1, 100) + fax))) as preview:
        assert preview.height / preview.width == pytest.approx(2 * 160 / 120, rel=0.03)


def test_a_stack_passes_over_thumbnails_and_keeps_whole_strips() -> None:
    words = ("YICE/1 CASE 150602010000-20260901-000001", "YICE/1 MATERIAL 4 出生医学证明")
    sheets = [
        odd.directory(np.asarray(Image.open(io.BytesIO(_sheet(word)[1])).convert("L")), 1)
        for word in words
    ]
    thumb = odd.directory(odd.RGB[::4, ::4].copy(), 2, {254: 1})
    _, (piece,) = split(odd.tiff(*sheets, thumb, odd.directory(np.full((600, 400), 90, "u1"), 1)))
    assert len(piece.pages) == 1
    assert examine(piece.data).pages == 1


def test_a_strip_of_unstated_length_is_not_copied_empty() -> None:
    with pytest.raises(ValueError, match="length"):
        pages_of(odd.fax_tiff(tags={279: 0}), [0])
