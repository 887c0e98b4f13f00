"""统计: what the user's organisations received and archived, as charts and as CSV.

By month, district, station, item, source and series.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.web.shell.charts import Bar, bars, columns
from api.web.shell.page import LoggedIn, PageRoute, User, Web, WebApp
from api.web.shell.scope import note_look, reach_of
from api.web.shell.spreadsheets import as_csv
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.finding_aids.figures import Figures, figures, month_of
from archive.reference.vocabulary import Series, SourceKind

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Month = Annotated[str, Query(max_length=7)]
_MOST = 10


@router.get("/statistics")
def statistics_page(
    request: Request, web: Web, user: LoggedIn, since: Month = "", until: Month = ""
) -> Response:
    """Draw counts as charts, each with its numbers beside the bars."""
    user.require(Act.VIEW)
    counts = counted(web, user, since, until)
    return web.page(
        request,
        user,
        "statistics.html",
        counts=counts,
        since=since,
        until=until,
        pages=sum(pages for _, pages, _ in counts.series.values()),
        size=sum(size for _, _, size in counts.series.values()),
        volumes=sum(count for count, _, _ in counts.series.values()),
        months=columns(_months(counts), width=1180, height=220),
        series=bars(_series(counts), title="按卷目，册"),
        districts=bars(_districts(web, counts), title="按收件旗区，件"),
        stations=bars(_stations(web, counts)[:_MOST], title="收件单位前十，件"),
        items=bars(_items(web, counts)[:_MOST], title="事项前十，件"),
        sources=bars(_sources(counts), title="按材料来源，页"),
    )


def counted(web: WebApp, user: User, since: str = "", until: str = "") -> Figures:
    """Return the figures of the user's organisation and a span, at most a minute old."""

    def count() -> Figures:
        with reading(web.runtime.engine) as session:
            return figures(session, reach_of(web, user), month_of(since), month_of(until))

    return web.recent.get(("figures", user.reader.org, since, until), count)


@router.get("/statistics.csv")
def statistics_csv(web: Web, user: LoggedIn, since: Month = "", until: Month = "") -> Response:
    """Export all figures, not only the ten largest; they name no person."""
    user.require(Act.VIEW)
    counts = counted(web, user, since, until)
    with writing(web.runtime.engine) as session:
        note_look(session, user, JournalAct.EXPORT_LIST, "statistics", since=since, until=until)
    lines: list[tuple[object, ...]] = [
        ("按月办结", bar.label, bar.value, "件") for bar in _months(counts)
    ]
    for heading, rows in (
        ("收件旗区", _districts(web, counts)),
        ("收件单位", _stations(web, counts)),
        ("事项", _items(web, counts)),
    ):
        lines += [(heading, bar.label, bar.value, "件") for bar in rows]
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
    return _districts(web, counted(web, user))


def _months(counts: Figures) -> list[Bar]:
    return [
        Bar(
            f"{first.year % 100}年{first.month}月" if first.month == 1 else f"{first.month}月",
            count,
        )
        for first, count in counts.months
    ]


def _series(counts: Figures) -> list[Bar]:
    return [
        Bar(series.label, counts.series[series][0], "qy" if series is Series.QY else "")
        for series in Series
        if series in counts.series
    ]


def _districts(web: WebApp, counts: Figures) -> list[Bar]:
    sums: dict[str, int] = {}
    for code, count in counts.received.items():
        name = web.runtime.organisations.district_of(code).name.removeprefix("鄂尔多斯市公安局")
        sums[name] = sums.get(name, 0) + count
    return [
        Bar(name, count) for name, count in sorted(sums.items(), key=lambda district: -district[1])
    ]


def _stations(web: WebApp, counts: Figures) -> list[Bar]:
    return [Bar(web.org(code), count) for code, count in counts.received.items()]


def _items(web: WebApp, counts: Figures) -> list[Bar]:
    names = {item.code: item.name for item in web.runtime.catalogue}
    return [Bar(names.get(code, code), count) for code, count in counts.items.items()]


def _sources(counts: Figures) -> list[Bar]:
    return [
        Bar(source.label, counts.sources[source][2])
        for source in SourceKind
        if source in counts.sources
    ]
