"""Changes of existing accounts, by the separated duties of the 三员.

The 系统管理员 submits a change, the 安全保密管理员 approves it, the 安全审计员 reads it in the
journal. Nobody submits or approves a change of their own account, and the last of the 三员 of a
kind is never disabled: nobody could enable the account again.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.accounts import (
    AccountKind,
    AccountState,
    BadAccountError,
    ForbiddenError,
    NewAccount,
    account_by_login,
    check_place,
    check_separation,
    end_logins,
    forget_attempts,
    renew_secret,
    require_act,
)
from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.passwords import FreshSecret
from archive.administration.policy import ADMINISTRATORS, Act, Reader, Role
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_administration import Account, AccountChange
from archive.reference.errors import ConflictError, NotFoundError
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import LabelledEnum


class ChangeKind(LabelledEnum):
    """A kind of change of an account."""

    EDIT = "EDIT", "变更姓名、单位或角色"
    DISABLE = "DISABLE", "停用"
    ENABLE = "ENABLE", "重新启用"
    SECRET = "SECRET", "重置口令"


class ChangeState(LabelledEnum):
    """The state of a change."""

    PROPOSED = "PROPOSED", "待批准"
    APPROVED = "APPROVED", "已批准"
    REFUSED = "REFUSED", "不批准"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The wanted name, organisation and role of an account; only for EDIT."""

    name: str
    org: str
    role: Role


def propose_change(
    session: Session,
    actor: Reader,
    login: str,
    kind: ChangeKind,
    reason: str,
    organisations: Organisations,
    wanted: Wanted | None = None,
) -> AccountChange:
    """Enter a change of an account; nothing happens before it is approved.

    Raises ForbiddenError, NotFoundError, ConflictError, BadAccountError.
    """
    require_act(actor, Act.PROPOSE_ACCOUNT)
    account = account_by_login(session, login)
    if account.login == actor.account:
        raise ForbiddenError("不得提交本人账号的变更。", "请由另一名系统管理员提交。")
    if (
        session.scalars(
            select(AccountChange.id).filter_by(account_id=account.id, state=ChangeState.PROPOSED)
        ).first()
        is not None
    ):
        raise ConflictError("该账号已有待批准的变更。", "请先由安全保密管理员审批。")
    _check(session, account, kind, wanted, organisations)
    change = AccountChange(
        account_id=account.id,
        kind=kind,
        wanted={**asdict(wanted), "role": str(wanted.role)} if wanted else {},
        reason=reason,
        state=ChangeState.PROPOSED,
        proposed_by=actor.account,
        proposed_at=database_now(session),
    )
    session.add(change)
    session.flush()
    journal.record(
        session,
        actor.account,
        JournalAct.PROPOSE_CHANGE,
        login,
        kind=kind,
        number=change.id,
        **_journalled(change.wanted),
    )
    return change


def _journalled(wanted: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in wanted.items() if key in {"org", "role"}}


def _check(
    session: Session,
    account: Account,
    kind: ChangeKind,
    wanted: Wanted | None,
    organisations: Organisations,
) -> None:
    expected = {ChangeKind.ENABLE: AccountState.DISABLED}.get(kind, AccountState.ACTIVE)
    if account.state != expected:
        raise ConflictError("账号当前状态不允许此项变更。", "请在账号列表中核对。")
    if kind is ChangeKind.EDIT:
        _check_edit(session, account, wanted, organisations)
    if kind is ChangeKind.ENABLE:
        check_separation(session, account.officer_no, Role(account.role), but=account.login)
    if kind is ChangeKind.DISABLE and Role(account.role) in ADMINISTRATORS:
        others = select(func.count()).where(
            Account.role == account.role,
            Account.state == AccountState.ACTIVE,
            Account.id != account.id,
        )
        if not session.scalar(others.select_from(Account)):
            raise ConflictError(
                "这是唯一在用的该类管理员账号，不能停用。", "请先为接任者建立账号。"
            )


