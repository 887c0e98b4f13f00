"""Perceptual hashes of pages ("prints"), and how far two of them differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

BITS, NEAR = 512, 42
_BANDS, _WIDTH = 16, 24
_MASK = (1 << _WIDTH) - 1


def band_keys(print_: int) -> list[int]:
    """Return the keys of the bands of a print.

    Of two copies of a page at least one key is the same, nearly always.
    """
    return [(band << _WIDTH) | (print_ >> (band * _WIDTH) & _MASK) for band in range(_BANDS)]


@dataclass(frozen=True, slots=True)
class Likeness:
    """A page of this case and the page of another case that looks like it.

    Pages count within the file.
    """

    material_no: int
    page: int
    other_case_no: str
    other_material_no: int


def distance(print_: int, other: int) -> int:
    """Return in how many bits two prints differ."""
    return (print_ ^ other).bit_count()


def alike(
    prints: Mapping[tuple[int, int], int],
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the pages of a case that look like an earlier page, each with the first such.

    Candidates are found by common bands, since a case may have thousands of pages.
    """
    bands: dict[int, list[tuple[int, int]]] = {}
    for place, print_ in prints.items():
        keys = band_keys(print_)
        near = {other for key in keys for other in bands.get(key, ())}
        matches = sorted(other for other in near if distance(prints[other], print_) <= NEAR)
        if matches:
            yield place, matches[0]
        for key in keys:
            bands.setdefault(key, []).append(place)
