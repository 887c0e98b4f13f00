"""Examination of a foreign PDF.

It reports whether the file opens, how many pages it has, which of them are blank, and whether
it carries active content.
"""

import ctypes
import io
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from archive.compile.fonts import is_known
from archive.compile.foreign_pages import PlacedPages, needs_a_key, place_pages
from archive.compile.page_place import STRIP
from archive.compile.raster import Glyph, glyphs_of, picture_of, without_ink
from archive.inspection.subject import Look
from archive.reference.compile_errors import CompileError, TooLargeError
from ingest.reading.legibility import unreadable
from ingest.reading.likeness import other_views, page_print
from ingest.reading.pdf_pictures import is_cut

_MAX_OBJECTS = 200_000
_ACTS = re.compile(rb"/S\s*/(JavaScript|Launch)\b")
_PROGRAM = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"\xca\xfe\xba\xbe",
    b"\xcf\xfa\xed\xfe",
    b"PK\x03\x04",
    b"@echo",
)
_RENDER_SCALE = 50 / 72
_TEXT_PAGES, _TEXT_LENGTH = 200, 10_000
_MOST_SECONDS = 3.0
"""What drawing a page at 50 dpi may cost; sound pages take a tenth of a second."""
_FAULTS = {"UNREADABLE": "GD-3-4", "ENCRYPTED": "ENCRYPTED", "TOO_LARGE": "FILE_UNSAFE"}
"""What an error of laying pages means at the door; the others lose something of the page."""


@dataclass(frozen=True, slots=True)
class _Page:
    """The report on a page.

    `print_`, `coarse` and `unclear` are set only for a page that is nothing but a picture; `fonts`
    are those of its text that are not embedded, `lacking` those of them of which ours does not have
    every character.
    """

    blank: bool = False
    coarse: bool = False
    coarsest: bool = False
    print_: int | None = None
    unclear: tuple[str, ...] = ()
    text: str = ""
    fonts: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    views: str = ""


def examine_pdf(
    data: bytes, max_pages: int, blank: Callable[[Image.Image], bool], least_side: float
) -> Look:
    """Return the report on a PDF, whose pages are laid as they will be in the volume.

    So what cannot be made is known before it is taken over. PdfiumError and pikepdf's errors
    (RuntimeErrors aside) become findings. `least_side` is the number of pixels that the shorter
    side of a scanned page needs.
    """
    try:
        with pypdfium2.PdfDocument(data) as opened:
            pages = len(opened)
            if pages > max_pages:
                return Look("application/pdf", fault="FILE_UNSAFE", why="页数过多")
            if not pages:
                return Look("application/pdf", fault="GD-3-4")
            fault, flags = _contents(data)
            if fault:
                return Look("application/pdf", fault=fault[0], why=fault[1])
            placed = place_pages(data, {})
            with pypdfium2.PdfDocument(placed.pdf) as laid:
                seen = [
                    _page_seen(opened, laid, index, blank, least_side) for index in range(pages)
                ]
    except pypdfium2.PdfiumError:
        # pdfium may tell the reason of an earlier document, so qpdf says whether it is a password.
        code = "ENCRYPTED" if needs_a_key(data) else "GD-3-4"
        return Look("application/pdf", fault=code)
    except CompileError as error:
        code = _FAULTS.get(error.code, "PAGES_LOST")
        # What every reader says of such a file has its own words in the table of findings.
        why = "" if code in {"GD-3-4", "ENCRYPTED"} else error.message.rstrip("。")
        return Look("application/pdf", fault=code, why=why)
    return _report(placed, seen, flags)


def _report(placed: PlacedPages, seen: list[_Page], flags: tuple[str, ...]) -> Look:
    pages = list(enumerate(seen, 1))
    drawn_by_ours = {font for page in seen for font in page.fonts if not is_known(font)}
    drawn_by_ours |= {font for page in seen for font in page.lacking}
    return Look(
        "application/pdf",
        placed.pages,
        tuple(number for number, page in pages if page.blank),
        tuple(number for number, page in pages if page.coarse),
        coarsest=tuple(number for number, page in pages if page.coarsest),
        flags=(*flags, *(("PDF_UNDRAWN",) if placed.undrawn else ())),
        views=tuple((number, page.views) for number, page in pages if page.views),
        prints=tuple(
            (number, f"{page.print_:0128x}") for number, page in pages if page.print_ is not None
        ),
        unclear=tuple((number, code) for number, page in pages for code in page.unclear),
        texts=tuple((number, page.text) for number, page in pages[:_TEXT_PAGES] if page.text),
        fonts=tuple(sorted(drawn_by_ours)),
        remarks=placed.remarks,
    )


def _page_seen(
    opened: pypdfium2.PdfDocument,
    laid: pypdfium2.PdfDocument,
    index: int,
    blank: Callable[[Image.Image], bool],
    least_side: float,
) -> _Page:
    """Return the report on a page.

    A page that shows nothing is blank, whatever is on it. Only of a page that is nothing but
    pictures can the picture be poor, or a copy.
    """
    page, upright = opened[index], laid[index]
    try:
        objects = list(_page_objects(page))
        kinds = {pdfium.FPDFPageObj_GetType(handle) for handle in objects}
        if pdfium.FPDFPage_GetAnnotCount(page) or kinds - {pdfium.FPDF_PAGEOBJ_IMAGE}:
            return _written(upright, blank)
        if not kinds:
            return _Page(blank=True)
        scale = min(_RENDER_SCALE, 2_000 / max(page.get_size()))
        picture = _drawn(page, scale)
        if blank(picture):
            return _Page(blank=True)
        side = _short_side(objects[0]) if len(objects) == 1 else 0
        return _Page(
            coarse=0 < side < least_side,
            coarsest=0 < side < least_side / 2,
            print_=page_print(picture),
            unclear=unreadable(picture),
            views=other_views(picture),
        )
    finally:
        page.close()
        upright.close()