def _check_edit(
    session: Session, account: Account, wanted: Wanted | None, organisations: Organisations
) -> None:
    if wanted is None or not wanted.name.strip():
        raise BadAccountError("没有写明变更后的内容。", "请填写姓名、单位和角色。")
    role = Role(account.role)
    if role != wanted.role and {role, wanted.role} & ADMINISTRATORS:
        raise BadAccountError(
            "三员角色不得由其他角色变更而来，也不得改任其他角色。", "请停用原账号，另建账号。"
        )
    if account.kind == AccountKind.CLIENT and role != wanted.role:
        raise BadAccountError("系统账号不能变更角色。", "请停用原账号，另建账号。")
    new = NewAccount(
        account.login,
        AccountKind(account.kind),
        wanted.name,
        wanted.org,
        wanted.role,
        account.officer_no,
    )
    check_place(new, organisations)
    check_separation(session, account.officer_no, wanted.role, but=account.login)


def decide_change(
    session: Session,
    actor: Reader,
    number: int,
    *,
    approve: bool,
    reason: str,
    organisations: Organisations,
    fresh: FreshSecret,
) -> tuple[AccountChange, str | None]:
    """Approve and carry out a change, or refuse it.

    `fresh` becomes the secret where the change asks for one: hashing is slow, hence before the
    transaction. Returns the change and, if there is one, a new secret to be shown once. Raises as
    `propose_change`.
    """
    require_act(actor, Act.APPROVE_ACCOUNT)
    change = session.get(AccountChange, number)
    if change is None:
        raise NotFoundError("没有这项变更。", "请在账号列表中核对。")
    account = session.get_one(Account, change.account_id)
    if change.state != ChangeState.PROPOSED:
        raise ConflictError("该变更已有结论。", "请刷新页面。")
    if actor.account in {change.proposed_by, account.login}:
        raise ForbiddenError("提交人和本人不得批准该变更。", "请由另一名安全保密管理员批准。")
    secret = None
    if approve:
        kind = ChangeKind(change.kind)
        wanted = (
            Wanted(**{**change.wanted, "role": Role(change.wanted["role"])})
            if change.wanted
            else None
        )
        # Checked again: what was allowed when it was submitted need not be allowed any more.
        _check(session, account, kind, wanted, organisations)
        secret = _apply(session, actor.account, account, kind, wanted, fresh)
    change.state = ChangeState.APPROVED if approve else ChangeState.REFUSED
    change.decided_by, change.decided_at, change.decision = (
        actor.account,
        database_now(session),
        reason,
    )
    kind_of_notice = NoticeKind.GRANTED if approve else NoticeKind.REFUSED
    subject = account.login
    notify(session, kind_of_notice, NoticeTopic.ACCOUNT, subject, account=change.proposed_by)
    journal.record(
        session,
        actor.account,
        JournalAct.DECIDE_CHANGE,
        account.login,
        kind=change.kind,
        number=number,
        state=change.state,
        # What the account is from now on, so that its row can be held to it.
        org=account.org,
        role=account.role,
        account_state=account.state,
    )
    return change, secret


def _apply(
    session: Session,
    by: str,
    account: Account,
    kind: ChangeKind,
    wanted: Wanted | None,
    fresh: FreshSecret,
) -> str | None:
    if kind is ChangeKind.SECRET:
        person = account.kind == AccountKind.PERSON
        return renew_secret(session, by, account.login, fresh, must_change=person)
    if kind is ChangeKind.ENABLE:
        account.state, account.failures, account.locked_until = AccountState.ACTIVE, 0, None
        forget_attempts(session, account)
    elif kind is ChangeKind.DISABLE:
        end_logins(session, account, state=AccountState.DISABLED)
    elif wanted is not None:
        account.name, account.org, account.role = wanted.name, wanted.org, wanted.role
        # Logins that are open have the old role.
        end_logins(session, account, state=AccountState.ACTIVE)
    return None


def changes_waiting(session: Session) -> list[tuple[AccountChange, Account]]:
    """Return the changes that wait for the 安全保密管理员, with their accounts, oldest first."""
    query = select(AccountChange, Account).join(Account, Account.id == AccountChange.account_id)
    return [
        (change, account)
        for change, account in session.execute(
            query.filter(AccountChange.state == ChangeState.PROPOSED).order_by(AccountChange.id)
        )
    ]
