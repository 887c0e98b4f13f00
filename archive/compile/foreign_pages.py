"""Pages of a PDF that came from elsewhere, laid anew as they are seen (R19).

This opens foreign bytes: it runs inside the sandbox, at intake and while a volume is made alike, so
that what cannot be made is found at the door. It is checked that no page and no text was lost.
"""

import logging
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

import pikepdf
import pypdfium2
from pikepdf import Array, Dictionary, Name

from archive.compile.appearance import look_of, settle_flags
from archive.compile.form_fields import draw_fields, fields_of, needs_drawing, written_by
from archive.compile.layers import take_out_hidden
from archive.compile.looks import unshown
from archive.compile.markup import draw_markup, free_texts, markup_of, notes, written_in_markup
from archive.compile.own_font import OwnFont
from archive.compile.page_place import STRIP, place_of, quarter
from archive.compile.pdfa import Declaration, declare, saved, srgb_icc
from archive.compile.raster import rasterise
from archive.compile.stand_in import stand_in
from archive.reference.characters import unified
from archive.reference.compile_errors import (
    CompileError,
    ContentLostError,
    EncryptedError,
    UnreadableError,
)

# The parts are taken apart again: only the volume bears a true date.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FAULTS = (
    pikepdf.PdfError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RuntimeError,
    ArithmeticError,
)
_MOST_NOTES, _LONGEST_NOTE = 20, 200
logging.getLogger("pikepdf").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class PlacedPages:
    """The pages of a foreign PDF in a new document, each above a free strip.

    `notes` are Chinese, for the process record. `remarks` are the pages that bear notes, `undrawn`
    counts values and annotations that are not shown whole.
    """

    pdf: bytes
    pages: int
    notes: tuple[str, ...]
    remarks: tuple[int, ...] = ()
    undrawn: int = 0


@dataclass(frozen=True, slots=True)
class SeenValue:
    """A text that a page must show beside what is printed on it; `page` counts from 1."""

    page: int
    text: str


def place_pages(data: bytes, turns: Mapping[int, int]) -> PlacedPages:
    """Return the pages as they are seen, with what lies upon them as part of the page.

    `turns` are pages (from 1) that a person turned clockwise, in degrees. Raises EncryptedError,
    UnreadableError, ContentLostError.
    """
    before = _texts(data)
    try:
        with pikepdf.open(BytesIO(data)) as source, pikepdf.new() as target:
            repaired = bool(source.get_warnings())
            if repaired and b"%%EOF" not in data[-2048:]:
                raise UnreadableError("文件不完整，可能在传送中被截断。")
            notices = [*_notes(source), *(["文件结构有缺陷，已在副本中修复。"] if repaired else [])]
            if len(source.pages) != len(before):
                raise UnreadableError("文件的页数前后不一致，文件可能已损坏。")
            if take_out_hidden(source):
                notices.append("原件含图层，只编入显示的图层。")
                before = _texts(saved(source))
            remarks = list(notes(source))
            undrawn = _draw_upon(source)
            stand_in(source)
            source.flatten_annotations("all")
            for number, page in enumerate(source.pages, 1):
                _place(target, page, turns.get(number, 0))
            if not len(target.pages):
                raise UnreadableError("文件没有任何页面。")
            _clean(target)
            declare_part(target)
            placed = saved(target)
    except pikepdf.PasswordError as error:
        raise EncryptedError("文件设有打开密码，无法读取。") from error
    except CompileError:
        raise
    except _FAULTS as error:
        raise UnreadableError("文件不是完整的 PDF。") from error
    check_kept(before, placed)
    notices += [*_remarked(remarks)]
    if undrawn:
        notices.append(f"{undrawn} 处表单值或批注没有完整显示在页面上，见原件。")
    pages = tuple(sorted({page for page, _ in remarks}))
    return PlacedPages(placed, len(before), tuple(notices), pages, undrawn)


def redraw_pages(placed: bytes) -> PlacedPages:
    """Return placed pages as pictures with their text invisible above them.

    Raises ContentLostError when a font that is not embedded draws no text.
    """
    picture, blank = rasterise(placed)
    with picture:
        declare_part(picture)
        result = saved(picture)
    before = _texts(placed)
    check_kept(before, result)
    unseen = (f"{blank} 个文字在页面上没有可见笔画。",) if blank else ()
    note = "页面按 200 dpi 转为图像，文字作为不可见文本层保留。"
    return PlacedPages(result, len(before), (note, *unseen))


def values_to_be_seen(data: bytes) -> tuple[SeenValue, ...]:
    """Return what pages must show: values of form fields, and texts written upon pages.

    Passwords and what is hidden are left out. Opens foreign bytes: call it in the sandbox. A file
    that cannot be read has none.
    """
    try:
        with pikepdf.open(BytesIO(data)) as source:
            take_out_hidden(source)
            values = [
                SeenValue(field.page, text) for field in fields_of(source) for text in field.texts
            ]
            return (*values, *(SeenValue(page, text) for page, text in free_texts(source)))
    except _FAULTS:
        return ()


