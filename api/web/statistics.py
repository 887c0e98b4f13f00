"""统计: what the reader's organisations received and archived, by month, district, series, station and item."""

import itertools
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import case as when
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.web.charts import Bar, bars, columns
from api.web.door import At, Desk, PageRoute, Seat, Seated
from api.web.records import cases_of, volumes_of
from archive.access import Act
from archive.arrangement import LOCAL_TIME
from archive.db import reading
from archive.models import Case, Volume, VolumeVersion
from archive.vocabulary import Series, VolumeState

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_MONTHS, _MOST = 12, 10


@router.get("/statistics")
def statistics_page(request: Request, desk: At, seat: Seated) -> Response:
    """Counts as charts, each with its numbers."""
    seat.require(Act.VIEW)
    with reading(desk.runtime.engine) as session:
        received = _by(desk, session, seat, Case.receive_org)
        pages, size = _volume_sums(desk, session, seat)
        return desk.page(
            request,
            seat,
            "statistics.html",
            total=sum(received.values()),
            pages=pages,
            size=size,
            series=bars(_series(desk, session, seat), title="按卷目"),
            months=columns(by_month(desk, session, seat), width=1180, height=220),
            districts=bars(_districts(desk, received), title="按收件旗区"),
            stations=bars([Bar(desk.org(code), count) for code, count in list(received.items())[:_MOST]], title="收件单位前十"),
            items=bars(_items(desk, session, seat), title="事项前十"),
        )


def by_month(desk: Desk, session: Session, seat: Seat) -> list[Bar]:
    """Completed cases of the twelve months that end with the newest one, on the clock of the place; counted in one walk of the table."""
    mine = cases_of(desk, seat)
    newest: datetime | None = session.scalar(select(func.max(Case.completed_at)).where(mine))
    last = (newest or datetime.now(UTC)).astimezone(LOCAL_TIME)
    starts = [_month(last.year, last.month - back) for back in range(_MONTHS - 1, -2, -1)]
    spans = list(itertools.pairwise(starts))
    sums = [func.sum(when(((Case.completed_at >= first) & (Case.completed_at < end), 1), else_=0)) for first, end in spans]
    row = session.execute(select(*sums).where(mine)).one()
    return [Bar(f"{first.month}月", int(count or 0)) for (first, _), count in zip(spans, row, strict=True)]


def by_district(desk: Desk, session: Session, seat: Seat) -> list[Bar]:
    """Cases by the district that received them, the most first."""
    return _districts(desk, _by(desk, session, seat, Case.receive_org))


def _month(year: int, month: int) -> datetime:
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=LOCAL_TIME)


def _by(desk: Desk, session: Session, seat: Seat, column: Any) -> dict[str, int]:  # noqa: ANN401 - a column
    query = select(column, func.count()).where(cases_of(desk, seat)).group_by(column).order_by(func.count().desc(), column)
    return dict(session.execute(query).tuples().all())


def _districts(desk: Desk, received: dict[str, int]) -> list[Bar]:
    sums: dict[str, int] = {}
    for code, count in received.items():
        name = desk.runtime.organisations.district_of(code).name.removeprefix("鄂尔多斯市公安局")
        sums[name] = sums.get(name, 0) + count
    return [Bar(name, count) for name, count in sorted(sums.items(), key=lambda one: -one[1])]


def _series(desk: Desk, session: Session, seat: Seat) -> list[Bar]:
    query = select(Volume.series, func.count()).join(Case).where(volumes_of(desk, seat), Volume.void_reason.is_(None))
    counts = dict(session.execute(query.group_by(Volume.series)).tuples().all())
    return [Bar(one.label, counts[one], "qy" if one is Series.QY else "") for one in Series if one in counts]


def _items(desk: Desk, session: Session, seat: Seat) -> list[Bar]:
    names = {item.code: item.name for item in desk.runtime.catalogue}
    found = list(_by(desk, session, seat, Case.item_code).items())[:_MOST]
    return [Bar(names.get(code, code)[:11], count) for code, count in found]


def _volume_sums(desk: Desk, session: Session, seat: Seat) -> tuple[int, int]:
    query = select(func.sum(VolumeVersion.pages), func.sum(VolumeVersion.bytes)).join(Volume, Volume.id == VolumeVersion.volume_id)
    pages, size = session.execute(query.join(Case).where(volumes_of(desk, seat), VolumeVersion.state == VolumeState.COMMITTED)).one()
    return int(pages or 0), int(size or 0)
