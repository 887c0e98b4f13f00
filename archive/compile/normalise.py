"""PDF/A-2u pages from a PDF that came from elsewhere (R19).

It is proved that no page and no text was lost on the way.
"""

import logging
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from subprocess import TimeoutExpired

import pikepdf
import pypdfium2

from archive.compile.assemble import saved
from archive.compile.footer import STRIP
from archive.compile.pdfa import Declaration, declare, srgb_icc
from archive.compile.raster import rasterise
from archive.jobs.processes import run_tool
from archive.reference.compile_errors import (
    CompileError,
    ContentLostError,
    EncryptedError,
    NotConformingError,
    UnreadableError,
)

Prove = Callable[[bytes], Mapping[str, int]]
_GHOSTSCRIPT_SECONDS = 60
# The parts are taken apart again: only the volume bears a true date.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
logging.getLogger("pikepdf").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Normalised:
    """A PDF that was made PDF/A-2u.

    PDF/A-2u bytes, pages, the route taken (copied, ghostscript or raster) and Chinese notes for
    the process record.
    """

    pdf: bytes
    pages: int
    route: str
    notes: tuple[str, ...]


def normalise_pdf(data: bytes, prove: Prove, *, ghostscript: bool = False) -> Normalised:
    """Copy the pages into a new document; where that is not PDF/A-2u, redraw them.

    `prove` names the broken rules of a file. A strip of 12 mm is added below each page for the
    footer. Raises EncryptedError, UnreadableError, ContentLostError, NotConformingError.
    """
    placed, notes, hidden = _copy(data)
    before = _texts(data)
    pages = len(before)
    with pikepdf.open(BytesIO(placed)) as copied:
        if len(copied.pages) != pages:
            raise UnreadableError("文件的页数前后不一致，文件可能已损坏。")
    if not hidden and not prove(placed) and not _lost(before, placed):
        return Normalised(placed, pages, "copied", notes)
    if ghostscript:
        redrawn = _by_ghostscript(placed)
        if redrawn is not None and not prove(redrawn) and not _lost(before, redrawn):
            return Normalised(
                redrawn, pages, "ghostscript", (*notes, "由 Ghostscript 转换为 PDF/A。")
            )
    picture, blank = rasterise(placed)
    with picture:
        _declare_part(picture)
        result = saved(picture)
    if _lost(before, result):
        raise ContentLostError("转换后的文字与原件不一致。")
    if prove(result):
        raise NotConformingError("文件无法转换为符合 PDF/A-2u 的页面。")
    unseen = (f"{blank} 个文字在页面上没有可见笔画。",) if blank else ()
    return Normalised(
        result,
        pages,
        "raster",
        (*notes, "页面按 200 dpi 转为图像，文字作为不可见文本层保留。", *unseen),
    )


def turned_pdf(data: bytes, turns: Mapping[int, int]) -> bytes:
    """Return a copy with some pages (from 1) turned clockwise by so many degrees.

    What cannot be opened is returned unchanged, for `normalise_pdf` to name.
    """
    if not any(turns.values()):
        return data
    try:
        with pikepdf.open(BytesIO(data)) as source:
            for number, page in enumerate(source.pages, 1):
                if turns.get(number):
                    page.rotate(turns[number], relative=True)
            return saved(source)
    except pikepdf.PdfError:
        return data


def _copy(data: bytes) -> tuple[bytes, tuple[str, ...], bool]:
    """Draw every page into a new document.

    Returns the document, the notes, and whether layers hide something (then only redrawing is
    faithful).
    """
    try:
        with pikepdf.open(BytesIO(data)) as source, pikepdf.new() as target:
            repaired = bool(source.get_warnings())
            if repaired and b"%%EOF" not in data[-2048:]:
                raise UnreadableError("文件不完整，可能在传送中被截断。")
            notes = [*_notes(source), *(["文件结构有缺陷，已在副本中修复。"] if repaired else [])]
            layers = source.Root.get("/OCProperties")
            _flatten(source)
            for page in source.pages:
                _place(target, page)
            if not len(target.pages):
                raise UnreadableError("文件没有任何页面。")
            if layers is not None:
                target.Root.OCProperties = target.copy_foreign(source.make_indirect(layers))
            _clean(target)
            _declare_part(target)
            return saved(target), tuple(notes), layers is not None
    except pikepdf.PasswordError as error:
        raise EncryptedError("文件设有打开密码，无法读取。") from error
    except CompileError:
        raise
    except (
        pikepdf.PdfError,
        ValueError,
        KeyError,
        AttributeError,
        TypeError,
        RuntimeError,
    ) as error:
        raise UnreadableError("文件不是完整的 PDF。") from error


def _notes(source: pikepdf.Pdf) -> list[str]:
    """Return what the pages will no longer carry; the original keeps it."""
    notes = []
    if source.is_encrypted:
        notes.append("原件限制了权限，页面以未加密形式编入。")
    if len(source.attachments):
        notes.append(f"原件内附有 {len(source.attachments)} 个文件，未编入页面，随原件保存。")
    if "/AcroForm" in source.Root:
        notes.append("表单域已固化为页面内容。")
        if "/XFA" in source.Root.AcroForm:
            notes.append("原件含动态表单（XFA），仅编入其静态页面。")
    names = source.Root.get("/Names", pikepdf.Dictionary())
    if "/OpenAction" in source.Root or "/AA" in source.Root or "/JavaScript" in names:
        notes.append("原件含脚本或自动动作，未编入页面。")
    return notes


