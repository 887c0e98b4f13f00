"""Accounts: proposed by the 系统管理员, approved by the 安全保密管理员, seen by the 安全审计员 (三员, standards.md §2.8); passwords and logins.

Whoever fails to log in learns neither whether the account exists nor why: answer and time are the same.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from archive.administration.policy import (
    ADMINISTRATORS,
    SCOPE_OF,
    Act,
    Reader,
    Role,
    Scope,
    acts_of,
    may,
    org_kinds_of,
)
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_administration import Account, Login
from archive.reference.errors import ArchiveError, ConflictError, NotFoundError
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import LabelledEnum, OrgKind

MIN_PASSWORD = 12
TOKEN_LIFE = timedelta(minutes=30)
WEB_LIFE = timedelta(hours=8)
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{2,63}")
_FREE_FAILURES, _LONGEST_LOCK = 5, timedelta(minutes=15)
_ITERATIONS, _MEMORY_KIB = 2, 19_456  # OWASP's lower bound for Argon2id: 50 ms and 19 MB a login


class AccountKind(LabelledEnum):
    """Who logs in."""

    PERSON = "PERSON", "人员"
    CLIENT = "CLIENT", "系统"


class AccountState(LabelledEnum):
    """Whether an account may be used."""

    PROPOSED = "PROPOSED", "待批准"
    ACTIVE = "ACTIVE", "启用"
    DISABLED = "DISABLED", "停用"


class ForbiddenError(ArchiveError):
    """The role does not allow it."""

    code = "FORBIDDEN"


class BadAccountError(ArchiveError):
    """An account that must not be: role and organisation do not fit, or two of the 三员 in one hand."""

    code = "BAD_ACCOUNT"


class WeakPasswordError(ArchiveError):
    """A password that is too short or says the login."""

    code = "WEAK_PASSWORD"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is to be. `scopes` is for clients; persons have none."""

    login: str
    kind: AccountKind
    name: str
    org: str
    role: Role
    officer_no: str | None = None
    scopes: tuple[Scope, ...] = ()


def propose_account(
    session: Session, actor: Reader, new: NewAccount, organisations: Organisations
) -> Account:
    """The 系统管理员 enters an account; it can do nothing before it is approved. Raises ForbiddenError, BadAccountError, ConflictError."""
    require_act(actor, Act.PROPOSE_ACCOUNT)
    return _propose(session, actor.account, new, organisations)


def _propose(session: Session, by: str, new: NewAccount, organisations: Organisations) -> Account:
    _check(session, new, organisations)
    account = Account(
        login=new.login,
        kind=new.kind,
        name=new.name,
        officer_no=new.officer_no,
        org=new.org,
        role=new.role,
        scopes=[str(one) for one in new.scopes],
        state=AccountState.PROPOSED,
        proposed_by=by,
        created_at=database_now(session),
    )
    session.add(account)
    session.flush()
    journal.record(
        session,
        by,
        JournalAct.PROPOSE_ACCOUNT,
        new.login,
        role=new.role,
        org=new.org,
        kind=new.kind,
    )
    return account


def approve_account(session: Session, actor: Reader, login: str) -> Account:
    """The 安全保密管理员 lets a proposed account in. Raises ForbiddenError, NotFoundError, ConflictError."""
    require_act(actor, Act.APPROVE_ACCOUNT)
    account = held_account(session, login)
    if account.state != AccountState.PROPOSED:
        raise ConflictError("该账号不在待批准状态。", "请在账号列表中核对。")
    if account.proposed_by == actor.account:
        raise ForbiddenError("提交人与批准人不得为同一人。", "请由另一名管理员批准。")
    return _approve(session, actor.account, account)


def _approve(session: Session, by: str, account: Account) -> Account:
    account.state, account.approved_by = AccountState.ACTIVE, by
    journal.record(
        session, by, JournalAct.APPROVE_ACCOUNT, account.login, role=account.role, org=account.org
    )
    return account


def refuse_account(session: Session, actor: Reader, login: str, reason: str) -> Account:
    """The 安全保密管理员 does not let a proposed account in; its name is not given again. Raises ForbiddenError, NotFoundError, ConflictError."""
    require_act(actor, Act.APPROVE_ACCOUNT)
    account = held_account(session, login)
    if account.state != AccountState.PROPOSED:
        raise ConflictError("该账号不在待批准状态。", "请在账号列表中核对。")
    account.state = AccountState.DISABLED
    journal.record(session, actor.account, JournalAct.REFUSE_ACCOUNT, login, reason=reason)
    return account


