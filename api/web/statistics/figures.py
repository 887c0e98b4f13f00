"""What 统计 counts, within a reader's scope and a span of months. `api.web.recent` keeps the figures for a minute: the page says as at when."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy import case as when
from sqlalchemy.orm import Session

from api.web.shell.page import Seat, WebApp
from api.web.shell.scope import cases_of, orgs_below, volumes_of
from archive.database.tables_cases import Case, CaseSource
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import VolumeState

_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of cases by station and item and by month of completion; of volumes, pages and bytes by series; of materials by source."""

    at: datetime
    received: dict[str, int]
    items: dict[str, int]
    months: tuple[tuple[datetime, int], ...]
    series: dict[str, tuple[int, int, int]]
    sources: dict[str, tuple[int, int, int]]

    @property
    def total(self) -> int:
        """All cases."""
        return sum(self.received.values())


def month_of(text: str) -> datetime | None:
    """The beginning of a month, YYYY-MM, on the clock of the place; None for what is none."""
    try:
        found = datetime.strptime(text, "%Y-%m").replace(tzinfo=LOCAL_TIME)
    except ValueError:
        return None
    return found


def following(month: datetime, count: int = 1) -> datetime:
    """The beginning of a later month, or of an earlier one."""
    place = month.year * 12 + month.month - 1 + count
    return datetime(place // 12, place % 12 + 1, 1, tzinfo=LOCAL_TIME)


def figures(
    desk: WebApp,
    session: Session,
    seat: Seat,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Figures:
    """Count within a span of completion: from the beginning of `since` to the end of the month `until`."""
    spanned: list[ColumnElement[bool]] = [Case.completed_at >= since] if since else []
    if until:
        spanned.append(Case.completed_at < following(until))
    mine = and_(cases_of(desk, seat), *spanned)
    received: dict[str, int] = {}
    items: dict[str, int] = {}
    for org, item, count in session.execute(
        select(Case.receive_org, Case.item_code, func.count())
        .where(mine)
        .group_by(Case.receive_org, Case.item_code)
    ):
        received[org] = received.get(org, 0) + count
        items[item] = items.get(item, 0) + count
    return Figures(
        datetime.now(UTC),
        _falling(received),
        _falling(items),
        months(session, mine, until),
        _series(desk, session, seat, since, until),
        _sources(session, mine, everything=not spanned and orgs_below(desk, seat) is None),
    )


def _falling(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def months(
    session: Session, mine: ColumnElement[bool], until: datetime | None = None
) -> tuple[tuple[datetime, int], ...]:
    """Completed cases of the twelve months that end with `until`, or with the newest one, on the clock of the place; in one walk."""
    newest: datetime | None = until or session.scalar(
        select(func.max(Case.completed_at)).where(mine)
    )
    last = (newest or datetime.now(UTC)).astimezone(LOCAL_TIME)
    starts = [following(last, back) for back in range(1 - _MONTHS, 2)]
    spans = list(itertools.pairwise(starts))
    sums = [
        func.sum(when(((Case.completed_at >= first) & (Case.completed_at < end), 1), else_=0))
        for first, end in spans
    ]
    row = session.execute(select(*sums).where(mine, Case.completed_at >= starts[0])).one()
    return tuple((first, int(count or 0)) for (first, _), count in zip(spans, row, strict=True))


def _series(
    desk: WebApp, session: Session, seat: Seat, since: datetime | None, until: datetime | None
) -> dict[str, tuple[int, int, int]]:
    """Volumes, pages and bytes; a volume counts in the month in which its case was completed."""
    query = (
        select(
            Volume.series,
            func.count(Volume.id.distinct()),
            func.sum(VolumeVersion.pages),
            func.sum(VolumeVersion.bytes),
        )
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .where(volumes_of(desk, seat), VolumeVersion.state == VolumeState.COMMITTED)
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
    session: Session, mine: ColumnElement[bool], *, everything: bool
) -> dict[str, tuple[int, int, int]]:
    """Cases, materials and pages of each source."""
    query = select(
        CaseSource.source, func.count(), func.sum(CaseSource.materials), func.sum(CaseSource.pages)
    )
    if not everything:
        query = query.join(Case, Case.id == CaseSource.case_id).where(mine)
    return {
        source: (cases, int(materials), int(pages))
        for source, cases, materials, pages in session.execute(query.group_by(CaseSource.source))
    }
