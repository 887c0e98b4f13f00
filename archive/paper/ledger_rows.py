"""The rows of a station's ledger: columns by Chinese headings, values checked.

Pure. What a row names is looked up in `archive.paper.ledgers`.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from archive.arrangement.volume_names import read_code
from archive.paper.boxes import SPINES_MM
from archive.paper.registration import MAX_PAGES, NOTE_LENGTH
from archive.reference.errors import ArchiveError
from archive.reference.paper_terms import PaperCondition, PaperKind
from archive.reference.vocabulary import LabelledEnum

T = TypeVar("T", bound=LabelledEnum)
USUAL_SPINE_MM = 30
_HEADING_ROWS = 20  # a title and a remark may stand above the headings
_ASIDE = re.compile(r"[(（\[【].*?[)）\]】]")
_UNIT = re.compile(r"\s*(页|张|毫米|mm|MM|盒|号)\s*$")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_·.-]{0,63}")


class LedgerColumn(LabelledEnum):
    """A column that a ledger may have."""

    CODE = "code", "档号"
    CASE_NO = "case_no", "办件编号"
    BOX = "box", "盒号"
    SPINE = "spine", "脊厚"
    PLACE = "place", "库位"
    PAGES = "pages", "页数"
    PAPER = "paper", "类别"
    CONDITION = "condition", "完好情况"
    NOTE = "note", "备注"


# 张 is no page: a leaf has two.
_HEADINGS: Mapping[LedgerColumn, tuple[str, ...]] = {
    LedgerColumn.CODE: ("档号", "电子档号", "案卷号"),
    LedgerColumn.CASE_NO: ("办件编号", "办件号", "业务编号", "业务流水号", "受理编号"),
    LedgerColumn.BOX: ("盒号", "档案盒号", "盒", "档案盒"),
    LedgerColumn.SPINE: ("脊厚", "盒厚", "脊宽", "盒脊", "脊背厚度"),
    LedgerColumn.PLACE: ("库位", "存放位置", "存放地点", "架位", "位置"),
    LedgerColumn.PAGES: ("页数", "纸质页数", "总页数"),
    LedgerColumn.PAPER: ("类别", "纸质类别", "材料性质", "原件复印件", "原件/复印件", "性质"),
    LedgerColumn.CONDITION: ("完好情况", "完好程度", "保管状况", "状况", "破损情况"),
    LedgerColumn.NOTE: ("备注", "附注", "说明"),
}
_COLUMN_OF = {heading: column for column, names in _HEADINGS.items() for heading in names}
_PAPERS = {kind.label: kind for kind in PaperKind} | {
    "复印": PaperKind.COPY,
    "复制件": PaperKind.COPY,
    "打印": PaperKind.PRINT,
}
_CONDITIONS = {condition.label: condition for condition in PaperCondition} | {
    "好": PaperCondition.GOOD,
    "良好": PaperCondition.GOOD,
    "正常": PaperCondition.GOOD,
    "褪色": PaperCondition.FADED,
}


class LedgerFaultError(ArchiveError):
    """A ledger that cannot be read as one, or that is no longer the one that was shown."""

    code = "BAD_LEDGER"


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong in a row: the heading of its column, what, and the next step."""

    column: str
    message: str
    action: str


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row as read; `number` is that of the file, `name` a 档号 or case number.

    What was not given or is wrong is None; what is wrong stands in `faults`.
    """

    number: int
    name: str
    case_no: str | None
    box: str
    spine_mm: int | None
    place: str
    pages: int | None
    paper: PaperKind | None
    condition: PaperCondition | None
    note: str | None
    faults: tuple[RowFault, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger: its rows, and the headings that mean nothing to us."""

    rows: tuple[LedgerRow, ...]
    unused: tuple[str, ...]


def read_rows(sheets: Sequence[Sequence[Sequence[str | None]]]) -> Ledger:
    """Return the ledger on the first sheet that has one.

    A cell is None where the spreadsheet has rounded a long number. Raises LedgerFaultError where
    no sheet has the headings, where two columns have one, or where no row follows.
    """
    for sheet in sheets:
        for at, cells in enumerate(sheet[:_HEADING_ROWS]):
            columns = _columns(cells)
            if LedgerColumn.BOX in columns and columns.keys() & {
                LedgerColumn.CODE,
                LedgerColumn.CASE_NO,
            }:
                rows = tuple(
                    _row(number, columns, row)
                    for number, row in enumerate(sheet[at + 1 :], at + 2)
                    if any(cell != "" for cell in row)
                )
                if not rows:
                    raise LedgerFaultError("台账只有表头，没有内容。", "请填写后再导入。")
                return Ledger(rows, _unused(cells))
    raise LedgerFaultError(
        "没有找到台账的表头。",
        "请让表头含“档号”或“办件编号”，以及“盒号”；可另有页数、类别、完好情况、库位、脊厚、备注。",
    )


