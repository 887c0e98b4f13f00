"""Examination of a foreign PDF.

It reports whether the file opens, how many pages it has, which of them are blank, and whether
it carries active content.
"""

import ctypes
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from archive.inspection.subject import Look
from ingest.reading.legibility import unreadable
from ingest.reading.likeness import other_views, page_print

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
_MAY_HOLD_TEXT = {pdfium.FPDF_PAGEOBJ_TEXT, pdfium.FPDF_PAGEOBJ_FORM}


@dataclass(frozen=True, slots=True)
class _Page:
    """The report on a page.

    `print_`, `coarse` and `unclear` are set only for a page that is nothing but a picture.
    """

    blank: bool = False
    coarse: bool = False
    coarsest: bool = False
    print_: int | None = None
    unclear: tuple[str, ...] = ()
    text: str = ""
    views: str = ""


def examine_pdf(
    data: bytes, max_pages: int, blank: Callable[[Image.Image], bool], least_side: float
) -> Look:
    """Return the report on a PDF, opened with both libraries that will handle it later.

    PdfiumError and pikepdf's errors (RuntimeErrors aside) become findings. `least_side` is the
    number of pixels that the shorter side of a scanned page needs.
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
            seen = {
                number: _page_seen(opened, number - 1, blank, least_side)
                for number in range(1, pages + 1)
            }
    except pypdfium2.PdfiumError:
        # pdfium may tell the reason of an earlier document, so qpdf says whether it is a password.
        code = "ENCRYPTED" if _needs_password(data) else "GD-3-4"
        return Look("application/pdf", fault=code)
    return Look(
        "application/pdf",
        pages,
        tuple(number for number, page in seen.items() if page.blank),
        tuple(number for number, page in seen.items() if page.coarse),
        coarsest=tuple(number for number, page in seen.items() if page.coarsest),
        flags=flags,
        prints=tuple(
            (number, f"{page.print_:0128x}")
            for number, page in seen.items()
            if page.print_ is not None
        ),
        views=tuple((number, page.views) for number, page in seen.items() if page.views),
        unclear=tuple((number, code) for number, page in seen.items() for code in page.unclear),
        texts=tuple(
            (number, page.text) for number, page in list(seen.items())[:_TEXT_PAGES] if page.text
        ),
    )


def _page_seen(
    opened: pypdfium2.PdfDocument,
    index: int,
    blank: Callable[[Image.Image], bool],
    least_side: float,
) -> _Page:
    """Return the report on a page.

    A page with nothing on it, or with nothing but pictures that show nothing, is blank. Text counts
    as writing without being rendered, and is read.
    """
    page = opened[index]
    try:
        objects = list(_page_objects(page))
        kinds = {pdfium.FPDFPageObj_GetType(handle) for handle in objects}
        if pdfium.FPDFPage_GetAnnotCount(page) or kinds - {pdfium.FPDF_PAGEOBJ_IMAGE}:
            return _Page(text=_text(page) if kinds & _MAY_HOLD_TEXT else "")
        if not kinds:
            return _Page(blank=True)
        scale = min(_RENDER_SCALE, 2_000 / max(page.get_size()))
        picture = page.render(scale=scale, grayscale=True).to_pil().convert("L")
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
            for entry in opened.objects:
                fault = _object(entry, flags)
                if fault:
                    return ("FILE_UNSAFE", fault), ()
    except pikepdf.PasswordError:
        return ("ENCRYPTED", ""), ()
    except pikepdf.PdfError:
        return ("GD-3-4", ""), ()
    return None, tuple(sorted(flags))


def _needs_password(data: bytes) -> bool:
    """Return whether a PDF opens with a password only."""
    try:
        with pikepdf.open(io.BytesIO(data)):
            return False
    except pikepdf.PasswordError:
        return True
    except pikepdf.PdfError:
        return False


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
