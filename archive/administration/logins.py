"""Logins: log in, open and close a login, and return whose login it is.

A failed login tells neither whether the account exists nor why it failed: answer and time are the
same.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from archive.administration.accounts import MAX_PASSWORD, AccountKind, AccountState, record_secret
from archive.administration.passwords import (
    hash_secret,
    is_outdated,
    unmatched_hash,
    verify_secret,
)
from archive.administration.policy import Reader, Role, Scope
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_administration import Account, Login
from archive.reference.backoff import pause_after
from archive.reference.errors import ArchiveError
from archive.reference.vocabulary import LoginKind

TOKEN_LIFE = timedelta(minutes=30)
WEB_LIFE = timedelta(hours=8)
_FREE_FAILURES = 5
_FIRST_LOCK, _LONGEST_LOCK = timedelta(seconds=30), timedelta(minutes=15)
_LONGEST_LOGIN = 64


@dataclass(frozen=True, slots=True)
class Credentials:
    """What someone sends to log in: login, secret, and the address it came from.

    Longer texts than an account can have are cut, and can match none.
    """

    login: str
    secret: str = field(repr=False)
    address: str

    @classmethod
    def of(cls, login: str, secret: str, address: str) -> Self:
        """Return the credentials in texts as they were sent."""
        return cls(
            login.replace("\0", "").strip()[:_LONGEST_LOGIN], secret[: MAX_PASSWORD + 1], address
        )


Limit = Callable[[str], None]
"""Counts an attempt under a name, and raises the error of the door when they are too many."""


@dataclass(frozen=True, slots=True)
class OpenedLogin:
    """A login that was opened: the token that carries it, and the scopes of a client."""

    token: str = field(repr=False)
    scopes: tuple[Scope, ...]


class LoginRefusedError(ArchiveError):
    """Wrong secret, unknown, disabled or locked account: which of them is not said."""

    code = "LOGIN_REFUSED"

    def __init__(self) -> None:
        """Set the message, which is the same for every reason."""
        super().__init__(
            "用户名或口令不正确，或账号停用、暂时锁定。", "请核对后重试；多次失败会暂时锁定。"
        )


class NoScopeError(ArchiveError):
    """A client that is granted none of the scopes it asks for."""

    code = "INVALID_SCOPE"

    def __init__(self) -> None:
        """Set the message."""
        super().__init__("所请求的权限范围均未授予。", "请核对权限范围，或联系安全保密管理员。")


def log_in(
    engine: Engine,
    credentials: Credentials,
    *,
    kind: AccountKind,
    limit: Limit,
    wanted: Collection[str] = (),
) -> OpenedLogin:
    """Log a person in, or give a client a token with those of its scopes that are `wanted`.

    Empty `wanted` are all its scopes. Attempts are limited by address and by login before
    anything is looked up; the slow hash is computed outside of any transaction; the outcome is
    recorded in a short one, committed here also when it is a failure. After five failures each
    further one locks the account, for twice as long, up to 15 minutes. Raises LoginRefusedError,
    NoScopeError, and what `limit` raises.
    """
    proof = _prove(engine, credentials, limit)
    with writing(engine) as session:
        account = _settled(session, credentials, proof)
        if account is not None and account.kind == kind:
            granted = tuple(
                Scope(scope) for scope in account.scopes if not wanted or scope in wanted
            )
            if kind is AccountKind.PERSON:
                return OpenedLogin(open_login(session, account, LoginKind.WEB), ())
            if granted:
                return OpenedLogin(open_login(session, account, LoginKind.TOKEN, granted), granted)
    # Raised only now: what was counted is committed.
    raise NoScopeError if account is not None and account.kind == kind else LoginRefusedError


def confirm_secret(engine: Engine, credentials: Credentials, *, limit: Limit) -> bool:
    """Return whether an account is active and its secret is right, counted like a login."""
    proof = _prove(engine, credentials, limit)
    with writing(engine) as session:
        return _settled(session, credentials, proof) is not None


@dataclass(frozen=True, slots=True)
class _Proof:
    """What the slow hash said: the hash it was asked about, whether the secret fits it.

    `renewed` is the secret's new hash, where the old one was made with weaker parameters.
    """

    hashed: str | None
    right: bool
    renewed: str | None


def _prove(engine: Engine, credentials: Credentials, limit: Limit) -> _Proof:
    """Limit the attempt, then compare the secret; no transaction is open meanwhile."""
    limit(f"address:{credentials.address}")
    limit(f"login:{credentials.login}")
    with reading(engine) as session:
        hashed = session.scalars(
            select(Account.secret_hash).where(Account.login == credentials.login)
        ).first()
    # An unknown account, or one without a secret, costs the same time as a wrong password.
    right = verify_secret(hashed or unmatched_hash(), credentials.secret) and hashed is not None
    weak = right and hashed is not None and is_outdated(hashed)
    return _Proof(hashed, right, hash_secret(credentials.secret) if weak else None)


def _settled(session: Session, credentials: Credentials, proof: _Proof) -> Account | None:
    """Record the outcome of an attempt; return the account if it may be used now."""
    account = session.scalars(
        select(Account).where(Account.login == credentials.login).with_for_update()
    ).first()
    if account is None:
        return None
    now = database_now(session)
    if account.locked_until and now < account.locked_until:
        return None
    right = proof.right
    if account.secret_hash != proof.hashed:  # changed meanwhile: rare enough to hash here
        right = verify_secret(account.secret_hash or unmatched_hash(), credentials.secret)
    elif proof.renewed is not None:
        account.secret_hash = proof.renewed
        record_secret(session, account.login, account)
    if not right or account.secret_hash is None:
        _count_failure(session, account, now)
        return None
    account.failures, account.locked_until = 0, None
    return account if account.state == AccountState.ACTIVE else None


def _count_failure(session: Session, account: Account, now: datetime) -> None:
    account.failures += 1
    if account.failures >= _FREE_FAILURES:
        account.locked_until = now + pause_after(
            account.failures - _FREE_FAILURES + 1, first=_FIRST_LOCK, longest=_LONGEST_LOCK
        )
        journal.record(
            session,
            account.login,
            JournalAct.LOGIN_LOCKED,
            account.login,
            failures=account.failures,
        )


def open_login(
    session: Session, account: Account, kind: LoginKind, scopes: Collection[Scope] = ()
) -> str:
    """Log an account in and return the token of the login.

    The browser or client sends it from now on; only its digest is stored.
    """
    token = secrets.token_urlsafe(32)
    now = database_now(session)
    session.execute(delete(Login).where(Login.expires_at < now))
    session.add(
        Login(
            digest=_digest(token),
            account_id=account.id,
            kind=kind,
            scopes=[str(scope) for scope in scopes],
            created_at=now,
            expires_at=now + (TOKEN_LIFE if kind is LoginKind.TOKEN else WEB_LIFE),
        )
    )
    journal.record(
        session,
        account.login,
        JournalAct.LOGIN,
        account.login,
        kind=kind,
        login=_digest(token),
        scopes=[str(scope) for scope in scopes],
    )
    return token


def reader_of(session: Session, token: str, kind: LoginKind) -> Reader | None:
    """Return whose login a token is of; None when it is unknown, expired or not active."""
    row = session.execute(
        select(Login, Account)
        .join(Account, Account.id == Login.account_id)
        .where(Login.digest == _digest(token), Login.kind == kind)
    ).first()
    if row is None:
        return None
    login, account = row
    if login.expires_at <= database_now(session) or account.state != AccountState.ACTIVE:
        return None
    return reader(account, login.scopes)


def reader(account: Account, scopes: Collection[str] = ()) -> Reader:
    """Return an account as the policy sees it.

    A client never has more than its own scopes; a person has none.
    """
    allowed = (
        frozenset(Scope(scope) for scope in scopes if scope in account.scopes)
        if account.kind == AccountKind.CLIENT
        else None
    )
    return Reader(account.login, Role(account.role), account.org, allowed)


def close_login(session: Session, token: str) -> None:
    """End a login."""
    session.execute(delete(Login).where(Login.digest == _digest(token)))


def csrf_token(token: str) -> str:
    """Return the token that a form of this login must carry.

    It is derived from the cookie, which another site cannot read.
    """
    return hashlib.sha256(b"csrf\0" + token.encode()).hexdigest()


def _digest(token: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
