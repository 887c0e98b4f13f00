"""The second look at two pages that may be one: laid over each other (R31).

Prints only name candidates. Two pages of one printed form look alike and are no copies: other
handwriting or another page number stands on them. A page that was scanned again, turned, made
lighter or compressed is a copy: nothing stands on one that is not on the other. Where something
does, but the very grain of the paper agrees, one capture was altered. Runs in the sandbox only.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from archive.reference.prints import Sameness
from ingest.reading.pose import Grey, ink_of, pose_of
from ingest.reading.tones import is_photograph, lay_tones

FINE, _ROUGH = 1400, 256
"""Longer side of the pages that are judged, and of those by which they are first laid over."""
_SCALES = (0.98, 1.02, 0.96, 1.04, 0.93, 1.07)
_ROUGHLY = 0.86
"""Least correlation of two sheets so small; the same one captured twice has 0.9 and more."""
_BLOCK, _REACH = 128, 24
_LEAST_INK, _LEAST_BLOCKS = 60, 4
_AGREE, _FITS = 0.45, 0.5
"""Least correlation of a block that fits, and least share of such blocks of one sheet."""
_LIGHT = 0.999
_WEAK, _NEAR = 0.2, 3
_SPOT, _PATCH, _PATCH_LEAST, _MOST_SPOTS = 24, 14, 90, 40
"""Side of a window in pixels of a fifth of a millimetre; how many windows make a difference."""
_WRITTEN, _UNLIKE = 0.16, 0.8
"""Least spread of ink in a window that is written on, and the correlation of one that differs."""
_EDGE = 30
_GRAIN, _GRAIN_BLOCKS, _FLAT = 0.12, 12, 0.3
_REPEATED, _LAGS = 0.25, (4, 5, 6, 8, 9, 10, 14)

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Overlay:
    """Two pages laid over each other.

    `matrix` (2 × 3) leads from pixels of the first page, its longer side 1400, to pixels of the
    second, likewise; `fit` is the share of its blocks that agree; `spots` are the boxes of what
    stands on one page only (left, top, right, bottom in pixels of the first).
    """

    sameness: Sameness
    fit: float
    grain: float
    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]
    spots: tuple[tuple[int, int, int, int], ...]


def compare(first: Image.Image, second: Image.Image) -> Overlay:
    """Return how two pages lie over each other, and whether they are one page."""
    if is_photograph(first) and is_photograph(second):
        return _photographs(first.convert("RGB"), second.convert("RGB"))
    pages = [_sized(page.convert("L"), FINE) for page in (first, second)]
    inks = [ink_of(page, _LIGHT) for page in pages]
    matrix, alike = _rough(pages[0], pages[1])
    if alike < _ROUGHLY:
        return _overlay(Sameness.DIFFERENT, 0, 0, matrix, ())
    fit = 0.0
    for reach, least in ((_REACH, _FITS / 2), (_REACH // 2, _FITS)):
        matrix, fit = _refined(inks[0], inks[1], matrix, reach)
        if fit < least:
            break
    if fit < _FITS:
        return _overlay(Sameness.DIFFERENT, fit, 0, matrix, ())
    laid = _warped(inks[1], matrix, inks[0].shape)
    spots = _spots(inks[0], laid, _inside(pages[1].size, matrix, inks[0].shape))
    grain = _grain_agrees(pages, inks[0], laid, matrix)
    if not spots:
        return _overlay(Sameness.COPY, fit, grain, matrix, ())
    sameness = Sameness.ALTERED if grain > _GRAIN else Sameness.DIFFERENT
    return _overlay(sameness, fit, grain, matrix, spots)


def _photographs(first: Image.Image, second: Image.Image) -> Overlay:
    """Return how two photographs lie over each other: by tones, as they have no strokes."""
    tones = lay_tones(first, second)
    matrix = tones.matrix.copy()
    matrix[:, 2] *= FINE
    if tones.box is None:
        return _overlay(Sameness.COPY, 1.0, 0, matrix, ())
    left, top, right, bottom = (round(side * FINE) for side in tones.box)
    return _overlay(Sameness.DIFFERENT, 1.0, 0, matrix, ((left, top, right, bottom),))


def _overlay(
    sameness: Sameness,
    fit: float,
    grain: float,
    matrix: Matrix,
    spots: tuple[tuple[int, int, int, int], ...],
) -> Overlay:
    (a, b, c), (d, e, f) = matrix.tolist()
    return Overlay(sameness, fit, grain, ((a, b, c), (d, e, f)), spots)


def _sized(page: Image.Image, side: int) -> Image.Image:
    factor = side / max(page.size)
    size = (max(8, round(page.width * factor)), max(8, round(page.height * factor)))
    return page.resize(size, Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC)


def _rough(first: Image.Image, second: Image.Image) -> tuple[Matrix, float]:
    """Return the best quarter turn and scale with its best shift, and its correlation."""
    skews = [pose_of(page).skew for page in (first, second)]
    small = [_small_ink(page) for page in (first, second)]
    side = 2 * _ROUGH
    under = _turned(small[0], skews[0], 1.0, 0)
    base = np.conj(np.fft.rfft2(_square(under, side)))
    best, chosen, turn = -1.0, np.eye(2, 3), 0
    for turned, scale in [*((quarter, 1.0) for quarter in range(4)), *((None, s) for s in _SCALES)]:
        quarter = turn if turned is None else turned
        laid = _square(_turned(small[1], skews[1], scale, quarter), side)
        score = np.fft.irfft2(base * np.fft.rfft2(laid), s=(side, side))
        place = int(np.argmax(score))
        value = float(score.flat[place]) / (float(np.linalg.norm(laid)) or 1.0)
        if value > best:
            down, across = divmod(place, side)
            shift = [across - side * (across > _ROUGH), down - side * (down > _ROUGH)]
            best, turn = value, quarter
            chosen = _joined(first, second, skews, scale, quarter, shift)
    return chosen, best / (float(np.linalg.norm(under)) or 1.0)


def _small_ink(page: Image.Image) -> Image.Image:
    ink = ink_of(_sized(page, 2 * _ROUGH))
    return _sized(Image.fromarray((ink * 255).astype(np.uint8)), _ROUGH)


def _turned(ink: Image.Image, skew: float, scale: float, quarter: int) -> Grey:
    """Return ink set straight, scaled and turned about the middle of a square."""
    half = _ROUGH / 2
    matrix = _about(skew, scale, quarter, (half, half), (ink.width / 2, ink.height / 2))
    laid = ink.transform(
        (_ROUGH, _ROUGH), Image.Transform.AFFINE, tuple(matrix.ravel()), Image.Resampling.BILINEAR
    )
    values = np.asarray(laid.filter(ImageFilter.GaussianBlur(1)), dtype=np.float32)
    return values - float(values.mean())


def _about(
    skew: float,
    scale: float,
    quarter: int,
    middle: tuple[float, float],
    source: tuple[float, float],
) -> Matrix:
    """Return the matrix from a picture set straight, scaled and turned to its source."""
    turn = np.deg2rad(skew + 90 * quarter)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) / scale
    return np.column_stack([linear, np.array(source) - linear @ np.array(middle)])


def _square(values: Grey, side: int) -> Grey:
    square = np.zeros((side, side), dtype=np.float32)
    square[: values.shape[0], : values.shape[1]] = values
    return square


def _joined(
    first: Image.Image,
    second: Image.Image,
    skews: list[float],
    scale: float,
    quarter: int,
    shift: list[int],
) -> Matrix:
    """Return the matrix from pixels of the first page to those of the second."""
    grow = FINE / _ROUGH
    half = (_ROUGH / 2 * grow, _ROUGH / 2 * grow)
    to_first = _about(skews[0], 1.0, 0, half, (first.width / 2, first.height / 2))
    to_second = _about(skews[1], scale, quarter, half, (second.width / 2, second.height / 2))
    inverse = np.linalg.inv(np.vstack([to_first, [0, 0, 1]]))
    moved = np.eye(3)
    moved[:2, 2] = np.array(shift) * grow
    return (np.vstack([to_second, [0, 0, 1]]) @ moved @ inverse)[:2]


def _warped(values: Grey, matrix: Matrix, shape: tuple[int, ...]) -> Grey:
    """Return values of the second page as they lie over the first; 0 beyond its edges."""
    picture = Image.fromarray(values.astype(np.float32))
    laid = picture.transform(
        (shape[1], shape[0]),
        Image.Transform.AFFINE,
        tuple(matrix.ravel()),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(laid, dtype=np.float32)


def _refined(first: Grey, second: Grey, matrix: Matrix, reach: int) -> tuple[Matrix, float]:
    """Return the matrix that fits the blocks of two pages best, and the share that fits."""
    laid = _warped(second, matrix, first.shape)
    places, moves, scores = [], [], []
    for top, left in product(
        range(0, first.shape[0] - _BLOCK + 1, _BLOCK), range(0, first.shape[1] - _BLOCK + 1, _BLOCK)
    ):
        block = first[top : top + _BLOCK, left : left + _BLOCK]
        if float(block.sum()) < _LEAST_INK:
            continue
        low, high = max(0, top - reach), min(first.shape[0], top + _BLOCK + reach)
        near, far = max(0, left - reach), min(first.shape[1], left + _BLOCK + reach)
        move, score = _best_move(block, laid[low:high, near:far])
        places.append((left + _BLOCK / 2, top + _BLOCK / 2))
        moves.append((near + move[0] - left, low + move[1] - top))
        scores.append(score)
    if len(places) < _LEAST_BLOCKS:
        return matrix, 0.0
    return _fitted(matrix, np.array(places), np.array(moves, dtype=np.float64), np.array(scores))


def _best_move(block: Grey, window: Grey) -> tuple[tuple[int, int], float]:
    """Return where a block fits best within a window (across, down), and how well."""
    shape = window.shape
    level = block - block.mean()
    product_ = np.fft.irfft2(
        np.fft.rfft2(window, s=shape) * np.conj(np.fft.rfft2(level, s=shape)), s=shape
    )
    rows, columns = shape[0] - block.shape[0] + 1, shape[1] - block.shape[1] + 1
    sums = _window_sums(window, block.shape)
    squares = _window_sums(window * window, block.shape)
    spread = np.sqrt(np.maximum(squares - sums * sums / block.size, 1e-3))
    score = product_[:rows, :columns] / (spread * (float(np.linalg.norm(level)) or 1.0))
    down, across = np.unravel_index(int(np.argmax(score)), score.shape)
    return (int(across), int(down)), float(score[down, across])


def _window_sums(values: Grey, shape: tuple[int, ...]) -> Grey:
    down, across = shape
    rows = np.cumsum(values, 0, dtype=np.float32)
    rows[down:] -= rows[:-down].copy()
    table = np.cumsum(rows[down - 1 :], 1, dtype=np.float32)
    table[:, across:] -= table[:, :-across].copy()
    return table[:, across - 1 :]


def _fitted(matrix: Matrix, places: Matrix, moves: Matrix, scores: Matrix) -> tuple[Matrix, float]:
    """Return the matrix corrected by the moves on which most blocks agree."""
    chosen = scores > _AGREE
    if chosen.sum() < _LEAST_BLOCKS:
        return matrix, 0.0
    middle = np.median(moves[chosen], axis=0)
    close = chosen & (np.abs(moves - middle).max(axis=1) < _REACH / 2)
    change = np.zeros((3, 2))
    for limit in (6.0, 2.5, 1.5):
        if close.sum() < _LEAST_BLOCKS:
            return matrix, 0.0
        known = np.column_stack([places[close], np.ones(int(close.sum()))])
        # Few blocks in a row say nothing of what is across it: a little of nothing is preferred.
        weights = known.T @ known + np.diag([2e4, 2e4, 1e-6])
        change = np.linalg.solve(weights, known.T @ moves[close])
        left = moves - np.column_stack([places, np.ones(len(places))]) @ change
        close = chosen & (np.abs(left).max(axis=1) < limit)
    step = np.eye(3)
    step[:2] += change.T
    joined = np.vstack([matrix, [0, 0, 1]]) @ step
    return joined[:2], float(close.sum()) / len(places)


def _inside(size: tuple[int, int], matrix: Matrix, shape: tuple[int, ...]) -> Mask:
    """Return which pixels of the first page lie on the second, edges left out."""
    lit = np.zeros((size[1], size[0]), dtype=np.float32)
    lit[_EDGE:-_EDGE, _EDGE:-_EDGE] = 1
    mask = _warped(lit, matrix, shape) > 0.5  # noqa: PLR2004 - half
    mask[:_EDGE] = mask[-_EDGE:] = False
    mask[:, :_EDGE] = mask[:, -_EDGE:] = False
    return mask


def _spots(first: Grey, second: Grey, inside: Mask) -> tuple[tuple[int, int, int, int], ...]:
    """Return the boxes of what stands on one of two pages only, or otherwise on the other.

    Strokes are held against strokes in windows as large as a character: their pattern, and not
    how dark they are.
    """
    likeness = _window_likeness(_softened(first), _softened(second))
    likeness[
        ~inside[_SPOT // 2 : _SPOT // 2 + likeness.shape[0], _SPOT // 2 :][:, : likeness.shape[1]]
    ] = 1
    area = _window_sums((likeness < _UNLIKE).astype(np.float32), (_PATCH, _PATCH))
    boxes: list[tuple[int, int, int, int]] = []
    while area.size and float(area.max()) >= _PATCH_LEAST and len(boxes) < _MOST_SPOTS:
        down, across = (int(at) for at in np.unravel_index(int(np.argmax(area)), area.shape))
        boxes.append((across, down, across + _SPOT + _PATCH, down + _SPOT + _PATCH))
        area[max(0, down - _SPOT) : down + _SPOT, max(0, across - _SPOT) : across + _SPOT] = 0
    return tuple(boxes)


def _softened(ink: Grey) -> Grey:
    picture = Image.fromarray((np.clip(ink, 0, 1) * 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(1)), dtype=np.float32) / np.float32(
        255
    )


def _window_likeness(first: Grey, second: Grey) -> Grey:
    """Return the correlation of each window of two pages, at its best small shift.

    Where neither page has strokes it is 1.
    """
    shape, size = (_SPOT, _SPOT), _SPOT * _SPOT
    mean, deviation = _moments(first)
    best = np.full(mean.shape, -1.0, dtype=np.float32)
    written = deviation > _WRITTEN
    for down, across in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)):
        other = np.roll(second, (down, across), (0, 1))
        other_mean, other_deviation = _moments(other)
        shared = _window_sums(first * other, shape) / size - mean * other_mean
        match = shared / np.maximum(deviation * other_deviation, 0.4 * _WRITTEN**2)
        best = np.maximum(best, match.astype(np.float32))
        written |= other_deviation > _WRITTEN
    best[~written] = 1
    return best


def _moments(ink: Grey) -> tuple[Grey, Grey]:
    """Return mean and standard deviation of the ink in each window."""
    size = np.float32(_SPOT * _SPOT)
    mean = _window_sums(ink, (_SPOT, _SPOT)) / size
    square = _window_sums(ink * ink, (_SPOT, _SPOT)) / size
    return mean, np.sqrt(np.maximum(square - mean * mean, np.float32(0)))


def _widened(ink: Grey) -> Grey:
    for axis in (0, 1):
        reached = ink
        for step in range(1, _NEAR + 1):
            reached = np.maximum(reached, np.roll(ink, step, axis))
            reached = np.maximum(reached, np.roll(ink, -step, axis))
        ink = reached
    return ink


def _grain_agrees(pages: list[Image.Image], first: Grey, second: Grey, matrix: Matrix) -> float:
    """Return how far the grain of the bare paper of two pages is the same, from 0 to 1.

    It is where one is made from the other, and never where a sheet was captured twice.
    """
    grains = [
        np.asarray(page, dtype=np.float32)
        - np.asarray(page.filter(ImageFilter.GaussianBlur(2)), dtype=np.float32)
        for page in pages
    ]
    laid = _warped(grains[1], matrix, first.shape)
    bare = (_widened(_widened(np.maximum(first, second))) < _WEAK) & _inside(
        pages[1].size, matrix, first.shape
    )
    shares = []
    for top, left in product(
        range(0, first.shape[0] - _BLOCK + 1, _BLOCK), range(0, first.shape[1] - _BLOCK + 1, _BLOCK)
    ):
        block = (slice(top, top + _BLOCK), slice(left, left + _BLOCK))
        seen = bare[block]
        if seen.mean() < 0.5:  # noqa: PLR2004 - half
            continue
        parts = [np.where(seen, grain[block], 0) for grain in (grains[0], laid)]
        if min(float(part.std()) for part in parts) < _FLAT or any(map(_periodic, parts)):
            continue
        shares.append(float((parts[0] * parts[1]).mean() / (parts[0].std() * parts[1].std())))
    return float(np.median(shares)) if len(shares) >= _GRAIN_BLOCKS else 0.0


def _periodic(grain: Grey) -> bool:
    """Return whether a pattern repeats itself: moiré, or the squares of a JPEG, and no grain."""
    power = float((grain * grain).mean())
    return any(
        abs(float((grain * np.roll(grain, lag, axis)).mean())) > _REPEATED * power
        for axis in (0, 1)
        for lag in _LAGS
    )