def disable_account(session: Session, actor: Reader, login: str, reason: str) -> Account:
    """The 安全保密管理员 shuts an account, and every login of it ends now; its name stays beside what it did (R35)."""
    require_act(actor, Act.APPROVE_ACCOUNT)
    account = held_account(session, login)
    if account.login == actor.account:
        raise ForbiddenError("不得停用本人的账号。", "请由另一名管理员停用。")
    shut(session, account)
    journal.record(session, actor.account, JournalAct.DISABLE_ACCOUNT, login, reason=reason)
    return account


def shut(
    session: Session, account: Account, *, state: AccountState = AccountState.DISABLED
) -> None:
    """End every login of an account, and leave it in this state."""
    account.state = state
    session.execute(delete(Login).where(Login.account_id == account.id))


def set_password(session: Session, by: str, login: str, password: str) -> None:
    """Keep the hash of a new password; every login of the account ends. Raises WeakPasswordError."""
    account = held_account(session, login)
    if len(password) < MIN_PASSWORD or login in password:
        raise WeakPasswordError(
            f"口令过于简单：至少{MIN_PASSWORD}个字符，且不得含有用户名。", "请另设口令。"
        )
    _set_secret(session, account, password)
    account.must_change = False
    journal.record(session, by, JournalAct.SET_PASSWORD, login)


def renew_secret(session: Session, by: str, login: str, *, must_change: bool = False) -> str:
    """Give an account a fresh random secret, to be shown once; the old one and every login end now. `must_change`: at the first login."""
    secret, account = secrets.token_urlsafe(24), held_account(session, login)
    _set_secret(session, account, secret)
    account.must_change = must_change
    journal.record(session, by, JournalAct.SET_PASSWORD, login)
    return secret


def _set_secret(session: Session, account: Account, secret: str) -> None:
    account.secret_hash = _hash(secret)
    account.failures, account.locked_until = 0, None
    session.execute(delete(Login).where(Login.account_id == account.id))


def first_administrators(session: Session, organisations: Organisations) -> dict[str, str]:
    """The 三员 of an archive that has no account at all, with their secrets to be shown once; nobody else could let them in. Raises ConflictError."""
    if session.scalar(select(func.count()).select_from(Account)):
        raise ConflictError("已有账号。", "请由系统管理员提交、安全保密管理员批准新账号。")
    city = organisations.of_kind(OrgKind.CITY)[0].code
    made = {}
    for role, login in (
        (Role.SYSTEM_ADMIN, "sysadmin"),
        (Role.SECURITY_ADMIN, "secadmin"),
        (Role.AUDIT_ADMIN, "auditor"),
    ):
        _approve(
            session,
            "setup",
            _propose(
                session,
                "setup",
                NewAccount(login, AccountKind.PERSON, role.label, city, role),
                organisations,
            ),
        )
        made[login] = renew_secret(session, "setup", login)
    return made


def check_secret(session: Session, login: str, secret: str) -> Account | None:
    """The account, when login and secret are right and it may be used now. The caller commits either way: failures are counted.

    After five failures each further one locks the account, for twice as long, up to 15 minutes.
    """
    account = session.scalars(select(Account).where(Account.login == login)).first()
    # An unknown account, or one without a secret, costs the same time as a wrong password.
    right = _verify(account.secret_hash if account and account.secret_hash else _nobody(), secret)
    if account is None:
        return None
    now = database_now(session)
    if account.locked_until and now < account.locked_until:
        return None
    if not right or account.secret_hash is None:
        account.failures += 1
        if account.failures >= _FREE_FAILURES:
            account.locked_until = now + min(
                timedelta(seconds=30) * 2 ** min(account.failures - _FREE_FAILURES, 10),
                _LONGEST_LOCK,
            )
            journal.record(
                session, login, JournalAct.LOGIN_LOCKED, login, failures=account.failures
            )
        return None
    account.failures, account.locked_until = 0, None
    return account if account.state == AccountState.ACTIVE else None


def open_login(
    session: Session, account: Account, kind: str, scopes: Collection[Scope] = ()
) -> str:
    """Log an account in (`kind` WEB or TOKEN); gives what the browser or client carries from now on, kept here as a digest only."""
    carried = secrets.token_urlsafe(32)
    now = database_now(session)
    session.execute(delete(Login).where(Login.expires_at < now))
    session.add(
        Login(
            digest=_digest(carried),
            account_id=account.id,
            kind=kind,
            scopes=[str(one) for one in scopes],
            created_at=now,
            expires_at=now + (TOKEN_LIFE if kind == "TOKEN" else WEB_LIFE),
        )
    )
    journal.record(session, account.login, JournalAct.LOGIN, account.login, kind=kind)
    return carried