def check_kept(before: Sequence[Counter[str]], result: bytes) -> None:
    """Raise ContentLostError when a page or a character of `before` is missing.

    More than before is right, for a form field has become text.
    """
    after = _texts(result)
    if len(after) != len(before) or any(old - new for old, new in zip(before, after, strict=True)):
        raise ContentLostError("转换后的文字与原件不一致。")


def declare_part(pdf: pikepdf.Pdf) -> None:
    """Let a document declare itself PDF/A-2u, without a date or a name of its own."""
    declare(pdf, Declaration("part", _EPOCH, "yice"), srgb_icc())


def _notes(source: pikepdf.Pdf) -> Iterator[str]:
    """Yield what the pages will no longer carry; the original keeps it."""
    if source.is_encrypted:
        yield "原件限制了权限，页面以未加密形式编入。"
    if len(source.attachments):
        yield f"原件内附有 {len(source.attachments)} 个文件，未编入页面，随原件保存。"
    if "/AcroForm" in source.Root:
        yield "表单域已固化为页面内容。"
        if "/XFA" in source.Root.AcroForm:
            yield "原件含动态表单（XFA），仅编入其静态页面。"
    names = source.Root.get("/Names", Dictionary())
    if "/OpenAction" in source.Root or "/AA" in source.Root or "/JavaScript" in names:
        yield "原件含脚本或自动动作，未编入页面。"


def _remarked(remarks: Sequence[tuple[int, str]]) -> Iterator[str]:
    for page, text in remarks[:_MOST_NOTES]:
        flat = " ".join(text.split())
        short = flat if len(flat) <= _LONGEST_NOTE else f"{flat[:_LONGEST_NOTE]}……"
        yield f"第 {page} 页有批注，页面不显示其文字：{short}"
    if len(remarks) > _MOST_NOTES:
        yield f"另有 {len(remarks) - _MOST_NOTES} 处批注，见原件。"


def _draw_upon(source: pikepdf.Pdf) -> int:
    """Give values and annotations their appearance; returns how many are not shown whole."""
    form = source.Root.get("/AcroForm", Dictionary())
    stale = form.get("/NeedAppearances", False) is True
    every = [(field, needs_drawing(field, stale=stale)) for field in fields_of(source)]
    fields = [field for field, ours in every if ours]
    undrawn = unshown(source, [field for field, ours in every if not ours or field.is_tick])
    for page in source.pages:
        annotations = page.obj.get("/Annots")
        for annotation in annotations if isinstance(annotations, Array) else ():
            if isinstance(annotation, Dictionary):
                settle_flags(annotation)
    if "/NeedAppearances" in form:
        del form["/NeedAppearances"]
    if not fields and not any(look_of(annotation) is None for _, annotation in markup_of(source)):
        return undrawn
    font = OwnFont(source, written_by(fields) + written_in_markup(source))
    draw_fields(source, fields, font)
    return (
        undrawn
        + draw_markup(source, font)
        + sum(bool(font.missing & set(text)) for field in fields for text in field.texts)
    )


def _place(target: pikepdf.Pdf, page: pikepdf.Page, turn: int) -> None:
    """Draw a page as a form above a free strip.

    It is upright and with its origin at the corner. A form keeps its graphics state to itself.
    """
    page.obj.Rotate = (quarter(page) + turn) % 360
    place = place_of(page)
    page.trimbox = Array([round(side, 5) for side in place.box])
    form = target.copy_foreign(page.as_form_xobject())
    form.Matrix = Array(place.matrix)
    entry = Dictionary(
        Type=Name.Page,
        MediaBox=Array([0, 0, round(place.width, 3), round(place.height + STRIP, 3)]),
        Resources=Dictionary(XObject=Dictionary(Fm0=form)),
        Contents=target.make_stream(f"q 1 0 0 1 0 {STRIP:.4f} cm /Fm0 Do Q".encode("ascii")),
    )
    if place.unit > 1:
        entry.UserUnit = place.unit
    target.pages.append(pikepdf.Page(target.make_indirect(entry)))


def _clean(target: pikepdf.Pdf) -> None:
    """Remove what PDF/A forbids and no one sees.

    Alternate images, smoothing hints, ties to structure and layers, private data.
    """
    for stream in target.objects:
        if isinstance(stream, pikepdf.Stream):
            for key in (
                "/Alternates",
                "/OPI",
                "/OC",
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


def _texts(data: bytes) -> list[Counter[str]]:
    """Count the visible characters of each page."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if needs_a_key(data):
            raise EncryptedError("文件设有打开密码，无法读取。") from error
        raise UnreadableError("文件不是完整的 PDF。") from error
    with document:
        counted = []
        for page in document:
            textpage = page.get_textpage()
            text = unified(textpage.get_text_range())
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


def needs_a_key(data: bytes) -> bool:
    """Return whether a PDF opens with a password or a certificate only."""
    try:
        with pikepdf.open(BytesIO(data)):
            return False
    except pikepdf.PasswordError:
        return True
    except pikepdf.PdfError as error:
        # qpdf names what it does not know of encryption, such as that for a certificate.
        return "encryption" in str(error)
