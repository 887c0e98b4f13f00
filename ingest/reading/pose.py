"""How a page lies in its picture: its skew, its centre and its extent, from the ink alone.

A sheet that is scanned again lies elsewhere, a little askew, or on its side. Seen from its ink it
is the same, up to a quarter turn: prints and second looks see pages so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

_SIDE, _EDGE = 420, 18
"""Longer side of the picture that is measured, and of its edge what share is left out."""
_FAINT, _FULL = 0.35, 0.6
_GOLDEN, _SILVER = 0.6180339887, 0.4142135624
_WIDEST, _STEPS, _ENOUGH = 6.0, 37, 2500
_EXTENT = 2.1
_LEAST_INK = 40.0

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pose:
    """Skew in degrees, centre and radius in shares of the picture's longer side."""

    skew: float
    across: float
    down: float
    radius: float


def ink_of(grey: Image.Image, light: float = 0.996) -> Grey:
    """Return how dark each pixel is beside the paper around it, from 0 to 1.

    `light` is the share of pixels that are no full ink, whatever the contrast of the page.
    """
    level = np.asarray(grey, dtype=np.float32)
    blur = max(4, min(grey.size) // 14)
    paper = np.asarray(
        grey.filter(ImageFilter.BoxBlur(blur)).filter(ImageFilter.BoxBlur(blur)), dtype=np.float32
    )
    dark = (paper - level) / np.maximum(paper, 40)
    counts = np.bincount((np.clip(dark, 0, 1) * 255).astype(np.int32).ravel(), minlength=256)
    depth = max(0.2, float(np.searchsorted(np.cumsum(counts), light * dark.size)) / 255)
    return np.clip((dark / depth - _FAINT) / (_FULL - _FAINT), 0, 1)


def pose_of(picture: Image.Image) -> Pose:
    """Return how a page lies; a page without ink lies straight in the middle."""
    grey = picture.convert("L")
    factor = _SIDE / max(grey.size)
    small = grey.resize(
        (max(8, round(grey.width * factor)), max(8, round(grey.height * factor))),
        Image.Resampling.BOX if factor < 1 else Image.Resampling.BILINEAR,
    )
    ink = ink_of(small)
    height, width = ink.shape
    ink[: height // _EDGE] = ink[-(height // _EDGE) :] = 0
    ink[:, : width // _EDGE] = ink[:, -(width // _EDGE) :] = 0
    down, across = np.nonzero(ink)
    weight = ink[down, across]
    total = float(weight.sum())
    # Spread within its pixel: or the raster itself would be the straightest line of all.
    x = across - width / 2 + np.modf(np.arange(weight.size) * _GOLDEN)[0] - 0.5
    y = down - height / 2 + np.modf(np.arange(weight.size) * _SILVER)[0] - 0.5
    if total < _LEAST_INK:
        return Pose(0, 0.5 * width / _SIDE, 0.5 * height / _SIDE, 0.5)
    some = slice(None, None, max(1, weight.size // _ENOUGH))
    skew = _skew(x[some], y[some], weight[some])
    turn = np.deg2rad(skew)
    along, up = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    middle, level = (float(np.dot(axis, weight)) / total for axis in (along, up))
    spread = float(np.dot((along - middle) ** 2 + (up - level) ** 2, weight)) / total
    centre = (
        middle * np.cos(turn) - level * np.sin(turn) + width / 2,
        middle * np.sin(turn) + level * np.cos(turn) + height / 2,
    )
    return Pose(
        float(skew),
        float(centre[0]) / _SIDE,
        float(centre[1]) / _SIDE,
        _EXTENT * float(np.sqrt(spread)) / _SIDE,
    )


def _skew(x: Grey, y: Grey, weight: Grey) -> float:
    """Return the angle at which lines of writing and of grids fall together best."""

    def sharpness(angle: float) -> float:
        turn = np.deg2rad(angle)
        score = 0.0
        for axis in (y * np.cos(turn) - x * np.sin(turn), x * np.cos(turn) + y * np.sin(turn)):
            lines = np.bincount(np.round(axis).astype(np.int32) + 2 * _SIDE, weights=weight)
            score += float(np.dot(np.diff(lines), np.diff(lines)))
        return score

    angles = np.linspace(-_WIDEST, _WIDEST, _STEPS)
    scores = [sharpness(angle) for angle in angles]
    best = float(angles[int(np.argmax(scores))])
    step = float(angles[1] - angles[0])
    near = np.linspace(best - step, best + step, 11)
    fine = np.array([sharpness(angle) for angle in near])
    fine -= fine.min()
    # The middle of what is nearly as sharp: one score alone jumps with the grain.
    fine = np.where(fine > 0.5 * fine.max(), fine, 0)
    return float(np.dot(near, fine) / fine.sum()) if fine.sum() else best


def seen_from_ink(picture: Image.Image, pose: Pose, side: int) -> Image.Image:
    """Return a page as its ink lies: straight, centred, `side` pixels wide and high."""
    grey = picture.convert("L")
    long = max(grey.size)
    scale = 2 * pose.radius * long / side
    turn = np.deg2rad(pose.skew)
    a, b = scale * float(np.cos(turn)), -scale * float(np.sin(turn))
    c, d = scale * float(np.sin(turn)), scale * float(np.cos(turn))
    half = side / 2
    return grey.transform(
        (side, side),
        Image.Transform.AFFINE,
        (
            a,
            b,
            pose.across * long - (a + b) * half,
            c,
            d,
            pose.down * long - (c + d) * half,
        ),
        Image.Resampling.BICUBIC,
        fillcolor=int(np.median(np.asarray(grey)[:: max(1, long // 200)])),
    )
