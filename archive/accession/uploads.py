"""Packages that clients send in parts, before they are taken over."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.tables_exchange import Upload


def count_uploads(session: Session, account: str, state: str) -> int:
    """Count the packages of an account that are in a state."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Upload)
            .where(Upload.account == account, Upload.state == state)
        )
        or 0
    )
