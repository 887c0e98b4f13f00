"""Tables of the desk: kept views and forms, saved searches, notices and who has read them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.sealed_columns import SealedText


class KeptView(Base):
    """What an account typed, kept under a name that says nothing, for an address to bear.

    A search, a person that is looked at, or a form that was not taken, as JSON. `pages` holds of a
    search the page marks and the 档号 that were shown. It lasts as long as a login.
    """

    __tablename__ = "kept_views"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    body: Mapped[str] = mapped_column(SealedText("kept_views.body"))
    pages: Mapped[list[Any]]
    created_at: Mapped[datetime] = mapped_column(index=True)


class SavedSearch(Base):
    """A search that an account keeps under a name of its own; both may name a person."""

    __tablename__ = "saved_searches"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(SealedText("saved_searches.name"))
    query: Mapped[str] = mapped_column(SealedText("saved_searches.query"))
    sort: Mapped[str] = mapped_column(String(12))
    created_at: Mapped[datetime]


class Notice(Base):
    """What a person or a unit is told of, written in the transaction that causes it.

    Of a unit those are told whose role may do `act`. `subject` is a number or code, never a person.
    """

    __tablename__ = "notices"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str | None] = mapped_column(String(64), index=True)
    org: Mapped[str | None] = mapped_column(String(12), index=True)
    act: Mapped[str | None] = mapped_column(String(24))
    kind: Mapped[str] = mapped_column(String(12))
    topic: Mapped[str] = mapped_column(String(12))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    due_at: Mapped[datetime | None]
    at: Mapped[datetime]


class NoticeReader(Base):
    """Up to which notice an account has read."""

    __tablename__ = "notice_readers"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str] = mapped_column(String(64), unique=True)
    read_to: Mapped[int] = mapped_column(BigInteger, default=0)