def reader_of(session: Session, carried: str, kind: str) -> Reader | None:
    """Who carries this; None when it is unknown, has run out or the account was shut."""
    found = session.execute(
        select(Login, Account)
        .join(Account, Account.id == Login.account_id)
        .where(Login.digest == _digest(carried), Login.kind == kind)
    ).first()
    if found is None:
        return None
    login, account = found
    if login.expires_at <= database_now(session) or account.state != AccountState.ACTIVE:
        return None
    return reader(account, login.scopes)


def reader(account: Account, scopes: Collection[str] = ()) -> Reader:
    """An account as the policy sees it. A client never has more than its own scopes; a person has none."""
    allowed = (
        frozenset(Scope(one) for one in scopes if one in account.scopes)
        if account.kind == AccountKind.CLIENT
        else None
    )
    return Reader(account.login, Role(account.role), account.org, allowed)


def close_login(session: Session, carried: str) -> None:
    """Log out."""
    session.execute(delete(Login).where(Login.digest == _digest(carried)))


def csrf_token(carried: str) -> str:
    """What a form of this login must carry: it follows from the cookie, which another site cannot read."""
    return hashlib.sha256(b"csrf\0" + carried.encode()).hexdigest()


def _check(session: Session, new: NewAccount, organisations: Organisations) -> None:
    if not _LOGIN.fullmatch(new.login):
        raise BadAccountError(
            "用户名应为3至64个小写字母、数字、点、横线或下划线。", "请更正用户名。"
        )
    check_place(new, organisations)
    client = new.kind is AccountKind.CLIENT
    if client and new.role in ADMINISTRATORS:
        raise BadAccountError("管理员角色只授予人员。", "请核对角色。")
    useful = {SCOPE_OF[act] for act in acts_of(new.role) if act in SCOPE_OF}
    if client != bool(new.scopes) or not set(new.scopes) <= useful:
        raise BadAccountError("权限范围只用于系统账号，且不得超出其角色。", "请核对权限范围。")
    if session.scalars(select(Account).where(Account.login == new.login)).first() is not None:
        raise ConflictError("该用户名已存在。", "请换一个用户名。")
    check_hands(session, new.officer_no, new.role)


def check_place(new: NewAccount, organisations: Organisations) -> None:
    """Raise BadAccountError for a role that does not exist at this kind of organisation."""
    if new.org not in organisations or organisations.get(new.org).kind not in org_kinds_of(
        new.role
    ):
        raise BadAccountError(f"{new.role.label}不能设在该单位。", "请核对角色与单位。")


def check_hands(session: Session, officer_no: str | None, role: Role, *, but: str = "") -> None:
    """Raise BadAccountError when two of the 三员, or one of them and another role, would lie in one hand."""
    if not officer_no:
        return
    others = session.scalars(
        select(Account).where(
            Account.officer_no == officer_no,
            Account.state != AccountState.DISABLED,
            Account.login != but,
        )
    )
    if any({Role(one.role), role} & ADMINISTRATORS for one in others):
        raise BadAccountError(
            "三员不得由同一人兼任，也不得兼任业务角色。", "请停用其原账号，或换人。"
        )


def require_act(actor: Reader, act: Act) -> None:
    """Raise ForbiddenError unless the role does this act."""
    denial = may(actor, act).denial
    if denial is not None:
        raise ForbiddenError(f"{denial.label}。", "如需此权限，请联系安全保密管理员。")


def held_account(session: Session, login: str) -> Account:
    """The account of a login. Raises NotFoundError."""
    account = session.scalars(select(Account).where(Account.login == login)).first()
    if account is None:
        raise NotFoundError("没有这个账号。", "请核对用户名。")
    return account


def _digest(carried: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(carried.encode()).hexdigest()


def _hash(secret: str) -> str:
    return Argon2id(
        salt=secrets.token_bytes(16),
        length=32,
        iterations=_ITERATIONS,
        lanes=1,
        memory_cost=_MEMORY_KIB,
    ).derive_phc_encoded(secret.encode())


def _verify(hashed: str, secret: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(secret.encode(), hashed)
    except InvalidKey:
        return False
    return True


@cache
def _nobody() -> str:
    """A hash that no secret fits."""
    return _hash(secrets.token_urlsafe(32))
