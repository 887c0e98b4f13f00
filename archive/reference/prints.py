"""Perceptual hashes of pages ("prints"), and how far two of them differ.

A print only names candidates; whether two pages are one is judged by laying them over each other
(`ingest.reading.second_look`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archive.reference.vocabulary import LabelledEnum

BITS, NEAR = 512, 64
LAYOUT_NEAR = 165
"""Layouts of one sheet captured twice differ in less, of sheets of other forms in more."""
_BANDS, _WIDTH = 16, 24
_MASK = (1 << _WIDTH) - 1
_DIGITS = BITS // 4
_EACH, _MOST_PAGES = 3, 400
"""So many earlier pages are candidates for a page, among so many that are held against it."""

Place = tuple[int, int]
"""Material and page within it."""


class Sameness(LabelledEnum):
    """The result of a second look at two pages."""

    COPY = "COPY", "同一页"
    ALTERED = "ALTERED", "同一幅图像，内容有改动"
    DIFFERENT = "DIFFERENT", "不是同一页"


@dataclass(frozen=True, slots=True)
class PageViews:
    """The prints of a page: as it lies, turned by each further quarter, and of its layout.

    A layout is known again where the sheet lies elsewhere or a little askew; the second is that
    of the page on its side.
    """

    print_: int
    turned: tuple[int, ...] = ()
    layouts: tuple[int, ...] = ()

    @property
    def ways(self) -> tuple[int, ...]:
        """Return the print of the page for each of its quarter turns."""
        return (self.print_, *self.turned)


def packed(views: Sequence[int]) -> str:
    """Return prints as one text of hex digits."""
    return "".join(f"{view:0{_DIGITS}x}" for view in views)


def page_views(print_: int, text: str) -> PageViews:
    """Return the views of a page from its print and the text of the others."""
    others = [int(text[at : at + _DIGITS], 16) for at in range(0, len(text), _DIGITS)]
    return PageViews(print_, tuple(others[:3]), tuple(others[3:]))


def band_keys(print_: int) -> list[int]:
    """Return the keys of the bands of a print.

    Of two copies of a page at least one key is the same, nearly always.
    """
    return [(band << _WIDTH) | (print_ >> (band * _WIDTH) & _MASK) for band in range(_BANDS)]


@dataclass(frozen=True, slots=True)
class Likeness:
    """A page of this case and a page of another case that looks like it.

    Pages count within the material.
    """

    material_no: int
    page: int
    other_case_no: str
    other_material_no: int
    other_page: int


@dataclass(frozen=True, slots=True)
class PageCopy:
    """Two pages of a case that a second look found to be one."""

    place: Place
    other: Place
    sameness: Sameness


def distance(print_: int, other: int) -> int:
    """Return in how many bits two prints differ."""
    return (print_ ^ other).bit_count()


def candidates(pages: Mapping[Place, PageViews]) -> Iterator[tuple[Place, Place]]:
    """Yield the pages of a case that may be copies of an earlier page, the likest first.

    A page is held against each earlier one in every quarter turn, and by its layout.
    """
    places = list(pages)
    for at, place in enumerate(places):
        views = pages[place]
        near: list[tuple[int, Place]] = []
        laid: list[tuple[int, Place]] = []
        for other in places[max(0, at - _MOST_PAGES) : at]:
            apart = min(distance(way, pages[other].print_) for way in views.ways)
            if apart <= NEAR:
                near.append((apart, other))
            elif views.layouts and pages[other].layouts:
                layout = pages[other].layouts[0]
                laid.append((min(distance(layout, own) for own in views.layouts), other))
        for _, other in sorted(near)[:_EACH]:
            yield place, other
        # Forms of one office are laid out alike: of many only the likest is looked at again.
        if not near and laid and min(laid)[0] <= LAYOUT_NEAR:
            yield place, min(laid)[1]