def _flatten(source: pikepdf.Pdf) -> None:
    """Turn form fields, stamps and seals into page content, so that what was seen stays."""
    if "/AcroForm" in source.Root:
        source.generate_appearance_streams()
    source.flatten_annotations("all")


def _place(target: pikepdf.Pdf, page: pikepdf.Page) -> None:
    """Draw a page as a form above a free strip.

    It is upright and with its origin at the corner. A form keeps its graphics state to itself.
    """
    x0, y0, x1, y1 = (float(value) for value in page.cropbox.as_list())
    width, height = abs(x1 - x0), abs(y1 - y0)
    unit = float(page.obj.get("/UserUnit", 1))
    if int(page.obj.get("/Rotate", 0)) % 180:
        width, height = height, width
    width, height = width * unit, height * unit
    page.trimbox = pikepdf.Array([min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)])
    form = target.copy_foreign(page.as_form_xobject())
    matrix = _upright(page, unit)
    form.Matrix = pikepdf.Array(matrix)
    entry = pikepdf.Dictionary(
        Type=pikepdf.Name.Page,
        MediaBox=pikepdf.Array([0, 0, round(width, 3), round(height + STRIP, 3)]),
        Resources=pikepdf.Dictionary(XObject=pikepdf.Dictionary(Fm0=form)),
        Contents=target.make_stream(f"q 1 0 0 1 0 {STRIP:.4f} cm /Fm0 Do Q".encode("ascii")),
    )
    target.pages.append(pikepdf.Page(target.make_indirect(entry)))


def page_boxes(pdf: bytes, pages: Iterable[int]) -> list[tuple[float, float, float, float]]:
    """Return where on these pages of a normalised file the foreign page lies.

    Page 0 is the first. It is all above the strip.
    """
    with pikepdf.open(BytesIO(pdf)) as opened:
        sizes = [
            [float(value) for value in opened.pages[page].mediabox.as_list()] for page in pages
        ]
    return [(left, bottom + STRIP, right, top) for left, bottom, right, top in sizes]


def _upright(page: pikepdf.Page, unit: float) -> list[float]:
    """Return the matrix that shows the trim box of a page upright at the origin.

    Rotate is clockwise (ISO 32000-1 7.7.3.3).
    """
    x0, y0, x1, y1 = (float(value) for value in page.trimbox.as_list())
    rows = {
        0: (1, 0, 0, 1, -x0, -y0),
        90: (0, -1, 1, 0, -y0, x1),
        180: (-1, 0, 0, -1, x1, y1),
        270: (0, 1, -1, 0, y1, -x0),
    }
    return [round(value * unit, 5) for value in rows[int(page.obj.get("/Rotate", 0)) % 360]]


def _clean(target: pikepdf.Pdf) -> None:
    """Remove what PDF/A forbids and no one sees.

    Alternate images, smoothing hints, ties to structure, private data.
    """
    for stream in target.objects:
        if isinstance(stream, pikepdf.Stream):
            for key in (
                "/Alternates",
                "/OPI",
                "/StructParent",
                "/StructParents",
                "/PieceInfo",
                "/Metadata",
                "/LastModified",
            ):
                if key in stream:
                    del stream[key]
            if stream.get("/Interpolate", False):
                stream.Interpolate = False


def _declare_part(pdf: pikepdf.Pdf) -> None:
    declare(pdf, Declaration("part", _EPOCH, "yice"), srgb_icc())


def _texts(data: bytes) -> list[Counter[str]]:
    """Count the visible characters of each page."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise UnreadableError("文件不是完整的 PDF。") from error
    try:
        counted = []
        for page in document:
            textpage = page.get_textpage()
            text = unicodedata.normalize("NFKC", textpage.get_text_range())
            counted.append(
                Counter(
                    char
                    for char in text
                    if not char.isspace() and unicodedata.category(char)[0] != "C"
                )
            )
            textpage.close()
            page.close()
        return counted
    finally:
        document.close()


def _lost(before: list[Counter[str]], data: bytes) -> bool:
    """Return whether a page or a character is missing.

    More than before is right, for a form field has become text.
    """
    after = _texts(data)
    return len(after) != len(before) or any(
        old - new for old, new in zip(before, after, strict=True)
    )


def _by_ghostscript(data: bytes) -> bytes | None:
    """Convert with Ghostscript where it is installed.

    Its result is not trusted until pages, text and proof agree.
    """
    program = shutil.which("gs")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.pdf"), Path(folder, "out.pdf")
        source.write_bytes(data)
        options = [
            "-dPDFA=2",
            "-dBATCH",
            "-dNOPAUSE",
            "-dSAFER",
            "-dQUIET",
            "-sDEVICE=pdfwrite",
            "-sColorConversionStrategy=RGB",
            "-dPDFACompatibilityPolicy=1",
        ]
        try:
            done = run_tool(
                [program, *options, f"-sOutputFile={target}", str(source)],
                seconds=_GHOSTSCRIPT_SECONDS,
            )
            if done.returncode:
                return None
            with pikepdf.open(target) as converted, pikepdf.new() as fresh:
                fresh.pages.extend(converted.pages)
                _declare_part(fresh)
                return saved(fresh)
        except (TimeoutExpired, OSError, pikepdf.PdfError):
            return None
