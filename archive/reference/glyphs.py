"""The fonts of the sheets, and which characters none of them can draw.

Noto Sans and Serif SC draw the Chinese of everyday; beside them lie fonts for rare Han and for
Mongolian script, the script of many of this city's people (fonts/README.md).
"""

import struct
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pylopdf_fonts_zh_cn

_BESIDE = Path(__file__).with_name("fonts")
_MAIN = (pylopdf_fonts_zh_cn.sans_path(), pylopdf_fonts_zh_cn.serif_path())
FONT_FOLDERS = (Path(_MAIN[0]).parent, _BESIDE)
"""The folders that typst reads fonts from."""
FALLBACKS = ("Noto Sans Mongolian", "HanaMinB", "BabelStone Han")
"""Families for what the main fonts lack, in the order in which they are asked."""
_LAYOUT_CHARACTERS = frozenset("\n ")
# ISO 19005-2 6.2.11.7.2 forbids them in a ToUnicode map.
_NEVER = frozenset("\ufeff\ufffe\uffff\x00")
_SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Variation selectors: they choose a drawing of the character before them and have none."""
_MONGOLIAN = range(0x1800, 0x18B0)
_JOINERS = frozenset("\u180e\u200c\u200d\u202f")
"""What Mongolian writes between letters: vowel separator, joiners, the narrow space."""


def missing_glyphs(text: str) -> set[str]:
    """Return the characters of a text that no font of the sheets can draw."""
    doubtful = {
        char for char in text if char not in _LAYOUT_CHARACTERS and ord(char) not in _everyday()
    }
    mongolian = any(ord(char) in _MONGOLIAN for char in text)
    return {
        char
        for char in doubtful
        if char in _NEVER
        or not (
            char in _SELECTORS
            or (mongolian and char in _JOINERS)
            or (ord(char) in _rare() and unicodedata.category(char) != "Co")
        )
    }


def undrawn(texts: Iterable[str]) -> list[str]:
    """Return what no font can draw of these texts, as code points in order, such as U+2EBF0.

    Line ends and tabs are laid out and not drawn.
    """
    plain = "".join(texts).translate({ord(char): " " for char in "\r\t"})
    return [f"U+{point:04X}" for point in sorted(map(ord, missing_glyphs(plain)))]


@cache
def _everyday() -> frozenset[int]:
    """Return the code points that both main fonts have."""
    first, *others = (code_points(Path(path)) for path in _MAIN)
    return frozenset(first.intersection(*others))


@cache
def _rare() -> frozenset[int]:
    """Return the code points of the fonts beside; read only when a text asks for one."""
    fonts = (code_points(path) for path in sorted(_BESIDE.glob("*.ttf")))
    return frozenset().union(*fonts)


@cache
def code_points(path: Path) -> frozenset[int]:
    """Return the code points of a font by its format 12 cmap.

    See OpenType 1.9, cmap, 'Segmented coverage'.
    """
    font = path.read_bytes()
    (tables,) = struct.unpack_from(">H", font, 4)
    directory = {
        tag: at for tag, _, at, _ in struct.iter_unpack(">4sLLL", font[12 : 12 + 16 * tables])
    }
    cmap = directory[b"cmap"]
    points: set[int] = set()
    for number in range(struct.unpack_from(">H", font, cmap + 2)[0]):
        at = cmap + struct.unpack_from(">HHL", font, cmap + 4 + 8 * number)[2]
        if struct.unpack_from(">H", font, at)[0] == 12:  # noqa: PLR2004 - the number of the format
            (groups,) = struct.unpack_from(">L", font, at + 12)
            for low, high, _ in struct.iter_unpack(">LLL", font[at + 16 : at + 16 + 12 * groups]):
                points.update(range(low, high + 1))
    return frozenset(points)
