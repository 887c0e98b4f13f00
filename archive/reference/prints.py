"""Prints of pages, and how far two of them differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

BITS, NEAR = 512, 42
_BANDS, _WIDTH = 16, 24
_MASK = (1 << _WIDTH) - 1


def band_keys(print_: int) -> list[int]:
    """The keys of the bands of a print: of two copies at least one is the same, nearly always."""
    return [(band << _WIDTH) | (print_ >> (band * _WIDTH) & _MASK) for band in range(_BANDS)]


@dataclass(frozen=True, slots=True)
class Likeness:
    """A page here and the page of another case that looks like it; pages count within the file."""

    material_no: int
    page: int
    other_case_no: str
    other_material_no: int


def distance(one: int, other: int) -> int:
    """In how many bits two prints differ."""
    return (one ^ other).bit_count()


def alike(
    prints: Mapping[tuple[int, int], int],
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Pages of one case that look like an earlier page of it, each with the first such; by the same bands, since a case may have thousands of pages."""
    bands: dict[int, list[tuple[int, int]]] = {}
    for place, print_ in prints.items():
        keys = band_keys(print_)
        near = {other for key in keys for other in bands.get(key, ())}
        found = sorted(other for other in near if distance(prints[other], print_) <= NEAR)
        if found:
            yield place, found[0]
        for key in keys:
            bands.setdefault(key, []).append(place)
