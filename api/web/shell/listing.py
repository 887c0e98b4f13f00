"""Every list of the desk: its columns as data, sorted, narrowed and paged in its address.

A page says of each list what its columns are (`Shape`), asks the records for what `listed` read in
the address, and hands the `Listing` to the macros of `lists.html`. On a page of several lists the
words of all but the main one have the name of their list before them, as `ended.sort`. No word of
a list is personal: columns, days, codes of organisations, numbers of pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from api.http.problems import ProblemError
from api.web.shell.lists import MOST_EXPORTED
from archive.database.listing import PAGE_ROWS, ListPart, ListWanted
from archive.finding_aids.reach import reach_of
from archive.reference.organisations import Organisation, Organisations

_WORDS = ("sort", "since", "until", "station", "page")
_LATE = "结束日期早于开始日期。"
_DAY = "日期应写作 2026-09-01 的样子。"
_FAR = "年份应在 1900 至 2199 之间。"
_YEARS = range(1900, 2200)
_MOST_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, by which word it is sorted ("" for none), whether it has numbers."""

    heading: str
    sort: str = ""
    number: bool = False
    unseen: bool = False
    """The heading is only read out."""
    tick: bool = False
    """The heading is a box that ticks all rows of the page."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A list of a page: its columns, what its days are called, whether its rows have stations.

    `usual` is the order that nobody asked for; `what` is how its rows are counted.
    """

    columns: Sequence[Column]
    name: str = ""
    day: str = ""
    station: str = ""
    usual: str = ""
    what: str = "条"

    def word(self, word: str) -> str:
        """Return how the address calls a word of this list."""
        return f"{self.name}.{word}" if self.name else word

    @property
    def sorts(self) -> frozenset[str]:
        """Return by what the list can be sorted."""
        return frozenset(column.sort for column in self.columns if column.sort)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as its address asks for it; `faults` stand at the fields of its days."""

    shape: Shape
    wanted: ListWanted
    page: int
    typed: Mapping[str, str]
    faults: Mapping[str, str]
    others: Sequence[tuple[str, str]]
    path: str
    units: Sequence[Organisation]
    csv: bool = False
    total: int = 0

    @property
    def status(self) -> int:
        """Return the status of the page: a span that is none is no good request."""
        return 422 if self.faults else 200

    @property
    def name(self) -> str:
        """Return the name of the list in its page."""
        return self.shape.name or "main"

    @property
    def sort(self) -> str:
        """Return the order in which the rows stand."""
        return self.wanted.sort or self.shape.usual

    @property
    def beyond(self) -> bool:
        """Say whether the page lies behind the last row."""
        return self.wanted.offset >= self.total

    @property
    def first(self) -> int:
        """Return the place of the first row of the page among all, from 1."""
        return min(self.wanted.offset + 1, self.total)

    @property
    def last(self) -> int:
        """Return the place of the last row of the page."""
        return min(self.wanted.offset + self.wanted.limit, self.total)

    def with_part(self, part: ListPart[Any]) -> "Listing":
        """Return the list with its count. Raises ProblemError for more than is exported."""
        if self.csv and part.total > MOST_EXPORTED:
            raise ProblemError(
                422,
                "TOO_MANY_ROWS",
                f"符合条件的有 {part.total:,} {self.shape.what}，一次至多导出 {MOST_EXPORTED:,}。",
                "请按日期或单位分次导出。",
            )
        return replace(self, total=part.total)

    def within(self, path: str, asked: Mapping[str, str]) -> "Listing":
        """Return the list of a page that has filters of its own, or is drawn for a form."""
        own = [pair for pair in self.others if pair[0] not in asked]
        return replace(self, path=path, others=[*((k, v) for k, v in asked.items() if v), *own])

    def whole(self) -> "Listing":
        """Return the list as CSV has it: all its rows, not one page of them."""
        wanted = replace(self.wanted, offset=0, limit=MOST_EXPORTED)
        return replace(self, csv=True, page=1, wanted=wanted)

    def aria(self, column: Column) -> str:
        """Return how the order by a column is said to a screen reader; "" for another order."""
        if not column.sort or column.sort != self.sort.removeprefix("-"):
            return ""
        return "descending" if self.sort.startswith("-") else "ascending"

    def sorted_by(self, column: Column) -> str:
        """Return the address of the list sorted by a column, or the other way round."""
        turned = "-" if self.aria(column) == "ascending" else ""
        return self._address(sort=f"{turned}{column.sort}", page="")

    @property
    def previous(self) -> str:
        """Return the address of the page before; "" on the first.

        Beyond the last page, as after rows went, it is that of the last.
        """
        pages = -(-self.total // self.wanted.limit)
        return self._address(page=str(min(self.page - 1, pages))) if self.page > 1 else ""

    @property
    def next(self) -> str:
        """Return the address of the page after; "" on the last."""
        return self._address(page=str(self.page + 1)) if self.last < self.total else ""

    @property
    def as_csv(self) -> str:
        """Return the address of all rows as CSV."""
        return self._address(page="", format="csv", list=self.name)

    @property
    def narrowed(self) -> bool:
        """Say whether the rows are narrowed by days or by a station."""
        return any(self.typed[word] for word in ("since", "until", "station"))

    @property
    def query(self) -> str:
        """Return the words of the address, for parts of the page that are asked for again."""
        return self._address().partition("?")[2]

    @property
    def carried(self) -> list[tuple[str, str]]:
        """Return what a form of filters must carry: the order, and all that is not its own."""
        order = [(self.shape.word("sort"), self.wanted.sort)] if self.wanted.sort else []
        return [*self.others, *order]

    def but(self, *words: str) -> list[tuple[str, str]]:
        """Return the same without these words, for a page with filters of its own."""
        return [pair for pair in self.carried if pair[0] not in words]

    def _address(self, **changed: str) -> str:
        own = {**self.typed, "page": str(self.page) if self.page > 1 else "", **changed}
        pairs = [*self.others]
        for word, value in own.items():
            name = self.shape.word(word) if word in _WORDS else word
            if value:
                pairs.append((name, value))
        return f"{self.path}?{urlencode(pairs)}"


def listed(request: Request, organisations: Organisations, shape: Shape) -> Listing:
    """Return a list as the address asks for it; what makes no sense is ignored or a fault."""
    asked = request.query_params
    typed = {word: asked.get(shape.word(word), "")[:24].strip() for word in _WORDS}
    typed["sort"] = typed["sort"] if typed["sort"].removeprefix("-") in shape.sorts else ""
    page = _number(typed.pop("page"))
    days, faults = _span(typed if shape.day else {})
    station = typed["station"] if shape.station and typed["station"] in organisations else ""
    typed["station"] = station
    wanted_list = asked.get("list", "")
    csv = asked.get("format") == "csv" and wanted_list in ("", shape.name or "main")
    own = {shape.word(word) for word in _WORDS} | {"format", "list", "kept"}
    below = reach_of(station, organisations) if station else None
    return Listing(
        shape,
        ListWanted(
            typed["sort"],
            *days,
            stations=below or frozenset(),
            offset=0 if csv else (page - 1) * PAGE_ROWS,
            limit=MOST_EXPORTED if csv else PAGE_ROWS,
            nothing=bool(faults),
        ),
        1 if csv else page,
        typed,
        faults,
        [pair for pair in asked.multi_items() if pair[0] not in own],
        request.url.path.removesuffix("/live"),
        list(organisations) if shape.station else [],
        csv,
    )


def _number(text: str) -> int:
    usable = text.isascii() and text.isdigit() and len(text) < len(str(_MOST_PAGES))
    return max(int(text), 1) if usable else 1


def _span(typed: Mapping[str, str]) -> tuple[tuple[date | None, date | None], dict[str, str]]:
    """Return the days of a span, and what is wrong with them by their field."""
    (since, why_since), (until, why_until) = (
        _day(typed.get(word, "")) for word in ("since", "until")
    )
    if since and until and since > until:
        why_until = _LATE
    faults = {"since": why_since, "until": why_until}
    return (since, until), {word: why for word, why in faults.items() if why}


def _day(text: str) -> tuple[date | None, str]:
    """Return a day as it was typed, and what is wrong with it."""
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        return None, _DAY
    return (None, _FAR) if day and day.year not in _YEARS else (day, "")
