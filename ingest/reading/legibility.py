"""Legibility of a page: dark, blurred, or cut at its edge (DA/T 31-2017 10.5.1, R32).

It is measured on the small grey picture of an examined page. Only what looks written, paper
with dark marks on it, is judged for sharpness and edges: a photograph has no strokes to measure,
and a blank page nothing to cut. Sound pages of the demonstration city have a sharpness of 0.8
and more, those whose strokes are smeared over half a millimetre 0.4 and less.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageStat

from ingest.reading.tones import is_photograph

_DARK_PAPER = 105
"""Grey of the paper: below it pencil, stamps and copies of copies cannot be read."""
_PAPER_SHARE, _PAPER_SPREAD = 0.5, 20
_LEAST_INK, _LEAST_CONTRAST = 0.0015, 24
_SHARP = 0.45
_OUTER, _DEEP, _THICK = 5, 12, 3
"""Pixels of some 400 across, half a millimetre each.

No printer writes so near to an edge, and a shadow along it is thin.
"""
_SHORTEST, _LONGEST = 2, 30
_RUNS_BESIDE, _RUNS_ACROSS = 4, 6
"""Least numbers of marks on an edge.

Cut at a side, every line of writing leaves one mark on the edge; cut above or below, every
character of one line does.
"""
_SMALLEST = 64
_BLANK_SPREAD = 4.0

Grey = NDArray[np.int16]


def unreadable(small: Image.Image) -> tuple[str, ...]:
    """Return the codes of what is wrong with a small grey page.

    Blank pages are left out by the caller.
    """
    if min(small.size) < _SMALLEST:
        return ()
    grey = np.asarray(small, dtype=np.int16)
    levels = np.bincount(_inner(grey).ravel(), minlength=256)
    if _level_at(levels, 0.5) < _DARK_PAPER:
        return ("TOO_DARK",)
    paper = int(levels.argmax())
    share = levels[max(0, paper - _PAPER_SPREAD) : paper + _PAPER_SPREAD].sum() / levels.sum()
    # Relative to the light around it, so that a shadow over half of the page is no ink.
    flat = grey - np.asarray(
        small.filter(ImageFilter.BoxBlur(min(small.size) // 12)), dtype=np.int16
    )
    depth = 255 - _level_at(np.bincount((_inner(flat) + 255).ravel()), 0.005)
    # A portrait before a light wall has as much of "paper" as a letter.
    if share < _PAPER_SHARE or depth < _LEAST_CONTRAST or is_photograph(small):
        return ()
    codes = []
    if _smeared(_inner(flat), depth):
        codes.append("BLURRED")
    if _cut(flat < -depth // 2):
        codes.append("CUT_OFF")
    return tuple(codes)


def _inner(grey: Grey) -> Grey:
    down, across = (side // 20 for side in grey.shape)
    return grey[down:-down, across:-across]


def _level_at(counts: NDArray[np.intp], share: float) -> int:
    """Return the level that a share of all pixels do not pass.

    Counting is ten times as fast as sorting.
    """
    return int(np.searchsorted(np.cumsum(counts), share * counts.sum()))


def _smeared(flat: Grey, depth: int) -> bool:
    """Return whether the hardest edges, as many as half the ink, rise over several pixels."""
    ink = int(np.count_nonzero(flat < -depth // 2))
    if ink < _LEAST_INK * flat.size:
        return False
    steps = np.concatenate(
        [np.abs(np.diff(flat, axis=1)).ravel(), np.abs(np.diff(flat, axis=0)).ravel()]
    )
    counts = np.bincount(steps, minlength=2)[::-1]
    hardest = np.minimum(np.cumsum(counts), ink // 2)
    weights = np.diff(hardest, prepend=0)
    return float(np.dot(weights, np.arange(counts.size)[::-1])) / (ink // 2) < _SHARP * depth


def _cut(ink: NDArray[np.bool_]) -> bool:
    """Return whether marks stand on an edge like writing that continues beyond it."""
    sides = (
        (ink, _RUNS_BESIDE),
        (ink[:, ::-1], _RUNS_BESIDE),
        (ink.T, _RUNS_ACROSS),
        (ink[::-1].T, _RUNS_ACROSS),
    )
    return any(_marks(side) >= least for side, least in sides)


def _marks(side: NDArray[np.bool_]) -> int:
    """Return the number of stroke-like marks on the left edge of a picture.

    They are as thick as strokes and as short as characters.
    """
    near = side[:, :_DEEP]
    edges = np.flatnonzero(
        np.diff(np.concatenate([[False], near[:, :_OUTER].any(axis=1), [False]]).astype(np.int8))
    )
    runs = [
        (int(start), int(end))
        for start, end in edges.reshape(-1, 2)
        if _SHORTEST <= end - start <= _LONGEST
    ]
    return sum(int(np.count_nonzero(near[start:end].any(axis=0))) >= _THICK for start, end in runs)


def blank(small: Image.Image) -> bool:
    """Return whether the inner nine tenths of a small grey page carry no writing.

    The edges are left out because scanner edges are dark on empty pages too.
    """
    width, height = small.size
    inner = small.crop((width // 20, height // 20, width - width // 20, height - height // 20))
    # Paper tint and noise spread little around their mean; a single line of writing does not.
    threshold = ImageStat.Stat(inner).mean[0] - 40
    ink = inner.point([255 if value < threshold else 0 for value in range(256)])
    return (
        ImageStat.Stat(inner).stddev[0] < _BLANK_SPREAD
        and ImageStat.Stat(ink).mean[0] / 255 < 0.0005  # noqa: PLR2004
    )
