"""Accounts and their secrets, by the separated duties of the 三员 (standards.md §2.8).

The 系统管理员 submits an account, the 安全保密管理员 approves it, the 安全审计员 sees both.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.passwords import FreshSecret, hash_secret, is_guessable
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
from archive.database.tables_administration import Account, Login, LoginAttempt
from archive.reference.errors import ArchiveError, ConflictError, NotFoundError
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import LabelledEnum, OrgKind

MIN_PASSWORD, MAX_PASSWORD = 12, 1024
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{2,63}")


class AccountKind(LabelledEnum):
    """Whether a person or a client logs in."""

    PERSON = "PERSON", "人员"
    CLIENT = "CLIENT", "系统"


class AccountState(LabelledEnum):
    """Whether an account may be used."""

    PROPOSED = "PROPOSED", "待批准"
    ACTIVE = "ACTIVE", "启用"
    DISABLED = "DISABLED", "停用"


class ForbiddenError(ArchiveError):
    """The role does not allow the act."""

    code = "FORBIDDEN"


class BadAccountError(ArchiveError):
    """The account is not allowed.

    Role and organisation do not fit, or one person would have two roles of the 三员.
    """

    code = "BAD_ACCOUNT"


class WeakPasswordError(ArchiveError):
    """The password is too short, contains the login, or is easily guessed."""

    code = "WEAK_PASSWORD"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """The fields of an account that is submitted.

    `scopes` is for clients; persons have none.
    """

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
    """Enter an account for the 系统管理员; it can do nothing before it is approved.

    Raises ForbiddenError, BadAccountError, ConflictError.
    """
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
        scopes=[str(scope) for scope in new.scopes],
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
        scopes=list(account.scopes),
    )
    return account


def approve_account(session: Session, actor: Reader, login: str) -> Account:
    """Activate a submitted account for the 安全保密管理员.

    Raises ForbiddenError, NotFoundError, ConflictError.
    """
    require_act(actor, Act.APPROVE_ACCOUNT)
    account = account_by_login(session, login)
    if account.state != AccountState.PROPOSED:
        raise ConflictError("该账号不在待批准状态。", "请在账号列表中核对。")
    if account.proposed_by == actor.account:
        raise ForbiddenError("提交人与批准人不得为同一人。", "请由另一名管理员批准。")
    _tell(session, NoticeKind.GRANTED, account)
    return _approve(session, actor.account, account)


def _tell(session: Session, kind: NoticeKind, account: Account) -> None:
    """Tell who submitted an account what became of it."""
    notify(session, kind, NoticeTopic.ACCOUNT, account.login, account=account.proposed_by)


def _approve(session: Session, by: str, account: Account) -> Account:
    account.state, account.approved_by = AccountState.ACTIVE, by
    journal.record(
        session, by, JournalAct.APPROVE_ACCOUNT, account.login, role=account.role, org=account.org
    )
    return account


def refuse_account(session: Session, actor: Reader, login: str, reason: str) -> Account:
    """Refuse a submitted account for the 安全保密管理员; its login is not given again.

    Raises ForbiddenError, NotFoundError, ConflictError.
    """
    require_act(actor, Act.APPROVE_ACCOUNT)
    account = account_by_login(session, login)
    if account.state != AccountState.PROPOSED:
        raise ConflictError("该账号不在待批准状态。", "请在账号列表中核对。")
    account.state = AccountState.DISABLED
    _tell(session, NoticeKind.REFUSED, account)
    journal.record(session, actor.account, JournalAct.REFUSE_ACCOUNT, login, reason=reason)
    return account


def disable_account(session: Session, actor: Reader, login: str, reason: str) -> Account:
    """Disable an account for the 安全保密管理员; every login of it ends now.

    Its name stays next to what it did (R35). Raises ForbiddenError, NotFoundError.
    """
    require_act(actor, Act.APPROVE_ACCOUNT)
    account = account_by_login(session, login)
    if account.login == actor.account:
        raise ForbiddenError("不得停用本人的账号。", "请由另一名管理员停用。")
    end_logins(session, account, state=AccountState.DISABLED)
    journal.record(session, actor.account, JournalAct.DISABLE_ACCOUNT, login, reason=reason)
    return account


def end_logins(session: Session, account: Account, *, state: AccountState) -> None:
    """End every login of an account, and set its state."""
    account.state = state
    session.execute(delete(Login).where(Login.account_id == account.id))


def hash_password(login: str, password: str) -> str:
    """Return the hash of a new password; slow, hence before any transaction is begun.

    Raises WeakPasswordError.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD or login in password:
        raise WeakPasswordError(
            f"口令过于简单：至少{MIN_PASSWORD}个字符，且不得含有用户名。", "请另设口令。"
        )
    if is_guessable(password, login):
        raise WeakPasswordError(
            "口令过于常见或多有重复，容易被猜到。", "请另设口令，例如几个互不相干的词。"
        )
    return hash_secret(password)


