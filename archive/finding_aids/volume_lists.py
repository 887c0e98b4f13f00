"""Look-ups and counts of volumes (册) within a reach, and registers of series (卷目)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from archive.database.listing import ListPart, ListWanted, QueryList
from archive.database.tables_cases import Case
from archive.database.tables_volumes import NumberCounter, Volume, VolumeVersion
from archive.finding_aids.reach import Reach, volumes_in
from archive.reference.vocabulary import Series, VolumeState

_UNCOMMITTED = tuple(state for state in VolumeState if state is not VolumeState.COMMITTED)
_COMMITTED = VolumeVersion.state == VolumeState.COMMITTED

SeriesKey = tuple[str, str, int, str]
"""Fonds, series, year and retention term."""


@dataclass(frozen=True, slots=True)
class VolumeFilter:
    """What a list of volumes is narrowed to; empty fields narrow nothing.

    `stations` received the case or are its domicile, `received` received it; `until` is the first
    moment that is too late.

    `state` is a key of `_states`, `year` counts if it is a number, `code` is a prefix of the 档号.
    """

    series: str = ""
    year: str = ""
    state: str = ""
    fonds: str = ""
    code: str = ""
    stations: frozenset[str] = frozenset()
    received: frozenset[str] = frozenset()
    item: str = ""
    since: datetime | None = None
    until: datetime | None = None


def find_volume(session: Session, code: str) -> tuple[Volume, Case] | None:
    """Return the volume of a 档号 with its case."""
    query = select(Volume, Case).join(Case, Case.id == Volume.case_id).where(Volume.code == code)
    row = session.execute(query).first()
    return None if row is None else (row[0], row[1])


def archived_version(
    session: Session, volume: Volume, number: int | None = None
) -> VolumeVersion | None:
    """Return the newest archived version of a volume, or the one of a number if archived."""
    query = select(VolumeVersion).where(VolumeVersion.volume_id == volume.id, _COMMITTED)
    if number is not None:
        query = query.where(VolumeVersion.version == number)
    return session.scalars(query.order_by(VolumeVersion.version.desc()).limit(1)).first()


def versions_of(session: Session, volume: Volume) -> Sequence[VolumeVersion]:
    """Return all versions of a volume, the newest first."""
    return session.scalars(
        select(VolumeVersion).filter_by(volume_id=volume.id).order_by(VolumeVersion.version.desc())
    ).all()


def listed_versions(session: Session, volumes: Sequence[Volume]) -> dict[int, VolumeVersion]:
    """Return by the id of a volume its newest archived version, or its newest if none is."""
    versions: dict[int, VolumeVersion] = {}
    query = (
        select(VolumeVersion)
        .where(VolumeVersion.volume_id.in_([volume.id for volume in volumes]))
        .order_by(VolumeVersion.version)
    )
    for version in session.scalars(query):
        listed = versions.get(version.volume_id)
        if (
            listed is None
            or version.state == VolumeState.COMMITTED
            or listed.state != VolumeState.COMMITTED
        ):
            versions[version.volume_id] = version
    return versions


class VolumeOrder(StrEnum):
    """The order of a list of volumes."""

    CODE = "code"
    CODE_DOWN = "-code"
    COMPLETED = "completed"
    COMPLETED_DOWN = "-completed"


def list_volumes(
    session: Session,
    reach: Reach,
    wanted: VolumeFilter,
    *,
    after: str = "",
    limit: int,
    order: VolumeOrder = VolumeOrder.CODE,
) -> list[tuple[Volume, Case]]:
    """Return the volumes after a 档号 in an order, each with its case."""
    query = select(Volume.id).where(volumes_in(reach), *_conditions(wanted))
    by, down = order.removeprefix("-"), order.startswith("-")
    keys = (Volume.code,) if by == VolumeOrder.CODE else (Volume.completed_at, Volume.code)
    if after:
        place = session.execute(select(*keys).where(Volume.code == after)).first()
        if place is not None:
            place_keys = tuple_(
                *(literal(value, key.type) for key, value in zip(keys, place, strict=True))
            )
            query = query.where(tuple_(*keys) < place_keys if down else tuple_(*keys) > place_keys)
    ordered = [key.desc() if down else key for key in keys]
    ids = session.scalars(query.order_by(*ordered).limit(limit)).all()
    rows = select(Volume, Case).join(Case).where(Volume.id.in_(ids)).order_by(*ordered)
    return list(session.execute(rows).all())


VOLUMES = QueryList(
    Volume.id,
    {"code": Volume.code, "completed": Volume.completed_at, "org": Volume.filing_org},
    "code",
    day=Volume.completed_at,
)


def part_of_volumes(
    session: Session,
    reach: Reach,
    narrowed: VolumeFilter,
    wanted: ListWanted,
    recent: Callable[[Callable[[], int]], int],
) -> ListPart[tuple[Volume, Case]]:
    """Return one page of the volumes, each with its case; stations are those of the filter."""
    where = (volumes_in(reach), *_conditions(narrowed))
    part = VOLUMES.part(session, select(Volume), wanted, where, recent)
    cases = select(Case).where(Case.id.in_([volume.case_id for volume in part.rows]))
    by_id = {case.id: case for case in session.scalars(cases)}
    return ListPart([(volume, by_id[volume.case_id]) for volume in part.rows], part.total)


def count_volumes(session: Session, reach: Reach, wanted: VolumeFilter) -> int:
    """Count the volumes that fulfil a filter."""
    query = select(func.count()).select_from(Volume)
    return session.scalar(query.where(volumes_in(reach), *_conditions(wanted))) or 0


def _conditions(wanted: VolumeFilter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if wanted.series:
        where.append(Volume.series == wanted.series)
    if wanted.year.isdecimal():
        where.append(Volume.year == int(wanted.year))
    if wanted.fonds:
        where.append(Volume.fonds == wanted.fonds)
    if wanted.code:
        where.append(Volume.code.startswith(wanted.code.replace(".", "·"), autoescape=True))
    if wanted.stations:
        cases = select(Case.id).where(
            or_(Case.receive_org.in_(wanted.stations), Case.domicile_org.in_(wanted.stations))
        )
        where.append(Volume.case_id.in_(cases))
    if wanted.received:
        taken = select(Case.id).where(Case.receive_org.in_(wanted.received))
        where.append(Volume.case_id.in_(taken))
    if wanted.item:
        where.append(Volume.case_id.in_(select(Case.id).where(Case.item_code == wanted.item)))
    if wanted.since:
        where.append(Volume.completed_at >= wanted.since)
    if wanted.until:
        where.append(Volume.completed_at < wanted.until)
    state = _states().get(wanted.state)
    return where if state is None else [*where, state]


def _states() -> dict[str, ColumnElement[bool]]:
    """Return what each choice of a state means.

    The rare states are looked up from their few versions, the common one volume by volume.
    """
    versions = select(VolumeVersion.volume_id)
    archived = exists().where(VolumeVersion.volume_id == Volume.id, _COMMITTED)
    uncommitted = versions.where(VolumeVersion.state.in_(_UNCOMMITTED))
    return {
        "archived": archived,
        "owing": Volume.id.in_(versions.where(_COMMITTED, VolumeVersion.lta_pending)),
        "open": and_(Volume.id.in_(uncommitted), ~archived, Volume.void_reason.is_(None)),
        "overdue": Volume.case_id.in_(select(Case.id).where(is_overdue())),
        "frozen": Volume.id.in_(versions.where(VolumeVersion.state == VolumeState.QUARANTINED)),
        "void": Volume.void_reason.is_not(None),
    }


def is_overdue() -> ColumnElement[bool]:
    """Return the condition for cases finished late, as their inspection found (R34)."""
    return cast(Case.findings, Text).contains('"OVERDUE"')


def numbered_years(session: Session) -> Sequence[int]:
    """Return the years under which numbers were given, the latest first."""
    return session.scalars(
        select(NumberCounter.year).distinct().order_by(NumberCounter.year.desc())
    ).all()


def volumes_by_station(session: Session) -> dict[str, int]:
    """Count the volumes by the station that files them."""
    query = select(Volume.filing_org, func.count()).group_by(Volume.filing_org)
    return dict(session.execute(query).all())


def count_archived(session: Session, reach: Reach, *, without_timestamp: bool = False) -> int:
    """Count the volumes that have an archived version, or one that still lacks its timestamp."""
    query = select(func.count(VolumeVersion.volume_id.distinct())).where(_COMMITTED)
    if reach is not None:
        query = query.join(Volume, Volume.id == VolumeVersion.volume_id).where(volumes_in(reach))
    return (
        session.scalar(query.where(VolumeVersion.lta_pending) if without_timestamp else query) or 0
    )


def count_overdue(session: Session, reach: Reach) -> int:
    """Count the volumes whose case was finished after the promised day (R34)."""
    query = select(func.count()).select_from(Volume).join(Case)
    return session.scalar(query.where(volumes_in(reach), is_overdue())) or 0


def count_quarantined(session: Session, reach: Reach) -> int:
    """Count the volumes that have a quarantined version."""
    query = select(func.count(VolumeVersion.volume_id.distinct())).join(
        Volume, Volume.id == VolumeVersion.volume_id
    )
    return (
        session.scalar(
            query.where(volumes_in(reach), VolumeVersion.state == VolumeState.QUARANTINED)
        )
        or 0
    )


def latest_archived(session: Session, reach: Reach, limit: int) -> list[tuple[Volume, Case]]:
    """Return the volumes that were archived last, each with its case, the latest first."""
    query = (
        select(VolumeVersion.volume_id)
        .where(_COMMITTED)
        .order_by(VolumeVersion.committed_at.desc())
        .limit(limit * 2)
    )
    if reach is not None:
        query = query.join(Volume, Volume.id == VolumeVersion.volume_id).where(volumes_in(reach))
    ids = list(dict.fromkeys(session.scalars(query)))[:limit]
    rows = session.execute(select(Volume, Case).join(Case).where(Volume.id.in_(ids)))
    by_id = {volume.id: (volume, case) for volume, case in rows}
    return [by_id[volume_id] for volume_id in ids]


def series_summary(
    session: Session, reach: Reach, *, citywide: bool
) -> Sequence[tuple[str, str, int, str, int, datetime, datetime]]:
    """Return for each series its key, how many volumes it holds, first and last completion.

    `citywide` chooses the series of 全域通办 (QY), else all others.
    """
    key = (Volume.fonds, Volume.series, Volume.year, Volume.term)
    which = Volume.series == Series.QY if citywide else Volume.series != Series.QY
    query = select(*key, func.count(), func.min(Volume.completed_at), func.max(Volume.completed_at))
    rows = session.execute(query.where(volumes_in(reach), which).group_by(*key).order_by(*key))
    return rows.all()


def series_volumes(
    session: Session, reach: Reach, key: SeriesKey, after: int, limit: int
) -> list[tuple[Volume, Case]]:
    """Return the volumes of a series after a number, in order of their numbers."""
    query = (
        select(Volume, Case)
        .join(Case, Case.id == Volume.case_id)
        .where(_in_series(key), volumes_in(reach), Volume.number > after)
        .order_by(Volume.number)
        .limit(limit)
    )
    return list(session.execute(query).all())


def archived_totals(session: Session, reach: Reach, key: SeriesKey) -> tuple[int, int]:
    """Return how many volumes of a series are archived, and their pages."""
    volume_ids = select(Volume.id).where(_in_series(key), volumes_in(reach))
    archived = (
        select(func.max(VolumeVersion.pages).label("pages"))
        .where(VolumeVersion.volume_id.in_(volume_ids), _COMMITTED)
        .group_by(VolumeVersion.volume_id)
        .subquery()
    )
    count, pages = session.execute(
        select(func.count(), func.sum(archived.c.pages)).select_from(archived)
    ).one()
    return count, int(pages or 0)


def _in_series(key: SeriesKey) -> ColumnElement[bool]:
    fonds, series, year, term = key
    return and_(
        Volume.fonds == fonds, Volume.series == series, Volume.year == year, Volume.term == term
    )
