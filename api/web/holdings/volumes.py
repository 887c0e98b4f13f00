"""Lists of volumes: 册, 卷目 and 全域通办卷, and the sheets printed from a series.

A series is listed in the order of its numbers, which is the order of completion.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from api.http.daily import counted
from api.web.shell.filters import clock, label
from api.web.shell.lists import Lists, Sheet, every_page, exported
from api.web.shell.page import LoggedIn, PageRoute, RefusedError, User, Web, WebApp
from api.web.shell.scope import PAGE, Row, note_look, reach_of, rows_of
from api.web.shell.spans import start_of
from api.web.shell.spreadsheets import as_csv
from archive.administration.daily_use import Shown
from archive.administration.policy import Act, Denial
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.finding_aids.reach import reach_of as reach_below
from archive.finding_aids.reach import volumes_in
from archive.finding_aids.volume_lists import (
    SeriesKey,
    VolumeFilter,
    VolumeOrder,
    archived_totals,
    count_volumes,
    list_volumes,
    numbered_years,
    series_summary,
    series_volumes,
)
from archive.finding_aids.volumes import check_order
from archive.finding_aids.whom import Promise, promise_of, whom
from archive.reference.vocabulary import OrgKind, Series

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Word = Annotated[str, Query(max_length=64)]
_HEADING = (
    "册号",
    "档号",
    "办件编号",
    "题名",
    "收件单位",
    "户籍地单位",
    "办结时间",
    "页数",
    "保管期限",
    "状态",
    "备注",
)
_PRINTED = 100
"""Volumes on one part of a printed register."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list of volumes is narrowed to, as its address says it."""

    series: Word = ""
    year: Word = ""
    state: Word = ""
    org: Word = ""
    station: Word = ""
    since: Word = ""
    until: Word = ""
    code: Word = ""
    received: Word = ""
    item: Word = ""

    def filter(self, web: WebApp) -> VolumeFilter:
        """Return the same as the database is asked."""
        organisations = web.runtime.organisations
        until = start_of(self.until)
        return VolumeFilter(
            series=self.series,
            year=self.year,
            state=self.state,
            fonds=organisations.fonds_of(self.org) if self.org in organisations else "",
            code=self.code,
            stations=frozenset({self.station}) & {unit.code for unit in organisations},
            received=(reach_below(self.received, organisations) or frozenset())
            if self.received in organisations
            else frozenset(),
            item=self.item,
            since=start_of(self.since),
            until=until + timedelta(days=1) if until else None,
        )

    def address(self, **more: object) -> str:
        """Return the filters that are set, and more, as the query of an address."""
        pairs = {**asdict(self), **more}
        return urlencode({key: value for key, value in pairs.items() if value})


@router.get("/volumes")
def volumes_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    wanted: Annotated[Wanted, Depends()],
    lists: Lists,
    after: Word = "",
) -> Response:
    """List all volumes that the user may see; filters and order stay in the address."""
    user.require(Act.VIEW)
    reach, narrowed = reach_of(web, user), wanted.filter(web)
    order = VolumeOrder(lists.sort) if lists.sort in set(VolumeOrder) else VolumeOrder.CODE
    if lists.csv:
        return _volumes_csv(web, user, narrowed, order)
    with reading(web.runtime.engine) as session:
        page = list_volumes(
            session, reach, narrowed, after=after, limit=lists.rows + 1, order=order
        )
        key = ("listed", user.reader.org, wanted)
        total = web.recent.get(key, lambda: count_volumes(session, reach, narrowed))
        rows = rows_of(web, session, page[: lists.rows])
        years = numbered_years(session)
    kept = {"sort": order, "rows": lists.rows}
    return web.page(
        request,
        user,
        "volumes.html",
        rows=rows,
        total=total,
        asked=wanted,
        order=order,
        lists=lists,
        item_asked=next(
            (item.name for item in web.runtime.catalogue if item.code == wanted.item), "不详"
        ),
        promises=_promises(web, rows) if wanted.state == "overdue" else {},
        next=wanted.address(**kept, after=rows[-1].volume.code) if len(page) > lists.rows else None,
        choices={
            "series": list(Series),
            "years": years,
            "orgs": web.runtime.organisations.of_kind(OrgKind.DISTRICT),
            "stations": [
                unit
                for unit in web.runtime.organisations
                if unit.kind in (OrgKind.STATION, OrgKind.HALL)
                and (reach is None or unit.code in reach)
            ],
        },
    )


def _promises(web: WebApp, rows: Sequence[Row]) -> dict[str, Promise]:
    """Return by 档号 what was promised of each volume's case, and how late it was."""
    limits = {
        row.volume.code: web.runtime.catalogue.get(
            row.case.item_code, row.case.item_version
        ).limit_workdays
        for row in rows
    }
    promises = {
        row.volume.code: promise_of(row.case.facts, limits[row.volume.code]) for row in rows
    }
    return {code: promise for code, promise in promises.items() if promise is not None}


def _volumes_csv(web: WebApp, user: User, wanted: VolumeFilter, order: VolumeOrder) -> Response:
    """Export the whole list as CSV, masked, at most 5,000 rows."""
    reach = reach_of(web, user)

    def page(after: str) -> tuple[list[tuple[object, ...]], str | None]:
        with reading(web.runtime.engine) as session:
            listed = list_volumes(session, reach, wanted, after=after, limit=_PRINTED, order=order)
            rows = rows_of(web, session, listed)
        following = rows[-1].volume.code if len(rows) == _PRINTED else None
        return [_named(web, _line(row)) for row in rows], following

    lines = [dict(zip(_HEADING, line, strict=True)) for line in every_page(page, "")]
    columns = {heading: heading for heading in _HEADING}
    return exported(web, user, Sheet("册", "volumes", columns), lines)


