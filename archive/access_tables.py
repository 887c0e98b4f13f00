"""The tables of who may enter: accounts of persons and clients, and what they are logged in with."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from archive.models import Base, Id


class Account(Base):
    """A person or a client: one organisation, one role. The secret is kept as an Argon2id hash; an account is never deleted (R35)."""

    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(100))
    officer_no: Mapped[str | None] = mapped_column(String(32), index=True)
    org: Mapped[str] = mapped_column(String(12), index=True)
    role: Mapped[str] = mapped_column(String(24), index=True)
    scopes: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(String(12))
    secret_hash: Mapped[str | None] = mapped_column(String(200))
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    proposed_by: Mapped[str] = mapped_column(String(64))
    approved_by: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Login(Base):
    """A login of a person (WEB) or a token of a client (TOKEN). Only the digest of what is carried is kept, so that the table opens no door."""

    __tablename__ = "logins"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
