"""The feed of changes: one row per changed volume, which search follows, or returned case.

A row is written in the transaction that changes the volume, so that neither is ever without the
other.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.engine import database_now, lock_journal
from archive.database.tables_jobs import IndexFeed


def announce(session: Session, volume_id: int) -> None:
    """Add a row: what can be found of a volume has changed.

    That is when it was committed, committed again or voided, or when its texts were read anew.

    A follower asks for rows after the last id that it saw. Ids are given before the commit, so a
    row with a smaller id could appear after a larger one was read, and would be missed for good.
    The lock held until the end of the transaction makes the order of ids the order of commits; the
    commit step holds it for its journal entry anyway.
    """
    lock_journal(session)
    session.add(IndexFeed(volume_id=volume_id, at=database_now(session)))
    session.flush()


def announce_return(session: Session, check_act_id: int) -> None:
    """Add a row: a case was returned to its sender, who subscribed to be told."""
    lock_journal(session)
    session.add(IndexFeed(check_act_id=check_act_id, at=database_now(session)))
    session.flush()


def after(session: Session, cursor: int, limit: int) -> Sequence[IndexFeed]:
    """Return the next rows after a cursor, oldest first."""
    return session.scalars(
        select(IndexFeed).where(IndexFeed.id > cursor).order_by(IndexFeed.id).limit(limit)
    ).all()


def head(session: Session) -> int:
    """Return the id of the last row, 0 when there is none."""
    return session.scalar(select(func.max(IndexFeed.id))) or 0


def count_after(session: Session, cursor: int) -> int:
    """Return how many rows wait after a cursor."""
    return (
        session.scalar(select(func.count()).select_from(IndexFeed).where(IndexFeed.id > cursor))
        or 0
    )
