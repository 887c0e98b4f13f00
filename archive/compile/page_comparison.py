"""The comparison of two drawings of one page by decoders that share no code.

Both lie on one grid of some 48 dpi. Decoders differ in how they smooth an edge, and JPEG adds
noise: both shrink when pixels are averaged, while a missing stroke, another digit or another
colour does not. So the greatest difference is taken at four sizes of pixel, from half a
millimetre to four, and divided by what sound pages show at each.

Decoders differ at edges only, and an edge is on both pages. What stands on one page where the
other is bare is judged far more strictly: so a faint line of pencil is missed, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

GRID_DPI = 48.0
SHORT_SIDE = 400
"""Pixels of the shorter side of a scan's grid: an A4 page at 48 dpi."""
MOST_PIXELS = 600_000
Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of a grid."""
_SHAPE = 0.02
_SIZES = (1, 2, 4, 8)
_COLOURED = 4
_REACH = 2
"""Over how many pixels a page is bare."""
_MARK, _BETWEEN, _AROUND = (214, 40, 40), (90, 90, 90), 9


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The greatest difference that sound pages show, in levels of 255.

    `gray` is of the brightness at 48, 24, 12 and 6 dpi, `colour` of any channel at 12 and 6,
    `bare` of what stands on one page alone at 48 and 24. A line of pencil (gray 150, 0.3 mm) has
    20 and 8 at the least. `edges` are the shares of the contrast, on both pages, by which an edge
    may differ beyond that: for `gray`, and for `bare`.
    """

    gray: tuple[float, float, float, float]
    colour: tuple[float, float]
    bare: tuple[float, float]
    edges: tuple[float, float] = (0.0, 0.4)


SCAN = Tolerance((60, 38, 21, 13), (27, 18), (14, 7))
DRAWN = Tolerance((88, 42, 22, 13), (28, 18), (20, 8))
"""For a PDF: two programs that draw letters and lines differ more than two that decode."""
CLOSER = replace(DRAWN, edges=(0.1, 0.7))
"""For a PDF that was drawn finer since it differed.

What is left at edges are whole pixels, by which programs widen lines and filled rectangles.
"""


def grid_of(width: int, height: int) -> tuple[int, int]:
    """Return the size in pixels on which a picture of this many pixels is compared.

    It has the same shape, and is never larger than the picture.
    """
    scale = min(1.0, SHORT_SIDE / min(width, height), (MOST_PIXELS / (width * height)) ** 0.5)
    return max(1, round(width * scale)), max(1, round(height * scale))


def same_shape(first: tuple[float, float], second: tuple[float, float], slack: float = 0) -> bool:
    """Return whether two sizes have one ratio of width to height, within two in a hundred.

    `slack` is what either side may be longer or shorter, in the units of the first.
    """
    if min(*first, *second) <= 0:
        return False
    across, down = second[0] / first[0], second[1] / first[1]
    allowed = _SHAPE * max(across, down) + slack * across / min(first)
    return abs(across - down) <= allowed


def distance(original: Image.Image, page: Image.Image, tolerance: Tolerance) -> float:
    """Return how far two RGB drawings of one size are apart; sound ones are not beyond 1."""
    return max(
        float(levels.max(initial=0)) / allowed
        for levels, allowed, _ in _levels(original, page, tolerance)
    )


def without(picture: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    """Return a copy in which these boxes are of one gray, so that they are not compared."""
    if not boxes:
        return picture
    covered = picture.copy()
    for box in boxes:
        covered.paste((128, 128, 128), box)
    return covered


def differ_within(original: Image.Image, page: Image.Image, box: Box, least: int) -> bool:
    """Return whether any pixel within the box differs by so many levels."""
    left, top, right, bottom = box
    within = (max(0, left), max(0, top), min(page.width, right), min(page.height, bottom))
    if within[0] >= within[2] or within[1] >= within[3]:
        return False
    apart = ImageChops.difference(original.crop(within), page.crop(within))
    return any(high >= least for _, high in apart.getextrema())  # type: ignore[misc]


def marked(original: Image.Image, page: Image.Image, tolerance: Tolerance) -> Image.Image:
    """Return both drawings side by side, framed in red where they differ."""
    mask = Image.new("L", original.size)
    for levels, allowed, size in _levels(original, page, tolerance):
        wrong = Image.fromarray(((levels > allowed) * 255).astype(np.uint8))
        wrong = wrong.resize((wrong.width * size, wrong.height * size), Image.Resampling.NEAREST)
        mask = ImageChops.lighter(mask, wrong.crop((0, 0, *original.size)))
    wide = mask.filter(ImageFilter.MaxFilter(_AROUND))
    frame = ImageChops.difference(wide, wide.filter(ImageFilter.MinFilter(3)))
    gap = 8
    both = Image.new("RGB", (original.width * 2 + gap, original.height), _BETWEEN)
    for left, picture in ((0, original), (original.width + gap, page)):
        framed = picture.copy()
        framed.paste(_MARK, mask=frame)
        both.paste(framed, (left, 0))
    return both


def _levels(
    original: Image.Image, page: Image.Image, tolerance: Tolerance
) -> list[tuple[NDArray[np.int16], float, int]]:
    """Return the differences at each size of pixel, what is allowed, and the size."""
    rows = []
    gray = original.convert("L"), page.convert("L")
    smaller = {size: [picture.reduce(size) for picture in gray] for size in _SIZES}
    for size, allowed in zip(_SIZES, tolerance.gray, strict=True):
        rows.append((_beyond(smaller[size], tolerance.edges[0]), allowed, size))
    for size, allowed in zip((1, 2), tolerance.bare, strict=True):
        rows.append((_beyond(smaller[size], tolerance.edges[1]), allowed, size))
    for size, allowed in zip((1, 2), tolerance.colour, strict=True):
        coarse = [picture.reduce(_COLOURED * size) for picture in (original, page)]
        rows.append((_apart(*coarse).max(axis=2), allowed, size * _COLOURED))
    return rows


def _apart(first: Image.Image, second: Image.Image) -> NDArray[np.int16]:
    """Return the difference of two pictures."""
    return np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16))


def _beyond(pair: Sequence[Image.Image], share: float) -> NDArray[np.int16]:
    """Return the difference of two gray pictures beyond what an edge on both explains."""
    first, second = pair
    if not share:
        return _apart(first, second)
    contrast = np.minimum(_contrast(np.asarray(first)), _contrast(np.asarray(second)))
    return _apart(first, second) - (contrast * share).astype(np.int16)


def _contrast(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the range of the levels around each pixel."""
    low = high = np.pad(levels, _REACH, mode="edge")
    for axis in (0, 1):
        length = levels.shape[axis]
        views = [slice(step, step + length) for step in range(2 * _REACH + 1)]
        places = [(view,) if axis == 0 else (slice(None), view) for view in views]
        low = np.minimum.reduce([low[place] for place in places])
        high = np.maximum.reduce([high[place] for place in places])
    return high - low
