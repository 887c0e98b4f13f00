"""One page of a list: narrowed by days and stations, sorted by a column, and counted.

The rows are a query's, or already read: both are asked for in the same way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, or_
from sqlalchemy.orm import Session

from archive.reference.local_time import LOCAL_TIME

PAGE_ROWS = 100
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class ListWanted:
    """What a list is asked for; empty fields narrow nothing.

    `sort` is a column, with "-" before it for the greatest first. Both days belong to the span.
    `nothing` is set where the request itself is faulty: then no row is shown.
    """

    sort: str = ""
    since: date | None = None
    until: date | None = None
    stations: frozenset[str] = frozenset()
    offset: int = 0
    limit: int = PAGE_ROWS
    nothing: bool = False


@dataclass(frozen=True, slots=True)
class ListPart(Generic[Row]):
    """The rows of one page, and how many rows all pages have."""

    rows: Sequence[Row]
    total: int


@dataclass(frozen=True, slots=True)
class QueryList:
    """How the rows of a query are listed; a column may be several, as the parts of a number.

    `key` is unique and the last column of every order. `usual` is the order that nobody asked for.
    `stamp` writes a moment as the column of the day holds it.
    """

    key: Any
    columns: Mapping[str, Any]
    usual: str
    day: Any = None
    stations: Sequence[Any] = ()
    stamp: Callable[[datetime], object] = field(default=lambda at: at)

    def part(
        self,
        session: Session,
        query: Select[*tuple[Any, ...]],
        wanted: ListWanted,
        where: Sequence[ColumnElement[bool]] = (),
        recent: Callable[[Callable[[], int]], int] = lambda count: count(),
    ) -> ListPart[Any]:
        """Return one page of the rows of a query.

        Only keys are sorted, for the rows are wide: some hold sealed facts. `where` narrows the
        keys and is not asked again of the rows. `recent` may answer a count that was made a moment
        ago.
        """
        if wanted.nothing:
            return ListPart((), 0)
        narrowed = query.where(*where, *self._conditions(wanted))
        counted = narrowed.with_only_columns(func.count(), maintain_column_froms=True)
        order = self._order(wanted.sort)
        keys = (
            narrowed.with_only_columns(self.key, maintain_column_froms=True)
            .order_by(*order)
            .offset(wanted.offset)
            .limit(wanted.limit)
        )
        ids = session.scalars(keys).all()
        shown = session.execute(query.where(self.key.in_(ids)).order_by(*order))
        single = len(query.column_descriptions) == 1
        rows = shown.scalars().all() if single else shown.all()
        return ListPart(rows, recent(lambda: session.scalar(counted) or 0))

    def _order(self, sort: str) -> list[ColumnElement[Any]]:
        if sort.removeprefix("-") not in self.columns:
            sort = self.usual
        by = self.columns[sort.removeprefix("-")]
        keys = [*(by if isinstance(by, tuple) else (by,)), self.key]
        return [key.desc() if sort.startswith("-") else key.asc() for key in keys]

    def _conditions(self, wanted: ListWanted) -> list[ColumnElement[bool]]:
        where: list[ColumnElement[bool]] = []
        if wanted.since and self.day is not None:
            where.append(self.day >= self.stamp(_midnight(wanted.since)))
        if wanted.until and self.day is not None:
            where.append(self.day < self.stamp(_midnight(wanted.until + timedelta(days=1))))
        if wanted.stations and self.stations:
            where.append(or_(*(column.in_(wanted.stations) for column in self.stations)))
        return where


@dataclass(frozen=True, slots=True)
class RowList(Generic[Row]):
    """How rows that are already read are listed; without an order asked for, as they come."""

    columns: Mapping[str, Callable[[Row], Any]]
    day: Callable[[Row], date | datetime | str | None] | None = None
    stations: Callable[[Row], Iterable[str | None]] | None = None

    def part(self, rows: Sequence[Row], wanted: ListWanted) -> ListPart[Row]:
        """Return one page of the rows."""
        if wanted.nothing:
            return ListPart((), 0)
        fitting = [row for row in rows if self._fits(row, wanted)]
        by = self.columns.get(wanted.sort.removeprefix("-"))
        if by is not None:
            order = by
            fitting.sort(
                key=lambda row: _comparable(order(row)), reverse=wanted.sort.startswith("-")
            )
        return ListPart(fitting[wanted.offset : wanted.offset + wanted.limit], len(fitting))

    def _fits(self, row: Row, wanted: ListWanted) -> bool:
        if wanted.stations and self.stations is not None:
            places = {place for place in self.stations(row) if place}
            if wanted.stations.isdisjoint(places):
                return False
        if self.day is None or not (wanted.since or wanted.until):
            return True
        day = _local_day(self.day(row))
        return day is not None and ((wanted.since or date.min) <= day <= (wanted.until or date.max))


def _comparable(value: Any) -> tuple[bool, Any]:  # noqa: ANN401 - whatever a column holds
    return value is not None, value if value is not None else 0


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL_TIME)


def _local_day(at: date | datetime | str | None) -> date | None:
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    return at.astimezone(LOCAL_TIME).date() if isinstance(at, datetime) else at
