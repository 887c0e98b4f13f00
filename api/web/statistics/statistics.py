"""统计: what the user's organisations received and archived, as charts and as CSV.

By month, district, station, item, source and series.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from api.web.shell.charts import Bar, bars, columns
from api.web.shell.page import LoggedIn, PageRoute, User, Web, WebApp
from api.web.shell.scope import note_look, reach_of
from api.web.shell.spreadsheets import as_csv
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.finding_aids.figures import Figures, figures, following, month_of
from archive.finding_aids.filing_rates import (
    BadSpanError,
    FilingRate,
    MonthSpan,
    by_month,
    by_unit,
    filing_rates,
    month_span,
)
from archive.finding_aids.use_figures import UseFigures, use_figures
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import Series, SourceKind
from archive.usage.requests import organisations_below

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Month = Annotated[str, Query(max_length=7)]
_MOST, _COLUMNS = 10, 24


@router.get("/statistics")
def statistics_page(
    request: Request, web: Web, user: LoggedIn, since: Month = "", until: Month = ""
) -> Response:
    """Draw counts as charts, each with its numbers beside the bars."""
    user.require(Act.VIEW)
    fault, asked = None, (since, until)
    try:
        span = month_span(since, until, _today())
    except BadSpanError as error:
        fault, span, since, until = error, MonthSpan(), "", ""
    counts = counted(web, user, since, until)
    rates, use = _rates(web, user, since, until, span), _use(web, user, since, until, span)
    behind = _Behind(since, until)
    return web.page(
        request,
        user,
        "statistics.html",
        status=200 if fault is None else 422,
        fault=fault,
        counts=counts,
        since=asked[0],
        until=asked[1],
        rates=by_unit(rates),
        all_rates=_sum(rates),
        rate_months=columns(_rate_months(rates), title="归档率，%", width=1180, height=190),
        use=use,
        capacities=bars(
            [Bar(label, count) for label, count in use.by_capacity], title="按利用主体，卷次"
        ),
        year=(span.until or datetime.now(LOCAL_TIME)).year,
        pages=sum(pages for _, pages, _ in counts.series.values()),
        size=sum(size for _, _, size in counts.series.values()),
        volumes=sum(count for count, _, _ in counts.series.values()),
        months=columns(_months(counts), width=1180, height=220),
        series=bars(_series(counts, behind), title="按卷目，册"),
        districts=bars(_districts(web, counts, behind), title="按收件旗区，件"),
        stations=bars(_stations(web, counts, behind)[:_MOST], title="收件单位前十，件"),
        items=bars(_items(web, counts, behind)[:_MOST], title="事项前十，件"),
        sources=bars(_sources(counts), title="按材料来源，页"),
    )


def counted(web: WebApp, user: User, since: str = "", until: str = "") -> Figures:
    """Return the figures of the user's organisation and a span, at most a minute old."""

    def count() -> Figures:
        with reading(web.runtime.engine) as session:
            return figures(session, reach_of(web, user), month_of(since), month_of(until))

    return web.recent.get(("figures", user.reader.org, since, until), count)


def _today() -> date:
    return datetime.now(LOCAL_TIME).date()


def _rates(
    web: WebApp, user: User, since: str, until: str, span: MonthSpan
) -> Sequence[FilingRate]:
    """Return the rates of the user's organisation, at most a minute old."""

    def count() -> Sequence[FilingRate]:
        with reading(web.runtime.engine) as session:
            rule = web.runtime.settings.filing_rule
            return filing_rates(session, reach_of(web, user), rule, span, _today())

    return web.recent.get(("rates", user.reader.org, since, until), count)


def _use(web: WebApp, user: User, since: str, until: str, span: MonthSpan) -> UseFigures:
    """Return the figures of use of what the user's organisation keeps, at most a minute old."""

    def count() -> UseFigures:
        keepers = organisations_below(user.reader, web.runtime.organisations)
        end = following(span.until) if span.until else None
        with reading(web.runtime.engine) as session:
            return use_figures(session, keepers, span.since, end)

    return web.recent.get(("use", user.reader.org, since, until), count)


def _sum(rates: Sequence[FilingRate]) -> FilingRate:
    closed, archived = sum(rate.closed for rate in rates), sum(rate.archived for rate in rates)
    return FilingRate("", "", closed, archived)


def _rate_months(rates: Sequence[FilingRate]) -> list[Bar]:
    return [
        Bar(
            f"{rate.period[2:4]}年{int(rate.period[5:])}月",
            rate.percent,
            href=f"/volumes?{_month_query(rate.period)}",
            shown=f"{rate.percent:g}%",
        )
        for rate in by_month(rates)[-_COLUMNS:]
    ]


