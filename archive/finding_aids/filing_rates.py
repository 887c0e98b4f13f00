"""归档率: closed cases that are archived, of all closed ones, by unit and month.

A case is closed when it was taken over; it is archived when a version of its volume is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingRule
from archive.finding_aids.figures import month_of
from archive.finding_aids.period_counts import period_counts
from archive.finding_aids.reach import Reach
from archive.reference.errors import ArchiveError

_MOST_MONTHS = 120
_YEAR = 12


class BadSpanError(ArchiveError):
    """A span of months that can't be: backwards, ahead, too long, or no months."""

    code = "BAD_SPAN"


@dataclass(frozen=True, slots=True)
class MonthSpan:
    """Months from `since` to `until`, both included; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, period: str) -> bool:
        """Say whether a month YYYY-MM is in the span."""
        first = self.since.strftime("%Y-%m") if self.since else ""
        last = self.until.strftime("%Y-%m") if self.until else "9999-12"
        return first <= period <= last

    def years(self, today: date) -> range:
        """Return the years that the span touches, at most eleven; this one when it is open."""
        last = self.until.year if self.until else today.year
        first = self.since.year if self.since else last
        return range(first, last + 1)


def month_span(since: str, until: str, today: date) -> MonthSpan:
    """Return the span of two months YYYY-MM, "" for open. Raises BadSpanError."""
    first, last = (month_of(text) if text else None for text in (since, until))
    if (since and first is None) or (until and last is None):
        raise BadSpanError("月份无法读取。", "请按 2026-09 的样式填写。")
    if first and last and first > last:
        raise BadSpanError("起始月份晚于截止月份。", "请核对起止月份后重试。")
    now = today.strftime("%Y-%m")
    if any(month and month.strftime("%Y-%m") > now for month in (first, last)):
        raise BadSpanError("起止月份在本月之后，还没有数字。", "请选本月或以前的月份。")
    if first and last and _months_between(first, last) >= _MOST_MONTHS:
        raise BadSpanError("起止月份相距超过十年。", "请分成几段统计。")
    if first and not last and today.year - first.year >= _MOST_MONTHS // _YEAR:
        raise BadSpanError("起止月份相距超过十年。", "请写明截止月份，分成几段统计。")
    return MonthSpan(first, last)


def _months_between(first: datetime, last: datetime) -> int:
    return (last.year - first.year) * _YEAR + last.month - first.month


@dataclass(frozen=True, slots=True)
class FilingRate:
    """The closed and archived cases of a unit in a month; of a sum one of them is empty."""

    period: str
    unit: str
    closed: int
    archived: int

    @property
    def open(self) -> int:
        """Return how many are not archived yet."""
        return self.closed - self.archived

    @property
    def percent(self) -> float:
        """Return the rate in percent, to one place, never rounded up to a hundred."""
        if not self.closed:
            return 0.0
        return int(self.archived * 1000 / self.closed) / 10

    def public(self) -> dict[str, Any]:
        """Return the rate as scripts read it."""
        return {
            "period": self.period,
            "unit": self.unit,
            "closed": self.closed,
            "archived": self.archived,
            "percent": self.percent,
        }


def filing_rates(
    session: Session, reach: Reach, rule: FilingRule, span: MonthSpan, today: date
) -> list[FilingRate]:
    """Return the rates of every month and filing unit of a span, where a case was closed."""
    return [
        FilingRate(row.period, row.unit, row.due, row.filed)
        for year in span.years(today)
        for row in period_counts(session, reach, rule, year=year)
        if span.holds(row.period)
    ]


def by_month(rates: Iterable[FilingRate]) -> list[FilingRate]:
    """Return the sums of all units by month."""
    return _summed((rate.period, "", rate) for rate in rates)


def by_unit(rates: Iterable[FilingRate]) -> list[FilingRate]:
    """Return the sums of all months by unit, the lowest rate first."""
    sums = _summed(("", rate.unit, rate) for rate in rates)
    return sorted(sums, key=lambda rate: (rate.percent, -rate.closed, rate.unit))


def _summed(rows: Iterable[tuple[str, str, FilingRate]]) -> list[FilingRate]:
    sums: dict[tuple[str, str], FilingRate] = {}
    for period, unit, rate in rows:
        before = sums.get((period, unit), FilingRate(period, unit, 0, 0))
        sums[period, unit] = FilingRate(
            period, unit, before.closed + rate.closed, before.archived + rate.archived
        )
    return [sums[key] for key in sorted(sums)]
