"""Reading of tables from spreadsheets, in the child of `ingest.reading.sandbox`.

CSV in UTF-8, UTF-16 or GB18030, with or without a byte order mark, and the files of Excel, WPS and
LibreOffice (.xlsx, .xls, .ods) through calamine. Hidden sheets are left out, formulas give the
value that was saved with them.
"""

import csv
import io
import json
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

MAX_ROWS, MAX_COLUMNS, MAX_CELL, MAX_SHEETS = 20_000, 64, 500, 20
# What a number of a spreadsheet (IEEE 754) holds exactly; a case number is longer.
_EXACT = 10**15
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_UTF8, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_SEPARATORS = ",\t;，"

Row = list[str | None]


class SpreadsheetError(Exception):
    """A file is no table; carries the reason in our own wording."""


def answer(data: bytes) -> bytes:
    """Return the tables of a file as JSON, or the reason why there are none.

    `sheets` are {name, rows}; a cell is text, and None for a number that the spreadsheet has
    rounded.
    """
    try:
        sheets = _workbook(data) if data.startswith((_ZIP, _OLE)) else [("", _csv(data))]
    except SpreadsheetError as error:
        return json.dumps({"fault": str(error)}).encode()
    except PasswordError:
        return json.dumps({"fault": "文件设有密码"}).encode()
    except Exception:  # noqa: BLE001 - whatever a foreign file does to a parser, it has no table
        return json.dumps({"fault": "文件无法打开或不完整"}).encode()
    return json.dumps({"sheets": [{"name": name, "rows": rows} for name, rows in sheets]}).encode()


def _workbook(data: bytes) -> list[tuple[str, list[Row]]]:
    try:
        workbook = CalamineWorkbook.from_object(io.BytesIO(data))
    except CalamineError as error:
        raise SpreadsheetError("文件不是可识别的表格") from error
    names = [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.typ is SheetTypeEnum.WorkSheet and sheet.visible is SheetVisibleEnum.Visible
    ]
    if len(names) > MAX_SHEETS:
        raise SpreadsheetError(f"工作表超过{MAX_SHEETS}张")
    sheets = []
    for name in names:
        sheet = workbook.get_sheet_by_name(name)
        # Asked before the rows are made: a single cell far below would make millions of them.
        _refuse_large(sheet.total_height, sheet.total_width)
        sheets.append((name, [_row(row) for row in sheet.to_python(skip_empty_area=False)]))
    return sheets


def _csv(data: bytes) -> list[Row]:
    text = _decoded(data)
    if "\x00" in text:
        raise SpreadsheetError("文件不是表格")
    lines = text.splitlines()
    if not lines:
        raise SpreadsheetError("文件是空的")
    head = max(lines[:10], key=lambda line: max(line.count(mark) for mark in _SEPARATORS))
    separator = max(_SEPARATORS, key=head.count)
    rows: list[Row] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            rows.append(_row(cells))
            _refuse_large(len(rows), len(cells))
    except csv.Error as error:
        raise SpreadsheetError("引号或分隔符不成对") from error
    return rows


def _decoded(data: bytes) -> str:
    """Return the text of a CSV; nothing marks GB18030, so UTF-8 is tried before it."""
    if data.startswith(_UTF16):
        encodings: tuple[str, ...] = ("utf-16",)
    elif data.startswith(_UTF8):
        encodings = ("utf-8-sig",)
    else:
        encodings = ("utf-8", "gb18030")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SpreadsheetError("文字编码既不是 UTF-8 也不是 GB18030")


def _refuse_large(rows: int, columns: int) -> None:
    if rows > MAX_ROWS or columns > MAX_COLUMNS:
        raise SpreadsheetError(f"表格超过{MAX_ROWS}行或{MAX_COLUMNS}列")


def _row(cells: Iterable[Any]) -> Row:
    row = [_cell(cell) for cell in cells]
    while row and row[-1] == "":
        row.pop()
    return row


def _cell(value: object) -> str | None:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | float):
        if abs(value) >= _EXACT:
            return None
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    text = str(value).strip()
    if len(text) > MAX_CELL:
        raise SpreadsheetError(f"有单元格超过{MAX_CELL}字")
    return text
