"""Where a foreign page lies: its visible box, its turn and its size (ISO 32000-1 7.7.3.3).

Boxes that are nonsense are read as viewers read them, so that such a page is shown and not refused.
"""

import math
from dataclasses import dataclass

import pikepdf

from archive.reference.compile_errors import UnreadableError

MM = 72 / 25.4
STRIP = 12 * MM
"""Kept free at the foot of scans and of foreign pages, for the footer, in points."""
LEAST, MOST = 3.0, 14_400.0
"""The sides that a page may have, in units (ISO 19005-2 6.1.13)."""
LEAST_AREA = 9.0
"""What a CropBox must hold, in square units; one of less is nonsense and is passed over."""
_QUARTER = 90
_MOST_UNIT = 75_000.0
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


@dataclass(frozen=True, slots=True)
class Place:
    """How a page is laid upright with its origin at the corner.

    `box` is what is seen of it in its own units, `matrix` lays that at the origin, `width` and
    `height` are points. A page that is too large is drawn in units of `unit` points.
    """

    box: Box
    matrix: tuple[float, ...]
    width: float
    height: float
    unit: float


def place_of(page: pikepdf.Page) -> Place:
    """Return how a page is laid: CropBox within MediaBox, else MediaBox; the nearest quarter.

    Raises UnreadableError for a page without any area.
    """
    left, bottom, right, top = box = _visible(page)
    scale = _user_unit(page)
    turn = quarter(page)
    width, height = (right - left) * scale, (top - bottom) * scale
    if turn % 180:
        width, height = height, width
    unit = max(1.0, math.ceil(max(width, height) / (MOST - STRIP) * 100) / 100)
    rows = {
        0: (1, 0, 0, 1, -left, -bottom),
        90: (0, -1, 1, 0, -bottom, right),
        180: (-1, 0, 0, -1, right, top),
        270: (0, 1, -1, 0, top, -left),
    }
    matrix = tuple(round(value * scale / unit, 5) for value in rows[turn])
    return Place(box, matrix, max(LEAST, width / unit), max(LEAST, height / unit), unit)


def quarter(page: pikepdf.Page) -> int:
    """Return by which of 0, 90, 180 and 270 degrees a page is turned clockwise.

    A value between the quarters is the nearest of them, what is no number is none.
    """
    try:
        turn = float(page.obj.get("/Rotate", 0))
    except (TypeError, ValueError):
        return 0
    if not math.isfinite(turn):
        return 0
    # Half-way between two quarters viewers turn less.
    quarters = math.ceil(abs(turn) / _QUARTER - 0.5)
    return int(math.copysign(quarters, turn)) * _QUARTER % 360


def _visible(page: pikepdf.Page) -> Box:
    media = _box(page.obj.get("/MediaBox"))
    if media is None:
        raise UnreadableError("文件有页面没有大小。")
    crop = _box(page.obj.get("/CropBox"))
    if crop is None:
        return media
    seen = (
        max(media[0], crop[0]),
        max(media[1], crop[1]),
        min(media[2], crop[2]),
        min(media[3], crop[3]),
    )
    wide, high = seen[2] - seen[0], seen[3] - seen[1]
    return seen if min(wide, high) > 0 and wide * high >= LEAST_AREA else media


def _box(entry: object) -> Box | None:
    """Return a rectangle, whichever two corners it names; None for one without area."""
    try:
        values = [float(value) for value in entry]  # type: ignore[attr-defined]
        (x0, y0, x1, y1) = values
    except (TypeError, ValueError):
        return None
    if not all(math.isfinite(value) for value in values) or x0 == x1 or y0 == y1:
        return None
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _user_unit(page: pikepdf.Page) -> float:
    try:
        unit = float(page.obj.get("/UserUnit", 1))
    except (TypeError, ValueError):
        return 1.0
    return unit if 0 < unit <= _MOST_UNIT else 1.0
