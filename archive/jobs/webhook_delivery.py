"""Delivery of webhooks: which subscriptions are due, and how far each was served."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.accounts import AccountState
from archive.administration.logins import reader
from archive.administration.policy import Act, Reader, may
from archive.database.engine import database_now
from archive.database.tables_administration import Account
from archive.database.tables_cases import Case
from archive.database.tables_checks import CheckAct
from archive.database.tables_exchange import Webhook
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.leases import Lease, claim, is_free, keep, release
from archive.reference.backoff import pause_after
from archive.reference.vocabulary import VolumeState

LEASE = timedelta(seconds=60)
"""How long one sender has a subscription for itself."""
_FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=4), timedelta(hours=1)
"""The first and the longest pause between two tries."""


def due_webhooks(session: Session) -> list[int]:
    """Return the ids of the subscriptions that are due and free, longest due first."""
    now = database_now(session)
    return list(
        session.scalars(
            select(Webhook.id)
            .where(Webhook.next_at <= now, is_free(Webhook, now))
            .order_by(Webhook.next_at)
        )
    )


def lease_webhook(
    session: Session, webhook_id: int, owner: str
) -> tuple[Webhook, Lease[int]] | None:
    """Take the lease of a due subscription, and return both.

    None when another sender was first, be it of the same process, or the row is gone.
    """
    now = database_now(session)
    lease = claim(
        session,
        Webhook,
        webhook_id,
        owner,
        Webhook.next_at <= now,
        is_free(Webhook, now),
        length=LEASE,
    )
    webhook = session.get(Webhook, webhook_id, populate_existing=True)
    return None if lease is None or webhook is None else (webhook, lease)


def advance_webhook(session: Session, lease: Lease[int], cursor: int) -> bool:
    """Write how far the client was served in the feed, and renew the lease.

    False when another sender has it.
    """
    return keep(session, lease, length=LEASE, cursor=cursor, failures=0)


def advance_notices(session: Session, lease: Lease[int], cursor: int) -> bool:
    """Write up to which notice the client was served, as `advance_webhook` does."""
    return keep(session, lease, length=LEASE, notice_cursor=cursor, failures=0)


def schedule_webhook(session: Session, lease: Lease[int], *, failed: bool) -> None:
    """Make the subscription due now, or after 4, 8, 16 … seconds when it failed (1 h at most)."""
    row = session.get(Webhook, lease.key, populate_existing=True)
    if row is None:
        return
    failures = row.failures + 1 if failed else 0
    pause = pause_after(failures, first=_FIRST_WAIT, longest=LONGEST_WAIT)
    release(session, lease, failures=failures, next_at=database_now(session) + pause)


def owner_of(session: Session, webhook: Webhook) -> Reader | None:
    """Return whose subscription it is, with the organisation, role and scopes of now.

    None when the account is not in use, or may not subscribe any more.
    """
    account = session.scalars(select(Account).where(Account.login == webhook.account)).first()
    if account is None or account.state != AccountState.ACTIVE:
        return None
    owner = reader(account, account.scopes)
    return owner if may(owner, Act.WATCH).allowed else None


def returned_case(session: Session, act_id: int) -> tuple[Case, CheckAct]:
    """Return the act by which a case was returned, with the case."""
    act = session.get_one(CheckAct, act_id)
    return session.get_one(Case, act.case_id), act


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
            VolumeVersion.state == VolumeState.COMMITTED,
            Volume.void_reason.is_(None),
        )
        .order_by(VolumeVersion.version.desc())
        .limit(1)
    ).first()
