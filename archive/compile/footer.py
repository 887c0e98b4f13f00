"""The footer of every page of a volume.

档号 on the left, running page number on the right, in an embedded font subset.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import pikepdf
import pylopdf_fonts_zh_cn
import typst

MM = 72 / 25.4
STRIP = 12 * MM  # kept free of content at the foot of scans and of foreign pages, in points
_BASELINE, _MARGIN, _SIZE, _GAP = 5 * MM, 15 * MM, 9.0, 12.0
_ALWAYS = frozenset(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-·._/ 第页共档号："
)
_NAME = "/YiceFooter"


@dataclass(frozen=True, slots=True)
class _Font:
    """The font of a footer.

    A one-page PDF that carries the subset, and for each character its code and its width in
    thousandths.
    """

    pdf: bytes
    codes: dict[str, int]
    widths: dict[int, float]


class Footer:
    """A footer for the pages of one document; its font enters that document once."""

    def __init__(self, pdf: pikepdf.Pdf, code: str) -> None:
        """Prepare for `pdf`, with the 档号 that stands on the left of each page."""
        self._pdf, self._code = pdf, code
        self._font = _subset(frozenset(code) - _ALWAYS)
        with pikepdf.open(BytesIO(self._font.pdf)) as source:
            self._object = pdf.copy_foreign(_type0(source))
        self._begin = pdf.make_stream(b"q\n")

    def stamp(self, page: pikepdf.Page, number: int, total: int) -> None:
        """Write the footer upright at the visible bottom of the page.

        This holds for every rotation and origin of the page.
        """
        matrix, width = _visible_bottom(page)
        left, right = self._code, f"第 {number} 页 共 {total} 页"
        size = _SIZE
        needed = self._width(left) + self._width(right)
        margin = min(_MARGIN, width / 10)
        size = min(size, (width - 2 * margin - _GAP) / needed)
        x = width - margin - self._width(right) * size
        draw = (
            f"\nQ\nq {matrix} cm BT 0 g {_NAME} {size:.3f} Tf "
            f"1 0 0 1 {margin:.3f} {_BASELINE:.3f} Tm {self._show(left)} "
            f"1 0 0 1 {x:.3f} {_BASELINE:.3f} Tm {self._show(right)} ET Q\n"
        )
        old = page.obj.get("/Contents", pikepdf.Array())
        parts = list(old) if isinstance(old, pikepdf.Array) else [old]
        page.obj.Contents = pikepdf.Array(
            [self._begin, *parts, self._pdf.make_stream(draw.encode("ascii"))]
        )
        if "/Resources" not in page.obj:
            page.obj.Resources = pikepdf.Dictionary()
        if "/Font" not in page.obj.Resources:
            page.obj.Resources.Font = pikepdf.Dictionary()
        page.obj.Resources.Font[_NAME] = self._object

    def _width(self, text: str) -> float:
        return sum(self._font.widths[self._font.codes[char]] for char in text) / 1000

    def _show(self, text: str) -> str:
        return "<" + "".join(f"{self._font.codes[char]:04X}" for char in text) + "> Tj"


def _visible_bottom(page: pikepdf.Page) -> tuple[str, float]:
    """Return the matrix from a page seen upright to its user space.

    The page seen upright has its origin at its lower left. The second value is the width seen, in
    points.
    """
    box = (
        [float(value) for value in page.cropbox.as_list()]
        if isinstance(page.cropbox, pikepdf.Array)
        else [0.0, 0.0, 595.0, 842.0]
    )
    x0, x1 = sorted((box[0], box[2]))
    y0, y1 = sorted((box[1], box[3]))
    turn = int(page.obj.get("/Rotate", 0)) % 360
    rows = {
        0: (1, 0, 0, 1, x0, y0, x1 - x0),
        90: (0, 1, -1, 0, x1, y0, y1 - y0),
        180: (-1, 0, 0, -1, x1, y1, x1 - x0),
        270: (0, -1, 1, 0, x0, y1, y1 - y0),
    }
    *matrix, width = rows[turn]
    return " ".join(f"{value:.4f}" for value in matrix), width


def _type0(pdf: pikepdf.Pdf) -> pikepdf.Object:
    return next(iter(dict(pdf.pages[0].obj.Resources.Font).values()))


@lru_cache(maxsize=16)
def _subset(extra: frozenset[str]) -> _Font:
    """Return the subset of the font that typst makes.

    typst solves CID-keyed CFF, where the code of a glyph is not its number in the font.
    """
    text = "".join(sorted(_ALWAYS | extra))
    quoted = "".join(f"\\u{{{ord(char):x}}}" for char in text)
    source = (
        "#set page(width: 2000pt, height: 100pt)\n"
        '#set text(font: "Noto Sans SC", fallback: false, ligatures: false, '
        "kerning: false, cjk-latin-spacing: none)\n"
        f'#for c in "{quoted}".codepoints() {{ box(c) }}'
    )
    fonts = typst.Fonts(
        include_system_fonts=False, font_paths=[pylopdf_fonts_zh_cn.sans_path().parent]
    )
    data = typst.compile(source.encode(), font_paths=fonts, pdf_standards="a-2u")
    with pikepdf.open(BytesIO(data)) as pdf:
        font = _type0(pdf)
        codes = _codes(font.ToUnicode.read_bytes().decode("latin-1"))
        widths = _widths(font.DescendantFonts[0])
    missing = set(text) - set(codes)
    if missing - {" "}:
        raise ValueError(f"the footer font lacks {len(missing)} characters")
    codes.setdefault(" ", codes["-"])
    return _Font(data, codes, {code: widths.get(code, 1000.0) for code in codes.values()})


def _codes(cmap: str) -> dict[str, int]:
    """Map characters to codes, from bfchar and bfrange lines of a ToUnicode map."""
    codes: dict[str, int] = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for code, char in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            codes.setdefault(bytes.fromhex(char).decode("utf-16-be"), int(code, 16))
    for block in re.findall(r"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
        for low, high, char in re.findall(
            r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block
        ):
            start = ord(bytes.fromhex(char).decode("utf-16-be"))
            for step in range(int(high, 16) - int(low, 16) + 1):
                codes.setdefault(chr(start + step), int(low, 16) + step)
    return codes


def _widths(descendant: pikepdf.Object) -> dict[int, float]:
    """Map codes to widths, from a /W array (ISO 32000-1 9.7.4.3)."""
    widths: dict[int, float] = {}
    entries = list(descendant.get("/W", pikepdf.Array()))
    at = 0
    while at < len(entries):
        first, second = int(entries[at]), entries[at + 1]
        if isinstance(second, pikepdf.Array):
            widths.update({first + step: float(width) for step, width in enumerate(second)})
            at += 2
        else:
            widths.update(dict.fromkeys(range(first, int(second) + 1), float(entries[at + 2])))
            at += 3
    return widths
