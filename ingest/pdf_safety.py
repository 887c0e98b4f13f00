"""A look into a foreign PDF: does it open, how many pages, which are blank, and does it carry anything that acts."""

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from archive.inspection.subject import Look
from ingest.likeness import page_print

_MAX_OBJECTS = 200_000
_ACTS = re.compile(rb"/S\s*/(JavaScript|Launch)\b")
_PROGRAM = (b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"PK\x03\x04", b"@echo")
_RENDER_SCALE = 50 / 72


def look_at_pdf(data: bytes, max_pages: int, blank: Callable[[Image.Image], bool]) -> Look:
    """Open a PDF with both libraries that will handle it later; PdfiumError and pikepdf's errors (RuntimeErrors aside) become findings."""
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
            seen = {number: _page_seen(opened, number - 1, blank) for number in range(1, pages + 1)}
    except pypdfium2.PdfiumError as error:
        return Look("application/pdf", fault="ENCRYPTED" if "assword" in str(error) else "GD-3-4")
    empty = tuple(number for number, (nothing, _) in seen.items() if nothing)
    prints = tuple((number, f"{print_:0128x}") for number, (_, print_) in seen.items() if print_ is not None)
    return Look("application/pdf", pages, empty, flags=flags, prints=prints)


def _page_seen(opened: pypdfium2.PdfDocument, index: int, blank: Callable[[Image.Image], bool]) -> tuple[bool, int | None]:
    """Whether nothing is on the page, or nothing but pictures that show nothing; and of a page that is all picture its print.

    Text is writing without a look at it.
    """
    page = opened[index]
    try:
        kinds = {pdfium.FPDFPageObj_GetType(one) for one in _page_objects(page)}
        if pdfium.FPDFPage_GetAnnotCount(page) or kinds - {pdfium.FPDF_PAGEOBJ_IMAGE}:
            return False, None
        if not kinds:
            return True, None
        scale = min(_RENDER_SCALE, 2_000 / max(page.get_size()))
        picture = page.render(scale=scale, grayscale=True).to_pil().convert("L")
        return (True, None) if blank(picture) else (False, page_print(picture))
    finally:
        page.close()


def _page_objects(page: Any) -> Iterator[Any]:  # noqa: ANN401 - ctypes handles
    for number in range(min(pdfium.FPDFPage_CountObjects(page), _MAX_OBJECTS)):
        yield pdfium.FPDFPage_GetObject(page, number)


def _contents(data: bytes) -> tuple[tuple[str, str] | None, tuple[str, ...]]:
    """What is in it beside pages: a fault with its reason, or flags that a person should know of."""
    flags: set[str] = set()
    try:
        with pikepdf.open(io.BytesIO(data)) as opened:
            if len(opened.objects) > _MAX_OBJECTS:
                return ("FILE_UNSAFE", "对象过多"), ()
            for one in opened.objects:
                fault = _object(one, flags)
                if fault:
                    return ("FILE_UNSAFE", fault), ()
    except pikepdf.PasswordError:
        return ("ENCRYPTED", ""), ()
    except pikepdf.PdfError:
        return ("GD-3-4", ""), ()
    return None, tuple(sorted(flags))


def _object(one: pikepdf.Object, flags: set[str]) -> str | None:
    """Written out by qpdf, names are normalised: `/J#61vaScript` cannot hide."""
    if isinstance(one, pikepdf.Stream):
        text = one.stream_dict.unparse(resolved=True)
        if b"/Type /EmbeddedFile" in text or one.get("/Type") == "/EmbeddedFile":
            if one.read_bytes()[:8].startswith(_PROGRAM):
                return "PDF 内嵌程序"
            flags.add("PDF_ATTACHMENT")
    elif isinstance(one, (pikepdf.Dictionary, pikepdf.Array)):
        text = one.unparse(resolved=True)
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
