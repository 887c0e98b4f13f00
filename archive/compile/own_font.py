"""Text in our own font, embedded as a subset, for what we write on pages of a PDF.

Footers, and the values of form fields and annotations whose appearance the file does not bring.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO

import pikepdf
import pylopdf_fonts_zh_cn
import typst

from archive.reference.glyphs import code_points

ASCENT, DESCENT = 0.88, 0.12
"""What the Han characters of the font take above and below their base line, in ems."""
NO_GLYPH = "□"
_ALWAYS = frozenset(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-·._/ 第页共档号：" + NO_GLYPH
)


@dataclass(frozen=True, slots=True)
class _Subset:
    """A one-page PDF that carries the subset.

    For each character its code, for each code its width in thousandths.
    """

    pdf: bytes
    codes: dict[str, int]
    widths: dict[int, float]


class OwnFont:
    """Our font in one document, which it enters once, with the characters it was made for."""

    def __init__(self, pdf: pikepdf.Pdf, text: str) -> None:
        """Prepare for `pdf` and the characters of `text`; `missing` are those without a glyph."""
        wanted = frozenset(_shown(text)) - _ALWAYS
        covered = code_points(pylopdf_fonts_zh_cn.sans_path())
        self.missing = frozenset(char for char in wanted if ord(char) not in covered)
        self._subset = _subset(wanted - self.missing)
        with pikepdf.open(BytesIO(self._subset.pdf)) as source:
            self.object = pdf.copy_foreign(_type0(source))

    def width(self, text: str) -> float:
        """Return the width of a text in ems."""
        return sum(self._subset.widths[self.code(char)] for char in _shown(text)) / 1000

    def show(self, text: str) -> str:
        """Return the operator that shows a text; a character without a glyph is a box."""
        return "<" + "".join(f"{self.code(char):04X}" for char in _shown(text)) + "> Tj"

    def code(self, char: str) -> int:
        """Return the code of a character, that of a box for one without a glyph."""
        return self._subset.codes.get(char, self._subset.codes[NO_GLYPH])


def _shown(text: str) -> str:
    """Return a text without what is never seen: controls, joiners, selectors of a variant."""
    return "".join(
        char
        for char in text
        if unicodedata.category(char) not in {"Cc", "Cf"}
        and not 0xFE00 <= ord(char) <= 0xFE0F  # noqa: PLR2004 - selectors
        and not 0xE0100 <= ord(char) <= 0xE01EF  # noqa: PLR2004 - as above
    )


def _type0(pdf: pikepdf.Pdf) -> pikepdf.Object:
    return next(iter(dict(pdf.pages[0].obj.Resources.Font).values()))


@lru_cache(maxsize=16)
def _subset(extra: frozenset[str]) -> _Subset:
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
    data = typst.compile(source.encode(), font_paths=_fonts(), pdf_standards="a-2u")
    with pikepdf.open(BytesIO(data)) as pdf:
        font = _type0(pdf)
        codes = _codes(font.ToUnicode.read_bytes().decode("latin-1"))
        widths = widths_of(font.DescendantFonts[0])
    missing = set(text) - set(codes)
    if missing - {" "}:
        raise ValueError(f"the font lacks {len(missing)} characters")
    codes.setdefault(" ", codes["-"])
    return _Subset(data, codes, {code: widths.get(code, 1000.0) for code in codes.values()})


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False, font_paths=[pylopdf_fonts_zh_cn.sans_path().parent]
    )


def _codes(cmap: str) -> dict[str, int]:
    codes: dict[str, int] = {}
    for code, char in sorted(characters_of(cmap).items()):
        codes.setdefault(char, code)
    return codes


def characters_of(cmap: str) -> dict[int, str]:
    """Map codes to characters, from bfchar and bfrange lines of a ToUnicode map."""
    characters: dict[int, str] = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for code, char in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f\s]+)>", block):
            characters[int(code, 16)] = _text(char)
    for block in re.findall(r"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
        for low, high, char, listed in re.findall(
            r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*(?:<([0-9A-Fa-f\s]+)>|\[(.*?)\])",
            block,
            re.DOTALL,
        ):
            codes = range(int(low, 16), min(int(high, 16), int(low, 16) + 0xFFFF) + 1)
            if listed:
                texts = [_text(part) for part in re.findall(r"<([0-9A-Fa-f\s]+)>", listed)]
            else:
                first = _text(char)
                texts = [first[:-1] + chr(ord(first[-1]) + at) for at in range(len(codes)) if first]
            characters.update(zip(codes, texts, strict=False))
    return characters


def _text(coded: str) -> str:
    return bytes.fromhex("".join(coded.split())).decode("utf-16-be", "replace")


def widths_of(descendant: pikepdf.Object) -> dict[int, float]:
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
