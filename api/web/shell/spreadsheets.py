"""Lists as CSV for spreadsheets, which take text that begins like a formula for one."""

import csv
import io
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from fastapi import Response

from api.web.shell.served import HEADERS

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(value: object) -> str:
    """Write a cell that no spreadsheet takes for a formula (CWE-1236).

    Numbers stay numbers; any other text that could begin a formula is quoted.
    """
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text.lstrip(" \u3000").startswith(_FORMULA) else text


def as_csv(name: str, heading: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return rows as CSV in UTF-8 with a BOM: spreadsheets in use take CSV without it for GBK."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heading)
    writer.writerows([cell(value) for value in row] for row in rows)
    disposition = f"attachment; filename*=UTF-8''{quote(name)}.csv"
    return Response(
        b"\xef\xbb\xbf" + out.getvalue().encode(),
        media_type="text/csv; charset=utf-8",
        headers={**HEADERS, "Content-Disposition": disposition},
    )
