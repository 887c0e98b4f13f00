"""Saved searches: what an account looks for again, under a name of its own.

Name and query may name a person: both are sealed, and the journal has the number alone.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act, Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_desk import SavedSearch
from archive.reference.errors import ConflictError, NotFoundError
from archive.usage.reading_room import require

MOST = 50
LONGEST_NAME = 40


def saved_searches(session: Session, reader: Reader) -> Sequence[SavedSearch]:
    """Return the reader's own saved searches, the latest first. Raises DeniedError."""
    require(reader, Act.SEARCH)
    return session.scalars(
        select(SavedSearch).filter_by(account=reader.account).order_by(SavedSearch.id.desc())
    ).all()


def save_search(
    session: Session, reader: Reader, *, name: str, query: str, sort: str
) -> SavedSearch:
    """Save a search under a name, in the place of the reader's own of that name; journalled.

    Raises DeniedError, ConflictError beyond fifty.
    """
    before = saved_searches(session, reader)
    row = next((saved for saved in before if saved.name == name), None)
    if row is None:
        if len(before) >= MOST:
            raise ConflictError(f"已保存{MOST}项检索。", "请先删除不再用的。")
        row = SavedSearch(account=reader.account, name=name, created_at=database_now(session))
        session.add(row)
    row.query, row.sort = query, sort
    session.flush()
    _note(session, reader, JournalAct.SAVE_SEARCH, row.id)
    return row


def find_saved(session: Session, reader: Reader, number: int) -> SavedSearch:
    """Return a saved search of the reader's own. Raises DeniedError, NotFoundError."""
    require(reader, Act.SEARCH)
    row = session.scalars(select(SavedSearch).filter_by(id=number, account=reader.account)).first()
    if row is None:
        raise NotFoundError("没有这项保存的检索。", "请刷新页面后核对。")
    return row


def drop_search(session: Session, reader: Reader, number: int) -> None:
    """Delete a saved search of the reader's own, and journal it.

    Raises DeniedError, NotFoundError.
    """
    row = find_saved(session, reader, number)
    session.delete(row)
    _note(session, reader, JournalAct.DROP_SEARCH, number)


def _note(session: Session, reader: Reader, act: JournalAct, number: int) -> None:
    own = select(func.count()).select_from(SavedSearch).filter_by(account=reader.account)
    journal.record(
        session,
        reader.account,
        act,
        f"saved-search:{number}",
        org=reader.org,
        kept=session.scalar(own) or 0,
    )