@router.get("/series")
def series_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """List the series by fonds, year and term, with how many volumes each holds."""
    return _series_list(request, web, user, "卷目", citywide=False)


@router.get("/citywide")
def citywide_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """List the series of 全域通办: cases received for residents of other stations."""
    return _series_list(request, web, user, "全域通办卷", citywide=True)


def _series_list(
    request: Request, web: WebApp, user: User, heading: str, *, citywide: bool
) -> Response:
    user.require(Act.VIEW)
    with reading(web.runtime.engine) as session:
        rows = series_summary(session, reach_of(web, user), citywide=citywide)
    return web.page(
        request, user, "series_list.html", heading=heading, rows=rows, units=_units(web)
    )


def _units(web: WebApp) -> dict[str, str]:
    """Return by the number of a fonds the name of its unit."""
    return {unit.fonds_no: unit.name for unit in web.runtime.organisations if unit.fonds_no}


@router.get("/series/{fonds}/{series}/{year}/{term}")
def one_series(
    request: Request,
    web: Web,
    user: LoggedIn,
    fonds: str,
    series: str,
    year: int,
    term: str,
    lists: Lists,
    after: int = 0,
) -> Response:
    """Draw one series in the order of its numbers, which is the order of completion.

    Each gap is shown with its reason, and whether the order holds.
    """
    if lists.csv:
        return series_csv(web, user, fonds, series, year, term)
    key = (fonds, series, year, term)
    values = _series(web, user, key, after, PAGE)
    with reading(web.runtime.engine) as session:
        order = check_order(
            session, key, volumes_in(reach_of(web, user)), whole=_sees_all(web, user, fonds)
        )
    return web.page(request, user, "series.html", order=order, **values)


def _sees_all(web: WebApp, user: User, fonds: str) -> bool:
    """Say whether the user sees every volume of a fonds: its district does, and the city."""
    own = web.runtime.organisations.get(user.reader.org)
    return own.kind is OrgKind.CITY or own.fonds_no == fonds


@router.get("/series/{fonds}/{series}/{year}/{term}/register.csv")
def series_csv(web: Web, user: LoggedIn, fonds: str, series: str, year: int, term: str) -> Response:
    """Export the 案卷目录 of a whole series as CSV, masked; journalled."""
    key = (fonds, series, year, term)
    lines, after = [], 0
    while True:
        values = _series(web, user, key, after, _PRINTED)
        lines += [_line(row) for row in values["rows"]]
        if values["next"] is None:
            break
        after = values["next"]
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        note_look(session, user, JournalAct.EXPORT_LIST, "/".join(map(str, key)), rows=len(lines))
    named = [_named(web, line) for line in lines]
    return as_csv(f"案卷目录-{fonds}-{series}-{year}-{term}", _HEADING, named)


def _named(web: WebApp, line: tuple[object, ...]) -> tuple[object, ...]:
    """Return a line with the names of its organisations."""
    return (*line[:4], web.org(str(line[4])), web.org(str(line[5])), *line[6:])


def _line(row: Row) -> tuple[object, ...]:
    volume, case, version = row.volume, row.case, row.version
    state = (
        "作废"
        if volume.void_reason
        else label(version.state, "VolumeState")
        if version
        else "待组卷"
    )
    note = volume.void_reason or ("补归" if volume.late else "")
    return (
        volume.number,
        volume.code,
        case.case_no,
        f"{whom(case.facts)}{row.item}",
        case.receive_org,
        case.domicile_org,
        clock(volume.completed_at),
        (version.pages or "") if version else "",
        label(volume.term, "Retention"),
        state,
        note,
    )


@router.get("/series/{fonds}/{series}/{year}/{term}/{sheet}")
def printed_series(
    request: Request,
    web: Web,
    user: LoggedIn,
    fonds: str,
    series: str,
    year: int,
    term: str,
    sheet: str,
    after: int = 0,
) -> Response:
    """Draw the 案卷目录, 移交清册 or 脊背, laid out for paper.

    A long series is printed in parts.
    """
    if sheet not in {"register", "spines", "transfer"}:
        raise RefusedError(Denial.NOT_HERE)
    key = (fonds, series, year, term)
    values = _series(web, user, key, after, _PRINTED)
    totals = (0, 0)
    if sheet == "transfer":
        with reading(web.runtime.engine) as session:
            totals = archived_totals(session, reach_of(web, user), key)
    return web.page(
        request, user, f"print_{sheet}.html", totals=totals, path_here=request.url.path, **values
    )


def _series(web: WebApp, user: User, key: SeriesKey, after: int, limit: int) -> dict[str, Any]:
    """Return what a page of a series shows: at most `limit` volumes after a number."""
    user.require(Act.VIEW)
    with reading(web.runtime.engine) as session:
        page = series_volumes(session, reach_of(web, user), key, after, limit + 1)
        if not page and not after:
            raise RefusedError(Denial.NOT_HERE)
        rows = rows_of(web, session, page[:limit])
    fonds, series, year, term = key
    return {
        "fonds": fonds,
        "series": series,
        "year": year,
        "term": term,
        "unit": _units(web).get(fonds, fonds),
        "rows": rows,
        "next": rows[-1].volume.number if len(page) > limit else None,
        "after": after,
    }
