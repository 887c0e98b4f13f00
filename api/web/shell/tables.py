"""Every list as CSV: the tables of a page as it was drawn, so masked as the page is.

No list needs to offer it and none can forget it; a list of many pages, which has more rows than
its page shows, answers `format=csv` itself (`api.web.shell.lists`). Each export is journalled.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import OK
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from api.http.daily import limits_of, within_limits
from api.runtime.bootstrap import Runtime
from api.web.shell.spreadsheets import as_csv
from archive.administration import daily_use
from archive.administration.daily_use import Shown
from archive.administration.policy import Reader
from archive.audit.acts import JournalAct
from archive.usage.looks import AccessContext, journal_look, purpose_of

_UNSEEN = frozenset(("button", "select", "script", "template", "datalist"))
_VOID = frozenset(("input", "img", "br", "hr", "wbr"))
LINK = "<!--csv-->"
ONE_LOOK = 100
"""Rows of an export that count as one look."""


@dataclass
class Table:
    """A table of a page: what stands over it, its headings, its rows.

    `name` is that of a list that its page can sort and narrow, else "".
    """

    title: str
    heading: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    name: str = ""


class _Reader(HTMLParser):
    """Reads the tables of the main part of a page; buttons and choices are no cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self.title = ""
        self._open: list[str] = []
        self._text: list[str] | None = None
        self._row: list[str] = []
        self._named: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        self._open.append(tag)
        if tag in ("h1", "h2"):
            self._named = []
        elif tag == "table" and "main" in self._open:
            self.tables.append(Table(self.title, name=dict(attrs).get("data-named") or ""))
        elif tag == "tr":
            self._row = []
        elif tag in ("td", "th") and "main" in self._open:
            self._text = []
        elif tag == "small" and self._text:
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._open:
            return
        while self._open and self._open.pop() != tag:
            pass
        if tag in ("h1", "h2") and self._named is not None:
            self.title, self._named = _joined(self._named), None
        elif tag in ("td", "th") and self._text is not None:
            self._row.append(_joined(self._text))
            self._text = None
        elif tag == "tr" and self.tables and "table" in self._open and any(self._row):
            self._ended_row()

    def _ended_row(self) -> None:
        table = self.tables[-1]
        if "thead" in self._open:
            table.heading = self._row
        elif len(self._row) > 1 or len(table.heading) == 1:  # one cell across: empty, or a group
            table.rows.append(self._row)

    def handle_data(self, data: str) -> None:
        if self._named is not None and "small" not in self._open and "a" not in self._open:
            self._named.append(data)
        if self._text is not None and not _UNSEEN & set(self._open):
            self._text.append(data)


def _joined(parts: list[str]) -> str:
    return " ".join("".join(parts).split())


def tables_of(page: str) -> list[Table]:
    """Return the tables of a page that have headings."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return [table for table in reader.tables if table.heading]


async def as_asked(request: Request, answer: Response, identify: Callable[[], Reader]) -> Response:
    """Return an answer, or as CSV the lists of a page for which CSV is asked."""
    wanted = request.method == "GET" and request.query_params.get("format") == "csv"
    if not wanted or not isinstance(answer, HTMLResponse) or answer.status_code != OK:
        return answer
    runtime, path = request.app.state.web.runtime, request.url.path
    name = request.query_params.get("list", "")
    return await run_in_threadpool(lambda: _page_as_csv(runtime, identify(), path, name, answer))


def _page_as_csv(
    runtime: Runtime, reader: Reader, path: str, list_name: str, answer: Response
) -> Response:
    """Return the lists of a page as CSV, or the one of a name, counted and journalled.

    A hundred rows count as one look. Several lists have their names in the first column. Raises
    ProblemError DAILY_LIMIT.
    """
    tables = tables_of(bytes(answer.body).decode())
    if list_name:
        tables = [table for table in tables if table.name == list_name]
    # A list that is empty draws no table: then so is its CSV.
    tables = tables or [Table("列表", ["列表为空"])]
    count = sum(len(table.rows) for table in tables)
    context = AccessContext(purpose_of(reader, None))
    most = limits_of(runtime.settings, reader).looks
    with within_limits(runtime, reader) as session:
        for _ in range(0, max(count, 1), ONE_LOOK):
            daily_use.count(session, reader.account, Shown.LOOKS, most)
        act, subject = JournalAct.EXPORT_LIST, path.strip("/")[:64] or "todo"
        journal_look(session, reader, act, subject, context, rows=count)
    name = tables[0].title or "列表"
    if len(tables) == 1:
        return as_csv(name, tables[0].heading, tables[0].rows)
    rows = [[table.title, *row] for table in tables for row in (table.heading, *table.rows)]
    return as_csv(name, ["栏目"], rows)


def with_csv_link(request: Request, text: str) -> str:
    """Return a page that has a list with the link to it as CSV, its filters kept.

    Lists that are sorted and narrowed each have a link of their own.
    """
    if LINK not in text or "<table" not in text or "<thead" not in text or "data-named" in text:
        return text
    kept = [
        pair for pair in request.query_params.multi_items() if pair[0] not in ("kept", "format")
    ]
    query = urlencode([*kept, ("format", "csv")]).replace("&", "&amp;")
    link = f'<p class="export"><a href="{request.url.path}?{query}">列表下载为 CSV</a></p>'
    return text.replace(LINK, link)
