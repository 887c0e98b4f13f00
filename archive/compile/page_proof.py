"""The proof of pages: each page that came from outside, beside its original (I11).

The page is that of the finished volume, drawn by pdfium; the original is drawn by a program that
shares no code with it.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PIL import Image

from archive.arrangement.plan import PlannedItem, VolumePlan
from archive.compile.original_pages import DrawOriginals, OriginalPage, Undrawn
from archive.compile.page_comparison import (
    CLOSER,
    DRAWN,
    SCAN,
    Box,
    Tolerance,
    differ_within,
    distance,
    marked,
    same_shape,
    without,
)
from archive.compile.page_drawing import Content, DrawnVolume, drawn_volume
from archive.reference.characters import unified
from archive.reference.findings import Finding, finding
from archive.reference.objects import OriginalObject
from archive.reference.vocabulary import PageVerdict

_FAR = 99.0
"""The distance of what cannot be laid over each other at all."""
_SEEN = 24
"""Levels by which a field must differ from the page without it, to be seen."""
_FINER, _FINEST, _UNSEEN = 3, 4, 0.02
_SLACK = 1.5
"""Points by which a page of a PDF may be longer or shorter than its original."""
_EMPTY = (397, 562)
"""Pixels of an A4 sheet at 48 dpi."""
_SHAPE, _STROKES, _VALUE, _MISSING = "形状不同", "墨迹或颜色不同", "填写的内容不见了", "页面缺失"
_NO_PICTURE = "原件无法用第二种程序重绘"
_TURNS = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}

ReadOriginal = Callable[[OriginalObject], bytes]
Drawings = Iterator[OriginalPage | None]


@dataclass(frozen=True, slots=True)
class ForeignPage:
    """A page of a volume that came from outside.

    `page` is its number in the volume, `of_material` in its material as that came, `of_file` in
    its file; `turn` is how a person turned it, clockwise in degrees.
    """

    page: int
    material: int
    of_material: int
    original: OriginalObject
    of_file: int
    turn: int


@dataclass(frozen=True, slots=True)
class PageResult:
    """How a page of a volume stands to its original.

    `distance` is up to 1 for what sound pages show. `why` says what is wrong, in Chinese.
    """

    page: int
    material: int
    of_material: int
    renderer: str
    distance: float
    verdict: PageVerdict
    why: str = ""

    @property
    def waits(self) -> bool:
        """Return whether a person has to look at it."""
        return self.verdict in (PageVerdict.DIFFERS, PageVerdict.NOT_DRAWN)

    def public(self) -> dict[str, Any]:
        """Return the fields promised to scripts."""
        return {
            "page": self.page,
            "material": self.material,
            "renderer": self.renderer,
            "distance": round(self.distance, 3),
            "verdict": str(self.verdict),
        }

    def finding(self) -> Finding:
        """Return the finding that makes the case wait; the same for the same page."""
        return finding(
            "PAGE_DIFFERS",
            f"material {self.material}",
            material=self.material,
            page=self.of_material,
            why=self.why,
        )


def foreign_pages(plan: VolumePlan, contents: Sequence[Mapping[str, Any]]) -> list[ForeignPage]:
    """Return the pages that came from outside, in order of the volume.

    `contents` are those of the finished volume (`contents_record`).
    """
    starts = {int(row["no"]): int(row["page"]) for row in contents}
    return [
        replace(page, page=starts[item.no] + place)
        for item in plan.items
        if item.form is None
        for place, page in enumerate(_of_item(item))
    ]


def _of_item(item: PlannedItem) -> Iterator[ForeignPage]:
    before = [0]
    for original in item.objects:
        before.append(before[-1] + original.pages)
    leaves = [(leaf.file, leaf.page, leaf.turn) for leaf in item.leaves] or [
        (file, page, 0)
        for file, original in enumerate(item.objects, 1)
        for page in range(1, original.pages + 1)
    ]
    for file, page, turn in leaves:
        original = item.objects[file - 1]
        yield ForeignPage(0, item.material_no, before[file - 1] + page, original, page, turn)


def prove_pages(
    pdf: bytes,
    pages: Iterable[ForeignPage],
    read: ReadOriginal,
    draw: DrawOriginals,
    confirmed: Collection[Finding],
) -> list[PageResult]:
    """Return how each page of a finished volume stands to its original, in order.

    What differs and is among `confirmed` was decided by a person before.
    """
    by_original: dict[OriginalObject, list[ForeignPage]] = {}
    for page in pages:
        by_original.setdefault(page.original, []).append(page)
    results: list[PageResult] = []
    with drawn_volume(pdf) as volume:
        for original, shown in by_original.items():
            results += _of_original(volume, shown, partial(draw, read(original), *_kind(original)))
    return [
        replace(result, verdict=PageVerdict.CONFIRMED)
        if result.waits and result.finding() in confirmed
        else result
        for result in sorted(results, key=lambda result: result.page)
    ]


def _of_original(
    volume: DrawnVolume, pages: Sequence[ForeignPage], draw: Callable[..., Drawings]
) -> Iterator[PageResult]:
    """Yield how the pages of one original stand to it; what differs is looked at once more."""
    again = []
    # In the order of the file: a long one is not drawn whole into memory.
    for page, drawing in _beside(sorted(pages, key=lambda row: row.of_file), draw()):
        result = _proved(volume, page, drawing)
        if result.waits and drawing and drawing.scale:
            again.append(page)
        else:
            yield result
    if again:
        for page, drawing in _beside(again, draw(closer=True)):
            yield _proved(volume, page, drawing)


def _kind(original: OriginalObject) -> tuple[str, int]:
    return original.media_type, original.pages


def _beside(
    pages: Iterable[ForeignPage], drawings: Drawings
) -> Iterator[tuple[ForeignPage, OriginalPage | None]]:
    number, drawing = 0, None
    for page in pages:
        while number < page.of_file:
            number, drawing = number + 1, next(drawings, None)
        yield page, drawing


def side_by_side(
    pdf: bytes, page: ForeignPage, read: ReadOriginal, draw: DrawOriginals
) -> Image.Image:
    """Return original (left) and page of the volume (right), framed where they differ.

    An original that can't be drawn is an empty sheet.
    """
    original = page.original
    drawings = draw(read(original), *_kind(original), closer=True)
    with drawn_volume(pdf) as volume:
        drawing = next(picture for _, picture in _beside([page], drawings))
        if drawing is None or page.page > volume.pages:
            empty = Image.new("RGB", _EMPTY, (255, 255, 255))
            drawing = drawing or OriginalPage(empty, _EMPTY, "", scale=1.0)
            whole = volume.sheet(min(page.page, volume.pages))
            shown = volume.drawn(min(page.page, volume.pages), whole, drawing.picture.size)
        else:
            drawing = _turned(drawing, page.turn)
            shown = _shown(volume, page, drawing)
        return marked(drawing.picture, shown, _tolerance(drawing))


def _proved(volume: DrawnVolume, page: ForeignPage, original: OriginalPage | None) -> PageResult:
    if page.page > volume.pages:
        return _result(page, "", _FAR, PageVerdict.DIFFERS, _MISSING)
    if original is None:
        return _result(page, "", _FAR, PageVerdict.NOT_DRAWN, _NO_PICTURE)
    original = _turned(original, page.turn)
    slack = _SLACK if original.scale else 0.0
    if not same_shape(_content(volume, page, original).size, original.size, slack):
        return _result(page, original.renderer, _FAR, PageVerdict.DIFFERS, _SHAPE)
    return _ink(volume, page, original)


def _ink(volume: DrawnVolume, page: ForeignPage, original: OriginalPage) -> PageResult:
    """Return how the ink of a page of the right shape stands to that of its original."""
    shown = _shown(volume, page, original)
    text = _flat(volume.text(page.page)) if original.undrawn or original.substituted else ""
    if not all(_is_seen(undrawn, original, shown, text) for undrawn in original.undrawn):
        return _result(page, original.renderer, _FAR, PageVerdict.DIFFERS, _VALUE)
    covered = [undrawn.box for undrawn in original.undrawn]
    drawn, page_drawn = without(original.picture, covered), without(shown, covered)
    apart = distance(drawn, page_drawn, _tolerance(original))
    if apart <= 1:
        return _result(page, original.renderer, apart, PageVerdict.SAME, "")
    if original.substituted and not Counter(_flat(original.text)) - Counter(text):
        letters = _letters(volume, page, original)
        lines = _lines(letters)
        around = distance(without(drawn, lines), without(page_drawn, lines), _tolerance(original))
        if around <= 1 and _inked(shown, letters):
            return _result(page, original.renderer, around, PageVerdict.SUBSTITUTED, "")
    return _result(page, original.renderer, apart, PageVerdict.DIFFERS, _STROKES)


def _letters(volume: DrawnVolume, page: ForeignPage, original: OriginalPage) -> list[Box]:
    """Return the boxes of the characters of a page, in pixels of the grid."""
    content = _content(volume, page, original)
    left, bottom, _, top = content.box
    scale = (original.scale or 1.0) * original.size[0] / content.size[0]
    return [
        (
            int((box[0] - left) * scale) - 1,
            int((top - box[3]) * scale) - 1,
            int((box[2] - left) * scale) + 2,
            int((top - box[1]) * scale) + 2,
        )
        for _, *box in volume.characters(page.page)
        if bottom < (box[1] + box[3]) / 2 < top
    ]


def _lines(letters: Sequence[Box]) -> list[Box]:
    """Return the boxes widened to the lines on which another font would draw the letters."""
    sides = sorted(max(right - left, low - top) for left, top, right, low in letters)
    around = sides[len(sides) // 2] * 3 // 4 if sides else 0
    return [
        (left - around, top - around, right + around, low + around)
        for left, top, right, low in letters
    ]


def _inked(shown: Image.Image, letters: Sequence[Box]) -> bool:
    """Return whether nearly every character left ink where it stands."""
    gray = shown.convert("L")
    empty = 0
    for box in letters:
        low, high = gray.crop(box).getextrema()
        empty += int(high - low < _SEEN)  # type: ignore[operator]
    return empty <= len(letters) * _UNSEEN


def _result(
    page: ForeignPage, renderer: str, apart: float, verdict: PageVerdict, why: str
) -> PageResult:
    return PageResult(page.page, page.material, page.of_material, renderer, apart, verdict, why)


def _content(volume: DrawnVolume, page: ForeignPage, original: OriginalPage) -> Content:
    return volume.sheet(page.page) if original.scale else volume.scan(page.page)


def _shown(volume: DrawnVolume, page: ForeignPage, original: OriginalPage) -> Image.Image:
    """Return the page of the volume on the grid of its original."""
    content, size = _content(volume, page, original), original.picture.size
    if original.scale is None:
        return volume.drawn(page.page, content, size)
    # Drawn finer and averaged: pdfium lays letters and pictures on whole pixels.
    finest = original.closer or volume.has_pictures(page.page)
    times = _FINEST if finest else _FINER
    scale = original.scale * original.size[0] / content.size[0] * times
    finer = (size[0] * times, size[1] * times)
    return volume.drawn_at(page.page, content, finer, scale).reduce(times)


def _tolerance(original: OriginalPage) -> Tolerance:
    return (CLOSER if original.closer else DRAWN) if original.scale else SCAN


def _is_seen(undrawn: Undrawn, original: OriginalPage, shown: Image.Image, text: str) -> bool:
    """Return whether the volume shows what the second program left undrawn."""
    if Counter(_flat(undrawn.text)) - Counter(text):
        return False
    return not undrawn.ink or differ_within(original.picture, shown, undrawn.box, _SEEN)


def _flat(text: str) -> str:
    """Return the characters of a text that leave ink, in their usual form."""
    return "".join(
        char
        for char in unified(text)
        if not char.isspace() and unicodedata.category(char)[0] not in "CZ"
    )


def _turned(original: OriginalPage, turn: int) -> OriginalPage:
    """Return the original as a person turned it, clockwise."""
    if turn not in _TURNS:
        return original
    picture = original.picture.transpose(_TURNS[turn])
    size = original.size[::-1] if turn % 180 else original.size
    wide, high = original.picture.size
    return replace(
        original,
        picture=picture,
        size=size,
        undrawn=tuple(
            replace(undrawn, box=_turned_box(undrawn.box, turn, wide, high))
            for undrawn in original.undrawn
        ),
    )


def _turned_box(box: Box, turn: int, wide: int, high: int) -> Box:
    left, top, right, bottom = box
    return {
        90: (high - bottom, left, high - top, right),
        180: (wide - right, high - bottom, wide - left, high - top),
        270: (top, wide - right, bottom, wide - left),
    }[turn]
