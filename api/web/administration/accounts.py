"""账号与三员: pages of accounts and of changes to them.

The 系统管理员 submits accounts and changes, the 安全保密管理员 approves, the 安全审计员 sees. A
secret is shown once, to the user who approved.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.http.use_requests import WORDS, Reasoned
from api.web.shell.forms import read_form, text_of
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.page import LoggedIn, PageRoute, Posted, User, Web, WebApp
from archive.administration.account_changes import (
    ChangeKind,
    ChangeState,
    Wanted,
    changes_waiting,
    decide_change,
    propose_change,
)
from archive.administration.account_lists import (
    account_counts,
    changes_of,
    part_of_accounts,
    proposed_accounts,
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
from archive.administration.passwords import fresh_secret
from archive.administration.policy import Act, Role, Scope
from archive.audit.entries import entries_about
from archive.database.engine import reading, writing
from archive.database.tables_administration import Account

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/system")
Word = Annotated[str, Query(max_length=64)]
_TRACE = 20
_ACCOUNTS = Shape(
    (
        Column("姓名", "name"),
        Column("用户名", "login"),
        Column("角色", "role"),
        Column("单位", "org"),
        Column("状态", "state"),
        Column("提交", "proposed"),
        Column("批准", "approved"),
    ),
    day="提交",
    station="单位",
    usual="login",
    what="个",
)
_LABELS = {
    "name": "请填写姓名或系统名称。",
    "role": "请选择角色。",
    "org": "请选择单位。",
    "login": "请填写用户名。",
    "officer_no": "警号至多32字。",
    "reason": "请写明理由。",
}


class _EditForm(BaseModel):
    """What a change may give an account anew."""

    name: str = Field(min_length=1, max_length=100, pattern=WORDS)
    org: str = Field(max_length=12)
    role: Role


class _AccountForm(_EditForm):
    """A new account."""

    login: str = Field(max_length=64)
    kind: AccountKind
    officer_no: str | None = Field(max_length=32)
    scopes: tuple[Scope, ...]


class _ChangeForm(BaseModel):
    """Which change is wanted."""

    kind: ChangeKind


def _require_any(user: User) -> None:
    """Raise RefusedError for anyone but the 三员: all see accounts, their acts differ."""
    if not (user.may(Act.PROPOSE_ACCOUNT) or user.may(Act.APPROVE_ACCOUNT)):
        user.require(Act.READ_JOURNAL)


@router.get("/accounts")
def accounts_page(
    request: Request, web: Web, user: LoggedIn, state: Word = "", role: Word = ""
) -> Response:
    """List accounts with role and state, and what waits for approval."""
    _require_any(user)
    accounts = listed(request, web.runtime.organisations, _ACCOUNTS)
    with reading(web.runtime.engine) as session:
        part = part_of_accounts(session, accounts.wanted, state=state, role=role)
        proposed = proposed_accounts(session)
        changes = [
            (change, ChangeKind(change.kind), account)
            for change, account in changes_waiting(session)
        ]
        counts = account_counts(session)
    return web.page(
        request,
        user,
        "accounts.html",
        status=accounts.status,
        accounts=accounts.with_part(part),
        rows=part.rows,
        asked={"state": state, "role": role},
        states=AccountState,
        roles=Role,
        proposed=proposed,
        changes=changes,
        counts=counts,
    )


@router.get("/accounts/new")
def new_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the form of a new account."""
    user.require(Act.PROPOSE_ACCOUNT)
    return web.page(
        request,
        user,
        "account_new.html",
        roles=Role,
        orgs=list(web.runtime.organisations),
        scopes=Scope,
    )


