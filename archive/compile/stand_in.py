"""Our font in place of composite fonts that a foreign PDF does not bring along."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from archive.compile.fonts import font_name
from archive.compile.own_font import OwnFont, characters_of, widths_of
from archive.reference.compile_errors import ContentLostError

_DEEPEST = 12


def stand_in(pdf: pikepdf.Pdf) -> None:
    """Let our font stand for composite fonts that are not embedded, by their characters.

    Codes that are glyph numbers of a font that is not there are drawn by their table of characters
    (ToUnicode). Raises ContentLostError for such a font without a table: nobody can know its text.
    """
    for font in list(_composite(pdf)):
        descendant = _descendant(font)
        if descendant is None or _is_embedded(descendant):
            continue
        if not _is_numbered(font, descendant):
            # A map from characters to glyphs of the font that is not there.
            if "/CIDToGIDMap" in descendant:
                del descendant["/CIDToGIDMap"]
            continue
        table = font.get("/ToUnicode")
        if not isinstance(table, Stream):
            name = font_name(_raw(font.get("/BaseFont")))
            raise ContentLostError(f"字体“{name}”没有嵌入，也没有文字对照表，文字无法得知。")
        _replace(pdf, font, descendant, characters_of(table.read_bytes().decode("latin-1")))


def _is_numbered(font: Dictionary, descendant: Dictionary) -> bool:
    """Return whether the codes of a font are glyph numbers and not characters."""
    system = descendant.get("/CIDSystemInfo")
    ordering = system.get("/Ordering", "Identity") if isinstance(system, Dictionary) else "Identity"
    identity = str(font.get("/Encoding")) in {"/Identity-H", "/Identity-V"}
    return identity and str(ordering) == "Identity"


def _replace(
    pdf: pikepdf.Pdf, font: Dictionary, descendant: Dictionary, characters: dict[int, str]
) -> None:
    """Put our font in place of one, which keeps its codes, its widths and its table."""
    text = "".join(characters.values())
    own = OwnFont(pdf, text)
    if lost := own.missing & set(text):
        raise ContentLostError(f"字体没有嵌入，有 {len(lost)} 个字本机无法显示。")
    codes = {code: own.code(chars[0]) for code, chars in characters.items() if chars}
    wide = widths_of(descendant)
    default = descendant.get("/DW", 1000)
    ours: Any = own.object.DescendantFonts[0]
    drawn = Dictionary(ours)
    drawn.W = Array(
        [
            entry
            for code, cid in sorted(codes.items(), key=lambda pair: pair[1])
            for entry in (cid, Array([wide.get(code, float(default))]))
        ]
    )
    drawn.DW = default
    vertical = str(font.get("/Encoding")) == "/Identity-V"
    font.Encoding = pdf.make_stream(
        _cmap(codes, vertical=vertical),
        Type=Name.CMap,
        CMapName=Name.YiceCodes,
        WMode=int(vertical),
        CIDSystemInfo=drawn.CIDSystemInfo,
    )
    font.DescendantFonts = Array([pdf.make_indirect(drawn)])
    font.BaseFont = own.object.BaseFont


def _cmap(codes: dict[int, int], *, vertical: bool) -> bytes:
    """Return the map from codes of two bytes to glyphs of ours (ISO 32000-1 9.7.5.4)."""
    rows = [f"<{code:04X}> {cid}" for code, cid in sorted(codes.items())]
    blocks = "\n".join(
        f"{len(block)} begincidchar\n{chr(10).join(block)}\nendcidchar"
        for block in (rows[at : at + 100] for at in range(0, len(rows), 100))
    )
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> def\n"
        f"/CMapName /YiceCodes def\n/CMapType 1 def\n/WMode {int(vertical)} def\n"
        "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        f"{blocks}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode("ascii")


def _raw(name: object) -> bytes:
    if not isinstance(name, Name):
        return b""
    text = name.unparse().removeprefix(b"/")
    return re.sub(rb"#([0-9A-Fa-f]{2})", lambda code: bytes([int(code[1], 16)]), text)


def _composite(pdf: pikepdf.Pdf) -> Iterator[Dictionary]:
    for entry in pdf.objects:
        yield from _composite_in(entry, 0)


def _composite_in(entry: object, depth: int) -> Iterator[Dictionary]:
    """Yield the composite fonts among an object and what stands in it, not beyond references."""
    if depth > _DEEPEST:
        return
    if isinstance(entry, Dictionary) and entry.get("/Subtype") == Name.Type0:
        yield entry
        return
    nested: Iterable[object] = ()
    if isinstance(entry, Stream):
        nested = (entry.stream_dict,)
    elif isinstance(entry, Dictionary):
        nested = list(entry.values())
    elif isinstance(entry, Array):
        nested = list(entry)
    for part in nested:
        if isinstance(part, (Dictionary, Array)) and not part.is_indirect:
            yield from _composite_in(part, depth + 1)


def _descendant(font: Dictionary) -> Dictionary | None:
    entries = font.get("/DescendantFonts")
    first = entries[0] if isinstance(entries, pikepdf.Array) and len(entries) else None
    return first if isinstance(first, Dictionary) else None


def _is_embedded(descendant: Dictionary) -> bool:
    descriptor = descendant.get("/FontDescriptor")
    return isinstance(descriptor, Dictionary) and any(
        key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")
    )
