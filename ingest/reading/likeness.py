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

from archive.reference.prints import packed
from ingest.reading.pose import ink_of, pose_of

_SIZE, _BLUR, _MARGIN = (200, 280), 3, 16
_ROWS = 1 << 8
_WAVES = _ROWS * _ROWS
_BITS, _STRIDE = 512, 127
_SOFT = 0.002
_WAVE_SIDE, _COARSE = 256, 32


def page_print(picture: Image.Image) -> int:
    """Return 512 bits of the fine structure of a page.

    A copy differs in few of them; another capture, also of the same sheet, in many. Each bit is the
    side of a random plane on which the page lies; the planes are a Hadamard transform behind random
    signs (SRHT).
    """
    return _print_of(_blurred(picture))


def _blurred(picture: Image.Image) -> Image.Image:
    """Return a grey page of one fineness, however finely it was scaled down before."""
    grey = picture.convert("L")
    return grey.filter(ImageFilter.GaussianBlur(_SOFT * min(grey.size)))


def _print_of(blurred: Image.Image) -> int:
    small = blurred.resize(_SIZE, Image.Resampling.BICUBIC)
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
    # The transform of so many is that of a square's rows and columns.
    square = _hadamard() @ waves.reshape(_ROWS, _ROWS) @ _hadamard()
    chosen = square.ravel()[(np.arange(_BITS) * _STRIDE + 1) % _WAVES] > 0
    return int.from_bytes(np.packbits(chosen).tobytes())


def other_views(picture: Image.Image) -> str:
    """Return the prints of a page turned by each further quarter, and of its layout, packed."""
    turns = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    blurred = _blurred(picture)
    return packed(
        [*(_print_of(blurred.transpose(turn)) for turn in turns), *layout_prints(picture)]
    )


def layout_prints(picture: Image.Image) -> tuple[int, int]:
    """Return 512 bits of the layout of a page, and of the same page on its side.

    Wherever the sheet lies in the picture, its waves are as strong: the print is taken from the
    strength of the coarse ones, after the skew is taken out.
    """
    grey = picture.convert("L")
    factor = _WAVE_SIDE / max(grey.size)
    size = (max(8, round(grey.width * factor)), max(8, round(grey.height * factor)))
    ink = Image.fromarray((ink_of(grey.resize(size, Image.Resampling.BOX)) * 255).astype(np.uint8))
    straight = ink.rotate(pose_of(grey).skew, Image.Resampling.BICUBIC)
    sheet = np.zeros((_WAVE_SIDE, _WAVE_SIDE), dtype=np.float32)
    sheet[: straight.height, : straight.width] = np.asarray(straight, dtype=np.float32)
    strength = np.abs(np.fft.fftshift(np.fft.fft2(sheet)))
    middle = slice(_WAVE_SIDE // 2 - _COARSE, _WAVE_SIDE // 2 + _COARSE + 1)
    coarse = np.log(strength[middle, middle] + 1e-3 * float(strength.max()) + 1e-6)
    fine = _smooth(coarse, 1.0) - _smooth(coarse, 4.0)
    steps = np.arange(-_COARSE, _COARSE + 1)
    radius = np.hypot(steps[:, None], steps[None, :])
    fine = np.where((radius <= _COARSE) & (radius >= 3), fine, 0)  # noqa: PLR2004 - the page itself
    return _layout_bits(fine), _layout_bits(np.rot90(fine))


def _layout_bits(strength: NDArray[np.float64]) -> int:
    half = strength[: _COARSE + 1].ravel()
    deviation = float(half.std()) or 1.0
    chosen = _planes(half.size) @ np.clip(half / deviation, -3, 3).astype(np.float32) > 0
    return int.from_bytes(np.packbits(chosen).tobytes())


def _smooth(values: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return values smoothed by a Gaussian, the edges continued."""
    reach = int(3 * width) + 1
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * width * width))
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(
            values, [(reach, reach) if side == axis else (0, 0) for side in (0, 1)], "edge"
        )
        values = sum(
            weight * np.take(padded, range(at, at + values.shape[axis]), axis)
            for at, weight in enumerate(weights)
        )
    return values


@cache
def _planes(size: int) -> NDArray[np.float32]:
    bits = np.unpackbits(
        np.frombuffer(
            hashlib.shake_256(b"yice page layout 1").digest(_BITS * size // 8 + 1), dtype=np.uint8
        )
    )
    return (bits[: _BITS * size].astype(np.float32) * 2 - 1).reshape(_BITS, size)


@cache
def _hadamard() -> NDArray[np.float32]:
    rows = np.ones((1, 1), dtype=np.float32)
    while len(rows) < _ROWS:
        rows = np.block([[rows, rows], [rows, -rows]])
    return rows


@cache
def _signs() -> NDArray[np.float32]:
    # From a digest and not from a library's random numbers: prints must stay comparable for as
    # long as the archive exists.
    bits = np.unpackbits(
        np.frombuffer(hashlib.shake_256(b"yice page print 1").digest(_WAVES // 8), dtype=np.uint8)
    )
    return bits.astype(np.float32) * 2 - 1