@router.post("/accounts")
def propose(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Submit a new account."""
    user.require(Act.PROPOSE_ACCOUNT)
    client = form.get("kind") == AccountKind.CLIENT
    wanted = read_form(
        _AccountForm,
        {
            "login": form.get("login", "").strip(),
            "kind": AccountKind.CLIENT if client else AccountKind.PERSON,
            "name": text_of(form, "name"),
            "org": form.get("org", ""),
            "role": form.get("role", ""),
            "officer_no": form.get("officer_no", "").strip() or None,
            "scopes": [scope for scope in Scope if client and f"scope:{scope.value}" in form],
        },
        _LABELS,
    )
    new = NewAccount(**wanted.model_dump())
    with writing(web.runtime.engine) as session:
        propose_account(session, user.reader, new, web.runtime.organisations)
    return RedirectResponse(f"/system/accounts/{new.login}", 303)


def _reason(form: dict[str, str]) -> str:
    return read_form(Reasoned, {"reason": text_of(form, "reason")}, _LABELS).reason


@router.get("/accounts/{login}")
def account_page(request: Request, web: Web, user: LoggedIn, login: str) -> Response:
    """Draw one account: what waits, what happened to it, and what this role may do."""
    _require_any(user)
    with reading(web.runtime.engine) as session:
        values = _account(web, session, login)
    return web.page(request, user, "account.html", secret=None, **values)


def _account(web: WebApp, session: Session, login: str) -> dict[str, Any]:
    account = account_by_login(session, login)
    changes = changes_of(session, account, _TRACE)
    trace = entries_about(session, login, limit=_TRACE)
    return {
        "account": account,
        "state": AccountState(account.state),
        "kind": AccountKind(account.kind),
        "open": next((change for change in changes if change.state == ChangeState.PROPOSED), None),
        "changes": [
            (change, ChangeKind(change.kind), ChangeState(change.state)) for change in changes
        ],
        "kinds": ChangeKind,
        "trace": trace,
        "roles": Role,
        "orgs": list(web.runtime.organisations),
        "scopes": [Scope(scope).label for scope in account.scopes],
    }


@router.post("/accounts/{login}/decision")
def decision(request: Request, web: Web, user: LoggedIn, form: Posted, login: str) -> Response:
    """Approve a proposed account and show its first secret this once, or refuse it."""
    user.require(Act.APPROVE_ACCOUNT)
    fresh = fresh_secret()
    with writing(web.runtime.engine) as session:
        secret = None
        if form.get("decision") == "approve":
            account = approve_account(session, user.reader, login)
            person = account.kind == AccountKind.PERSON
            secret = renew_secret(session, user.reader.account, login, fresh, must_change=person)
        else:
            refuse_account(session, user.reader, login, _reason(form))
        values = _account(web, session, login)
    return web.page(request, user, "account.html", secret=secret, **values)


@router.post("/accounts/{login}/disable")
def disable(web: Web, user: LoggedIn, form: Posted, login: str) -> Response:
    """Disable an account at once: in danger one administrator is enough."""
    user.require(Act.APPROVE_ACCOUNT)
    with writing(web.runtime.engine) as session:
        disable_account(session, user.reader, login, _reason(form))
    return RedirectResponse(f"/system/accounts/{login}", 303)


@router.post("/accounts/{login}/changes")
def change(web: Web, user: LoggedIn, form: Posted, login: str) -> Response:
    """Submit a change of an account."""
    user.require(Act.PROPOSE_ACCOUNT)
    kind = read_form(_ChangeForm, {"kind": form.get("kind")}, {"kind": "请选择变更的种类。"}).kind
    edited = {key: text_of(form, key) for key in ("name", "org", "role")}
    wanted = (
        Wanted(**read_form(_EditForm, edited, _LABELS).model_dump())
        if kind is ChangeKind.EDIT
        else None
    )
    with writing(web.runtime.engine) as session:
        propose_change(
            session, user.reader, login, kind, _reason(form), web.runtime.organisations, wanted
        )
    return RedirectResponse(f"/system/accounts/{login}", 303)


@router.post("/changes/{number}")
def decide(request: Request, web: Web, user: LoggedIn, form: Posted, number: int) -> Response:
    """Approve a change, which is then carried out, or refuse it."""
    user.require(Act.APPROVE_ACCOUNT)
    fresh = fresh_secret()
    with writing(web.runtime.engine) as session:
        done, secret = decide_change(
            session,
            user.reader,
            number,
            approve=form.get("decision") == "approve",
            reason=_reason(form),
            organisations=web.runtime.organisations,
            fresh=fresh,
        )
        values = _account(web, session, session.get_one(Account, done.account_id).login)
    return web.page(request, user, "account.html", secret=secret, **values)
