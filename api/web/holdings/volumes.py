"""Lists of volumes: 册, 卷目 and 全域通办卷, and the sheets printed from a series.

A series is listed in the order of its numbers, which is the order of completion.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.http.daily import counted
from api.web.shell.filters import clock, label
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.lists import Lists, Sheet, exported
from api.web.shell.page import LoggedIn, PageRoute, RefusedError, User, Web, WebApp
from api.web.shell.scope import PAGE, Row, note_look, reach_of, rows_of
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
    archived_totals,
    numbered_years,
    part_of_volumes,
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
VOLUMES = Shape(
    (
        Column("档号", "code"),
        Column("题名"),
        Column("收件 → 户籍地"),
        Column("办结", "completed"),
        Column("页数", number=True),
        Column("状态"),
    ),
    day="办结",
    station="收件或户籍地",
    usual="code",
    what="册",
)
PICKED_VOLUMES = replace(VOLUMES, columns=(Column("勾选", unseen=True), *VOLUMES.columns))
_PRINTED = 100
"""Volumes on one part of a printed register."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list of volumes is narrowed to, as its address says it."""

    series: Word = ""
    year: Word = ""
    state: Word = ""
    org: Word = ""
    code: Word = ""
    received: Word = ""
    item: Word = ""

    def filter(self, web: WebApp, stations: frozenset[str]) -> VolumeFilter:
        """Return the same as the database is asked, with the stations of the list."""
        organisations = web.runtime.organisations
        return VolumeFilter(
            series=self.series,
            year=self.year,
            state=self.state,
            fonds=organisations.fonds_of(self.org) if self.org in organisations else "",
            code=self.code,
            stations=stations,
            received=(reach_below(self.received, organisations) or frozenset())
            if self.received in organisations
            else frozenset(),
            item=self.item,
        )


@router.get("/volumes")
def volumes_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    wanted: Annotated[Wanted, Depends()],
) -> Response:
    """List all volumes that the user may see; filters and order stay in the address."""
    user.require(Act.VIEW)
    shape = PICKED_VOLUMES if user.may(Act.PRINT) else VOLUMES
    volumes = listed(request, web.runtime.organisations, shape)
    reach, narrowed = reach_of(web, user), wanted.filter(web, volumes.wanted.stations)
    key = ("listed", user.reader.org, narrowed, volumes.wanted.since, volumes.wanted.until)
    with reading(web.runtime.engine) as session:
        part = part_of_volumes(
            session,
            reach,
            narrowed,
            volumes.wanted,
            lambda count: web.recent.get(key, count),
        )
        volumes = volumes.with_part(part)
        rows = rows_of(web, session, part.rows)
        years = numbered_years(session)
    if volumes.csv and not volumes.faults:
        return _volumes_csv(web, user, rows)
    return web.page(
        request,
        user,
        "volumes.html",
        status=volumes.status,
        rows=rows,
        asked=wanted,
        volumes=volumes,
        item_asked=next(
            (item.name for item in web.runtime.catalogue if item.code == wanted.item), "不详"
        ),
        promises=_promises(web, rows) if wanted.state == "overdue" else {},
        choices={
            "series": list(Series),
            "years": years,
            "orgs": web.runtime.organisations.of_kind(OrgKind.DISTRICT),
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


def _volumes_csv(web: WebApp, user: User, rows: Sequence[Row]) -> Response:
    """Export the whole list as CSV, masked."""
    lines = [dict(zip(_HEADING, _named(web, _line(row)), strict=True)) for row in rows]
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
