"""册, 卷目 and 全域通办卷: the register by filters and by series, in order of completion, and the sheets that are printed from it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import ColumnElement, Text, and_, cast, func, select, tuple_

from api.web.door import At, Desk, PageRoute, RefusedError, Seat, Seated
from api.web.records import PAGE, rows_of, volumes_of
from archive.access import Act, Denial
from archive.db import reading
from archive.models import Case, Volume, VolumeVersion
from archive.vocabulary import OrgKind, Series, VolumeState

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Word = Annotated[str, Query(max_length=64)]
_PRINTED = 2000
"""Volumes on one printed register; more are printed in parts."""


@router.get("/volumes")
def volumes_page(
    request: Request,
    desk: At,
    seat: Seated,
    series: Word = "",
    year: Word = "",
    state: Word = "",
    org: Word = "",
    code: Word = "",
    after: Word = "",
) -> Response:
    """All volumes that the reader may see, newest completed last; the filters stay in the address."""
    seat.require(Act.VIEW)
    asked = {"series": series, "year": year, "state": state, "org": org, "code": code}
    with reading(desk.runtime.engine) as session:
        where = [volumes_of(desk, seat), *_filters(desk, asked)]
        query = select(Volume, Case).join(Case, Case.id == Volume.case_id).where(*where)
        page = session.execute((query.where(Volume.code > after) if after else query).order_by(Volume.code).limit(PAGE + 1)).tuples().all()
        total = session.scalar(select(func.count(Volume.id)).join(Case, Case.id == Volume.case_id).where(*where)) or 0
        rows = rows_of(desk, session, page[:PAGE])
        years = session.scalars(select(Volume.year).distinct().order_by(Volume.year.desc())).all()
    return desk.page(
        request,
        seat,
        "volumes.html",
        rows=rows,
        total=total,
        asked=asked,
        next=rows[-1].volume.code if len(page) > PAGE else None,
        choices={"series": list(Series), "years": years, "orgs": desk.runtime.organisations.of_kind(OrgKind.DISTRICT)},
    )


def _filters(desk: Desk, asked: dict[str, str]) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if asked["series"]:
        where.append(Volume.series == asked["series"])
    if asked["year"].isdecimal():
        where.append(Volume.year == int(asked["year"]))
    if asked["org"] in desk.runtime.organisations:
        where.append(Volume.fonds == desk.runtime.organisations.fonds_of(asked["org"]))
    if asked["code"]:
        where.append(Volume.code.startswith(asked["code"].replace(".", "·"), autoescape=True))
    found = _states().get(asked["state"])
    return where if found is None else [*where, found]


def _states() -> dict[str, ColumnElement[bool]]:
    """What the choice of a state means."""
    versions = select(VolumeVersion.volume_id)
    archived = versions.where(VolumeVersion.state == VolumeState.COMMITTED)
    return {
        "archived": Volume.id.in_(archived),
        "owing": Volume.id.in_(archived.where(VolumeVersion.lta_pending)),
        "open": and_(Volume.id.not_in(archived), Volume.void_reason.is_(None)),
        "overdue": is_overdue(),
        "frozen": Volume.id.in_(versions.where(VolumeVersion.state == VolumeState.QUARANTINED)),
        "void": Volume.void_reason.is_not(None),
    }


def is_overdue() -> ColumnElement[bool]:
    """Cases that were finished after the promised day, as their inspection found (R34)."""
    return cast(Case.findings, Text).contains('"OVERDUE"')


@router.get("/series")
def series_page(request: Request, desk: At, seat: Seated) -> Response:
    """The series by fonds, year and term, with how many volumes each holds."""
    return _series_list(request, desk, seat, "卷目", Volume.series != Series.QY)


@router.get("/citywide")
def citywide_page(request: Request, desk: At, seat: Seated) -> Response:
    """The series of 全域通办: what was received for other stations' residents."""
    return _series_list(request, desk, seat, "全域通办卷", Volume.series == Series.QY)


def _series_list(request: Request, desk: Desk, seat: Seat, heading: str, which: ColumnElement[bool]) -> Response:
    seat.require(Act.VIEW)
    key = (Volume.fonds, Volume.series, Volume.year, Volume.term)
    query = select(*key, func.count(), func.min(Volume.completed_at), func.max(Volume.completed_at)).join(Case, Case.id == Volume.case_id)
    with reading(desk.runtime.engine) as session:
        found = session.execute(query.where(volumes_of(desk, seat), which).group_by(*key).order_by(*key)).all()
    units = {one.fonds_no: one.name for one in desk.runtime.organisations if one.fonds_no}
    return desk.page(request, seat, "series_list.html", heading=heading, rows=found, units=units)


@router.get("/series/{fonds}/{series}/{year}/{term}")
def one_series(request: Request, desk: At, seat: Seated, fonds: str, series: str, year: int, term: str, after: int = 0) -> Response:
    """One series in the order of its numbers, which is the order of completion; each gap with its reason."""
    values = _series(desk, seat, (fonds, series, year, term), after, PAGE)
    return desk.page(request, seat, "series.html", **values)


@router.get("/series/{fonds}/{series}/{year}/{term}/{sheet}")
def printed_series(request: Request, desk: At, seat: Seated, fonds: str, series: str, year: int, term: str, sheet: str) -> Response:
    """案卷目录 or 脊背, laid out for paper."""
    if sheet not in {"register", "spines"}:
        raise RefusedError(Denial.NOT_HERE)
    values = _series(desk, seat, (fonds, series, year, term), 0, _PRINTED)
    return desk.page(request, seat, f"print_{sheet}.html", **values)


def _series(desk: Desk, seat: Seat, key: tuple[str, str, int, str], after: int, limit: int) -> dict[str, Any]:
    seat.require(Act.VIEW)
    of_series = tuple_(Volume.fonds, Volume.series, Volume.year, Volume.term) == key
    with reading(desk.runtime.engine) as session:
        query = select(Volume, Case).join(Case, Case.id == Volume.case_id).where(of_series, volumes_of(desk, seat), Volume.number > after)
        page = session.execute(query.order_by(Volume.number).limit(limit + 1)).tuples().all()
        if not page and not after:
            raise RefusedError(Denial.NOT_HERE)
        rows = rows_of(desk, session, page[:limit])
    units = {one.fonds_no: one.name for one in desk.runtime.organisations if one.fonds_no}
    return {
        "fonds": key[0],
        "series": key[1],
        "year": key[2],
        "term": key[3],
        "unit": units.get(key[0], key[0]),
        "rows": rows,
        "next": rows[-1].volume.number if len(page) > limit else None,
        "after": after,
    }
