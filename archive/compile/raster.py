"""The route for a PDF whose fonts or colours cannot stand in PDF/A.

Each page becomes a picture with its text invisible above it.
"""

import zlib
from ctypes import POINTER, byref, c_char, c_double, cast, create_string_buffer
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pylopdf_fonts_zh_cn
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from archive.compile.text_layer import Char, TextLayer
from archive.reference.compile_errors import ContentLostError

DPI = 200
_MAX_PIXELS = 50_000_000
# In bytes; a page that stays larger is a photograph, and is kept as JPEG of high quality.
_LOSSLESS_LIMIT = 1_500_000
_JPEG_QUALITY = 92
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


def rasterise(data: bytes) -> tuple[pikepdf.Pdf, int]:
    """Make a new document of page pictures and invisible text.

    The second value counts the characters without ink where they stand. Raises ContentLostError
    when most characters of a page leave no ink: the renderer had no font for them.
    """
    pdf = pikepdf.new()
    layer = TextLayer(pdf)
    blank = 0
    source = pypdfium2.PdfDocument(data)
    try:
        for page in source:
            width, height = page.get_size()
            scale = min(DPI / 72, (_MAX_PIXELS / (width * height)) ** 0.5)
            picture = page.render(scale=scale).to_pil().convert("RGB")
            chars = characters(page)
            missing = _without_ink(picture.convert("L"), chars, scale, height)
            if missing * 2 > len(chars):
                raise ContentLostError(
                    "文件的字体没有嵌入，本机也没有可以代替的字体，文字无法显示。"
                )
            blank += missing
            text = layer.write(chars)
            _add_page(pdf, picture, (width, height), text)
            if text:
                layer.use_on(pdf.pages[-1])
            page.close()
    finally:
        source.close()
    layer.finish()
    return pdf, blank


def characters(page: Any) -> list[Char]:  # noqa: ANN401  pypdfium2 ships no types
    """Return the characters of a page of pdfium that leave ink, each with its box in points."""
    textpage = page.get_textpage()
    characters: list[Char] = []
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
        characters.append((chr(code), left.value, bottom.value, right.value, top.value))
    textpage.close()
    return characters


def _without_ink(gray: Image.Image, chars: list[Char], scale: float, height: float) -> int:
    """Count characters whose box in the picture is of one tone."""
    missing = 0
    for _, left, bottom, right, top in chars:
        box = (
            int(left * scale) - 1,
            int((height - top) * scale) - 1,
            int(right * scale) + 2,
            int((height - bottom) * scale) + 2,
        )
        box = (max(0, box[0]), max(0, box[1]), min(gray.width, box[2]), min(gray.height, box[3]))
        if box[0] >= box[2] or box[1] >= box[3]:
            continue
        low, high = gray.crop(box).getextrema()
        missing += int(float(high) - float(low) < _INK)  # type: ignore[arg-type]
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
