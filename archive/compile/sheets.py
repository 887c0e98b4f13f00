"""The sheets that the archive itself writes for a volume, in one typst document.

Cover, contents, forms, inspection and closing sheet (DA/T 22, DA/T 70, R9, R23).
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from threading import Lock

import pikepdf
import segno
import typst
from barcode.codex import Code128
from PIL import Image

from archive.arrangement.plan import FormSheet
from archive.compile.signature_art import form_data
from archive.reference.glyphs import FONT_FOLDERS, missing_glyphs

SEAL_BOX = (390, 128, 509, 247)
"""Where the seal goes on the cover: left, bottom, right, top in PDF points; 42 mm square."""

_TEMPLATES = Path(__file__).with_name("templates")
_MODULE = 6  # pixels of a module: fine enough for any printer
# 2000-01-01 UTC: a fixed date, because the same input must give the same bytes.
_EPOCH = 946_684_800
_REMEMBERED = 11  # compiles after which typst has forgotten a page
_lock = Lock()


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line of the 卷内目录.

    `number` is the 文号. `pages` is None for a form rendered with the sheets, which `form_key`
    then names.
    """

    no: int
    title: str
    responsible: str
    date: str
    source: str
    pages: int | None
    form_key: str | None
    number: str


@dataclass(frozen=True, slots=True)
class InspectionRow:
    """One item of DA/T 70: its number, what was checked, the result and the finding."""

    code: str
    checks: str
    result: str
    finding: str


@dataclass(frozen=True, slots=True)
class InspectionGroup:
    """The items of 真实性, 完整性, 可用性 or 安全性."""

    title: str
    rows: tuple[InspectionRow, ...]


@dataclass(frozen=True, slots=True)
class InspectionSheet:
    """The 四性检测报告 of one phase, one page."""

    phase: str
    at: str
    summary: str
    notes: tuple[str, ...]
    groups: tuple[InspectionGroup, ...]


@dataclass(frozen=True, slots=True)
class SheetsInput:
    """All text of the sheets of one volume, ready to be shown.

    `notes` are the statements of the closing sheet.
    """

    code: str
    title: str
    fonds_name: str
    fonds_no: str
    series_label: str
    year: str
    retention_label: str
    case_no: str
    item_name: str
    completed_on: str
    archived_on: str
    receive_org: str
    domicile_org: str
    compiled_by: str
    checked_by: str
    demo: bool
    rows: tuple[SheetRow, ...]
    forms: tuple[FormSheet, ...]
    notes: tuple[str, ...]
    cross_reference: str | None
    late: bool
    inspection: InspectionSheet


@dataclass(frozen=True, slots=True)
class Sheets:
    """The rendered sheets as one PDF/A-2u.

    `parts` maps cover, contents, form:<key>, inspection, closing to (first page index, page
    count) in it.
    """

    pdf: bytes
    parts: dict[str, tuple[int, int]]


def render_sheets(sheets: SheetsInput) -> Sheets:
    """Render all sheets in one compile.

    Raises ValueError when rows and forms do not match: a defect of the caller.
    """
    forms = _forms_in_row_order(sheets)
    index = {form.key: at for at, form in enumerate(forms)}
    data = asdict(replace(sheets, forms=())) | {
        "forms": [form_data(form) for form in forms],
        "rows": [
            asdict(row) | {"form": index[row.form_key] if row.form_key is not None else None}
            for row in sheets.rows
        ],
        "qr": qr_svg(sheets.code),
        "barcode": barcode_svg(barcode_text(sheets.code)),
        "barcode_text": barcode_text(sheets.code),
    }
    pdf = compile_template("sheets.typ", data)
    return Sheets(pdf, _parts(pdf, [form.key for form in forms]))


def compile_template(name: str, data: Mapping[str, object]) -> bytes:
    """Compile a template with `data` into PDF/A-2u; the same data gives the same bytes.

    Every call of typst for whole pages goes through this function.
    """
    text = json.dumps(_showable(data), ensure_ascii=False)
    with _lock:  # the compiler keeps its inputs between calls
        pdf = _compiler(name).compile(
            sys_inputs={"data": text},
            format="pdf",
            pdf_standards="a-2u",
            timestamp=_EPOCH,
            pdf_tags=False,
        )
        _forget()
    if not isinstance(pdf, bytes):
        raise TypeError("typst gave no single PDF")
    return pdf


def _forget() -> None:
    """Drop what typst remembers of the pages that it laid out.

    That is 40 MB a volume, and no other volume has the same pages. It drops what was not used in
    its last ten compiles and has no call for it, so it is given empty ones; they cost what
    dropping costs anyway.
    """
    for _ in range(_REMEMBERED):
        _compiler("blank.typ").compile(format="pdf")