def _drawn(page: pypdfium2.PdfPage, scale: float) -> Image.Image:
    """Return a page in gray.

    Raises TooLargeError for one that takes so long that compiling, which may draw it at 200 dpi,
    would not end.
    """
    begun = time.process_time()
    picture: Image.Image = page.render(scale=scale, grayscale=True).to_pil()
    if time.process_time() - begun > _MOST_SECONDS:
        raise TooLargeError("页面过于复杂，绘制耗时过长。")
    return picture.convert("L")


def _written(page: pypdfium2.PdfPage, blank: Callable[[Image.Image], bool]) -> _Page:
    """Return the report on a page with more than pictures, laid as in the volume.

    Raises ContentLostError when a font that is not embedded is not drawn.
    """
    width, height = page.get_size()
    scale = min(_RENDER_SCALE, 2_000 / max(width, height))
    picture = _drawn(page, scale)
    glyphs = glyphs_of(page)
    visible = sum(glyph.seen for glyph in glyphs)
    inked = visible - len(without_ink(picture, glyphs, scale, height))
    strip = round(STRIP * scale)
    sheet = picture.crop((0, 0, picture.width, max(1, picture.height - strip)))
    if inked <= 0 and blank(sheet):
        return _Page(blank=True)
    fonts = tuple({glyph.font for glyph in glyphs if glyph.seen and glyph.font})
    return _Page(text=_text(page), fonts=fonts, lacking=_lacking(page, glyphs) if fonts else ())


def _lacking(page: pypdfium2.PdfPage, glyphs: list[Glyph]) -> tuple[str, ...]:
    """Return the fonts in whose place ours stands and lacks a character that they would show.

    Drawn as the volume will, which refuses a font that is hardly drawn at all (ContentLostError).
    """
    picture, scale = picture_of(page)
    unseen = without_ink(picture.convert("L"), glyphs, scale, page.get_size()[1])
    return tuple({glyph.font for glyph in unseen if glyph.font and not glyph.has_area})


def _text(page: pypdfium2.PdfPage) -> str:
    textpage = page.get_textpage()
    try:
        return (
            str(textpage.get_text_bounded()) if 0 < textpage.count_chars() <= _TEXT_LENGTH else ""
        )
    finally:
        textpage.close()


def _short_side(picture: Any) -> int:  # noqa: ANN401 - ctypes handles
    """Return the pixels of a picture's shorter side; 0 when it does not say."""
    width, height = ctypes.c_uint(), ctypes.c_uint()
    return (
        min(width.value, height.value)
        if pdfium.FPDFImageObj_GetImagePixelSize(picture, width, height)
        else 0
    )


def _page_objects(page: Any) -> Iterator[Any]:  # noqa: ANN401 - ctypes handles
    for number in range(min(pdfium.FPDFPage_CountObjects(page), _MAX_OBJECTS)):
        yield pdfium.FPDFPage_GetObject(page, number)


def _contents(data: bytes) -> tuple[tuple[str, str] | None, tuple[str, ...]]:
    """Return a fault with its reason, or flags that a person should know of.

    All objects of the PDF are checked.
    """
    flags: set[str] = set()
    try:
        with pikepdf.open(io.BytesIO(data)) as opened:
            if len(opened.objects) > _MAX_OBJECTS:
                return ("FILE_UNSAFE", "对象过多"), ()
            if "/Collection" in opened.Root:
                flags.add("PDF_PORTFOLIO")
            for entry in opened.objects:
                fault = _object(entry, flags)
                if fault:
                    return ("FILE_UNSAFE", fault), ()
    except pikepdf.PasswordError:
        return ("ENCRYPTED", ""), ()
    except pikepdf.PdfError:
        return ("ENCRYPTED" if needs_a_key(data) else "GD-3-4", ""), ()
    return None, tuple(sorted(flags))


def _object(entry: pikepdf.Object, flags: set[str]) -> str | None:
    """Return the reason why an object is unsafe, None for a safe one; adds to `flags`.

    Objects are written out by qpdf, which normalises names: `/J#61vaScript` cannot hide.
    """
    if isinstance(entry, pikepdf.Stream):
        text = entry.stream_dict.unparse(resolved=True)
        if b"/Type /EmbeddedFile" in text or entry.get("/Type") == "/EmbeddedFile":
            if entry.read_bytes()[:8].startswith(_PROGRAM):
                return "PDF 内嵌程序"
            flags.add("PDF_ATTACHMENT")
        if entry.get("/Subtype") == "/Image" and is_cut(entry):
            flags.add("IMAGE_DAMAGED")
    elif isinstance(entry, (pikepdf.Dictionary, pikepdf.Array)):
        text = entry.unparse(resolved=True)
    else:
        return None
    acts = _ACTS.search(text)
    if acts:
        return "PDF 含有脚本" if acts[1] == b"JavaScript" else "PDF 会启动外部程序"
    if b"/XFA " in text:
        flags.add("PDF_XFA")
    if b"/EF <<" in text:
        flags.add("PDF_ATTACHMENT")
    return None
