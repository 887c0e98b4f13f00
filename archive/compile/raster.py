"""The route for a PDF whose fonts or colours cannot stand in PDF/A: each page as a picture, its text invisible above it."""

import struct
import zlib
from ctypes import POINTER, byref, c_char, c_double, cast, create_string_buffer
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pylopdf_fonts_zh_cn
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from archive.compile.errors import ContentLostError

DPI = 200
_MAX_PIXELS = 50_000_000
_LOSSLESS_LIMIT = 1_500_000  # bytes; a page that stays larger is a photograph, and is kept as JPEG of high quality
_JPEG_QUALITY = 92
_INK = 24  # difference of gray levels within the box of a character that counts as ink
_FONT = "/YiceText"


def _draw_with_own_fonts() -> None:
    """Let PDFium replace a font that is not embedded by the one we ship, and by no font of the machine: the same page everywhere.

    pypdfium2 starts the library without font paths and has no setting for them, so it is started again, before a document is open.
    """
    folder = create_string_buffer(str(Path(pylopdf_fonts_zh_cn.sans_path()).parent).encode())
    paths = (POINTER(c_char) * 2)(cast(folder, POINTER(c_char)))  # the second stays NULL, the end
    pdfium.FPDF_DestroyLibrary()
    pdfium.FPDF_InitLibraryWithConfig(pdfium.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=paths, m_pIsolate=None, m_v8EmbedderSlot=0))
    _PATHS.append((folder, paths))


_PATHS: list[Any] = []  # PDFium keeps the pointer
_draw_with_own_fonts()


def rasterise(data: bytes) -> tuple[pikepdf.Pdf, int]:
    """Make a new document of page pictures and invisible text, and count the characters without ink where they stand.

    Raises ContentLostError when most characters of a page leave no ink: the renderer had no font for them.
    """
    pdf = pikepdf.new()
    layer = _TextLayer(pdf)
    blank = 0
    source = pypdfium2.PdfDocument(data)
    try:
        for page in source:
            width, height = page.get_size()
            scale = min(DPI / 72, (_MAX_PIXELS / (width * height)) ** 0.5)
            picture = page.render(scale=scale).to_pil().convert("RGB")
            chars = _characters(page)
            missing = _without_ink(picture.convert("L"), chars, scale, height)
            if missing * 2 > len(chars):
                raise ContentLostError("文件的字体没有嵌入，本机也没有可以代替的字体，文字无法显示。")
            blank += missing
            _add_page(pdf, picture, (width, height), layer.write(chars))
            page.close()
    finally:
        source.close()
    layer.finish()
    return pdf, blank


Char = tuple[str, float, float, float, float]  # the character and its box in points: left, bottom, right, top


def _characters(page: Any) -> list[Char]:  # noqa: ANN401  pypdfium2 ships no types
    textpage = page.get_textpage()
    found: list[Char] = []
    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    for index in range(textpage.count_chars()):
        code = pdfium.FPDFText_GetUnicode(textpage, index)
        if 0xD800 <= code < 0xDC00:  # noqa: PLR2004  a rare character given as a pair
            code = 0x10000 + ((code - 0xD800) << 10) + (pdfium.FPDFText_GetUnicode(textpage, index + 1) - 0xDC00)
        if code <= 0x20 or 0xD800 <= code <= 0xDFFF or code in (0xFEFF, 0xFFFE, 0xFFFF, 0xA0, 0x3000):  # noqa: PLR2004
            continue
        pdfium.FPDFText_GetCharBox(textpage, index, byref(left), byref(right), byref(bottom), byref(top))
        found.append((chr(code), left.value, bottom.value, right.value, top.value))
    textpage.close()
    return found


def _without_ink(gray: Image.Image, chars: list[Char], scale: float, height: float) -> int:
    """Count characters whose box in the picture is of one tone."""
    missing = 0
    for _, left, bottom, right, top in chars:
        box = (int(left * scale) - 1, int((height - top) * scale) - 1, int(right * scale) + 2, int((height - bottom) * scale) + 2)
        box = (max(0, box[0]), max(0, box[1]), min(gray.width, box[2]), min(gray.height, box[3]))
        if box[0] >= box[2] or box[1] >= box[3]:
            continue
        low, high = gray.crop(box).getextrema()
        missing += int(float(high) - float(low) < _INK)  # type: ignore[arg-type]
    return missing


