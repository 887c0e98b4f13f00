"""统计: what the reader's organisations received and archived, by month, district, station, item, source and series; as charts and as CSV."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.web.shell.charts import Bar, bars, columns
from api.web.shell.page import At, PageRoute, Seat, Seated, WebApp
from api.web.shell.scope import note_look
from api.web.shell.spreadsheets import as_csv
from api.web.statistics.figures import Figures, figures, month_of
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.reference.vocabulary import Series, SourceKind

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Month = Annotated[str, Query(max_length=7)]
_MOST = 10


@router.get("/statistics")
def statistics_page(
    request: Request, desk: At, seat: Seated, since: Month = "", until: Month = ""
) -> Response:
    """Counts as charts, each with its numbers beside the bars."""
    seat.require(Act.VIEW)
    found = counted(desk, seat, since, until)
    return desk.page(
        request,
        seat,
        "statistics.html",
        found=found,
        since=since,
        until=until,
        pages=sum(pages for _, pages, _ in found.series.values()),
        size=sum(size for _, _, size in found.series.values()),
        volumes=sum(count for count, _, _ in found.series.values()),
        months=columns(_months(found), width=1180, height=220),
        series=bars(_series(found), title="按卷目，册"),
        districts=bars(_districts(desk, found), title="按收件旗区，件"),
        stations=bars(_stations(desk, found)[:_MOST], title="收件单位前十，件"),
        items=bars(_items(desk, found)[:_MOST], title="事项前十，件"),
        sources=bars(_sources(found), title="按材料来源，页"),
    )


def counted(desk: WebApp, seat: Seat, since: str = "", until: str = "") -> Figures:
    """The figures of the reader's organisation and a span, at most a minute old."""

    def count() -> Figures:
        with reading(desk.runtime.engine) as session:
            return figures(desk, session, seat, month_of(since), month_of(until))

    return desk.recent.get(("figures", seat.reader.org, since, until), count)


@router.get("/statistics.csv")
def statistics_csv(desk: At, seat: Seated, since: Month = "", until: Month = "") -> Response:
    """All of it, not only the ten most; no person is in it."""
    seat.require(Act.VIEW)
    found = counted(desk, seat, since, until)
    with writing(desk.runtime.engine) as session:
        note_look(session, seat, JournalAct.EXPORT_LIST, "statistics", since=since, until=until)
    lines: list[tuple[object, ...]] = [
        ("按月办结", one.label, one.value, "件") for one in _months(found)
    ]
    for heading, rows in (
        ("收件旗区", _districts(desk, found)),
        ("收件单位", _stations(desk, found)),
        ("事项", _items(desk, found)),
    ):
        lines += [(heading, one.label, one.value, "件") for one in rows]
    for key, (count, pages, size) in found.series.items():
        lines += [
            ("卷目", Series(key).label, value, unit)
            for value, unit in ((count, "册"), (pages, "页"), (size, "字节"))
        ]
    for key, (cases, materials, pages) in found.sources.items():
        lines += [
            ("材料来源", SourceKind(key).label, value, unit)
            for value, unit in ((cases, "件"), (materials, "份"), (pages, "页"))
        ]
    return as_csv("统计", ("口径", "名称", "数量", "单位"), lines)


def by_district(desk: WebApp, seat: Seat) -> list[Bar]:
    """Cases by the district that received them, the most first."""
    return _districts(desk, counted(desk, seat))


def _months(found: Figures) -> list[Bar]:
    return [
        Bar(
            f"{first.year % 100}年{first.month}月" if first.month == 1 else f"{first.month}月",
            count,
        )
        for first, count in found.months
    ]


def _series(found: Figures) -> list[Bar]:
    return [
        Bar(one.label, found.series[one][0], "qy" if one is Series.QY else "")
        for one in Series
        if one in found.series
    ]


def _districts(desk: WebApp, found: Figures) -> list[Bar]:
    sums: dict[str, int] = {}
    for code, count in found.received.items():
        name = desk.runtime.organisations.district_of(code).name.removeprefix("鄂尔多斯市公安局")
        sums[name] = sums.get(name, 0) + count
    return [Bar(name, count) for name, count in sorted(sums.items(), key=lambda one: -one[1])]


def _stations(desk: WebApp, found: Figures) -> list[Bar]:
    return [Bar(desk.org(code), count) for code, count in found.received.items()]


def _items(desk: WebApp, found: Figures) -> list[Bar]:
    names = {item.code: item.name for item in desk.runtime.catalogue}
    return [Bar(names.get(code, code), count) for code, count in found.items.items()]


def _sources(found: Figures) -> list[Bar]:
    return [Bar(one.label, found.sources[one][2]) for one in SourceKind if one in found.sources]
