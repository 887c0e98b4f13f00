"""Drawings of the pages of a finished volume, by pdfium, on the grid of their originals."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2
from pikepdf import Dictionary, Name
from PIL import Image

from archive.compile.footer import STRIP
from archive.compile.pdfium import ASKEW, PDFIUM_LOCK, draw_smooth
from archive.compile.raster import glyphs_of
from archive.compile.scans import picture_box
from archive.compile.text_layer import Char

_INSIDE, _LEAST = 0.01, 0.1
_DEEP = 2
"""How far below a page pictures are looked for: in its frame, and in forms upon it."""


@dataclass(frozen=True, slots=True)
class Content:
    """Where on a page of a volume the foreign page lies, in points of an upright page.

    Left, bottom, right, top; above our strip with 档号 and page number.
    """

    box: tuple[float, float, float, float]

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height in points."""
        left, bottom, right, top = self.box
        return max(_LEAST, right - left), max(_LEAST, top - bottom)


class DrawnVolume:
    """A finished volume whose pages are drawn and read."""

    def __init__(self, pdf: bytes) -> None:
        """Open the volume, which is ours and may be opened outside the sandbox."""
        self._structure = pikepdf.open(BytesIO(pdf))
        self._document = pypdfium2.PdfDocument(pdf)

    def close(self) -> None:
        """Close both views of the file."""
        with PDFIUM_LOCK:
            self._document.close()
        self._structure.close()

    @property
    def pages(self) -> int:
        """Return the number of pages."""
        return len(self._structure.pages)

    def scan(self, number: int) -> Content:
        """Return where the picture of a scan lies on page `number` (1 is the first)."""
        return Content(picture_box(self._structure.pages[number - 1]))

    def sheet(self, number: int) -> Content:
        """Return where a page of a foreign PDF lies on page `number` (1 is the first)."""
        left, bottom, right, top = (
            float(value) for value in self._structure.pages[number - 1].mediabox.as_list()
        )
        return Content((left, bottom + STRIP, right, top))

    def drawn(self, number: int, content: Content, size: tuple[int, int]) -> Image.Image:
        """Return the content of a page stretched over a grid of so many pixels, as RGB."""
        width, height = content.size
        # A picture is drawn over every pixel that it touches: it is laid a hair within the grid.
        inside = (size[0] - 2 * _INSIDE) / width, (size[1] - 2 * _INSIDE) / height
        return self._drawn(number, content, size, inside, _INSIDE)

    def drawn_at(
        self, number: int, content: Content, size: tuple[int, int], scale: float
    ) -> Image.Image:
        """Return the content of a page at `scale` pixels a point, from its upper left corner."""
        return self._drawn(number, content, size, (scale, scale), 0.0, askew=ASKEW)

    def has_pictures(self, number: int) -> bool:
        """Return whether a foreign page of the volume holds pictures among what it draws."""
        holders = [self._structure.pages[number - 1].obj]
        for _ in range(_DEEP):
            holders = [entry for holder in holders for entry in _drawn_by(holder)]
            if any(entry.get("/Subtype") == Name.Image for entry in holders):
                return True
        return False

    def text(self, number: int) -> str:
        """Return the text of a page."""
        with PDFIUM_LOCK:
            page = self._document[number - 1]
            textpage = page.get_textpage()
            try:
                return str(textpage.get_text_bounded())
            finally:
                textpage.close()
                page.close()

    def characters(self, number: int) -> list[Char]:
        """Return the characters of a page with their boxes in points of the page."""
        with PDFIUM_LOCK:
            page = self._document[number - 1]
            try:
                return [glyph.char for glyph in glyphs_of(page)]
            finally:
                page.close()

    def _drawn(
        self,
        number: int,
        content: Content,
        size: tuple[int, int],
        scale: tuple[float, float],
        shift: float,
        *,
        askew: float = 0.0,
    ) -> Image.Image:
        left, _, _, top = content.box
        with PDFIUM_LOCK:
            page = self._document[number - 1]
            try:
                above = page.get_mediabox()[3] - top
                offset = shift - left * scale[0], shift - above * scale[1]
                return draw_smooth(page, size, scale, offset, askew=askew)
            finally:
                page.close()


def _drawn_by(holder: Any) -> list[Any]:  # noqa: ANN401 - pikepdf's types are partial
    """Return the pictures and forms that a page or a form draws."""
    objects = holder.get("/Resources", Dictionary()).get("/XObject", Dictionary())
    return [*dict(objects).values()] if isinstance(objects, Dictionary) else []


@contextmanager
def drawn_volume(pdf: bytes) -> Iterator[DrawnVolume]:
    """Open a finished volume for as long as its pages are drawn."""
    volume = DrawnVolume(pdf)
    try:
        yield volume
    finally:
        volume.close()
