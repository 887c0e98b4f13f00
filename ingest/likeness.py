"""How alike two pictures are, whatever their size, compression or brightness (R31)."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE, _KEPT = 32, 8


def perceptual_hash(image: Image.Image) -> int:
    """64 bits of a picture's coarsest waves (DCT): copies differ in few of them, other pages in about half."""
    small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    waves = _cosines() @ np.asarray(small, dtype=np.float64) @ _cosines().T
    # The first wave is the brightness of the whole, which says nothing of what is on the page.
    coarse = waves[:_KEPT, 1 : _KEPT + 1].ravel()
    return sum(1 << place for place, bit in enumerate(coarse > np.median(coarse)) if bit)


def distance(one: int, other: int) -> int:
    """In how many of the 64 bits two hashes differ."""
    return (one ^ other).bit_count()


@cache
def _cosines() -> NDArray[np.float64]:
    steps = np.arange(_SIDE)
    return np.cos(np.pi * np.outer(steps, steps + 0.5) / _SIDE)
