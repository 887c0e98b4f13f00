"""The route for a PDF whose fonts or colours cannot stand in PDF/A.

Each page becomes a picture with its text invisible above it.
"""

import zlib
from collections import Counter
from ctypes import POINTER, addressof, byref, c_char, c_double, c_uint, cast, create_string_buffer
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import pikepdf
import pylopdf_fonts_zh_cn
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from archive.compile.fonts import font_name
from archive.compile.pdfium import draw_smooth
from archive.compile.text_layer import Char, TextLayer
from archive.reference.compile_errors import ContentLostError

DPI = 200
_MAX_PIXELS = 50_000_000
# In bytes; a page that stays larger is a photograph, and is kept as JPEG of high quality.
_LOSSLESS_LIMIT = 1_500_000
_JPEG_QUALITY = 92
_NO_INK = {3, 7}  # rendering modes (ISO 32000-1 9.3.6)
_PAPER = 200  # gray level from which on nothing was drawn
_LEAST_STROKE = 0.1  # points; a character that a font lacks has a box without height
_INK = 24  # difference of gray levels within the box of a character that counts as ink


def _draw_with_own_fonts() -> None:
    """Let PDFium replace a font that is not embedded by the one we ship.

    No font of the machine is used: the page looks the same everywhere. pypdfium2 starts the
    library without font paths and has no setting for them, so it is started again, before a
    document is open.
    """
    folder = create_string_buffer(str(Path(pylopdf_fonts_zh_cn.sans_path()).parent).encode())
    paths = (POINTER(c_char) * 2)(cast(folder, POINTER(c_char)))  # the second stays NULL, the end
    pdfium.FPDF_DestroyLibrary()
    pdfium.FPDF_InitLibraryWithConfig(
        pdfium.FPDF_LIBRARY_CONFIG(
            version=2, m_pUserFontPaths=paths, m_pIsolate=None, m_v8EmbedderSlot=0
        )
    )
    _PATHS.append((folder, paths))


_PATHS: list[Any] = []  # PDFium keeps the pointer
_draw_with_own_fonts()


@dataclass(frozen=True, slots=True)
class Glyph:
    """A character of a page as pdfium lays it.

    `seen` is false for text that leaves no ink by intent: in rendering mode 3 or 7, white, or
    transparent. `font` is the name of a font that is not embedded, None for one that is.
    """

    char: Char
    seen: bool
    font: str | None

    @property
    def has_area(self) -> bool:
        """Return whether the font that draws it has strokes for it."""
        _, left, bottom, right, top = self.char
        return min(right - left, top - bottom) >= _LEAST_STROKE


def rasterise(data: bytes) -> tuple[pikepdf.Pdf, int]:
    """Make a new document of page pictures and invisible text.

    The second value counts the characters without ink where they should have some. Raises
    ContentLostError when a font that is not embedded leaves no ink for most of its characters.
    """
    pdf = pikepdf.new()
    layer = TextLayer(pdf)
    blank: list[Glyph] = []
    with pypdfium2.PdfDocument(data) as source:
        for page in source:
            picture, scale = picture_of(page)
            width, height = page.get_size()
            glyphs = glyphs_of(page)
            blank += without_ink(picture.convert("L"), glyphs, scale, height)
            text = layer.write([glyph.char for glyph in glyphs])
            _add_page(pdf, picture, (width, height), text)
            if text:
                layer.use_on(pdf.pages[-1])
            page.close()
    layer.finish()
    with pikepdf.open(BytesIO(data)) as source:
        for page, drawn in zip(source.pages, pdf.pages, strict=True):
            if "/UserUnit" in page.obj:
                drawn.obj.UserUnit = page.obj.UserUnit
    return pdf, len(blank)


def picture_of(page: Any) -> tuple[Image.Image, float]:  # noqa: ANN401  pypdfium2 ships no types
    """Return a page as the picture that stands for it in a volume, and its pixels a point."""
    width, height = page.get_size()
    scale = min(DPI / 72, (_MAX_PIXELS / (width * height)) ** 0.5)
    size = ceil(width * scale), ceil(height * scale)
    return draw_smooth(page, size, (size[0] / width, size[1] / height)), scale


