"""Sheets of labels for boxes, places, items and volumes, as PDF.

The sheets are A4: 3 × 7 of 63.5 × 38.1 mm and 2 × 7 of 99.1 × 38.1 mm on label paper, spines of
20 to 50 mm and labels of shelves to be cut out of plain paper. Every label bears its code as
Code 128 for hand scanners and as QR code for telephones; a 档号 that is too long for the bars of
its label bears the QR code alone. Pure: what stands on the labels is given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from barcode.codex import Code128

from archive.compile.sheets import barcode_svg, barcode_text, compile_template, qr_svg
from archive.paper.codes import DIGITS, grouped
from archive.reference.errors import ArchiveError
from archive.reference.vocabulary import LabelledEnum

SPINES = (20, 30, 40, 50)
"""The widths of boxes in millimetres."""
MAX_LABELS = 5_000
_MARGIN = 6.0  # millimetres of a label that bars may not take
# Three and two dots of a printer of 203 dpi: a bar of whole dots is as wide as it should be.
_MODULES = (0.375, 0.25)
_QUIET = 20  # modules, both sides
_SHIFT = 10.0  # millimetres that a printer may be off


class LabelFaultError(ArchiveError):
    """Labels that cannot be printed as asked."""

    code = "BAD_LABELS"


class LabelSheet(LabelledEnum):
    """The kinds of sheets."""

    THREE = "3x7", "标签纸 3×7（63.5×38.1 毫米）"
    TWO = "2x7", "标签纸 2×7（99.1×38.1 毫米）"
    SPINE = "spine", "盒脊背条（裁切）"
    SHELF = "shelf", "架位标签（裁切）"


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on one label.

    `code` is the 14 digits of a label or a 档号. `fields` stand on a spine in place of `title` and
    `lines`; `spine_mm` is the width of a box and 0 for all else.
    """

    code: str
    head: str
    title: str
    lines: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    spine_mm: int = 0


@dataclass(frozen=True, slots=True)
class Printing:
    """How a sheet is printed: the first label to use, from 1, and the shift in millimetres.

    Raises LabelFaultError for a shift that no printer needs.
    """

    sheet: LabelSheet
    start: int = 1
    dx: float = 0.0
    dy: float = 0.0

    def __post_init__(self) -> None:
        if not (abs(self.dx) <= _SHIFT and abs(self.dy) <= _SHIFT):
            raise LabelFaultError("校准偏移超过10毫米。", "请核对打印缩放为100%，再打印校准页。")


@dataclass(frozen=True, slots=True)
class _Grid:
    """The labels of one page in millimetres; `gap` is between the columns."""

    form: str
    columns: int
    rows: int
    width: float
    height: float
    left: float
    top: float
    gap: float

    def box(self, at: int, printing: Printing) -> dict[str, float]:
        """Return the place of the label `at`, from 0."""
        row, column = divmod(at, self.columns)
        return {
            "x": self.left + column * (self.width + self.gap) + printing.dx,
            "y": self.top + row * self.height + printing.dy,
            "width": self.width,
            "height": self.height,
        }


_GRIDS = {
    LabelSheet.THREE: _Grid("flat", 3, 7, 63.5, 38.1, 7.25, 15.15, 2.5),
    LabelSheet.TWO: _Grid("flat", 2, 7, 99.1, 38.1, 4.65, 15.15, 2.5),
    LabelSheet.SHELF: _Grid("shelf", 2, 5, 95.0, 50.0, 10.0, 20.0, 0.0),
}
_SPINE_HEIGHT, _SPINE_TOP, _SPINE_LEFT, _SPINE_ROOM = 275.0, 11.0, 5.0, 200.0


def labels_pdf(printing: Printing, labels: Sequence[Label]) -> bytes:
    """Return sheets with these labels, in their order; the same labels give the same bytes.

    Raises LabelFaultError for no label, too many, a start that the sheet lacks, or a spine of a
    width that boxes do not have.
    """
    if not labels:
        raise LabelFaultError("没有可打印的标签。", "请核对所选的盒、库位、年度或档号。")
    if len(labels) > MAX_LABELS:
        raise LabelFaultError(f"一次最多打印{MAX_LABELS}枚标签。", "请按卷目或月份分批打印。")
    pages = (
        _spine_pages(printing, labels)
        if printing.sheet is LabelSheet.SPINE
        else (_grid_pages(printing, labels))
    )
    return _compiled(printing, {"pages": pages, "calibration": None})


