"""册, 卷目 and 全域通办卷: the register by filters and by series, in order of completion, and the sheets that are printed from it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, select

from api.web.shell.filters import clock, label, who
from api.web.shell.page import At, PageRoute, RefusedError, Seat, Seated, WebApp
from api.web.shell.scope import PAGE, Row, note_look, rows_of, volumes_of
from api.web.shell.spreadsheets import as_csv
from archive.administration.policy import Act, Denial
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_volumes import NumberCounter, Volume, VolumeVersion
from archive.finding_aids.volumes import check_order
from archive.reference.vocabulary import OrgKind, Series, VolumeState

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Word = Annotated[str, Query(max_length=64)]
_ON_THE_WAY = tuple(one for one in VolumeState if one is not VolumeState.COMMITTED)
_PRINTED = 100
"""Volumes on one part of a printed register."""


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
        query = select(Volume.id).where(*where)
        ids = session.scalars(
            (query.where(Volume.code > after) if after else query)
            .order_by(Volume.code)
            .limit(PAGE + 1)
        ).all()
        page = session.execute(
            select(Volume, Case).join(Case).where(Volume.id.in_(ids)).order_by(Volume.code)
        ).all()
        key = ("listed", seat.reader.org, *asked.values())
        total = desk.recent.get(
            key, lambda: session.scalar(select(func.count()).select_from(Volume).where(*where)) or 0
        )
        rows = rows_of(desk, session, [(volume, case) for volume, case in page[:PAGE]])
        years = session.scalars(
            select(NumberCounter.year).distinct().order_by(NumberCounter.year.desc())
        ).all()
    return desk.page(
        request,
        seat,
        "volumes.html",
        rows=rows,
        total=total,
        asked=asked,
        next=rows[-1].volume.code if len(page) > PAGE else None,
        choices={
            "series": list(Series),
            "years": years,
            "orgs": desk.runtime.organisations.of_kind(OrgKind.DISTRICT),
        },
    )


def _filters(desk: WebApp, asked: dict[str, str]) -> list[ColumnElement[bool]]:
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
    """What the choice of a state means. The rare states are looked up from their few versions, the common one volume by volume."""
    versions = select(VolumeVersion.volume_id)
    archived = exists().where(
        VolumeVersion.volume_id == Volume.id, VolumeVersion.state == VolumeState.COMMITTED
    )
    ways = versions.where(VolumeVersion.state.in_(_ON_THE_WAY))
    return {
        "archived": archived,
        "owing": Volume.id.in_(
            versions.where(VolumeVersion.state == VolumeState.COMMITTED, VolumeVersion.lta_pending)
        ),
        "open": and_(Volume.id.in_(ways), ~archived, Volume.void_reason.is_(None)),
        "overdue": Volume.case_id.in_(select(Case.id).where(is_overdue())),
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


def _series_list(
    request: Request, desk: WebApp, seat: Seat, heading: str, which: ColumnElement[bool]
) -> Response:
    seat.require(Act.VIEW)
    key = (Volume.fonds, Volume.series, Volume.year, Volume.term)
    query = select(*key, func.count(), func.min(Volume.completed_at), func.max(Volume.completed_at))
    with reading(desk.runtime.engine) as session:
        found = session.execute(
            query.where(volumes_of(desk, seat), which).group_by(*key).order_by(*key)
        ).all()
    units = {one.fonds_no: one.name for one in desk.runtime.organisations if one.fonds_no}
    return desk.page(request, seat, "series_list.html", heading=heading, rows=found, units=units)


Key = tuple[str, str, int, str]


@router.get("/series/{fonds}/{series}/{year}/{term}")
def one_series(
    request: Request,
    desk: At,
    seat: Seated,
    fonds: str,
    series: str,
    year: int,
    term: str,
    after: int = 0,
) -> Response:
    """One series in the order of its numbers, which is the order of completion; each gap with its reason, and whether the order holds."""
    key = (fonds, series, year, term)
    values = _series(desk, seat, key, after, PAGE)
    with reading(desk.runtime.engine) as session:
        order = check_order(
            session, key, volumes_of(desk, seat), whole=_sees_all(desk, seat, fonds)
        )
    return desk.page(request, seat, "series.html", order=order, **values)


def _sees_all(desk: WebApp, seat: Seat, fonds: str) -> bool:
    """Whether he sees every volume of a fonds: its district, and the city."""
    own = desk.runtime.organisations.get(seat.reader.org)
    return own.kind is OrgKind.CITY or own.fonds_no == fonds


@router.get("/series/{fonds}/{series}/{year}/{term}/register.csv")
def series_csv(desk: At, seat: Seated, fonds: str, series: str, year: int, term: str) -> Response:
    """案卷目录 as CSV, masked; the whole series, and that it was taken stands in the journal."""
    key = (fonds, series, year, term)
    lines, after = [], 0
    while True:
        values = _series(desk, seat, key, after, _PRINTED)
        lines += [_line(row) for row in values["rows"]]
        if values["next"] is None:
            break
        after = values["next"]
    with writing(desk.runtime.engine) as session:
        note_look(session, seat, JournalAct.EXPORT_LIST, "/".join(map(str, key)), rows=len(lines))
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
    named = [
        (*line[:4], desk.org(str(line[4])), desk.org(str(line[5])), *line[6:]) for line in lines
    ]
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
        f"{who(case.facts)}{row.item}",
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
    desk: At,
    seat: Seated,
    fonds: str,
    series: str,
    year: int,
    term: str,
    sheet: str,
    after: int = 0,
) -> Response:
    """案卷目录, 移交清册 or 脊背, laid out for paper; a long series is printed in parts."""
    if sheet not in {"register", "spines", "transfer"}:
        raise RefusedError(Denial.NOT_HERE)
    key = (fonds, series, year, term)
    values = _series(desk, seat, key, after, _PRINTED)
    totals = (0, 0)
    if sheet == "transfer":
        with reading(desk.runtime.engine) as session:
            mine = select(Volume.id).where(_of(key), volumes_of(desk, seat))
            held = select(func.max(VolumeVersion.pages).label("pages")).where(
                VolumeVersion.volume_id.in_(mine)
            )
            made = (
                held.where(VolumeVersion.state == VolumeState.COMMITTED)
                .group_by(VolumeVersion.volume_id)
                .subquery()
            )
            count, pages = session.execute(
                select(func.count(), func.sum(made.c.pages)).select_from(made)
            ).one()
            totals = (count, int(pages or 0))
    return desk.page(
        request, seat, f"print_{sheet}.html", totals=totals, path_here=request.url.path, **values
    )


def _of(key: Key) -> ColumnElement[bool]:
    return and_(
        Volume.fonds == key[0],
        Volume.series == key[1],
        Volume.year == key[2],
        Volume.term == key[3],
    )


def _series(desk: WebApp, seat: Seat, key: Key, after: int, limit: int) -> dict[str, Any]:
    seat.require(Act.VIEW)
    with reading(desk.runtime.engine) as session:
        query = (
            select(Volume, Case)
            .join(Case, Case.id == Volume.case_id)
            .where(_of(key), volumes_of(desk, seat), Volume.number > after)
        )
        page = session.execute(query.order_by(Volume.number).limit(limit + 1)).all()
        if not page and not after:
            raise RefusedError(Denial.NOT_HERE)
        rows = rows_of(desk, session, [(volume, case) for volume, case in page[:limit]])
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
