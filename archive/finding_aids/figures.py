"""Figures of 档案统计: counts within a reach and a span of months of completion."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy import case as when
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, CaseSource
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.finding_aids.reach import Reach, cases_in, volumes_in
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import VolumeState

_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts as of a moment `at`.

    `received` and `items`: cases by station and by item, the most first. `months`: cases by month
    of completion. `series`: volumes, pages and bytes. `sources`: cases, materials and pages.
    """

    at: datetime
    received: dict[str, int]
    items: dict[str, int]
    months: tuple[tuple[datetime, int], ...]
    series: dict[str, tuple[int, int, int]]
    sources: dict[str, tuple[int, int, int]]

    @property
    def total(self) -> int:
        """Return the number of all cases."""
        return sum(self.received.values())


def month_of(text: str) -> datetime | None:
    """Return the beginning of a month YYYY-MM in local time; None for any other text."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=LOCAL_TIME)
    except ValueError:
        return None


def following(month: datetime, count: int = 1) -> datetime:
    """Return the beginning of the month that is `count` later, or earlier for less than 0."""
    number = month.year * 12 + month.month - 1 + count
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=LOCAL_TIME)


def figures(
    session: Session, reach: Reach, since: datetime | None = None, until: datetime | None = None
) -> Figures:
    """Count from the beginning of the month `since` to the end of the month `until`."""
    span: list[ColumnElement[bool]] = [Case.completed_at >= since] if since else []
    if until:
        span.append(Case.completed_at < following(until))
    where = and_(cases_in(reach), *span)
    received: dict[str, int] = {}
    items: dict[str, int] = {}
    for org, item, count in session.execute(
        select(Case.receive_org, Case.item_code, func.count())
        .where(where)
        .group_by(Case.receive_org, Case.item_code)
    ):
        received[org] = received.get(org, 0) + count
        items[item] = items.get(item, 0) + count
    return Figures(
        datetime.now(UTC),
        _falling(received),
        _falling(items),
        _months(session, where, until),
        _series(session, reach, since, until),
        _sources(session, where, everything=not span and reach is None),
    )


def _falling(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda count: (-count[1], count[0])))


def months(session: Session, reach: Reach) -> tuple[tuple[datetime, int], ...]:
    """Count the completed cases of the twelve months that end with the newest one."""
    return _months(session, cases_in(reach), None)


def _months(
    session: Session, where: ColumnElement[bool], until: datetime | None
) -> tuple[tuple[datetime, int], ...]:
    """Count the twelve months up to `until`, or the newest, in local time, in one walk."""
    newest: datetime | None = until or session.scalar(
        select(func.max(Case.completed_at)).where(where)
    )
    last = (newest or datetime.now(UTC)).astimezone(LOCAL_TIME)
    starts = [following(last, back) for back in range(1 - _MONTHS, 2)]
    spans = list(itertools.pairwise(starts))
    sums = [
        func.sum(when(((Case.completed_at >= first) & (Case.completed_at < end), 1), else_=0))
        for first, end in spans
    ]
    row = session.execute(select(*sums).where(where, Case.completed_at >= starts[0])).one()
    return tuple((first, int(count or 0)) for (first, _), count in zip(spans, row, strict=True))


def _series(
    session: Session, reach: Reach, since: datetime | None, until: datetime | None
) -> dict[str, tuple[int, int, int]]:
    """Count volumes, pages and bytes by series, in the month in which the case was completed."""
    query = (
        select(
            Volume.series,
            func.count(Volume.id.distinct()),
            func.sum(VolumeVersion.pages),
            func.sum(VolumeVersion.bytes),
        )
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .where(volumes_in(reach), VolumeVersion.state == VolumeState.COMMITTED)
    )
    if since:
        query = query.where(Volume.completed_at >= since)
    if until:
        query = query.where(Volume.completed_at < following(until))
    return {
        series: (count, int(pages or 0), int(size or 0))
        for series, count, pages, size in session.execute(query.group_by(Volume.series))
    }


def _sources(
    session: Session, where: ColumnElement[bool], *, everything: bool
) -> dict[str, tuple[int, int, int]]:
    """Count cases, materials and pages by source."""
    query = select(
        CaseSource.source, func.count(), func.sum(CaseSource.materials), func.sum(CaseSource.pages)
    )
    if not everything:
        query = query.join(Case, Case.id == CaseSource.case_id).where(where)
    return {
        source: (cases, int(materials), int(pages))
        for source, cases, materials, pages in session.execute(query.group_by(CaseSource.source))
    }