def _heading(cell: str | None) -> str:
    text = unicodedata.normalize("NFKC", cell or "")
    return re.sub(r"[\s:*]", "", _ASIDE.sub("", text))


def _columns(cells: Sequence[str | None]) -> dict[LedgerColumn, int]:
    columns: dict[LedgerColumn, int] = {}
    for at, cell in enumerate(cells):
        column = _COLUMN_OF.get(_heading(cell))
        if column is None:
            continue
        if column in columns:
            raise LedgerFaultError(f"有两列都是“{column.label}”。", "请只保留一列再导入。")
        columns[column] = at
    return columns


def _unused(cells: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(cell for cell in cells if cell and _heading(cell) not in _COLUMN_OF)


@dataclass(slots=True)
class _Cells:
    """The cells of one row by column; collects what is wrong in them."""

    columns: Mapping[LedgerColumn, int]
    cells: Sequence[str | None]
    faults: list[RowFault] = field(default_factory=list)

    def text(self, column: LedgerColumn) -> str:
        at = self.columns.get(column)
        cell = self.cells[at] if at is not None and at < len(self.cells) else ""
        if cell is None:
            self.fault(
                column,
                "按数字保存，超过15位的末位已丢失",
                "请把该列设为文本格式，重新填写。",
            )
            return ""
        return unicodedata.normalize("NFKC", cell).strip().lstrip("'")

    def number(self, column: LedgerColumn) -> int | None:
        text = _UNIT.sub("", self.text(column))
        if not text:
            return None
        if not re.fullmatch(r"[0-9]{1,6}", text):
            self.fault(column, "不是整数", "请填写阿拉伯数字。")
            return None
        return int(text)

    def fault(self, column: LedgerColumn, message: str, action: str) -> None:
        self.faults.append(RowFault(column.label, f"“{column.label}”{message}。", action))


def _row(
    number: int, columns: Mapping[LedgerColumn, int], cells: Sequence[str | None]
) -> LedgerRow:
    row = _Cells(columns, cells)
    code, case_no = row.text(LedgerColumn.CODE), row.text(LedgerColumn.CASE_NO)
    code = read_code(code.replace("・", "·").replace("•", "·")) if code else ""
    column = LedgerColumn.CODE if code else LedgerColumn.CASE_NO
    if not (code or case_no):
        if not row.faults:
            row.fault(column, "没有填写", "请填写档号或办件编号。")
    elif not _NAME.fullmatch(code or case_no) or (code and "·" not in code):
        row.fault(column, "格式不正确", "请照电子档案的档号或办件编号填写。")
    box = _UNIT.sub("", row.text(LedgerColumn.BOX))
    if not box and not any(fault.column == LedgerColumn.BOX.label for fault in row.faults):
        row.fault(LedgerColumn.BOX, "没有填写", "请填写纸质所在的盒号。")
    return LedgerRow(
        number,
        code or case_no,
        case_no if code and case_no else None,
        box,
        _spine(row),
        row.text(LedgerColumn.PLACE),
        _pages(row),
        _word(row, LedgerColumn.PAPER, _PAPERS),
        _word(row, LedgerColumn.CONDITION, _CONDITIONS),
        _note(row),
        tuple(row.faults),
    )


def _pages(row: _Cells) -> int | None:
    pages = row.number(LedgerColumn.PAGES)
    if pages is None or 1 <= pages <= MAX_PAGES:
        return pages
    row.fault(LedgerColumn.PAGES, f"应为1至{MAX_PAGES}", "请清点后填写。")
    return None


def _spine(row: _Cells) -> int | None:
    spine = row.number(LedgerColumn.SPINE)
    if spine is None or spine in SPINES_MM:
        return spine
    row.fault(LedgerColumn.SPINE, "应为20、30、40或50毫米", "请量盒脊后填写。")
    return None


def _word(row: _Cells, column: LedgerColumn, words: Mapping[str, T]) -> T | None:
    text = row.text(column)
    if text and text not in words:
        known = "、".join(list(words)[:4])
        row.fault(column, "不能识别", f"请填写{known}之一，或留空。")
    return words.get(text)


def _note(row: _Cells) -> str | None:
    note = row.text(LedgerColumn.NOTE)
    if len(note) > NOTE_LENGTH:
        row.fault(LedgerColumn.NOTE, f"超过{NOTE_LENGTH}字", "请缩短后再导入。")
        return None
    return note or None
