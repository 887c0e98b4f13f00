"""Logins: log in, open and close a login, and return whose login it is.

A failed login tells neither whether the account exists nor why it failed: answer and time are the
same.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Self

from sqlalchemy import Engine, delete, select, update
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
from archive.database.tables_administration import Account, Login, LoginAttempt
from archive.reference.backoff import pause_after
from archive.reference.errors import ArchiveError, NotFoundError
from archive.reference.vocabulary import LoginKind

TOKEN_LIFE = timedelta(minutes=30)
WEB_LIFE = timedelta(hours=8)
WEB_IDLE = timedelta(minutes=30)
"""A login at the desk ends when it was not used for so long."""
_USED_EVERY = timedelta(minutes=1)
_FREE_FAILURES, _FREE_FROM_ANYWHERE = 5, 30
_REMEMBERED = timedelta(days=1)
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

    @property
    def network(self) -> str:
        """Return the address as attempts are counted: of IPv6 the /64 that one place has."""
        try:
            known = ip_address(self.address)
        except ValueError:
            return self.address[:_LONGEST_LOGIN]
        if known.version == 4:  # noqa: PLR2004 - IPv4
            return str(known)
        return str(ip_network(f"{known}/64", strict=False).network_address)


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
    recorded in a short one, committed here also when it is a failure. After five failures from
    an address each further one locks the account for it, for twice as long, up to 15 minutes;
    after thirty from anywhere, for all addresses that never had the right secret. Raises
    LoginRefusedError, NoScopeError, and what `limit` raises.
    """
    proof = _prove(engine, credentials, limit)
    with writing(engine) as session:
        account = _settled(session, credentials, proof)
        if account is not None and account.kind == kind:
            granted = tuple(
                Scope(scope) for scope in account.scopes if not wanted or scope in wanted
            )
            if kind is AccountKind.PERSON:
                opened = open_login(session, account, LoginKind.WEB, (), credentials.network)
                return OpenedLogin(opened, ())
            if granted:
                opened = open_login(session, account, LoginKind.TOKEN, granted, credentials.network)
                return OpenedLogin(opened, granted)
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
    # Never by login alone: a stranger's attempts would shut out whose login it is.
    limit(f"login:{credentials.login}@{credentials.network}")
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
    attempt = _attempt(session, account, credentials.network, now)
    if _is_locked(account, attempt, now):
        return None
    right = proof.right
    if account.secret_hash != proof.hashed:  # changed meanwhile: rare enough to hash here
        right = verify_secret(account.secret_hash or unmatched_hash(), credentials.secret)
    elif proof.renewed is not None:
        account.secret_hash = proof.renewed
        record_secret(session, account.login, account)
    if not right or account.secret_hash is None:
        _count_failure(session, account, attempt, now)
        return None
    attempt.failures, attempt.locked_until, attempt.succeeded_at = 0, None, now
    account.failures, account.locked_until = 0, None
    return account if account.state == AccountState.ACTIVE else None


def _attempt(session: Session, account: Account, network: str, now: datetime) -> LoginAttempt:
    """Return the row of this account and address; the account's row is locked.

    Rows of addresses from which nobody ever got in are kept for a day.
    """
    forgotten = (LoginAttempt.succeeded_at.is_(None), LoginAttempt.last_at < now - _REMEMBERED)
    session.execute(delete(LoginAttempt).where(*forgotten))
    own = select(LoginAttempt).filter_by(account_id=account.id, address=network)
    attempt = session.scalars(own).first()
    if attempt is None:
        attempt = LoginAttempt(account_id=account.id, address=network, failures=0, last_at=now)
        session.add(attempt)
    attempt.last_at = now
    return attempt


def _is_locked(account: Account, attempt: LoginAttempt, now: datetime) -> bool:
    """Return whether this address may not log in to this account now.

    Many wrong secrets from anywhere lock out those addresses only that never had the right one.
    """
    if attempt.locked_until and now < attempt.locked_until:
        return True
    unknown = attempt.succeeded_at is None
    return bool(unknown and account.locked_until and now < account.locked_until)


