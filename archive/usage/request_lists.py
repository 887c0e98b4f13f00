"""Lists of usage requests (利用申请): an account's own, and the register of a keeper."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_usage import CertifiedCopy, UsageRequest
from archive.usage.requests import RequestState


def own_requests(
    session: Session, account: str, *, before: int = 0, limit: int
) -> Sequence[UsageRequest]:
    """Return the requests of an account from before an id down, the newest first."""
    query = (
        select(UsageRequest)
        .where(UsageRequest.account == account)
        .order_by(UsageRequest.id.desc())
        .limit(limit)
    )
    return session.scalars(query.where(UsageRequest.id < before) if before else query).all()


def decided_requests(
    session: Session, keepers: Collection[str], limit: int
) -> Sequence[UsageRequest]:
    """Return the latest requests that these keepers need not decide any more."""
    query = select(UsageRequest).where(
        UsageRequest.keeper.in_(keepers), UsageRequest.state != RequestState.REQUESTED
    )
    return session.scalars(query.order_by(UsageRequest.id.desc()).limit(limit)).all()


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
