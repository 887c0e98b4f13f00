"""Tables of administration: accounts, logins, settings, daily use."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id


class Account(Base):
    """An account of a person or a client: one organisation, one role.

    The secret is kept as an Argon2id hash; an account is never deleted (R35).
    """

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
    must_change: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class AccountChange(Base):
    """A change of an account that the 系统管理员 submitted, and the 安全保密管理员's decision."""

    __tablename__ = "account_changes"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    wanted: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12), index=True)
    proposed_by: Mapped[str] = mapped_column(String(64))
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None] = mapped_column(Text)


class Configured(Base):
    """A change of the shipped tables: an item version, or an organisation's 电子化 state.

    Rows are only added.
    """

    __tablename__ = "configured"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), index=True)
    key: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class Login(Base):
    """A login of a person (WEB) or a token of a client (TOKEN).

    Only the digest of the token or cookie is kept, so that nobody can log in with what the table
    holds.
    """

    __tablename__ = "logins"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    address: Mapped[str | None] = mapped_column(String(64))


class LoginAttempt(Base):
    """Wrong secrets of one account from one address, in a row, and when a right one came.

    So a stranger who sends wrong ones locks out nobody but the stranger's own address.
    """

    __tablename__ = "login_attempts"
    __table_args__ = (UniqueConstraint("account_id", "address"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    address: Mapped[str] = mapped_column(String(64))
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    last_at: Mapped[datetime] = mapped_column(index=True)


class DailyUse(Base):
    """What an account was shown on one day, and how often it was refused more.

    `looks` counts searches and masked facts, `content` pages and files, `numbers` the ID and
    telephone numbers that were looked for.
    """

    __tablename__ = "daily_uses"
    __table_args__ = (UniqueConstraint("account", "day"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    day: Mapped[date] = mapped_column(index=True)
    looks: Mapped[int] = mapped_column(default=0)
    content: Mapped[int] = mapped_column(default=0)
    numbers: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
