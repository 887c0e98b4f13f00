"""The tables of the reading room: accounts and logins, requests for use, certified copies, packages on their way in, webhooks, blind index."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.encryption import SealedText


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
    must_change: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class AccountChange(Base):
    """What the 系统管理员 wants of an account that is there, and what the 安全保密管理员 said to it."""

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
    """What was changed of the shipped tables: a version of an item, or whether an organisation has done with paper. Only added to."""

    __tablename__ = "configured"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), index=True)
    key: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


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


class UsageRequest(Base):
    """利用申请 and what was decided; granted, it is the grant until `ends_at`. Its number, 利用单号, is made of year and id."""

    __tablename__ = "usage_requests"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    org: Mapped[str] = mapped_column(String(12))
    code: Mapped[str] = mapped_column(String(40), index=True)
    keeper: Mapped[str] = mapped_column(String(12), index=True)
    capacity: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(String(16))
    purpose: Mapped[str] = mapped_column(Text)
    basis: Mapped[str] = mapped_column(String(100))
    papers: Mapped[list[Any]]
    days: Mapped[int]
    state: Mapped[str] = mapped_column(String(12), index=True)
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    ends_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class CertifiedCopy(Base):
    """出具的证明件: which pages of which version, for which request; anyone may check it by `check_code`."""

    __tablename__ = "certified_copies"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    check_code: Mapped[str] = mapped_column(String(32), unique=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("usage_requests.id"), index=True)
    volume_id: Mapped[int] = mapped_column(ForeignKey("volumes.id"))
    version: Mapped[int]
    items: Mapped[list[Any]]
    pages: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    issued_by: Mapped[str] = mapped_column(String(12))
    made_at: Mapped[datetime]


class CopyOrder(Base):
    """A certified copy that is to be made: which items under which request. The lease fences the worker that makes it; `step` is how far it is."""

    __tablename__ = "copy_orders"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("usage_requests.id"), index=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    code: Mapped[str] = mapped_column(String(40))
    items: Mapped[list[Any]]
    step: Mapped[str] = mapped_column(String(12))
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_token: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    copy_id: Mapped[int | None] = mapped_column(ForeignKey("certified_copies.id"))
    created_at: Mapped[datetime]


class Upload(Base):
    """A package on its way in, piece by piece; the pieces lie in the store, so that any node takes any of them."""

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


class Webhook(Base):
    """Where a client wants to be told of committed volumes: how far it was told (`cursor` in the index feed), and when to try next."""

    __tablename__ = "webhooks"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    org: Mapped[str] = mapped_column(String(12))
    url: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str] = mapped_column(SealedText)
    cursor: Mapped[int] = mapped_column(BigInteger)
    failures: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(index=True)
    created_at: Mapped[datetime]


class IdempotentAnswer(Base):
    """What was answered to a request that carried an Idempotency-Key, so that its repetition does nothing and hears the same."""

    __tablename__ = "idempotent_answers"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key_digest: Mapped[str] = mapped_column(String(64), unique=True)
    request_digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(index=True)


class BlindEntry(Base):
    """The blind index: by a keyed digest of an ID or telephone number to the cases that name it. The number itself is nowhere in plain."""

    __tablename__ = "blind_index"
    __table_args__ = (UniqueConstraint("case_id", "kind", "digest"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    digest: Mapped[str] = mapped_column(String(64), index=True)
    key: Mapped[str] = mapped_column(String(8), index=True)


class DailyUse(Base):
    """What an account was shown on one day: looks, pages and files of content, and how often it was refused more."""

    __tablename__ = "daily_uses"
    __table_args__ = (UniqueConstraint("account", "day"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account: Mapped[str] = mapped_column(String(64))
    day: Mapped[date] = mapped_column(index=True)
    looks: Mapped[int] = mapped_column(default=0)
    content: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)


class CaseActor(Base):
    """Who answers for a node of a case, by officer number (R35)."""

    __tablename__ = "case_actors"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    node: Mapped[str] = mapped_column(String(12))
    actor_no: Mapped[str] = mapped_column(String(64), index=True)
    org: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime]


class CaseSource(Base):
    """How many materials and pages of a case came from which source: counted here, because the facts are sealed and can't be counted by the database."""

    __tablename__ = "case_sources"
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    materials: Mapped[int]
    pages: Mapped[int]
