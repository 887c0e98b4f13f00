"""What decoders and JPEG add to a page passes; what a person would miss does not."""

from io import BytesIO
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from api.demo import scans
from archive.compile.page_comparison import SCAN, distance, grid_of, marked, same_shape
from archive.compile.page_drawing import DrawnVolume, drawn_volume
from archive.compile.scans import image_pages

DPI = 200
LINES = tuple(f"第{row}行：演示材料，15060219900307123{row}，仅供测量之用。" for row in range(10))


def scan(lines: tuple[str, ...] = LINES, stamp: str = "演示派出所") -> Image.Image:
    return scans.colour(scans.Page("申请书", lines, stamp), DPI, Random(7))


ORIGINAL = scan()
GRID = grid_of(*ORIGINAL.size)
REFERENCE = ORIGINAL.resize(GRID, Image.Resampling.BOX)


def as_jpeg(picture: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality, dpi=(DPI, DPI))
    return out.getvalue()


def in_volume(picture: Image.Image, quality: int = 85) -> Image.Image:
    """The page of a volume that shows this scan, as pdfium draws it."""
    out = BytesIO()
    with image_pages(as_jpeg(picture, quality), "image/jpeg") as pdf:
        pdf.save(out)
    with drawn_volume(out.getvalue()) as volume:
        return drawn(volume)


def drawn(volume: DrawnVolume) -> Image.Image:
    return volume.drawn(1, volume.scan(1), GRID)


@settings(max_examples=8, deadline=None)
@given(quality=st.integers(40, 95))
def test_the_noise_of_a_jpeg_passes(quality: int) -> None:
    assert distance(REFERENCE, in_volume(ORIGINAL, quality), SCAN) <= 1


@settings(max_examples=10, deadline=None)
@given(
    x=st.floats(0.1, 0.8), y=st.floats(0.7, 0.9), down=st.booleans(), quality=st.integers(60, 95)
)
def test_a_missing_stroke_does_not(x: float, y: float, quality: int, *, down: bool) -> None:
    """Three millimetres of ordinary ink, as of a tick, anywhere on the paper."""
    wide, high = ORIGINAL.size
    length = round(DPI * 3 / 25.4)
    start = (round(wide * x), round(high * y))
    end = (start[0] + length, start[1] + (length // 2 if down else -length // 2))
    struck = ORIGINAL.copy()
    ImageDraw.Draw(struck).line((start, end), fill=(50, 50, 60), width=3)
    reference = struck.resize(GRID, Image.Resampling.BOX)
    assert distance(reference, in_volume(ORIGINAL, quality), SCAN) > 1


@settings(max_examples=10, deadline=None)
@given(
    x=st.floats(0.1, 0.8),
    y=st.floats(0.7, 0.9),
    slope=st.floats(-2, 2),
    quality=st.integers(60, 95),
)
def test_a_missing_line_of_faint_pencil_does_not(
    x: float, y: float, slope: float, quality: int
) -> None:
    """Grey 150 and 0.3 mm wide, a centimetre long, on bare paper."""
    wide, high = ORIGINAL.size
    start, length = (wide * x, high * y), DPI / 2.54 / (1 + slope * slope) ** 0.5
    end = (start[0] + length, start[1] + slope * length)
    noted = ORIGINAL.copy()
    ImageDraw.Draw(noted).line((start, end), fill=(150, 150, 150), width=round(DPI * 0.3 / 25.4))
    reference = noted.resize(GRID, Image.Resampling.BOX)
    assert distance(reference, in_volume(ORIGINAL, quality), SCAN) > 1


WRONG = {
    "one digit": lambda: scan((*LINES[:-1], LINES[-1].replace("1990", "1998"))),
    "a line is missing": lambda: scan(LINES[:-1]),
    "the stamp is missing": lambda: scan(stamp=""),
    "red for blue": lambda: Image.merge("RGB", ORIGINAL.split()[::-1]),
    "inverted": lambda: ImageChops.invert(ORIGINAL),
    "a white page": lambda: Image.new("RGB", ORIGINAL.size, (255, 255, 255)),
    "upside down": lambda: ORIGINAL.rotate(180),
    "another page": lambda: scan(LINES[::-1]),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_page_is_told_from_the_right_one(kind: str) -> None:
    assert distance(REFERENCE, in_volume(WRONG[kind]()), SCAN) > 1


def test_the_place_that_differs_is_framed() -> None:
    shown = in_volume(WRONG["a line is missing"]())
    pair = marked(REFERENCE, shown, SCAN)
    red = [
        place
        for place in range(pair.height)
        if pair.getpixel((pair.width // 4, place)) == (214, 40, 40)
    ]
    assert red
    assert min(red) > pair.height // 4


def test_a_page_of_another_shape_is_known_without_a_look() -> None:
    assert same_shape((210, 297), (595, 842))
    assert not same_shape((210, 297), (842, 595))
    assert not same_shape((1728, 1100), (1728, 2200))
