"""Figures of use (利用): visits, volumes, copies, of the volumes that a unit keeps."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from archive.administration.policy import capacities
from archive.database.tables_usage import CertifiedCopy, UsageRequest
from archive.reference.local_time import local_date
from archive.usage.requests import RequestState


@dataclass(frozen=True, slots=True)
class UseFigures:
    """What was used in a span, by the time of the request.

    `visits` (人次) counts a person, or an officer, once a day; `volumes` (卷次) each granted
    request, which is for one volume. `copies` and `pages` are of certified copies made in the span.
    """

    requests: int
    granted: int
    refused: int
    visits: int
    copies: int
    pages: int
    by_capacity: tuple[tuple[str, int], ...]

    @property
    def volumes(self) -> int:
        """Return the 卷次: a granted request is for one volume."""
        return self.granted


def use_figures(
    session: Session,
    keepers: Collection[str],
    since: datetime | None = None,
    until: datetime | None = None,
) -> UseFigures:
    """Count the use of the volumes of these keepers; `until` is excluded."""
    kept = UsageRequest.keeper.in_(keepers)
    span = [kept, *_span(UsageRequest.created_at, since, until)]
    states = Counter(
        dict(
            session.execute(
                select(UsageRequest.state, func.count()).where(*span).group_by(UsageRequest.state)
            ).all()
        )
    )
    granted = (UsageRequest.state == RequestState.GRANTED, *span)
    labels = capacities()
    rows = session.execute(
        select(UsageRequest.capacity, func.count()).where(*granted).group_by(UsageRequest.capacity)
    ).all()
    copies = session.execute(
        select(func.count(), func.sum(CertifiedCopy.pages))
        .select_from(CertifiedCopy)
        .join(UsageRequest, UsageRequest.id == CertifiedCopy.request_id)
        .where(kept, *_span(CertifiedCopy.made_at, since, until))
    ).one()
    return UseFigures(
        sum(states.values()),
        states[RequestState.GRANTED],
        states[RequestState.REFUSED],
        _visits(session, granted),
        copies[0],
        int(copies[1] or 0),
        tuple(
            sorted(
                ((labels[key].label if key in labels else key, count) for key, count in rows),
                key=lambda pair: -pair[1],
            )
        ),
    )


def _visits(session: Session, granted: Collection[ColumnElement[bool]]) -> int:
    """Count people and days: one who asks for three volumes on a day came once."""
    seen: set[tuple[str, str]] = set()
    query = select(UsageRequest.account, UsageRequest.visitor, UsageRequest.created_at)
    for account, visitor, at in session.execute(query.where(*granted)):
        who = f"{visitor['name']} {visitor['number']}" if visitor else account
        seen.add((who, local_date(at)))
    return len(seen)


def _span(
    column: InstrumentedAttribute[datetime], since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if since:
        conditions.append(column >= since)
    if until:
        conditions.append(column < until)
    return conditions
