"""Tables of the station API: submissions, webhooks, kept answers."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.leased import Leased
from archive.database.sealed_columns import SealedText


class Upload(Base):
    """A package that a station is uploading, piece by piece.

    The pieces are in the store, so that any node takes any of them.
    """

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    org: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12))
    case_no: Mapped[str | None] = mapped_column(String(64))
    outcome: Mapped[str | None] = mapped_column(String(16))
    findings: Mapped[list[Any]]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Webhook(Leased, Base):
    """An address at which a client wants to be notified of committed volumes.

    `cursor` is the last row of the index feed that was sent, `notice_cursor` the last notice, and
    `next_at` when to try next. The lease lets one sender at a time serve it.
    """

    __tablename__ = "webhooks"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    org: Mapped[str] = mapped_column(String(12))
    url: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str] = mapped_column(SealedText("webhooks.secret"))
    cursor: Mapped[int] = mapped_column(BigInteger)
    notice_cursor: Mapped[int] = mapped_column(BigInteger, default=0)
    failures: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(index=True)
    created_at: Mapped[datetime]


class IdempotentAnswer(Base):
    """The answer to a request that carried an Idempotency-Key.

    A repetition of the request does nothing and gets the same answer.
    """

    __tablename__ = "idempotent_answers"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key_digest: Mapped[str] = mapped_column(String(64), unique=True)
    request_digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(index=True)