def calibration_pdf(printing: Printing) -> bytes:
    """Return the sheet that shows how far a printer is off: frames, rulers and how to use it.

    Raises LabelFaultError for spines, which are cut out of plain paper.
    """
    grid = _grid_of(printing)
    boxes = [grid.box(at, printing) for at in range(grid.columns * grid.rows)]
    return _compiled(printing, {"pages": [], "calibration": boxes})


def _compiled(printing: Printing, data: dict[str, Any]) -> bytes:
    title = f"{printing.sheet.label}标签"
    return compile_template("labels.typ", {"title": title, "name": printing.sheet.label} | data)


def _grid_of(printing: Printing) -> _Grid:
    grid = _GRIDS.get(printing.sheet)
    if grid is None:
        raise LabelFaultError("脊背条印在普通纸上裁切，不需要校准。", "请选择标签纸的规格。")
    if not 1 <= printing.start <= grid.columns * grid.rows:
        raise LabelFaultError(
            f"起始位置应在1到{grid.columns * grid.rows}之间。",
            "请从左上角第1枚起按行数到首枚空标签。",
        )
    return grid


def _grid_pages(printing: Printing, labels: Sequence[Label]) -> list[list[dict[str, Any]]]:
    grid = _grid_of(printing)
    size = grid.columns * grid.rows
    pages: list[list[dict[str, Any]]] = []
    for place, label in enumerate(labels, printing.start - 1):
        page, at = divmod(place, size)
        if page == len(pages):
            pages.append([])
        pages[page].append(_drawn(grid.form, label, grid.box(at, printing)))
    return pages


def _spine_pages(printing: Printing, labels: Sequence[Label]) -> list[list[dict[str, Any]]]:
    """Return pages of strips side by side, as many as are as wide as the page."""
    if printing.start != 1:
        raise LabelFaultError("脊背条印在普通纸上，没有起始位置。", "请去掉起始位置再打印。")
    pages: list[list[dict[str, Any]]] = []
    used = _SPINE_ROOM
    for label in labels:
        if label.spine_mm not in SPINES:
            raise LabelFaultError(
                "只有档案盒有脊背，宽度为20、30、40或50毫米。", "请改用标签纸打印，或更正盒的脊宽。"
            )
        if used + label.spine_mm > _SPINE_ROOM:
            pages.append([])
            used = 0.0
        box = {
            "x": _SPINE_LEFT + used + printing.dx,
            "y": _SPINE_TOP + printing.dy,
            "width": float(label.spine_mm),
            "height": _SPINE_HEIGHT,
        }
        pages[-1].append(_drawn("spine", label, box))
        used += label.spine_mm
    return pages


def _drawn(form: str, label: Label, box: dict[str, float]) -> dict[str, Any]:
    """Return a label as the template draws it."""
    is_digits = len(label.code) == DIGITS and label.code.isdigit()
    bars = label.code if is_digits else barcode_text(label.code)
    # Bars along a spine and on a shelf have room for the widest modules.
    room = box["width"] - _MARGIN if form == "flat" else 0.0
    width = next(_widths(bars, room), None) if form == "flat" else room
    return box | {
        "form": form,
        "head": label.head,
        "title": label.title,
        "lines": list(label.lines),
        "fields": [list(field) for field in label.fields],
        "digits": grouped(label.code) if is_digits else label.code,
        "bars": None if width is None else barcode_svg(bars),
        "bars_mm": width,
        "qr": qr_svg(label.code),
    }


def _widths(text: str, room: float) -> Iterator[float]:
    """Return the widths of a Code 128 that have room, the widest first, in millimetres."""
    modules = len(Code128(text).build()[0]) + _QUIET
    return (modules * module for module in _MODULES if modules * module <= room)
