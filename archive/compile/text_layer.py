"""Invisible text over a picture of it, in an embedded font without drawings (PDF/A-2u).

Its characters can be searched and copied.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

import pikepdf

if TYPE_CHECKING:  # the sandbox draws pages without a database
    from archive.recognition.page_texts import Line

Char = tuple[str, float, float, float, float]
"""A character and its box in points: left, bottom, right, top."""
Box = tuple[float, float, float, float]
"""Where a picture lies on its page, in points: left, bottom, right, top."""


class TextLayer:
    """A layer of invisible text (rendering mode 3) of one document.

    Its embedded font has one glyph, a square; codes are given as characters turn up.
    """

    def __init__(self, pdf: pikepdf.Pdf, name: str = "/YiceText") -> None:
        """Prepare for one document.

        The font enters it once, under a name that its pages do not use yet.
        """
        self._pdf, self._name = pdf, name
        self._codes: dict[str, int] = {}
        self._pages: list[pikepdf.Page] = []

    def write(self, chars: list[Char]) -> bytes:
        """Return the drawing of each character at its own place, as wide as its box."""
        lines = []
        for char, left, bottom, right, top in chars:
            code = self._code(char)
            size = max(1.0, top - bottom)
            stretch = max(1.0, (right - left) / size * 100)
            lines.append(
                f"{self._name} {size:.2f} Tf {stretch:.1f} Tz "
                f"1 0 0 1 {left:.2f} {bottom:.2f} Tm <{code:04X}> Tj"
            )
        return f"BT 3 Tr\n{chr(10).join(lines)}\nET".encode("ascii") if lines else b""

    def write_lines(self, lines: "Sequence[Line]", box: Box) -> bytes:
        """Return the drawing of each line along its own base, however askew.

        It is in runs as wide as the characters in them.
        """
        shown = [run for line in lines for run in self._runs(line, box)]
        return f"BT 3 Tr\n{chr(10).join(shown)}\nET".encode("ascii") if shown else b""

    def _runs(self, line: "Line", box: Box) -> Iterator[str]:
        x, y = _points(line.corners, box)
        along = math.hypot(x[2] - x[3], y[2] - y[3])
        height = math.hypot(x[0] - x[3], y[0] - y[3])
        if along < 1 or height < 1:
            return
        cosine, sine = (x[2] - x[3]) / along, (y[2] - y[3]) / along
        for (wide, space), run in groupby(
            line.along(), lambda place: (round(place[2] - place[1], 6), place[0].isspace())
        ):
            if not space:
                shown = list(run)
                begin, stretch = shown[0][1] * along, wide * along / height * 100
                matrix = (
                    f"{cosine:.5f} {sine:.5f} {-sine:.5f} {cosine:.5f} "
                    f"{x[3] + cosine * begin:.2f} {y[3] + sine * begin:.2f}"
                )
                codes = "".join(f"{self._code(char):04X}" for char, _, _ in shown)
                yield f"{self._name} {height:.2f} Tf {stretch:.2f} Tz {matrix} Tm <{codes}> Tj"

    def _code(self, char: str) -> int:
        return self._codes.setdefault(char, len(self._codes) + 1)

    def lay_under(self, page: pikepdf.Page, lines: "Sequence[Line]", box: Box) -> None:
        """Add the lines to a page whose picture lies in `box`.

        What draws the page stays as it is.
        """
        text = self.write_lines(lines, box)
        if text:
            old = page.obj.get("/Contents", pikepdf.Array())
            page.obj.Contents = pikepdf.Array(
                [
                    *(list(old) if isinstance(old, pikepdf.Array) else [old]),
                    self._pdf.make_stream(text),
                ]
            )
            self.use_on(page)

    def use_on(self, page: pikepdf.Page) -> None:
        """Give this page the font when the layer is finished."""
        self._pages.append(page)

    def finish(self) -> None:
        """Embed the font and give it to the pages that use it."""
        if not self._codes:
            return
        font = self._pdf.make_indirect(self._font())
        for page in self._pages:
            if "/Font" not in page.obj.Resources:
                page.obj.Resources.Font = pikepdf.Dictionary()
            page.obj.Resources.Font[self._name] = font

    def _font(self) -> pikepdf.Dictionary:
        program = _square_truetype()
        descriptor = pikepdf.Dictionary(
            Type=pikepdf.Name.FontDescriptor,
            FontName=pikepdf.Name.YiceSquare,
            Flags=4,
            FontBBox=pikepdf.Array([0, 0, 1000, 1000]),
            ItalicAngle=0,
            Ascent=1000,
            Descent=0,
            CapHeight=1000,
            StemV=80,
            FontFile2=self._pdf.make_stream(program, Length1=len(program)),
        )
        glyphs = b"\0\0" + b"\0\1" * len(self._codes)
        descendant = pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.CIDFontType2,
            BaseFont=pikepdf.Name.YiceSquare,
            CIDSystemInfo=pikepdf.Dictionary(
                Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("Identity"), Supplement=0
            ),
            FontDescriptor=self._pdf.make_indirect(descriptor),
            DW=1000,
            CIDToGIDMap=self._pdf.make_stream(glyphs),
        )
        return pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.Type0,
            BaseFont=pikepdf.Name.YiceSquare,
            Encoding=pikepdf.Name("/Identity-H"),
            DescendantFonts=pikepdf.Array([self._pdf.make_indirect(descendant)]),
            ToUnicode=self._pdf.make_stream(self._to_unicode()),
        )

    def _to_unicode(self) -> bytes:
        rows = [
            f"<{code:04X}> <{char.encode('utf-16-be').hex().upper()}>"
            for char, code in self._codes.items()
        ]
        blocks = [rows[at : at + 100] for at in range(0, len(rows), 100)]
        body = "\n".join(
            f"{len(block)} beginbfchar\n{chr(10).join(block)}\nendbfchar" for block in blocks
        )
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
            f"{body}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
        ).encode("ascii")


@cache
def _square_truetype() -> bytes:
    """Build a TrueType font of an empty glyph and a square of one em.

    Text extractors drop characters whose glyph has no extent.
    """
    head = struct.pack(
        ">IIIIHHqqhhhhHHhhh",
        0x10000,
        0x10000,
        0,
        0x5F0F3CF5,
        3,
        1000,
        0,
        0,
        0,
        0,
        1000,
        1000,
        0,
        8,
        2,
        0,
        0,
    )
    hhea = struct.pack(
        ">IhhhHhhhhhhhhhhhH", 0x10000, 1000, 0, 0, 1000, 0, 0, 1000, 1, 0, 0, 0, 0, 0, 0, 0, 2
    )
    square = (
        struct.pack(
            ">5hHH4B8h", 1, 0, 0, 1000, 1000, 3, 0, 1, 1, 1, 1, 0, 1000, 0, -1000, 0, 0, 1000, 0
        )
        + b"\0\0"
    )
    maxp = struct.pack(">I14H", 0x10000, 2, 4, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0)
    cmap = struct.pack(">HHHHIHHH", 0, 1, 3, 1, 12, 4, 24, 0) + struct.pack(
        ">HHHHHHHhH", 2, 2, 0, 0, 0xFFFF, 0, 0xFFFF, 1, 0
    )
    tables = {
        b"cmap": cmap,
        b"glyf": square,
        b"head": head,
        b"hhea": hhea,
        b"hmtx": struct.pack(">HhHh", 1000, 0, 1000, 0),
        b"loca": struct.pack(">3H", 0, 0, len(square) // 2),
        b"maxp": maxp,
        b"post": struct.pack(">IIhhIIIII", 0x30000, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    directory, body, at = (
        struct.pack(">IHHHH", 0x10000, len(tables), 128, 3, 0),
        b"",
        12 + 16 * len(tables),
    )
    for tag, data in tables.items():
        padded = data + bytes(-len(data) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += tag + struct.pack(">III", total, at + len(body), len(data))
        body += padded
    return directory + body


def _points(corners: tuple[int, ...], box: Box) -> tuple[list[float], list[float]]:
    """Return the corners of a line as points of the page.

    They come in ten-thousandths of the picture from its upper left.
    """
    left, bottom, right, top = box
    return [left + value / 10_000 * (right - left) for value in corners[::2]], [
        top - value / 10_000 * (top - bottom) for value in corners[1::2]
    ]
