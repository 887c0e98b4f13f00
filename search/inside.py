"""Search inside one volume.

It says on which pages what was typed stands, with a few words around it, names and numbers
hidden, and where on the page. The text is that of the volume's own PDF, so that forms,
born-digital pages and scans with text under them are alike; what OCR read after the volume was
sealed is added at its place.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ctypes import byref, c_double
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from archive.compile.footer import STRIP
from archive.recognition.page_texts import PageText
from archive.reference.masking import mask_numbers
from search.analysis import fold, fold_with_places, occurrences
from search.documents import with_reading
from search.snippets import Snippet, hide_names

MAX_TYPED, MAX_PLACES = 100, 300
_LEAD, _WIDTH = 12, 48
_PAIR = range(0xD800, 0xDC00)
_NOTHING = {"Cc", "Cn", "Cs"}
Box = tuple[float, float, float, float]
"""Left, top, width, height, in points from the upper left of the page."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place at which a word stands.

    It holds the page, the words around it, and the parts of lines to be marked.
    """

    page: int
    snippet: Snippet
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Inside:
    """All places, in order; `total` counts those past the limit too.

    `sizes` are width and height of the pages that have one.
    """

    places: tuple[Place, ...]
    total: int
    sizes: Mapping[int, tuple[float, float]]

    @property
    def numbered(self) -> list[tuple[int, Place]]:
        """Return the places, each with its number from 0."""
        return list(enumerate(self.places))

    @property
    def pages(self) -> int:
        """Return on how many pages there are places."""
        return len({place.page for place in self.places})


def find_inside(
    document: pdfium.PdfDocument, typed: str, read: Mapping[int, PageText], names: Iterable[str]
) -> Inside:
    """Return every place of the words typed on pages that have all of them.

    Takes no lock: the caller that holds the document holds the lock of pdfium.
    """
    terms = list(dict.fromkeys(word for part in typed[:MAX_TYPED].split() if (word := fold(part))))
    places: list[Place] = []
    sizes, total, hidden = {}, 0, tuple(names)
    for number in range(1, len(document) + 1) if terms else ():
        page = document[number - 1]
        words = page.get_textpage()
        try:
            characters = _characters(page, words, read.get(number))
            spans = _spans(characters, terms)
            total += len(spans)
            if spans:
                sizes[number] = (float(page.get_width()), float(page.get_height()))
                shown = hide_names(mask_numbers(_text(characters)), hidden)
                places += [
                    Place(
                        number,
                        _around(shown, start, end),
                        _boxes(characters[start:end], words, sizes[number][1]),
                    )
                    for start, end in spans[: MAX_PLACES - len(places)]
                ]
        finally:
            # Closed here and not by the collector, which may run in another thread.
            words.close()
            page.close()
    return Inside(tuple(places), total, sizes)


@dataclass(frozen=True, slots=True)
class _Character:
    """A character, and where pdfium or OCR says that it stands.

    That is its index on the page, or its box.
    """

    text: str
    index: int
    box: Box | None = None


def _characters(
    page: Any,  # noqa: ANN401 - pypdfium2 ships no types
    words: Any,  # noqa: ANN401 - as above
    read: PageText | None,
) -> list[_Character]:
    characters = list(_of_pdf(words))
    text = _text(characters)
    if read is not None and read.lines and with_reading(text, read.text) != text:
        characters += _of_reading(page, read)
    return characters


def _text(characters: Sequence[_Character]) -> str:
    return "".join(character.text for character in characters)


def _of_pdf(words: Any) -> Iterator[_Character]:  # noqa: ANN401 - as above
    for index in range(words.count_chars()):
        code = raw.FPDFText_GetUnicode(words, index)
        if code in _PAIR:  # a rare character is given as a pair
            code = (
                0x10000
                + ((code - 0xD800) << 10)
                + (raw.FPDFText_GetUnicode(words, index + 1) - 0xDC00)
            )
        text = chr(code)
        if text == "\n" or unicodedata.category(text) not in _NOTHING:
            yield _Character(" " if text == "\n" else text, index)


def _of_reading(page: Any, read: PageText) -> Iterator[_Character]:  # noqa: ANN401 - as above
    """Yield each line that OCR read, its characters side by side along it."""
    left, bottom, right, top = _picture(page, whole=read.whole)
    height = float(page.get_height())

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x / 10_000 * (right - left), height - top + y / 10_000 * (top - bottom)

    for line in read.lines:
        yield _Character(" ", -1)
        for character, begin, end in line.along():
            across, down = line.corners[::2], line.corners[1::2]
            corners = [
                at(
                    across[0] + share * (across[1] - across[0]),
                    down[edge] + share * (down[1 if edge == 0 else 2] - down[edge]),
                )
                for share in (begin, end)
                for edge in (0, 3)
            ]
            x, y = [corner[0] for corner in corners], [corner[1] for corner in corners]
            yield _Character(character, -1, (min(x), min(y), max(x) - min(x), max(y) - min(y)))


def _picture(
    page: Any,  # noqa: ANN401 - as above
    *,
    whole: bool,
) -> tuple[float, float, float, float]:
    """Return where on the page what was read lies.

    That is the largest picture, or the page of a PDF above the foot strip.
    """
    sheet = (0.0, STRIP, float(page.get_width()), float(page.get_height()))
    boxes = (
        []
        if whole
        else [
            image.get_bounds()
            for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)
        ]
    )
    return max(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]), default=sheet)


def _spans(characters: Sequence[_Character], terms: Sequence[str]) -> list[tuple[int, int]]:
    """Return start and end of every place of every term, in order.

    Empty unless all terms are there.
    """
    folded, places = fold_with_places(_text(characters))
    by_term = [
        [(places[at], places[at + len(term) - 1] + 1) for at in occurrences(term, folded)]
        for term in terms
    ]
    return sorted({span for spans in by_term for span in spans}) if all(by_term) else []


def _around(shown: str, start: int, end: int) -> Snippet:
    begin = max(0, start - _LEAD)
    text = shown[begin : max(begin + _WIDTH, end)]
    return Snippet(text, ((start - begin, end - begin),))


def _boxes(
    characters: Sequence[_Character],
    words: Any,  # noqa: ANN401 - as above
    height: float,
) -> tuple[Box, ...]:
    """Return one box for each line that the characters stand on."""
    lines: list[Box] = []
    for character in characters:
        box = character.box or _box(words, character.index, height)
        if box[2] <= 0 or box[3] <= 0:
            continue
        last = lines[-1] if lines else None
        if (
            last is not None
            and abs((box[1] + box[3] / 2) - (last[1] + last[3] / 2)) < max(box[3], last[3]) / 2
            and box[0] >= last[0]
        ):
            left, top = min(last[0], box[0]), min(last[1], box[1])
            right, bottom = (
                max(last[0] + last[2], box[0] + box[2]),
                max(last[1] + last[3], box[1] + box[3]),
            )
            lines[-1] = (left, top, right - left, bottom - top)
        else:
            lines.append(box)
    return tuple(lines)


def _box(words: Any, index: int, height: float) -> Box:  # noqa: ANN401 - as above
    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    if index < 0 or not raw.FPDFText_GetCharBox(
        words, index, byref(left), byref(right), byref(bottom), byref(top)
    ):
        return 0.0, 0.0, 0.0, 0.0
    return left.value, height - top.value, right.value - left.value, top.value - bottom.value
