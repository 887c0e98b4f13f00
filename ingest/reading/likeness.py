"""Prints of pages, which tell copies of one picture from other pictures (R31).

Copies agree whatever their size, compression or brightness. Scanned pages of text are all alike
to a short hash of their coarsest waves: of the demonstration city's sound pages many pairs
differ in 2 of its 64 bits. So the print of a page is taken from its fine structure, where only
copies of one and the same capture agree.
"""

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

_SIZE, _BLUR, _MARGIN = (200, 280), 3, 16
_WAVES = 1 << 16
_BITS, _STRIDE = 512, 127
_SOFT = 0.002


def page_print(picture: Image.Image) -> int:
    """Return 512 bits of the fine structure of a page.

    A copy differs in few of them; another capture, also of the same sheet, in many. Each bit is the
    side of a random plane on which the page lies; the planes are a Hadamard transform behind random
    signs (SRHT).
    """
    grey = picture.convert("L")
    # Blurred to the same fineness first: finer detail depends on how the picture was scaled down
    # before.
    small = grey.filter(ImageFilter.GaussianBlur(_SOFT * min(grey.size))).resize(
        _SIZE, Image.Resampling.BICUBIC
    )
    # The difference to the blurred picture does not depend on tint, shade and brightness.
    fine = np.asarray(small, dtype=np.float32) - np.asarray(
        small.filter(ImageFilter.BoxBlur(_BLUR)), dtype=np.float32
    )
    inner = fine[
        _SIZE[1] // _MARGIN : -(_SIZE[1] // _MARGIN), _SIZE[0] // _MARGIN : -(_SIZE[0] // _MARGIN)
    ].ravel()
    deviation = float(inner.std()) or 1.0
    waves = np.zeros(_WAVES, dtype=np.float32)
    # One black stamp must not outweigh all writing.
    waves[: inner.size] = np.clip(inner / deviation, -3, 3)
    waves *= _signs()
    step = 1
    while step < _WAVES:
        pairs = waves.reshape(-1, 2, step)
        waves = np.stack((pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]), axis=1).ravel()
        step *= 2
    chosen = waves[(np.arange(_BITS) * _STRIDE + 1) % _WAVES] > 0
    return int.from_bytes(np.packbits(chosen).tobytes())


@cache
def _signs() -> NDArray[np.float32]:
    # From a digest and not from a library's random numbers: prints must stay comparable for as
    # long as the archive exists.
    bits = np.unpackbits(
        np.frombuffer(hashlib.shake_256(b"yice page print 1").digest(_WAVES // 8), dtype=np.uint8)
    )
    return bits.astype(np.float32) * 2 - 1
