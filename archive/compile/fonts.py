"""Fonts of a foreign PDF that it does not bring along.

Ours takes the place of those whose letters are known by their names; others are told.
"""

import re
from collections.abc import Iterator

import pikepdf
from pikepdf import Dictionary, Name

_SUBSET = re.compile(r"^[A-Z]{6}\+")
_STYLE = re.compile(r"[\s\-_,.#]|bold|italic|oblique|regular|roman|light|medium|psmt|mt$|ps$")
_BY_PREFIX = (
    *("helvetica", "arial", "times", "courier", "symbol", "zapfdingbats", "nimbus", "liberation"),
    *("dejavu", "calibri", "cambria", "verdana", "tahoma", "georgia", "trebuchet", "consolas"),
    *("simsun", "nsimsun", "simhei", "simkai", "simfang", "kaiti", "fangsong", "microsoftyahei"),
    *("msyh", "stsong", "stheiti", "stkaiti", "stfangsong", "stxihei", "stzhongsong", "dengxian"),
    *("mingliu", "pmingliu", "msung", "mhei", "songti", "heiti", "youyuan", "lisu"),
    *("adobesong", "adobeheiti", "adobekaiti", "adobefangsong", "notosans", "notoserif"),
    *("sourcehansans", "sourcehanserif", "fzsong", "fzhei", "fzkai", "fzfang", "fzxiaobiaosong"),
    *("wenquanyi", "arialunicodems", "sstsong"),
    *("宋体", "新宋体", "黑体", "楷体", "仿宋", "微软雅黑", "华文", "方正", "等线", "隶书", "幼圆"),
    *("汉仪", "思源", "细明体", "新细明体"),
)
_LONGEST = 40


def font_name(raw: bytes) -> str:
    """Return the name of a font as people write it; old systems name theirs in GBK."""
    for coding in ("utf-8", "gb18030"):
        try:
            name = raw.decode(coding)
        except UnicodeDecodeError:
            continue
        name = _SUBSET.sub("", name)
        return "".join(char for char in name if char.isprintable())[:_LONGEST] or "（无名）"
    return "（无名）"


def is_known(name: str) -> bool:
    """Return whether the letters of a font of this name are those that ours draws for it."""
    plain = _STYLE.sub("", _SUBSET.sub("", name).lower())
    return plain.startswith(_BY_PREFIX)


def drop_false_glyph_maps(pdf: pikepdf.Pdf) -> None:
    """Let fonts that are not embedded be drawn by their characters.

    Their codes are glyph numbers of a font that is not there; by a table of characters
    (ToUnicode) the same letters are found in ours.
    """
    for font in _composite(pdf):
        descendant = _descendant(font)
        if (
            descendant is not None
            and "/ToUnicode" in font
            and "/CIDToGIDMap" in descendant
            and not _is_embedded(descendant)
        ):
            del descendant["/CIDToGIDMap"]


def undrawable_fonts(pdf: pikepdf.Pdf) -> set[str]:
    """Return the names of fonts whose letters nobody can know.

    They are not embedded, and their codes are glyph numbers without a table of characters.
    """
    names = set()
    for font in _composite(pdf):
        descendant = _descendant(font)
        if (
            descendant is not None
            and not _is_embedded(descendant)
            and "/ToUnicode" not in font
            and str(font.get("/Encoding")) in {"/Identity-H", "/Identity-V"}
            and str(descendant.get("/CIDSystemInfo", Dictionary()).get("/Ordering", "Identity"))
            == "Identity"
        ):
            names.add(font_name(_raw(font.get("/BaseFont"))))
    return names


def _raw(name: object) -> bytes:
    if not isinstance(name, Name):
        return b""
    text = name.unparse().removeprefix(b"/")
    return re.sub(rb"#([0-9A-Fa-f]{2})", lambda code: bytes([int(code[1], 16)]), text)


def _composite(pdf: pikepdf.Pdf) -> Iterator[Dictionary]:
    for entry in pdf.objects:
        if isinstance(entry, Dictionary):
            if entry.get("/Subtype") == Name.Type0:
                yield entry
            fonts = entry.get("/Font")
            if isinstance(fonts, Dictionary):  # fonts that stand in their resources
                yield from (
                    font
                    for font in fonts.values()
                    if isinstance(font, Dictionary)
                    and not font.is_indirect
                    and font.get("/Subtype") == Name.Type0
                )


def _descendant(font: Dictionary) -> Dictionary | None:
    entries = font.get("/DescendantFonts")
    first = entries[0] if isinstance(entries, pikepdf.Array) and len(entries) else None
    return first if isinstance(first, Dictionary) else None


def _is_embedded(descendant: Dictionary) -> bool:
    descriptor = descendant.get("/FontDescriptor")
    return isinstance(descriptor, Dictionary) and any(
        key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")
    )