def set_password(session: Session, by: str, login: str, hashed: str) -> None:
    """Store the hash of a new password (`hash_password`); every login of the account ends.

    Raises NotFoundError.
    """
    account = account_by_login(session, login)
    _set_hash(session, account, hashed)
    account.must_change = False
    record_secret(session, by, account)


def renew_secret(
    session: Session, by: str, login: str, fresh: FreshSecret, *, must_change: bool = False
) -> str:
    """Give an account a secret that was hashed before, and return it, to be shown once.

    The old secret and every login end now. `must_change`: at the first login.
    """
    account = account_by_login(session, login)
    _set_hash(session, account, fresh.hashed)
    account.must_change = must_change
    record_secret(session, by, account)
    return fresh.text


def record_secret(session: Session, by: str, account: Account) -> None:
    """Journal that an account has another secret, by a digest of its hash.

    A hash that somebody puts into the row does not fit it.
    """
    journal.record(
        session,
        by,
        JournalAct.SET_PASSWORD,
        account.login,
        verifier=verifier_of(account.secret_hash),
    )


def verifier_of(hashed: str | None) -> str | None:
    """Return the digest by which the journal knows the hash of a secret."""
    return sha256(hashed.encode()).hexdigest() if hashed else None


def _set_hash(session: Session, account: Account, hashed: str) -> None:
    account.secret_hash = hashed
    account.failures, account.locked_until = 0, None
    forget_attempts(session, account)
    session.execute(delete(Login).where(Login.account_id == account.id))


def forget_attempts(session: Session, account: Account) -> None:
    """Delete what was counted of wrong secrets of an account, from every address."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.account_id == account.id))


FIRST_ADMINISTRATORS = (
    (Role.SYSTEM_ADMIN, "sysadmin"),
    (Role.SECURITY_ADMIN, "secadmin"),
    (Role.AUDIT_ADMIN, "auditor"),
)
"""The 三员 of a new archive, with their logins."""


def first_administrators(
    session: Session, organisations: Organisations, fresh: Sequence[FreshSecret]
) -> dict[str, str]:
    """Make the 三员 of an archive without accounts; return their secrets, to be shown once.

    `fresh` has one secret for each of `FIRST_ADMINISTRATORS`, hashed before the transaction.

    Nobody else could approve them. Raises ConflictError when there is an account.
    """
    if session.scalar(select(func.count()).select_from(Account)):
        raise ConflictError("已有账号。", "请由系统管理员提交、安全保密管理员批准新账号。")
    city = organisations.of_kind(OrgKind.CITY)[0].code
    secrets_by_login = {}
    for (role, login), secret in zip(FIRST_ADMINISTRATORS, fresh, strict=True):
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
        secrets_by_login[login] = renew_secret(session, "setup", login, secret)
    return secrets_by_login


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
    check_separation(session, new.officer_no, new.role)


def check_place(new: NewAccount, organisations: Organisations) -> None:
    """Raise BadAccountError for a role that does not exist at this kind of organisation."""
    if new.org not in organisations or organisations.get(new.org).kind not in org_kinds_of(
        new.role
    ):
        raise BadAccountError(f"{new.role.label}不能设在该单位。", "请核对角色与单位。")


def check_separation(
    session: Session, officer_no: str | None, role: Role, *, but: str = ""
) -> None:
    """Raise BadAccountError when one person would have two roles that exclude each other.

    They are two of the 三员, or one of them and another role. The account `but` is left out.
    """
    if not officer_no:
        return
    others = session.scalars(
        select(Account).where(
            Account.officer_no == officer_no,
            Account.state != AccountState.DISABLED,
            Account.login != but,
        )
    )
    if any({Role(other.role), role} & ADMINISTRATORS for other in others):
        raise BadAccountError(
            "三员不得由同一人兼任，也不得兼任业务角色。", "请停用其原账号，或换人。"
        )


def require_act(actor: Reader, act: Act) -> None:
    """Raise ForbiddenError unless the role allows this act."""
    denial = may(actor, act).denial
    if denial is not None:
        raise ForbiddenError(f"{denial.label}。", "如需此权限，请联系安全保密管理员。")


def account_by_login(session: Session, login: str) -> Account:
    """Return the account of a login; raises NotFoundError."""
    account = session.scalars(select(Account).where(Account.login == login)).first()
    if account is None:
        raise NotFoundError("没有这个账号。", "请核对用户名。")
    return account
