"""Scans that decoders read wrongly stand in a volume as they are meant."""

import io

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from archive.compile.pdfa import saved
from archive.compile.scans import image_pages, picture_box
from archive.compile.shown import shown_pages
from archive.reference.compile_errors import CompileError, UnreadableError, UnsupportedError
from tests.resources import odd_images as odd

SCALE = 3
TRUTH, LAID = odd.TRUTH, odd.picture(odd.LAID)
GREY, BITS = odd.picture(odd.GREY), odd.picture(odd.BITS)
GREY_16 = odd.GREY.astype(np.uint16) * 257
RGB_16 = odd.RGB.astype(np.uint16) * 257


def media_type(data: bytes) -> str:
    return {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png"}.get(data[:2], "image/tiff")


def drawn(data: bytes) -> list[Image.Image]:
    """The pictures of the pages, as pdfium draws them."""
    pdf = image_pages(data, media_type(data))
    boxes = [picture_box(page) for page in pdf.pages]
    document = pypdfium2.PdfDocument(saved(pdf))
    pictures = []
    for page, (left, bottom, right, top) in zip(document, boxes, strict=True):
        sheet = page.render(scale=SCALE).to_pil().convert("RGB")
        box = (
            left * SCALE,
            sheet.height - top * SCALE,
            right * SCALE,
            sheet.height - bottom * SCALE,
        )
        pictures.append(sheet.crop(tuple(round(side) for side in box)))
    return pictures


def distance(picture: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures, in levels of 255."""
    small = [
        image.convert("RGB").resize((24, 32), Image.Resampling.BOX) for image in (picture, other)
    ]
    return sum(ImageStat.Stat(ImageChops.difference(*small)).mean) / 3


def shows(data: bytes, truth: Image.Image) -> None:
    """The page of the volume, and the picture that it is held against, are as they should be."""
    pictures, pages = drawn(data), list(shown_pages(data, media_type(data)))
    assert len(pictures) == len(pages) == 1
    assert distance(pictures[0], truth) < 5
    assert distance(pages[0].picture, truth) < 5


@pytest.mark.parametrize(
    ("data", "truth"),
    [
        (odd.deep_tiff(16), GREY),
        (odd.deep_tiff(16, big_endian=True), GREY),
        (odd.deep_tiff(16, white_is_zero=True), GREY),
        (odd.deep_tiff(32), GREY),
        (odd.tiff(odd.directory(odd.GREY.astype("<i4"), 1)), GREY),
        (odd.tiff(odd.directory((odd.GREY / 255).astype("<f4"), 1)), GREY),
        (odd.tiff(odd.directory(odd.RGB.astype("<u2") * 257, 2)), TRUTH),
        (odd.planar_tiff(), TRUTH),
        (odd.planar_tiff(big_endian=True), TRUTH),
        (odd.alpha_tiff(associated=True), LAID),
        (odd.alpha_tiff(associated=False), LAID),
        (odd.infrared_tiff(), TRUTH),
        (odd.lab_tiff(), TRUTH),
        (odd.palette_tiff(), TRUTH),
        (odd.fax_tiff(), BITS),
        (odd.fax_tiff(tags={266: 2}), BITS),
        (odd.fax_tiff(tags={279: 0}), BITS),
        (odd.fax_tiff("group3"), BITS),
        (odd.fax_tiff("group3", {266: 2}), BITS),
        (odd.saved(TRUTH, "TIFF", compression="jpeg", quality=95), TRUTH),
        (odd.saved(TRUTH, "TIFF", compression="tiff_lzw", big_tiff=True), TRUTH),
    ],
)
def test_a_tiff_looks_as_it_is_meant(data: bytes, truth: Image.Image) -> None:
    shows(data, truth)


@pytest.mark.parametrize(
    ("data", "truth"),
    [
        (odd.png(16, 0, GREY_16), GREY),
        (odd.png(16, 0, GREY_16, tRNS=b"\0\0"), GREY.point(lambda level: level or 255)),
        # A colour that differs in the lower half of one sample is not the transparent one.
        (odd.png(16, 2, RGB_16, tRNS=b"\0\0\0\0\0\1"), TRUTH),
        (odd.png(16, 2, RGB_16, tRNS=b"\x80\x80\x80\x80\x80\x80"), None),
        (odd.png(16, 6, np.dstack([RGB_16, odd.ALPHA.astype(np.uint16) * 257])), LAID),
        (odd.png(8, 6, np.dstack([odd.RGB, odd.ALPHA])), LAID),
        (odd.png(8, 6, np.dstack([odd.RGB * 0, 255 - odd.GREY])), GREY),
        (odd.png(1, 0, odd.BITS, tRNS=b"\0\1"), BITS),
        (odd.png(1, 0, odd.BITS, tRNS=b"\0\0"), Image.new("L", odd.SIZE, 255)),
        (odd.png(2, 0, odd.GREY // 64, tRNS=b"\0\1"), None),
        (odd.extra_rows_png(), GREY),
        (odd.broken_comment_png(), TRUTH),
        (odd.png(8, 0, odd.GREY, gAMA=(100_000).to_bytes(4)), None),
    ],
)
def test_a_png_looks_as_it_is_meant(data: bytes, truth: Image.Image | None) -> None:
    if truth is None:  # stated below, for it is reckoned
        truth = RECKONED[data]
    shows(data, truth)


def _reckoned() -> dict[bytes, Image.Image]:
    key = (odd.RGB == 128).all(axis=2)[..., None]
    two = odd.GREY // 64
    light = np.rint(255 * (odd.GREY / 255) ** (1 / 2.2))
    return {
        odd.png(16, 2, RGB_16, tRNS=b"\x80\x80\x80\x80\x80\x80"): odd.picture(
            np.where(key, 255, odd.RGB)
        ),
        odd.png(2, 0, two, tRNS=b"\0\1"): odd.picture(np.where(two == 1, 255, two * 85)),
        odd.png(8, 0, odd.GREY, gAMA=(100_000).to_bytes(4)): odd.picture(light),
    }


RECKONED = _reckoned()


def cmyk_jpeg() -> bytes:
    return odd.saved(TRUTH.convert("CMYK"), "JPEG", quality=95)


def plain_cmyk_jpeg() -> bytes:
    """Not inverted, as makers other than Adobe write it."""
    inverted = Image.fromarray(255 - np.asarray(TRUTH.convert("CMYK")), "CMYK")
    return odd.without(odd.saved(inverted, "JPEG", quality=95), 0xEE)


@pytest.mark.parametrize(
    ("data", "untouched"),
    [
        (cmyk_jpeg(), True),
        (plain_cmyk_jpeg(), True),
        (odd.rgb_jpeg(marked=True), True),
        (odd.rgb_jpeg(marked=False), True),
        (odd.rgb_jpeg(marked=False, jfif=True), False),
        (odd.saved(TRUTH, "JPEG", quality=95, progressive=True), True),
        (odd.saved(TRUTH, "JPEG", quality=95, restart_marker_rows=1), True),
        (odd.saved(TRUTH, "JPEG", quality=95) + b"\xff\xda maker's notes", True),
    ],
)
def test_a_jpeg_looks_as_it_is_meant_and_keeps_its_bytes_where_viewers_agree(
    data: bytes, *, untouched: bool
) -> None:
    shows(data, TRUTH)
    pdf = image_pages(data, "image/jpeg")
    assert (pdf.pages[0].obj.Resources.XObject.Im0.read_raw_bytes() == data) is untouched


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_fax_keeps_its_shape_however_it_lies(orientation: int) -> None:
    fax = odd.fax_tiff(tags={274: orientation, 282: [204, 1], 283: [98, 1], 296: 2})
    (page,) = shown_pages(fax, "image/tiff")
    across = orientation > 4
    width, height = (odd.SIZE[0] / 204, odd.SIZE[1] / 98)[:: -1 if across else 1]
    (picture,) = drawn(fax)
    assert picture.width / picture.height == pytest.approx(width / height, rel=0.02)
    assert distance(picture, page.picture) < 4
    assert [size / dpi for size, dpi in zip(page.size, page.dpi, strict=True)] == pytest.approx(
        [width, height]
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photograph_is_turned_and_mirrored_as_it_says_wherever_it_is_shown(
    kind: str, orientation: int
) -> None:
    stated = Image.Exif()
    stated[0x112] = orientation
    data = odd.saved(TRUTH, kind, exif=stated)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    shows(data, upright)


@pytest.mark.parametrize(
    ("data", "ratio"),
    [
        (odd.saved(TRUTH, "JPEG", dpi=(204, 98)), 98 / 204),
        (odd.saved(TRUTH, "JPEG").replace(b"\0\0\1\0\1\0\0", b"\0\0\2\0\1\0\0", 1), 1 / 2),
        (odd.png(8, 2, odd.RGB, pHYs=b"\0\0\0\2\0\0\0\1\0"), 1 / 2),
        (odd.fax_tiff(tags={282: [2, 1], 283: [1, 1], 296: 1}), 1 / 2),
        (odd.fax_tiff(tags={282: [80, 1], 283: [40, 1], 296: 3}), 1 / 2),
        (odd.fax_tiff(tags={282: [9, 1], 283: [1, 1], 296: 2}), 1),
    ],
)
def test_pixels_that_are_not_square_are_shown_as_they_are(data: bytes, ratio: float) -> None:
    (picture,) = drawn(data)
    shape = odd.SIZE[0] / odd.SIZE[1] * ratio
    assert picture.width / picture.height == pytest.approx(shape, rel=0.03)


def test_thumbnails_and_masks_are_no_pages() -> None:
    page = odd.directory(odd.RGB, 2)
    small = odd.directory(odd.RGB[::4, ::4].copy(), 2, {254: 1})
    mask = odd.directory(odd.GREY, 1, {254: 4})
    for pages in ([page, small], [small, page], [page, mask, small]):
        shows(odd.tiff(*pages), TRUTH)
    assert len(drawn(odd.tiff(small))) == 1  # nothing else is in the file
    assert len(drawn(odd.tiff(page, page | {254: 1}))) == 2  # no smaller than the other


@pytest.mark.parametrize(
    ("data", "error", "word"),
    [
        (odd.tiff(odd.directory((odd.RGB / 255).astype("<f4"), 2)), UnsupportedError, "浮点"),
        (odd.deep_tiff(32, white_is_zero=True), UnsupportedError, "32 位"),
        (odd.tiff(odd.directory(odd.GREY.astype("<f4") * -1, 1)), UnsupportedError, "负数"),
        (odd.fax_tiff(tags={279: 99_999}), UnreadableError, "中断"),
        (odd.with_frame(cmyk_jpeg(), 0, b"\xc9"), UnsupportedError, "算术"),
        (odd.with_frame(cmyk_jpeg(), 3, b"\x0c"), UnsupportedError, "12 位"),
        (odd.with_frame(cmyk_jpeg(), 4, b"\0\0"), UnsupportedError, "DNL"),
        (cmyk_jpeg()[:-2], UnreadableError, "结束标记"),
        (odd.broken_picture_png(), UnreadableError, "校验和"),
        (odd.png(8, 2, odd.RGB, cICP=b"\x09\x10\0\1"), UnsupportedError, "高动态"),
    ],
)
def test_what_cannot_be_shown_rightly_is_refused_in_words(
    data: bytes, error: type[CompileError], word: str
) -> None:
    with pytest.raises(error) as caught:
        image_pages(data, media_type(data))
    assert word in caught.value.message
