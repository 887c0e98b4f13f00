"""The second look at two photographs by their tones, as they have no strokes.

Two portraits have the same outline, a head above shoulders. What differs are whole areas: hair,
skin, clothes. The pictures are laid over each other, made as bright and as contrasty, and held
against each other area by area. Runs in the sandbox only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

_SIDE = 140
"""Longer side of the pictures that are compared."""
_SOLID, _AROUND, _MIDDLE = 30, 5, 0.25
"""Levels below the lightest, over how many pixels without a gap, on what share of the middle."""
_SHAPE = 0.1
_PATCH, _APART = 5, 8.0
"""Side of an area, and levels by which it differs.

Copies that were scaled, turned, made lighter and compressed reach 6, other persons 14 and more.
"""
_COLOURED = 6
_ROUNDS, _SOFT = 14, 2
_EDGE = 4
_BRIGHTEST = 246
"""From here on a brighter picture has no more to tell."""

Grey = NDArray[np.float32]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Tones:
    """Two photographs laid over each other.

    `matrix` (2 × 3) leads from pixels of the first to those of the second, each with a longer side
    of 1. `box` is the area that differs most, in the same measure; None where they are one.
    """

    matrix: Matrix
    box: tuple[float, float, float, float] | None


def is_photograph(page: Image.Image) -> bool:
    """Return whether the middle of a page is of tones and not of strokes on paper."""
    grey = _small(page.convert("L"), 2 * _SIDE)
    paper = int(np.percentile(np.asarray(grey), 95))
    solid = _lightest_near(np.asarray(grey), _AROUND) < paper - _SOLID
    down, across = (side // 5 for side in solid.shape)
    return float(solid[down:-down, across:-across].mean()) > _MIDDLE


def _lightest_near(levels: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """Return the lightest level within `reach` of each pixel, across and down.

    As a rank filter has it, but along one axis after the other, and in steps that double.
    """
    for axis in (0, 1):
        aside = [(reach, reach) if side == axis else (0, 0) for side in (0, 1)]
        run, wide, seen = 2 * reach + 1, np.pad(levels, aside, "edge").swapaxes(0, axis), 1
        while seen < run:
            step = min(seen, run - seen)
            wide = np.maximum(wide[:-step], wide[step:])
            seen += step
        levels = wide.swapaxes(0, axis)
    return levels


def lay_tones(first: Image.Image, second: Image.Image) -> Tones:
    """Return how two photographs (RGB) lie over each other, and where they differ."""
    base, best, matrix = _small(first, _SIDE), -2.0, np.eye(2, 3)
    for quarter in range(4):
        turned = _turn(second.size, quarter)
        if abs(turned.ratio * first.height / first.width - 1) > _SHAPE:
            continue
        start = turned.matrix(first.size)
        likeness = _likeness(base, _laid(second, start, base.size))
        if likeness > best:
            best, matrix = likeness, start
    if best < 0:
        return Tones(matrix, (0.0, 0.0, 1.0, 1.0))
    matrix = _aligned(base, second, matrix)
    laid, inside = _laid(second, matrix, base.size), _inside(second, matrix, base.size)
    apart = _differences(base, laid, inside)
    worst = int(np.argmax(apart))
    if float(apart.flat[worst]) <= _APART:
        return Tones(matrix, None)
    down, across = (int(at) for at in np.unravel_index(worst, apart.shape))
    half = _PATCH // 2 + 1
    corners = (across - half, down - half, across + half, down + half)
    left, top, right, bottom = (corner / _SIDE for corner in corners)
    return Tones(matrix, (left, top, right, bottom))


@dataclass(frozen=True, slots=True)
class _Turn:
    """A picture seen turned by quarters: its shape, and the way back to its pixels."""

    size: tuple[int, int]
    quarter: int

    @property
    def ratio(self) -> float:
        """Return width by height as it is seen."""
        wide, high = self.size[:: -1 if self.quarter % 2 else 1]
        return wide / high

    def matrix(self, shown: tuple[int, int]) -> Matrix:
        """Return the matrix from a picture of this size, stretched over the turned one."""
        long, other = max(shown), max(self.size)
        wide, high = (side / long for side in shown)
        across, down = (side / other for side in self.size)
        corners = [(0.0, 0.0), (across, 0.0), (across, down), (0.0, down)]
        corners = corners[self.quarter :] + corners[: self.quarter]
        origin, right, below = (np.array(corners[place]) for place in (0, 1, 3))
        return np.column_stack([(right - origin) / wide, (below - origin) / high, origin])


def _turn(size: tuple[int, int], quarter: int) -> _Turn:
    return _Turn(size, quarter)


def _small(page: Image.Image, side: int) -> Image.Image:
    factor = side / max(page.size)
    size = (max(8, round(page.width * factor)), max(8, round(page.height * factor)))
    return page.resize(size, Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC)


def _laid(page: Image.Image, matrix: Matrix, size: tuple[int, int]) -> Image.Image:
    """Return a picture as it lies over one of this size, whose longer side is `_SIDE`."""
    small = _small(page, _SIDE)
    scaled = matrix.copy()
    scaled[:, 2] *= _SIDE
    return small.transform(
        size, Image.Transform.AFFINE, tuple(scaled.ravel()), Image.Resampling.BICUBIC
    )


def _inside(page: Image.Image, matrix: Matrix, size: tuple[int, int]) -> Mask:
    lit = _laid(Image.new("L", page.size, 255), matrix, size)
    mask = np.asarray(lit.filter(ImageFilter.MinFilter(2 * _EDGE + 1))) > 250  # noqa: PLR2004
    mask = mask.copy()
    mask[:_EDGE] = mask[-_EDGE:] = False
    mask[:, :_EDGE] = mask[:, -_EDGE:] = False
    return mask


def _values(page: Image.Image) -> Grey:
    return np.asarray(page.convert("L").filter(ImageFilter.GaussianBlur(_SOFT)), dtype=np.float32)


def _likeness(first: Image.Image, second: Image.Image) -> float:
    x, y = (_values(page).ravel() for page in (first, second))
    return float(np.corrcoef(x, y)[0, 1]) if x.std() and y.std() else 0.0


def _aligned(base: Image.Image, second: Image.Image, matrix: Matrix) -> Matrix:
    """Return the matrix under which the second picture lies best over the first.

    Gauss and Newton's steps of place, turn, stretch, brightness and contrast (Lucas and Kanade).
    """
    target = _values(base)
    down, across = (axis.ravel() for axis in np.mgrid[0 : target.shape[0], 0 : target.shape[1]])
    for _ in range(_ROUNDS):
        seen = _values(_laid(second, matrix, base.size))
        inside = _inside(second, matrix, base.size).ravel()
        if inside.mean() < 0.5:  # noqa: PLR2004 - it ran away
            return matrix
        steep, along = (slope.ravel() for slope in np.gradient(seen))
        flat = seen.ravel()
        moves = (along * across, along * down, along, steep * across, steep * down, steep)
        columns = np.column_stack([*moves, flat, np.ones_like(flat)])[inside]
        wanted = target.ravel()[inside]
        weights = columns.T @ columns + np.eye(8) * 1e-3
        step = np.linalg.solve(weights, columns.T @ wanted)
        gain = float(np.clip(step[6], 0.5, 2.0))
        change = np.eye(3)
        change[0] += step[0:3] / gain
        change[1] += step[3:6] / gain
        change[:2, 2] /= _SIDE
        matrix = (np.vstack([matrix, [0, 0, 1]]) @ change)[:2]
        if float(np.abs(step[[2, 5]] / gain).max()) < 0.02:  # noqa: PLR2004 - of a pixel
            break
    return matrix


def _differences(base: Image.Image, laid: Image.Image, inside: Mask) -> Grey:
    """Return by how many levels each area of two pictures differs, in any colour."""
    tones = [np.asarray(page, dtype=np.float32) for page in (base, laid)]
    spread = [
        float(np.percentile((tone.max(axis=2) - tone.min(axis=2))[inside], 90)) for tone in tones
    ]
    if min(spread) < _COLOURED:  # one of them was captured without colour
        tones = [
            np.asarray(page.convert("L"), dtype=np.float32)[..., None] for page in (base, laid)
        ]
    apart = np.zeros(inside.shape, dtype=np.float32)
    for place in range(tones[0].shape[2]):
        apart = np.maximum(apart, _apart(tones[0][..., place], tones[1][..., place], inside))
    return apart


def _apart(first: Grey, second: Grey, inside: Mask) -> Grey:
    """Return by how many levels each area differs once brightness and contrast are alike."""
    readable = inside & (np.minimum(first, second) < _BRIGHTEST)
    fits = readable.copy()
    left = np.zeros_like(first)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(first, 1, mode="edge"), (3, 3))
    low, high = near.min(axis=(2, 3)), near.max(axis=(2, 3))
    for _ in range(4):  # what differs shall not pull the rest
        x, y = second[fits], first[fits]
        if x.size < _PATCH * _PATCH:
            break
        gain = float(((x - x.mean()) * (y - y.mean())).mean() / max(float(x.var()), 1.0))
        gain = min(1.6, max(0.6, gain))
        seen = gain * second + float(y.mean()) - gain * float(x.mean())
        # An edge may lie a pixel aside: what counts is what the other has nowhere near.
        left = np.where(readable, np.maximum(low - seen, 0) - np.maximum(seen - high, 0), 0)
        usual = float(np.percentile(np.abs(left[readable]), 60))
        fits = readable & (np.abs(left) <= max(4.0, usual))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(left, _PATCH // 2), (_PATCH, _PATCH))
    means: Grey = windows.mean(axis=(2, 3), dtype=np.float32)
    return np.abs(means)
