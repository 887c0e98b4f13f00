"""Lists of volumes: 册, 卷目 and 全域通办卷, and the sheets printed from a series.

A series is listed in the order of its numbers, which is the order of completion.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.http.daily import counted
from api.web.shell.filters import clock, label
from api.web.shell.page import LoggedIn, PageRoute, RefusedError, User, Web, WebApp
from api.web.shell.scope import PAGE, Row, note_look, reach_of, rows_of
from api.web.shell.spreadsheets import as_csv
from archive.administration.daily_use import Shown
from archive.administration.policy import Act, Denial
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.finding_aids.reach import volumes_in
from archive.finding_aids.volume_lists import (
    SeriesKey,
    VolumeFilter,
    archived_totals,
    count_volumes,
    list_volumes,
    numbered_years,
    series_summary,
    series_volumes,
)
from archive.finding_aids.volumes import check_order
from archive.finding_aids.whom import whom
from archive.reference.vocabulary import OrgKind, Series

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Word = Annotated[str, Query(max_length=64)]
_PRINTED = 100
"""Volumes on one part of a printed register."""


@router.get("/volumes")
def volumes_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    series: Word = "",
    year: Word = "",
    state: Word = "",
    org: Word = "",
    code: Word = "",
    after: Word = "",
) -> Response:
    """List all volumes that the user may see, in order of 档号; filters stay in the address."""
    user.require(Act.VIEW)
    asked = {"series": series, "year": year, "state": state, "org": org, "code": code}
    reach, wanted = reach_of(web, user), _wanted(web, asked)
    with reading(web.runtime.engine) as session:
        page = list_volumes(session, reach, wanted, after=after, limit=PAGE + 1)
        key = ("listed", user.reader.org, *asked.values())
        total = web.recent.get(key, lambda: count_volumes(session, reach, wanted))
        rows = rows_of(web, session, page[:PAGE])
        years = numbered_years(session)
    return web.page(
        request,
        user,
        "volumes.html",
        rows=rows,
        total=total,
        asked=asked,
        next=rows[-1].volume.code if len(page) > PAGE else None,
        choices={
            "series": list(Series),
            "years": years,
            "orgs": web.runtime.organisations.of_kind(OrgKind.DISTRICT),
        },
    )


def _wanted(web: WebApp, asked: dict[str, str]) -> VolumeFilter:
    org, organisations = asked["org"], web.runtime.organisations
    return VolumeFilter(
        series=asked["series"],
        year=asked["year"],
        state=asked["state"],
        fonds=organisations.fonds_of(org) if org in organisations else "",
        code=asked["code"],
    )


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
    after: int = 0,
) -> Response:
    """Draw one series in the order of its numbers, which is the order of completion.

    Each gap is shown with its reason, and whether the order holds.
    """
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
    heading = (
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
    named = [(*line[:4], web.org(str(line[4])), web.org(str(line[5])), *line[6:]) for line in lines]
    return as_csv(f"案卷目录-{fonds}-{series}-{year}-{term}", heading, named)


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