def glyphs_of(page: Any) -> list[Glyph]:  # noqa: ANN401  pypdfium2 ships no types
    """Return the characters of a page of pdfium, without blanks and controls."""
    textpage = page.get_textpage()
    glyphs: list[Glyph] = []
    known: dict[int, tuple[bool, str | None]] = {}
    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    for index in range(textpage.count_chars()):
        code = pdfium.FPDFText_GetUnicode(textpage, index)
        if 0xD800 <= code < 0xDC00:  # noqa: PLR2004  a rare character given as a pair
            code = (
                0x10000
                + ((code - 0xD800) << 10)
                + (pdfium.FPDFText_GetUnicode(textpage, index + 1) - 0xDC00)
            )
        if (
            code <= 0x20  # noqa: PLR2004 - blanks and controls
            or 0xD800 <= code <= 0xDFFF  # noqa: PLR2004 - half of a surrogate pair
            or code in (0xFEFF, 0xFFFE, 0xFFFF, 0xA0, 0x3000)
        ):
            continue
        pdfium.FPDFText_GetCharBox(
            textpage, index, byref(left), byref(right), byref(bottom), byref(top)
        )
        seen, font = _writing(pdfium.FPDFText_GetTextObject(textpage, index), known)
        box = (left.value, bottom.value, right.value, top.value)
        glyphs.append(Glyph((chr(code), *box), seen, font))
    textpage.close()
    return glyphs


def _writing(
    text: Any,  # noqa: ANN401
    known: dict[int, tuple[bool, str | None]],
) -> tuple[bool, str | None]:
    """Return whether a text object leaves ink, and its font if that is not embedded."""
    if not text:  # a hyphen or blank that pdfium adds
        return False, None
    address = addressof(text.contents)
    if address not in known:
        seen = pdfium.FPDFTextObj_GetTextRenderMode(text) not in _NO_INK and not _is_pale(text)
        font = pdfium.FPDFTextObj_GetFont(text)
        name = None
        if font and not pdfium.FPDFFont_GetIsEmbedded(font):
            raw = create_string_buffer(256)
            size = pdfium.FPDFFont_GetBaseFontName(font, raw, len(raw))
            name = font_name(raw.raw[: max(0, min(size, len(raw)) - 1)])
        known[address] = (seen, name)
    return known[address]


def _is_pale(text: Any) -> bool:  # noqa: ANN401
    red, green, blue, alpha = c_uint(), c_uint(), c_uint(), c_uint()
    if not pdfium.FPDFPageObj_GetFillColor(text, red, green, blue, alpha):
        return False
    return min(red.value, green.value, blue.value) > 255 - _INK or alpha.value < _INK


def without_ink(gray: Image.Image, glyphs: list[Glyph], scale: float, height: float) -> list[Glyph]:
    """Return the characters that should be seen and whose box in the picture is of one tone.

    Raises ContentLostError when they are most of a font that is not embedded: it was not drawn.
    What a page hides under a picture or writes white on white is no fault of its font.
    """
    missing, lost, drawn = list[Glyph](), Counter[str](), Counter[str]()
    for glyph in glyphs:
        _, left, bottom, right, top = glyph.char
        box = (
            int(left * scale) - 1,
            int((height - top) * scale) - 1,
            int(right * scale) + 2,
            int((height - bottom) * scale) + 2,
        )
        box = (max(0, box[0]), max(0, box[1]), min(gray.width, box[2]), min(gray.height, box[3]))
        if not glyph.seen or box[0] >= box[2] or box[1] >= box[3]:
            continue
        low, high = gray.crop(box).getextrema()
        blank = float(high) - float(low) < _INK  # type: ignore[arg-type]
        if blank:
            missing.append(glyph)
        if glyph.font is not None and (not blank or float(low) > _PAPER):  # type: ignore[arg-type]
            (lost if blank else drawn)[glyph.font] += 1
    for font, count in lost.items():
        if count > drawn[font]:
            raise ContentLostError(f"字体“{font}”没有嵌入，本机也没有可以代替的，文字无法显示。")
    return missing


def _add_page(
    pdf: pikepdf.Pdf, picture: Image.Image, size: tuple[float, float], text: bytes
) -> None:
    image = _picture(pdf, picture)
    content = f"q {size[0]:.4f} 0 0 {size[1]:.4f} 0 0 cm /Im0 Do Q\n".encode() + text
    entry = pikepdf.Dictionary(
        Type=pikepdf.Name.Page,
        MediaBox=pikepdf.Array([0, 0, round(size[0], 4), round(size[1], 4)]),
        Resources=pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=image)),
        Contents=pdf.make_stream(content),
    )
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
    stream = pikepdf.Stream(
        pdf,
        data,
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=kept.width,
        Height=kept.height,
    )
    stream.BitsPerComponent, stream.Filter = 8, coding
    stream.ColorSpace = pikepdf.Name.DeviceGray if gray else pikepdf.Name.DeviceRGB
    return stream
