"""Presence: which accounts have the same page open.

A row is renewed while the page is open and expires after `FRESH`.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.database.tables_administration import Account
from archive.database.tables_gathering import Presence

FRESH = timedelta(seconds=20)


def mark_present(session: Session, account: str, subject: str, *, at: datetime) -> list[str]:
    """Mark an account as present at `subject` and return the names of the others there.

    Expired rows are deleted.
    """
    session.execute(delete(Presence).where(Presence.seen_at < at - FRESH))
    row = session.scalars(select(Presence).filter_by(subject=subject, account=account)).first()
    if row is None:
        session.add(Presence(subject=subject, account=account, seen_at=at))
    else:
        row.seen_at = at
    session.flush()
    query = select(Account.name).join(Presence, Presence.account == Account.login)
    return list(
        session.scalars(
            query.where(Presence.subject == subject, Presence.account != account).order_by(
                Account.login
            )
        )
    )


def mark_left(session: Session, account: str, subject: str) -> None:
    """Delete the presence of an account at `subject` before it expires."""
    session.execute(delete(Presence).filter_by(subject=subject, account=account))
