"""Lists as CSV that have columns of their own.

A list as CSV is masked as the page is, bears the same columns in the same order for everyone, and
is journalled as an export; a hundred rows count as one look.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Response

from api.http.daily import limits_of, within_limits
from api.web.shell.page import User, WebApp
from api.web.shell.scope import note_look
from api.web.shell.spreadsheets import as_csv
from archive.administration import daily_use
from archive.administration.daily_use import Shown
from archive.audit.acts import JournalAct

MOST_EXPORTED = 5000
_ONE_LOOK = 100
Line = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """How a list is asked for: as a page or as CSV."""

    csv: bool = False


async def _asked(
    format: Literal["", "html", "csv"] = "",  # noqa: A002 - the word of the address
) -> Asked:
    """Return what the address asks of a list, as a coroutine: it needs no thread."""
    return Asked(format == "csv")


Lists = Annotated[Asked, Depends(_asked)]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list as CSV: the name of its file, its columns with their headings, its subject.

    `subject` is what the journal names.
    """

    name: str
    subject: str
    columns: Mapping[str, str]


def csv_of(name: str, columns: Mapping[str, str], lines: Iterable[Line]) -> Response:
    """Return lines as CSV with these columns."""
    return as_csv(name, list(columns.values()), ([line[key] for key in columns] for line in lines))


def exported(web: WebApp, user: User, sheet: Sheet, lines: Sequence[Line]) -> Response:
    """Return a list as CSV, counted and journalled as an export.

    Raises ProblemError DAILY_LIMIT.
    """
    lines = lines[:MOST_EXPORTED]
    most = limits_of(web.runtime.settings, user.reader).looks
    with within_limits(web.runtime, user.reader) as session:
        for _ in range(0, max(len(lines), 1), _ONE_LOOK):
            daily_use.count(session, user.reader.account, Shown.LOOKS, most)
        note_look(session, user, JournalAct.EXPORT_LIST, sheet.subject, rows=len(lines))
    return csv_of(sheet.name, sheet.columns, lines)
