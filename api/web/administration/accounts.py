"""账号与三员: the 系统管理员 submits accounts and changes, the 安全保密管理员 approves, the 安全审计员 sees; a secret is shown once, to who approved."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.web.shell.page import At, BadFormError, PageRoute, Posted, Seat, Seated, WebApp
from api.web.shell.scope import PAGE
from archive.administration.account_changes import (
    ChangeKind,
    ChangeState,
    Wanted,
    changes_waiting,
    decide_change,
    propose_change,
)
from archive.administration.accounts import (
    AccountKind,
    AccountState,
    NewAccount,
    account_by_login,
    approve_account,
    disable_account,
    propose_account,
    refuse_account,
    renew_secret,
)
from archive.administration.policy import Act, Role, Scope
from archive.database.engine import reading, writing
from archive.database.tables_administration import Account, AccountChange
from archive.database.tables_audit import JournalEntry

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/system")
Word = Annotated[str, Query(max_length=64)]
_SHORTEST, _LONGEST, _TRACE = 2, 200, 20


def _require_any(seat: Seat) -> None:
    """Each of the 三员 sees the accounts; what each may do with them differs."""
    if not (seat.may(Act.PROPOSE_ACCOUNT) or seat.may(Act.APPROVE_ACCOUNT)):
        seat.require(Act.READ_JOURNAL)


@router.get("/accounts")
def accounts_page(
    request: Request, desk: At, seat: Seated, state: Word = "", role: Word = "", after: Word = ""
) -> Response:
    """Accounts with role and state, and what waits for approval."""
    _require_any(seat)
    with reading(desk.runtime.engine) as session:
        query = select(Account).order_by(Account.login)
        if state in set(AccountState):
            query = query.where(Account.state == state)
        if role in set(Role):
            query = query.where(Account.role == role)
        found = session.scalars(
            (query.where(Account.login > after) if after else query).limit(PAGE + 1)
        ).all()
        proposed = session.scalars(
            select(Account).filter_by(state=AccountState.PROPOSED).order_by(Account.id)
        ).all()
        changes = [
            (one, ChangeKind(one.kind), account) for one, account in changes_waiting(session)
        ]
        counts = dict(
            session.execute(select(Account.state, func.count()).group_by(Account.state)).all()
        )
    return desk.page(
        request,
        seat,
        "accounts.html",
        rows=found[:PAGE],
        next=found[PAGE - 1].login if len(found) > PAGE else None,
        asked={"state": state, "role": role},
        states=AccountState,
        roles=Role,
        proposed=proposed,
        changes=changes,
        counts=counts,
    )


@router.get("/accounts/new")
def new_page(request: Request, desk: At, seat: Seated) -> Response:
    """The form of a new account."""
    seat.require(Act.PROPOSE_ACCOUNT)
    return desk.page(
        request,
        seat,
        "account_new.html",
        roles=Role,
        orgs=list(desk.runtime.organisations),
        scopes=Scope,
    )


@router.post("/accounts")
def propose(desk: At, seat: Seated, form: Posted) -> Response:
    """Submit a new account."""
    seat.require(Act.PROPOSE_ACCOUNT)
    client = form.get("kind") == AccountKind.CLIENT
    new = NewAccount(
        form.get("login", "").strip(),
        AccountKind.CLIENT if client else AccountKind.PERSON,
        _name(form),
        form.get("org", ""),
        _role(form),
        form.get("officer_no", "").strip()[:32] or None,
        tuple(one for one in Scope if f"scope:{one.value}" in form) if client else (),
    )
    with writing(desk.runtime.engine) as session:
        propose_account(session, seat.reader, new, desk.runtime.organisations)
    return RedirectResponse(f"/system/accounts/{new.login}", 303)


def _name(form: dict[str, str]) -> str:
    name = " ".join(form.get("name", "").split())
    if not name or len(name) > 100 or not name.isprintable():  # noqa: PLR2004 - the column's length
        raise BadFormError("请填写姓名或系统名称。", "请返回上一页填写后重新提交。")
    return name


def _role(form: dict[str, str]) -> Role:
    if form.get("role") not in set(Role):
        raise BadFormError("请选择角色。", "请返回上一页选择后重新提交。")
    return Role(form["role"])


def _reason(form: dict[str, str]) -> str:
    reason = " ".join(form.get("reason", "").split())
    if not _SHORTEST <= len(reason) <= _LONGEST or not reason.isprintable():
        raise BadFormError("请写明理由。", "请返回上一页填写后重新提交。")
    return reason


@router.get("/accounts/{login}")
def account_page(request: Request, desk: At, seat: Seated, login: str) -> Response:
    """One account: what it is, what waits, what happened to it, and what this role may do with it."""
    _require_any(seat)
    with reading(desk.runtime.engine) as session:
        values = _account(desk, session, login)
    return desk.page(request, seat, "account.html", secret=None, **values)


def _account(desk: WebApp, session: Session, login: str) -> dict[str, Any]:
    account = account_by_login(session, login)
    changes = session.scalars(
        select(AccountChange)
        .filter_by(account_id=account.id)
        .order_by(AccountChange.id.desc())
        .limit(_TRACE)
    ).all()
    trace = session.scalars(
        select(JournalEntry)
        .where(JournalEntry.subject == login)
        .order_by(JournalEntry.seq.desc())
        .limit(_TRACE)
    ).all()
    return {
        "account": account,
        "state": AccountState(account.state),
        "kind": AccountKind(account.kind),
        "open": next((one for one in changes if one.state == ChangeState.PROPOSED), None),
        "changes": [(one, ChangeKind(one.kind), ChangeState(one.state)) for one in changes],
        "kinds": ChangeKind,
        "trace": trace,
        "roles": Role,
        "orgs": list(desk.runtime.organisations),
        "scopes": [Scope(one).label for one in account.scopes],
    }


@router.post("/accounts/{login}/decision")
def decision(request: Request, desk: At, seat: Seated, form: Posted, login: str) -> Response:
    """Let a proposed account in, whose first secret is shown now and never again; or not."""
    seat.require(Act.APPROVE_ACCOUNT)
    with writing(desk.runtime.engine) as session:
        secret = None
        if form.get("decision") == "approve":
            account = approve_account(session, seat.reader, login)
            secret = renew_secret(
                session, seat.reader.account, login, must_change=account.kind == AccountKind.PERSON
            )
        else:
            refuse_account(session, seat.reader, login, _reason(form))
        values = _account(desk, session, login)
    return desk.page(request, seat, "account.html", secret=secret, **values)


@router.post("/accounts/{login}/disable")
def disable(desk: At, seat: Seated, form: Posted, login: str) -> Response:
    """Shut an account at once: danger does not wait for two."""
    seat.require(Act.APPROVE_ACCOUNT)
    with writing(desk.runtime.engine) as session:
        disable_account(session, seat.reader, login, _reason(form))
    return RedirectResponse(f"/system/accounts/{login}", 303)


@router.post("/accounts/{login}/changes")
def change(desk: At, seat: Seated, form: Posted, login: str) -> Response:
    """Submit a change."""
    seat.require(Act.PROPOSE_ACCOUNT)
    if form.get("kind") not in set(ChangeKind):
        raise BadFormError("请选择变更的种类。", "请返回上一页选择后重新提交。")
    kind = ChangeKind(form["kind"])
    wanted = (
        Wanted(_name(form), form.get("org", ""), _role(form)) if kind is ChangeKind.EDIT else None
    )
    with writing(desk.runtime.engine) as session:
        propose_change(
            session, seat.reader, login, kind, _reason(form), desk.runtime.organisations, wanted
        )
    return RedirectResponse(f"/system/accounts/{login}", 303)


@router.post("/changes/{number}")
def decide(request: Request, desk: At, seat: Seated, form: Posted, number: int) -> Response:
    """Approve a change, which is then carried out, or refuse it."""
    seat.require(Act.APPROVE_ACCOUNT)
    with writing(desk.runtime.engine) as session:
        done, secret = decide_change(
            session,
            seat.reader,
            number,
            approve=form.get("decision") == "approve",
            reason=_reason(form),
            organisations=desk.runtime.organisations,
        )
        values = _account(desk, session, session.get_one(Account, done.account_id).login)
    return desk.page(request, seat, "account.html", secret=secret, **values)
