"""What a look says of pages that cannot be read, and that it is silent of sound ones, of blank ones
and of photographs.
"""

import io
from datetime import datetime

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from api.demo import scans
from ingest.reading.formats import examine
from ingest.reading.legibility import unreadable
from tests.resources import documents, images

A4 = images.written().size


def small(image: Image.Image) -> Image.Image:
    return image.convert("L").resize((414, 585), Image.Resampling.BOX)


def photograph() -> Image.Image:
    """Soft shapes of all tones, as of a face or a house: no writing."""
    noise = np.random.default_rng(1).random((9, 7), dtype=np.float32)
    return Image.fromarray((noise * 220 + 20).astype(np.uint8)).resize(A4, Image.Resampling.BICUBIC)


def portrait() -> Image.Image:
    """A head before a light wall, a little soft, as documents want it."""
    picture = Image.new("RGB", (358, 441), (238, 242, 248))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((45, 300, 313, 620), fill=(40, 60, 110))
    draw.ellipse((100, 84, 258, 310), fill=(220, 175, 145))
    draw.pieslice((94, 70, 264, 250), 180, 360, fill=(30, 26, 24))
    return picture.filter(ImageFilter.GaussianBlur(2))


def shadowed(page: Image.Image) -> Image.Image:
    """The half of a page in the shadow of the hand that took the picture."""
    shade = np.asarray(page.convert("L"), dtype=np.float32)
    shade[:, shade.shape[1] // 2 :] *= 0.72
    return Image.fromarray(shade.astype(np.uint8))


def punched(page: Image.Image) -> Image.Image:
    """Four holes on the left, and the dark edge of the glass."""
    page = page.convert("L")
    hole = Image.new("L", (44, 44), 40)
    for row in range(4):
        page.paste(hole, (90, 400 + 450 * row))
    page.paste(70, (0, 0, 8, page.height))
    return page


@pytest.mark.parametrize(
    "page",
    [
        images.written(),
        images.written(2).filter(ImageFilter.GaussianBlur(1.2)),
        images.written().point([level + (246 - level) * 6 // 10 for level in range(256)] * 3),
        shadowed(images.written()),
        punched(images.written()),
        images.written().convert("L").point([255 * (level > 150) for level in range(256)]),
        images.written().rotate(90, expand=True),
        images.picture(),
        scans.blank(200),
        photograph(),
        photograph().filter(ImageFilter.GaussianBlur(30)),
    ],
    ids=[
        "sound",
        "soft",
        "faint",
        "shadow",
        "punched",
        "black and white",
        "lying",
        "large type",
        "blank",
        "photograph",
        "blurred photograph",
    ],
)
def test_nothing_is_said_of_a_page_that_can_be_read_or_is_not_written(page: Image.Image) -> None:
    assert unreadable(small(page)) == ()


def test_a_portrait_before_a_light_wall_is_not_judged_as_writing() -> None:
    assert unreadable(portrait().convert("L")) == ()


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (images.dark_jpeg, "TOO_DARK"),
        (images.blurred_jpeg, "BLURRED"),
        (images.cut_off_jpeg, "CUT_OFF"),
    ],
)
def test_what_cannot_be_read_is_told_of_a_picture_and_of_a_scanned_pdf_alike(
    picture: object, code: str
) -> None:
    data = picture()  # type: ignore[operator]
    assert examine(data).unclear == ((1, code),)
    assert examine(documents.scanned_pdf(data, A4)).unclear == ((1, code),)


def test_the_resolution_of_a_scanned_pdf_is_that_of_its_picture_whatever_the_page_says() -> None:
    assert examine(documents.scanned_pdf(images.coarse_jpeg(), (595, 842))).coarse == (1,)
    assert examine(documents.scanned_pdf(images.written_jpeg(), A4)).coarse == ()


@pytest.mark.parametrize("size", [(1, 1), (63, 63), (64, 64), (400, 64)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_any_size_and_tone_is_judged_without_a_fault(
    size: tuple[int, int], level: int
) -> None:
    assert set(unreadable(Image.new("L", size, level))) <= {"TOO_DARK"}


def test_the_time_that_a_camera_wrote_is_read_and_what_is_no_time_says_nothing() -> None:
    taken = datetime(2026, 9, 1, 8, 30)  # noqa: DTZ001 - cameras know no zone
    assert examine(scans.jpeg(images.written(), 200, taken=taken)).taken == (
        (1, "2026-09-01T08:30:00"),
    )
    for garbage in ("0000:00:00 00:00:00", "yesterday", "2026:13:41 99:00:00"):
        exif, out = Image.Exif(), io.BytesIO()
        exif[0x0132] = garbage
        images.written().save(out, "JPEG", exif=exif)
        seen = examine(out.getvalue())
        assert (seen.fault, seen.taken) == (None, ())


def test_the_text_layer_is_read_also_where_its_font_is_not_embedded() -> None:
    ((page, text),) = examine(documents.foreign_pdf()).texts
    assert page == 1
    assert "姓名：别某" in text
