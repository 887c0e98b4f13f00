"""Pages that look alike are looked at again: forms filled in otherwise are no copies, a page
that was scanned again, turned or made smaller is.
"""

import io
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from archive.reference.prints import LAYOUT_NEAR, Sameness, distance
from ingest.reading.likeness import layout_prints
from ingest.reading.sandbox import compare_pages, overlay_pages
from ingest.reading.second_look import compare

SIZE = (1100, 1556)
LABELS = ("name", "sex", "nation", "born", "number", "place", "relation", "school", "work", "notes")


def form(name: str, number: int) -> Image.Image:
    """A printed form of many labels, with a name and a page number."""
    page = Image.new("L", SIZE, 250)
    draw = ImageDraw.Draw(page)
    draw.text((420, 70), "register of persons", fill=20, font_size=36)
    draw.text((900, 150), f"page {number}", fill=20, font_size=26)
    for row, label in enumerate(LABELS):
        y = 220 + 110 * row
        draw.rectangle((100, y, 1000, y + 110), outline=40, width=3)
        draw.text((130, y + 36), label, fill=20, font_size=34)
        value = name if label == "name" else f"{label} of the household"
        draw.text((420, y + 34), value, fill=10, font_size=38)
    return page


def scanned(page: Image.Image, seed: int) -> Image.Image:
    """A capture of a sheet: askew, moved, with grain of its own."""
    random, dice = Random(seed), np.random.default_rng(seed)
    page = page.rotate(
        random.uniform(-1.2, 1.2),
        Image.Resampling.BICUBIC,
        translate=(random.randint(-9, 9), random.randint(-9, 9)),
        fillcolor=250,
    )
    light = np.asarray(page, dtype=np.float32) * random.uniform(0.92, 1.0)
    light += dice.normal(0, 4, light.shape)
    return Image.fromarray(light.clip(0, 255).astype(np.uint8))


def jpeg(page: Image.Image, quality: int = 70) -> bytes:
    out = io.BytesIO()
    page.save(out, "JPEG", quality=quality)
    return out.getvalue()


def portrait(cloth: tuple[int, int, int], face: int) -> Image.Image:
    """A photograph for a document: all sit alike before one wall."""
    picture = Image.new("RGB", (358, 441), (236, 240, 246))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((40, 300, 318, 600), fill=cloth)
    draw.ellipse((179 - face, 90, 179 + face, 320), fill=(220, 175, 145))
    draw.pieslice((172 - face, 60, 186 + face, 260), 180, 360, fill=(25, 22, 20))
    return picture


@pytest.mark.parametrize("quarter", range(4))
def test_a_photograph_that_is_smaller_lighter_and_turned_is_a_copy(quarter: int) -> None:
    first = portrait((30, 60, 110), 72)
    again = ImageEnhance.Brightness(first.resize((310, 382))).enhance(1.06)
    again = Image.open(io.BytesIO(jpeg(again.rotate(90 * quarter, expand=True), 60)))
    assert compare(first, again).sameness is Sameness.COPY


@pytest.mark.parametrize(("cloth", "face"), [((110, 60, 30), 72), ((30, 60, 110), 88)])
def test_photographs_of_two_persons_who_sit_alike_are_no_copies(
    cloth: tuple[int, int, int], face: int
) -> None:
    overlay = compare(portrait((30, 60, 110), 72), portrait(cloth, face))
    assert overlay.sameness is Sameness.DIFFERENT
    assert len(overlay.spots) == 1


@pytest.mark.parametrize("quarter", range(4))
def test_a_page_scanned_again_is_a_copy_whichever_way_it_lies(quarter: int) -> None:
    again = scanned(form("Suyila", 1), 2 + quarter).rotate(90 * quarter, expand=True)
    first = scanned(form("Suyila", 1), 1)
    overlay = compare(first, ImageEnhance.Brightness(again).enhance(0.9))
    assert overlay.sameness is Sameness.COPY
    assert overlay.spots == ()
    prints = layout_prints(first)
    assert min(distance(prints[0], other) for other in layout_prints(again)) <= LAYOUT_NEAR


def test_two_pages_of_one_form_are_no_copies_and_the_difference_is_marked_where_it_is() -> None:
    overlay = compare(scanned(form("Suyila", 1), 1), scanned(form("Bateer", 2), 2))
    assert overlay.sameness is Sameness.DIFFERENT
    factor = 1400 / max(SIZE)
    named = [(420 * factor, 220 * factor), (700 * factor, 300 * factor)]
    assert any(
        named[0][0] - 40 < left < named[1][0] and named[0][1] - 40 < top < named[1][1]
        for left, top, *_ in overlay.spots
    )


def test_another_page_number_alone_makes_another_page() -> None:
    overlay = compare(scanned(form("Suyila", 1), 1), scanned(form("Suyila", 3), 2))
    assert overlay.sameness is Sameness.DIFFERENT


def test_one_capture_in_which_a_name_was_changed_is_known_by_its_grain() -> None:
    first, second = (np.asarray(form(name, 1), dtype=np.float32) for name in ("Suyila", "Bateer"))
    grain = np.random.default_rng(1).normal(0, 5, first.shape)
    captures = [
        Image.fromarray((light + grain).clip(0, 255).astype(np.uint8)) for light in (first, second)
    ]
    smaller = Image.open(io.BytesIO(jpeg(captures[1].resize((1000, 1414)), 70)))
    assert compare(captures[0], smaller).sameness is Sameness.ALTERED


def test_pages_of_foreign_files_are_compared_and_drawn_side_by_side_in_the_sandbox() -> None:
    first, second = jpeg(scanned(form("Suyila", 1), 1)), jpeg(scanned(form("Suyila", 1), 2))
    answer = compare_pages(first, 1, second, 1)
    assert answer is not None
    assert b'"sameness": "COPY"' in answer
    picture = overlay_pages(first, 1, second, 1)
    assert picture is not None
    with Image.open(io.BytesIO(picture)) as sheet:
        assert sheet.width > sheet.height
    assert compare_pages(first, 2, second, 1) is None
    assert compare_pages(b"no picture", 1, second, 1) is None
