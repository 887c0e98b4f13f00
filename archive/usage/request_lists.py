"""Lists of usage requests (利用申请): an account's own, and the register of a keeper."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.listing import ListPart, ListWanted, QueryList
from archive.database.tables_usage import CertifiedCopy, UsageRequest
from archive.usage.requests import RequestState

REQUESTS = QueryList(
    UsageRequest.id,
    {
        "number": UsageRequest.id,
        "code": UsageRequest.code,
        "org": UsageRequest.org,
        "capacity": UsageRequest.capacity,
        "state": UsageRequest.state,
        "days": UsageRequest.days,
    },
    "-number",
    day=UsageRequest.created_at,
    stations=(UsageRequest.org,),
)


def part_of_own(session: Session, account: str, wanted: ListWanted) -> ListPart[UsageRequest]:
    """Return one page of the requests of an account."""
    query = select(UsageRequest).where(UsageRequest.account == account)
    return REQUESTS.part(session, query, wanted)


def part_of_kept(
    session: Session,
    keepers: Collection[str],
    wanted: ListWanted,
    *,
    waiting: bool | None = None,
) -> ListPart[UsageRequest]:
    """Return one page of the requests for volumes of these keepers.

    `waiting` chooses those to decide, or those that need no decision any more.
    """
    query = select(UsageRequest).where(UsageRequest.keeper.in_(keepers))
    if waiting is not None:
        asked = UsageRequest.state == RequestState.REQUESTED
        query = query.where(asked if waiting else ~asked)
    return REQUESTS.part(session, query, wanted)


def kept_requests(
    session: Session,
    keepers: Collection[str],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int = 0,
    limit: int,
) -> Sequence[UsageRequest]:
    """Return the requests for volumes of these keepers made in a span, the newest first.

    `until` is excluded; `before` is the id from before which the page goes down.
    """
    query = select(UsageRequest).where(UsageRequest.keeper.in_(keepers))
    if since:
        query = query.where(UsageRequest.created_at >= since)
    if until:
        query = query.where(UsageRequest.created_at < until)
    if before:
        query = query.where(UsageRequest.id < before)
    return session.scalars(query.order_by(UsageRequest.id.desc()).limit(limit)).all()


def copies_by_request(session: Session, ids: Iterable[int]) -> dict[int, list[CertifiedCopy]]:
    """Return the certified copies made under each of these requests, the oldest first."""
    query = select(CertifiedCopy).where(CertifiedCopy.request_id.in_(list(ids)))
    copies: dict[int, list[CertifiedCopy]] = {}
    for copy in session.scalars(query.order_by(CertifiedCopy.id)):
        copies.setdefault(copy.request_id, []).append(copy)
    return copies