def _count_failure(
    session: Session, account: Account, attempt: LoginAttempt, now: datetime
) -> None:
    account.failures += 1
    attempt.failures += 1
    for counted, free in ((attempt, _FREE_FAILURES), (account, _FREE_FROM_ANYWHERE)):
        if counted.failures >= free:
            counted.locked_until = now + pause_after(
                counted.failures - free + 1, first=_FIRST_LOCK, longest=_LONGEST_LOCK
            )
    if attempt.failures >= _FREE_FAILURES or account.failures >= _FREE_FROM_ANYWHERE:
        journal.record(
            session,
            account.login,
            JournalAct.LOGIN_LOCKED,
            account.login,
            failures=account.failures,
        )


def open_login(
    session: Session,
    account: Account,
    kind: LoginKind,
    scopes: Collection[Scope] = (),
    address: str | None = None,
) -> str:
    """Log an account in and return the token of the login.

    The browser or client sends it from now on; only its digest is stored.
    """
    token = secrets.token_urlsafe(32)
    now = database_now(session)
    session.execute(delete(Login).where(Login.expires_at < now - _REMEMBERED))
    session.add(
        Login(
            digest=_digest(token),
            account_id=account.id,
            kind=kind,
            scopes=[str(scope) for scope in scopes],
            created_at=now,
            used_at=now,
            address=address,
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
    now = database_now(session)
    if login.expires_at <= now or account.state != AccountState.ACTIVE:
        return None
    if kind is LoginKind.WEB and (login.used_at or login.created_at) + WEB_IDLE <= now:
        return None
    return reader(account, login.scopes)


def owner_of_login(session: Session, token: str) -> str | None:
    """Return whose login at the desk this is or was, to keep a form for; it opens nothing."""
    query = select(Account.login).join(Login, Login.account_id == Account.id)
    return session.scalars(
        query.where(Login.digest == _digest(token), Login.kind == LoginKind.WEB)
    ).first()


def needs_renewal(session: Session, token: str) -> bool:
    """Return whether the last use of a login was noted a minute ago or longer."""
    used = session.scalars(select(Login.used_at).where(Login.digest == _digest(token))).first()
    return used is None or used + _USED_EVERY <= database_now(session)


def renew_login(session: Session, token: str) -> None:
    """Note that a login is used now."""
    session.execute(
        update(Login).where(Login.digest == _digest(token)).values(used_at=database_now(session))
    )


@dataclass(frozen=True, slots=True)
class OpenLogin:
    """A login as its owner sees it; `this` is the one that asks."""

    id: int
    created_at: datetime
    used_at: datetime
    address: str
    this: bool


def logins_of(session: Session, login: str, token: str) -> list[OpenLogin]:
    """Return the logins of an account at the desk that are open, the last used first."""
    now = database_now(session)
    rows = session.scalars(
        select(Login)
        .join(Account, Account.id == Login.account_id)
        .where(Account.login == login, Login.kind == LoginKind.WEB, Login.expires_at > now)
    )
    shown = [
        OpenLogin(
            row.id,
            row.created_at,
            row.used_at or row.created_at,
            row.address or "",
            row.digest == _digest(token),
        )
        for row in rows
    ]
    fresh = [row for row in shown if row.used_at + WEB_IDLE > now]
    return sorted(fresh, key=lambda row: row.used_at, reverse=True)


def end_login(session: Session, login: str, number: int) -> None:
    """End one login of an account and journal it. Raises NotFoundError for any other."""
    account = select(Account.id).where(Account.login == login).scalar_subquery()
    row = session.scalars(select(Login).filter_by(id=number).where(Login.account_id == account))
    ended = row.first()
    if ended is None:
        raise NotFoundError("没有这个登录，或已结束。", "请刷新页面后核对。")
    session.delete(ended)
    journal.record(session, login, JournalAct.END_LOGIN, login)


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
