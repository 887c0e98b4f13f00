"""Webhooks of clients, which are notified of volumes that are archived from then on."""

import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.notices import newest_notice
from archive.administration.policy import Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_exchange import Webhook
from archive.jobs import feed
from archive.reference.errors import NotFoundError


def is_subscribed(session: Session, reader: Reader, url: str) -> bool:
    """Say whether the account has a webhook of this address."""
    return (
        session.scalars(select(Webhook).filter_by(account=reader.account, url=url)).first()
        is not None
    )


def subscribe(session: Session, reader: Reader, url: str) -> Webhook:
    """Write and journal a webhook with a fresh secret, which starts at the end of the feed."""
    now = database_now(session)
    row = Webhook(
        account=reader.account,
        org=reader.org,
        url=url,
        secret=secrets.token_urlsafe(32),
        cursor=feed.head(session),
        notice_cursor=newest_notice(session),
        failures=0,
        next_at=now,
        created_at=now,
    )
    session.add(row)
    session.flush()
    journal.record(
        session,
        reader.account,
        JournalAct.SUBSCRIBE,
        f"webhook:{row.id}",
        org=reader.org,
        url=journal.digest_of(url),
    )
    return row


def subscriptions_of(session: Session, reader: Reader) -> Sequence[Webhook]:
    """Return the webhooks of the account, the oldest first."""
    return session.scalars(
        select(Webhook).filter_by(account=reader.account).order_by(Webhook.id)
    ).all()


def unsubscribe(session: Session, reader: Reader, number: int) -> None:
    """Delete and journal a webhook of the account. Raises NotFoundError."""
    row = session.get(Webhook, number)
    if row is None or row.account != reader.account:
        raise NotFoundError("没有这项订阅。", "请核对订阅编号。")
    session.delete(row)
    journal.record(
        session, reader.account, JournalAct.UNSUBSCRIBE, f"webhook:{number}", org=reader.org
    )
