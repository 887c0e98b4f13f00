"""Who sits at the same thing right now: a row that is renewed while the page is open, and means nothing soon after."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.database.tables_administration import Account
from archive.database.tables_gathering import Presence

FRESH = timedelta(seconds=20)


def sit_down(session: Session, account: str, subject: str, *, at: datetime) -> list[str]:
    """Be seen at `subject`, and see the names of the others. What ran out is swept away."""
    session.execute(delete(Presence).where(Presence.seen_at < at - FRESH))
    mine = session.scalars(select(Presence).filter_by(subject=subject, account=account)).first()
    if mine is None:
        session.add(Presence(subject=subject, account=account, seen_at=at))
    else:
        mine.seen_at = at
    session.flush()
    query = select(Account.name).join(Presence, Presence.account == Account.login)
    return list(
        session.scalars(
            query.where(Presence.subject == subject, Presence.account != account).order_by(
                Account.login
            )
        )
    )


def leave(session: Session, account: str, subject: str) -> None:
    """He went on: nobody need wait for the row to run out."""
    session.execute(delete(Presence).filter_by(subject=subject, account=account))