def _month_query(period: str) -> str:
    """Return the days of a month YYYY-MM as the list of volumes takes them."""
    year, month = int(period[:4]), int(period[5:])
    last = calendar.monthrange(year, month)[1]
    return f"since={period}-01&until={period}-{last:02d}"


@dataclass(frozen=True, slots=True)
class _Behind:
    """The address of the volumes behind a bar, in the span of the page."""

    since: str
    until: str

    def of(self, **narrowed: str) -> str:
        first = f"{self.since}-01" if self.since else ""
        last = _month_query(self.until).rpartition("=")[2] if self.until else ""
        pairs = {**narrowed, "since": first, "until": last}
        return f"/volumes?{urlencode({key: value for key, value in pairs.items() if value})}"


@router.get("/statistics.csv")
def statistics_csv(web: Web, user: LoggedIn, since: Month = "", until: Month = "") -> Response:
    """Export all figures, not only the ten largest; they name no person. Raises BadSpanError."""
    user.require(Act.VIEW)
    span = month_span(since, until, _today())
    counts = counted(web, user, since, until)
    with writing(web.runtime.engine) as session:
        note_look(session, user, JournalAct.EXPORT_LIST, "statistics", since=since, until=until)
    lines: list[tuple[object, ...]] = [
        ("按月办结", bar.label, bar.value, "件") for bar in _months(counts)
    ]
    for heading, rows in (
        ("收件旗区", _districts(web, counts, _Behind(since, until))),
        ("收件单位", _stations(web, counts, _Behind(since, until))),
        ("事项", _items(web, counts, _Behind(since, until))),
    ):
        lines += [(heading, bar.label, bar.value, "件") for bar in rows]
    for rate in by_month(_rates(web, user, since, until, span)):
        lines += [
            ("归档率", rate.period, rate.percent, "%"),
            ("办结", rate.period, rate.closed, "件"),
            ("已归档", rate.period, rate.archived, "件"),
        ]
    use = _use(web, user, since, until, span)
    lines += [
        ("利用", "利用人次", use.visits, "人次"),
        ("利用", "利用卷次", use.volumes, "卷（册）次"),
        ("利用", "复制证明", use.copies, "份"),
        ("利用", "复制页数", use.pages, "页"),
    ]
    for key, (count, pages, size) in counts.series.items():
        lines += [
            ("卷目", Series(key).label, value, unit)
            for value, unit in ((count, "册"), (pages, "页"), (size, "字节"))
        ]
    for key, (cases, materials, pages) in counts.sources.items():
        lines += [
            ("材料来源", SourceKind(key).label, value, unit)
            for value, unit in ((cases, "件"), (materials, "份"), (pages, "页"))
        ]
    return as_csv("统计", ("口径", "名称", "数量", "单位"), lines)


def by_district(web: WebApp, user: User) -> list[Bar]:
    """Count the cases by the district that received them, the most first."""
    return _districts(web, counted(web, user), _Behind("", ""))


def _months(counts: Figures) -> list[Bar]:
    return [
        Bar(
            f"{first.year % 100}年{first.month}月" if first.month == 1 else f"{first.month}月",
            count,
            href=f"/volumes?{_month_query(first.strftime('%Y-%m'))}",
        )
        for first, count in counts.months
    ]


def _series(counts: Figures, behind: _Behind) -> list[Bar]:
    return [
        Bar(
            series.label,
            counts.series[series][0],
            "qy" if series is Series.QY else "",
            behind.of(series=str(series), state="archived"),
        )
        for series in Series
        if series in counts.series
    ]


def _districts(web: WebApp, counts: Figures, behind: _Behind) -> list[Bar]:
    sums: dict[str, int] = {}
    for code, count in counts.received.items():
        district = web.runtime.organisations.district_of(code).code
        sums[district] = sums.get(district, 0) + count
    return [
        Bar(web.org(code).removeprefix("鄂尔多斯市公安局"), count, href=behind.of(received=code))
        for code, count in sorted(sums.items(), key=lambda district: -district[1])
    ]


def _stations(web: WebApp, counts: Figures, behind: _Behind) -> list[Bar]:
    return [
        Bar(web.org(code), count, href=behind.of(received=code))
        for code, count in counts.received.items()
    ]


def _items(web: WebApp, counts: Figures, behind: _Behind) -> list[Bar]:
    names = {item.code: item.name for item in web.runtime.catalogue}
    return [
        Bar(names.get(code, code), count, href=behind.of(item=code))
        for code, count in counts.items.items()
    ]


def _sources(counts: Figures) -> list[Bar]:
    return [
        Bar(source.label, counts.sources[source][2])
        for source in SourceKind
        if source in counts.sources
    ]