def _add_page(pdf: pikepdf.Pdf, picture: Image.Image, size: tuple[float, float], text: bytes) -> None:
    image = _picture(pdf, picture)
    content = f"q {size[0]:.4f} 0 0 {size[1]:.4f} 0 0 cm /Im0 Do Q\n".encode() + text
    entry = pikepdf.Dictionary(
        Type=pikepdf.Name.Page,
        MediaBox=pikepdf.Array([0, 0, round(size[0], 4), round(size[1], 4)]),
        Resources=pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=image)),
        Contents=pdf.make_stream(content),
    )
    if text:
        entry.Resources.Font = pikepdf.Dictionary()
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(entry)))


def _picture(pdf: pikepdf.Pdf, picture: Image.Image) -> pikepdf.Stream:
    red, green, blue = picture.split()
    gray = red.tobytes() == green.tobytes() == blue.tobytes()
    kept = red if gray else picture
    data, coding = zlib.compress(kept.tobytes(), 3), pikepdf.Name.FlateDecode
    if len(data) > _LOSSLESS_LIMIT:
        out = BytesIO()
        kept.save(out, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
        data, coding = out.getvalue(), pikepdf.Name.DCTDecode
    stream = pikepdf.Stream(pdf, data, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=kept.width, Height=kept.height)
    stream.BitsPerComponent, stream.Filter = 8, coding
    stream.ColorSpace = pikepdf.Name.DeviceGray if gray else pikepdf.Name.DeviceRGB
    return stream


class _TextLayer:
    """Writes invisible text (rendering mode 3) in an embedded font whose one glyph is a square; codes are given as characters turn up."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self._pdf = pdf
        self._codes: dict[str, int] = {}

    def write(self, chars: list[Char]) -> bytes:
        """Show each character at its own place, as wide as its box."""
        lines = []
        for char, left, bottom, right, top in chars:
            code = self._codes.setdefault(char, len(self._codes) + 1)
            size = max(1.0, top - bottom)
            stretch = max(1.0, (right - left) / size * 100)
            lines.append(f"{_FONT} {size:.2f} Tf {stretch:.1f} Tz 1 0 0 1 {left:.2f} {bottom:.2f} Tm <{code:04X}> Tj")
        return f"BT 3 Tr\n{chr(10).join(lines)}\nET".encode("ascii") if lines else b""

    def finish(self) -> None:
        """Embed the font and give it to the pages that use it."""
        if not self._codes:
            return
        font = self._pdf.make_indirect(self._font())
        for page in self._pdf.pages:
            if "/Font" in page.obj.Resources:
                page.obj.Resources.Font[_FONT] = font

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
            CIDSystemInfo=pikepdf.Dictionary(Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("Identity"), Supplement=0),
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
        rows = [f"<{code:04X}> <{char.encode('utf-16-be').hex().upper()}>" for char, code in self._codes.items()]
        blocks = [rows[at : at + 100] for at in range(0, len(rows), 100)]
        body = "\n".join(f"{len(block)} beginbfchar\n{chr(10).join(block)}\nendbfchar" for block in blocks)
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
            f"{body}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
        ).encode("ascii")


@cache
def _square_truetype() -> bytes:
    """Build a TrueType font of an empty glyph and a square of one em; text extractors drop characters whose glyph has no extent."""
    head = struct.pack(">IIIIHHqqhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 3, 1000, 0, 0, 0, 0, 1000, 1000, 0, 8, 2, 0, 0)
    hhea = struct.pack(">IhhhHhhhhhhhhhhhH", 0x10000, 1000, 0, 0, 1000, 0, 0, 1000, 1, 0, 0, 0, 0, 0, 0, 0, 2)
    square = struct.pack(">5hHH4B8h", 1, 0, 0, 1000, 1000, 3, 0, 1, 1, 1, 1, 0, 1000, 0, -1000, 0, 0, 1000, 0) + b"\0\0"
    maxp = struct.pack(">I14H", 0x10000, 2, 4, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0)
    cmap = struct.pack(">HHHHIHHH", 0, 1, 3, 1, 12, 4, 24, 0) + struct.pack(">HHHHHHHhH", 2, 2, 0, 0, 0xFFFF, 0, 0xFFFF, 1, 0)
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
    directory, body, at = struct.pack(">IHHHH", 0x10000, len(tables), 128, 3, 0), b"", 12 + 16 * len(tables)
    for tag, data in tables.items():
        padded = data + bytes(-len(data) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += tag + struct.pack(">III", total, at + len(body), len(data))
        body += padded
    return directory + body