def barcode_text(code: str) -> str:
    """Return what the Code 128 of a 档号 carries.

    It is ASCII, with '.' in place of '·' (ISO/IEC 15417 has no such character).
    """
    return code.replace("·", ".")


def _forms_in_row_order(sheets: SheetsInput) -> list[FormSheet]:
    by_key = {form.key: form for form in sheets.forms}
    keys = [row.form_key for row in sheets.rows if row.form_key is not None]
    if len(by_key) != len(sheets.forms) or sorted(keys) != sorted(by_key):
        raise ValueError("every form needs exactly one row")
    if any((row.pages is None) != (row.form_key is not None) for row in sheets.rows):
        raise ValueError("a row has either pages or a form")
    return [by_key[key] for key in keys]


def _showable(value: object) -> object:
    """Return the data with every character without a glyph as its code point.

    So nothing vanishes from the page.
    """
    if isinstance(value, str):
        text = value.replace("\r\n", "\n").replace("\t", " ")
        missing = missing_glyphs(text)
        return (
            "".join(f"[U+{ord(char):04X}]" if char in missing else char for char in text)
            if missing
            else text
        )
    if isinstance(value, Mapping):
        return {str(key): _showable(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [_showable(item) for item in value]
    return value


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=list(FONT_FOLDERS)
    )


@cache
def _compiler(name: str) -> typst.Compiler:
    return typst.Compiler(
        _TEMPLATES / name, root=_TEMPLATES, font_paths=_fonts(), ignore_system_fonts=True
    )


def qr_svg(text: str) -> str:
    """Return the QR code of a text as SVG, with its quiet zone."""
    rows = segno.make(text, error="m", micro=False, encoding="utf-8").matrix
    return _bits_svg(["".join(str(bit) for bit in row) for row in rows], quiet=4)


def barcode_svg(text: str) -> str:
    """Return the Code 128 of an ASCII text as SVG, to be stretched, with its quiet zone."""
    return _bits_svg([Code128(text).build()[0]], quiet=10)


def _bits_svg(rows: list[str], quiet: int) -> str:
    """Return dark modules as a picture of one bit in SVG.

    `quiet` is the quiet zone in modules, above and below only for a symbol of two dimensions. As
    a path the two symbols of a cover took a quarter of the time that the proof of a volume needs.
    """
    rise, scale = quiet if len(rows) > 1 else 0, _MODULE if len(rows) > 1 else 1
    white = "0" * (len(rows[0]) + 2 * quiet)
    lines = [*[white] * rise, *("0" * quiet + row + "0" * quiet for row in rows), *[white] * rise]
    picture = Image.new("1", (len(white), len(lines)), 1)
    picture.putdata([int(bit == "0") for line in lines for bit in line])
    out = BytesIO()
    width, height = len(white) * _MODULE, len(lines) * scale
    picture.resize((width, height), Image.Resampling.NEAREST).save(out, "PNG")
    # Without preserveAspectRatio a one-row symbol would keep its ratio and not fill its box.
    size = f'width="{width}" height="{height}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'{size} preserveAspectRatio="none">'
    )
    data = b64encode(out.getvalue()).decode("ascii")
    return (
        f'{head}<image {size} preserveAspectRatio="none" '
        f'href="data:image/png;base64,{data}"/></svg>'
    )


def _parts(pdf: bytes, keys: list[str]) -> dict[str, tuple[int, int]]:
    """Return the page ranges of the parts.

    They come from the named destinations that the templates set at the title of each part.
    """
    marks = [
        "cover",
        "contents",
        *(f"form-{at}" for at in range(len(keys))),
        "inspection",
        "closing",
    ]
    names = ["cover", "contents", *(f"form:{key}" for key in keys), "inspection", "closing"]
    with pikepdf.open(BytesIO(pdf)) as opened:
        numbers = {page.obj.objgen: at for at, page in enumerate(opened.pages)}
        tree = pikepdf.NameTree(opened.Root.Names.Dests)
        starts = [numbers[_page_of(tree[f"part-{mark}"]).objgen] for mark in marks]
        ends = [*starts[1:], len(opened.pages)]
    return {
        name: (start, end - start) for name, start, end in zip(names, starts, ends, strict=True)
    }


def _page_of(destination: pikepdf.Object) -> pikepdf.Object:
    return destination.D[0] if isinstance(destination, pikepdf.Dictionary) else destination[0]
