"""Ledgers that stations keep in spreadsheets, read in the sandbox."""

import json
from dataclasses import dataclass

from archive.reference.errors import ArchiveError
from ingest.reading.sandbox import run_task

MAX_LEDGER_BYTES = 16 << 20


class LedgerFileError(ArchiveError):
    """A file that is no table; says what it is not and what to save it as."""

    code = "BAD_LEDGER_FILE"


@dataclass(frozen=True, slots=True)
class LedgerSheet:
    """One sheet of a file: its name (empty of CSV) and its rows, the first line being row 1.

    A cell is None where the spreadsheet has rounded a long number.
    """

    name: str
    rows: tuple[tuple[str | None, ...], ...]


def read_ledger(data: bytes) -> tuple[LedgerSheet, ...]:
    """Return the visible sheets of a CSV, XLSX, XLS or ODS file, parsed in a child process.

    Raises LedgerFileError, and SandboxError when no child can be started.
    """
    if len(data) > MAX_LEDGER_BYTES:
        raise _fault(f"文件超过{MAX_LEDGER_BYTES >> 20} MB")
    answer = run_task("spreadsheet", data)
    if not isinstance(answer, bytes):
        raise _fault("读取时进程中止" if answer == "died" else "读取超时")
    try:
        tables = json.loads(answer)
    except ValueError:  # longer than an answer may be
        raise _fault("表格内容过多") from None
    if "fault" in tables:
        raise _fault(tables["fault"])
    return tuple(
        LedgerSheet(sheet["name"], tuple(tuple(row) for row in sheet["rows"]))
        for sheet in tables["sheets"]
    )


def _fault(why: str) -> LedgerFileError:
    return LedgerFileError(
        f"台账没有读出：{why}。", "请用 Excel 或 WPS 打开核对，另存为 .xlsx 或 CSV（UTF-8）再导入。"
    )
