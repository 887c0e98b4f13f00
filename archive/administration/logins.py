"""Logins: check a secret, open and close a login, and return whose login it is.

A failed login tells neither whether the account exists nor why it failed: answer and time are the
same.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.administration.accounts import AccountKind, AccountState
from archive.administration.passwords import unmatched_hash, verify_secret
from archive.administration.policy import Reader, Role, Scope
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_administration import Account, Login
from archive.reference.backoff import pause_after
from archive.reference.vocabulary import LoginKind

TOKEN_LIFE = timedelta(minutes=30)
WEB_LIFE = timedelta(hours=8)
_FREE_FAILURES = 5
_FIRST_LOCK, _LONGEST_LOCK = timedelta(seconds=30), timedelta(minutes=15)


def check_secret(session: Session, login: str, secret: str) -> Account | None:
    """Return the account when login and secret are right and it may be used now.

    The caller commits either way: failures are counted. After five failures each further one locks
    the account, for twice as long, up to 15 minutes.
    """
    account = session.scalars(select(Account).where(Account.login == login)).first()
    # An unknown account, or one without a secret, costs the same time as a wrong password.
    right = verify_secret(
        account.secret_hash if account and account.secret_hash else unmatched_hash(), secret
    )
    if account is None:
        return None
    now = database_now(session)
    if account.locked_until and now < account.locked_until:
        return None
    if not right or account.secret_hash is None:
        account.failures += 1
        if account.failures >= _FREE_FAILURES:
            account.locked_until = now + pause_after(
                account.failures - _FREE_FAILURES + 1, first=_FIRST_LOCK, longest=_LONGEST_LOCK
            )
            journal.record(
                session, login, JournalAct.LOGIN_LOCKED, login, failures=account.failures
            )
        return None
    account.failures, account.locked_until = 0, None
    return account if account.state == AccountState.ACTIVE else None


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
    journal.record(session, account.login, JournalAct.LOGIN, account.login, kind=kind)
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
