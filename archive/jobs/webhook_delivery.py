"""Delivery of webhooks: which subscriptions are due, and how far each was served."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from archive.administration.accounts import AccountState
from archive.database.engine import database_now
from archive.database.tables_administration import Account
from archive.database.tables_cases import Case
from archive.database.tables_exchange import Webhook
from archive.database.tables_volumes import Volume, VolumeVersion

LEASE = timedelta(seconds=60)
"""How long one sender has a subscription for itself."""
LONGEST_WAIT = timedelta(hours=1)
"""The longest pause between two tries."""


def due_webhooks(session: Session) -> list[int]:
    """Return the ids of the subscriptions that are due, longest due first."""
    return list(
        session.scalars(
            select(Webhook.id)
            .where(Webhook.next_at <= database_now(session))
            .order_by(Webhook.next_at)
        )
    )


def lease_webhook(session: Session, webhook_id: int) -> Webhook | None:
    """Lease a due subscription by pushing `next_at` ahead, and return it.

    None when another sender was first or the row is gone.
    """
    now = database_now(session)
    leased = session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id, Webhook.next_at <= now)
        .values(next_at=now + LEASE)
    )
    webhook = session.get(Webhook, webhook_id, populate_existing=True)
    return webhook if leased.rowcount == 1 else None  # type: ignore[attr-defined]


def advance_webhook(session: Session, webhook_id: int, cursor: int) -> None:
    """Write how far the client was served in the feed, and extend the lease."""
    session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id)
        .values(cursor=cursor, failures=0, next_at=database_now(session) + LEASE)
    )


def schedule_webhook(session: Session, webhook_id: int, *, failed: bool) -> None:
    """Make the subscription due now, or after 4, 8, 16 … seconds when it failed (1 h at most)."""
    row = session.get(Webhook, webhook_id)
    if row is None:
        return
    row.failures = row.failures + 1 if failed else 0
    pause = (
        min(timedelta(seconds=2) * 2 ** min(row.failures, 12), LONGEST_WAIT)
        if failed
        else timedelta(0)
    )
    row.next_at = database_now(session) + pause


def owner_is_active(session: Session, webhook: Webhook) -> bool:
    """Return whether the account that made the subscription is in use."""
    state = session.scalars(select(Account.state).where(Account.login == webhook.account)).first()
    return state == AccountState.ACTIVE


def newest_committed(session: Session, volume_id: int) -> tuple[Volume, Case, VolumeVersion] | None:
    """Return a volume, its case and its newest committed version.

    None when the volume is void or has no committed version.
    """
    return session.execute(
        select(Volume, Case, VolumeVersion)
        .join(Case, Case.id == Volume.case_id)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .where(
            Volume.id == volume_id,
            VolumeVersion.state == "COMMITTED",
            Volume.void_reason.is_(None),
        )
        .order_by(VolumeVersion.version.desc())
        .limit(1)
    ).first()
