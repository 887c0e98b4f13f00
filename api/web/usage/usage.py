"""利用: ask for the use of a volume, follow one's own requests, and use what was granted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api.http.use_requests import Decided, Reasoned, UseWanted, application_of
from api.web.shell.forms import read_form, text_of
from api.web.shell.kept_forms import keep_choice
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.page import LoggedIn, PageRoute, Posted, User, Web, WebApp
from archive.administration.policy import Act, Capacity, capacities
from archive.database.engine import database_now, reading, writing
from archive.database.tables_usage import UsageRequest
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode
from archive.reference.errors import NotFoundError
from archive.reference.masking import mask_numbers
from archive.reference.organisations import fonds_unit
from archive.reference.vocabulary import JobState, OrgKind
from archive.usage.certified_copies import contents_of
from archive.usage.copy_orders import orders_of
from archive.usage.looks import DeniedError
from archive.usage.reading_room import OpenedVolume, open_volume
from archive.usage.redaction import mask_text, names_of
from archive.usage.request_lists import part_of_own
from archive.usage.requests import (
    MAX_DAYS,
    RequestState,
    decide_request,
    end_grant,
    find_request,
    may_decide,
    may_read,
    number_of,
    request_use,
    requests_to_decide,
    table_row,
    withdraw_request,
)
from archive.usage.visitors import DocumentKind, masked, visitor_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_WANTED = {
    "code": "请填写完整的档号。",
    "capacity": "请选择利用主体。",
    "scope": "请选择利用范围。",
    "purpose": "事由",
    "basis": "依据文书",
    "papers": "请勾选已备的依据材料。",
    "visitor": "利用人的姓名、证件和号码须按证件填写。",
    "days": f"利用天数应为1至{MAX_DAYS}。",
}
_REQUESTS = Shape(
    (
        Column("利用单", "number"),
        Column("档号", "code"),
        Column("主体与范围", "capacity"),
        Column("事由"),
        Column("期限", "days"),
        Column("状态", "state"),
    ),
    day="申请",
    usual="-number",
    what="份",
)
_RULES = {
    "MPS ": "公通字〔2021〕12号",
    "DDT": "户口档案查询规定",
    "[D] guard.md": "本系统约定",
    "实施条例 ": "档案法实施条例",
}


def basis_of(source: str) -> str:
    """Return the rule behind a row of the table in words.

    The table names rules by the short names of standards.md.
    """
    for short, words in _RULES.items():
        source = source.replace(short, words)
    return source


def row_of(web: WebApp, request: UsageRequest, now: datetime, *, own: bool) -> dict[str, Any]:
    """Return a request as lists and pages show it, with numbers masked in what people wrote.

    Of an `own` request that is not granted the keeper is not shown.
    """
    capacity, scope = table_row(request.capacity, request.scope)
    state = RequestState(request.state)
    ended = state is RequestState.GRANTED and (request.ends_at is None or request.ends_at <= now)
    return {
        "number": number_of(request),
        "request": request,
        "capacity": capacity,
        "rule": basis_of(capacity.source),
        "scope": scope,
        "state": "已到期" if ended else state.label,
        "kind": {
            RequestState.REQUESTED: "wait",
            RequestState.GRANTED: "" if ended else "ok",
            RequestState.REFUSED: "bad",
        }.get(state, ""),
        "open": state is RequestState.GRANTED and not ended,
        "purpose": mask_numbers(request.purpose),
        "basis": mask_numbers(request.basis),
        "reason": mask_numbers(request.reason or ""),
        "visitor": masked(visitor) if (visitor := visitor_of(request.visitor)) else None,
        "keeper": web.org(_keeper_for_asker(web, request) if own else request.keeper),
        "org": web.org(request.org),
    }


def _keeper_for_asker(web: WebApp, request: UsageRequest) -> str:
    """Return the keeper of what was granted, else the unit whose fonds the number names.

    Before, a station as the keeper would say that there is such a volume.
    """
    if request.state == RequestState.GRANTED:
        return request.keeper
    organisations = web.runtime.organisations
    try:
        return fonds_unit(organisations, ArchivalCode.parse(request.code).fonds).code
    except StopIteration:  # no fonds of ours: it waits at the city, like any other
        return organisations.of_kind(OrgKind.CITY)[0].code


@router.get("/usage")
def usage_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """List the user's own requests, newest first."""
    user.require(Act.REQUEST_USE)
    requests = listed(request, web.runtime.organisations, _REQUESTS)
    with reading(web.runtime.engine) as session:
        part = part_of_own(session, user.reader.account, requests.wanted)
        now = database_now(session)
    return web.page(
        request,
        user,
        "usage.html",
        status=requests.status,
        requests=requests.with_part(part),
        rows=[row_of(web, asked, now, own=True) for asked in part.rows],
    )


@router.get("/usage/new")
def new_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    code: Annotated[str, Query(max_length=64)] = "",
    capacity: Annotated[str, Query(max_length=16)] = "POLICE",
) -> Response:
    """Draw the form: the capacity chosen decides which papers and scopes are shown.

    They are those of its row of the table (standards.md §3.6).
    """
    user.require(Act.REQUEST_USE)
    rows = {
        key: row for key, row in capacities().items() if any(scope.acts for scope in row.scopes)
    }
    chosen = rows.get(capacity) or rows["POLICE"]
    return web.page(
        request,
        user,
        "usage_new.html",
        code=code,
        rows=rows,
        chosen=chosen,
        papers=_papers(chosen),
        basis=basis_of(chosen.source),
        days=MAX_DAYS,
        documents=list(DocumentKind),
    )


def _papers(capacity: Capacity) -> list[str]:
    return list(dict.fromkeys(paper for papers in capacity.papers for paper in papers))


@router.post("/usage/new")
def choose(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Draw the form for another capacity, with all that was typed so far."""
    user.require(Act.REQUEST_USE)
    chosen = form.get("capacity", "")
    token = keep_choice(web.runtime.engine, user.reader.account, "/usage", form)
    return RedirectResponse(f"/usage/new?{urlencode({'capacity': chosen, 'kept': token})}", 303)


@router.post("/usage")
def ask(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Enter a request; the keeper of the volume decides on it."""
    user.require(Act.REQUEST_USE)
    values = {
        "code": form.get("code", "").strip(),
        "capacity": form.get("capacity", ""),
        "scope": form.get("scope", ""),
        "purpose": text_of(form, "purpose"),
        "basis": text_of(form, "basis"),
        "papers": [key.removeprefix("paper:") for key in form if key.startswith("paper:")],
        **({"days": form["days"]} if "days" in form else {}),
        **_visitor(form),
    }
    wanted = application_of(read_form(UseWanted, values, _WANTED))
    with writing(web.runtime.engine) as session:
        row = request_use(session, user.reader, wanted, web.runtime.organisations)
        number = number_of(row)
    return RedirectResponse(f"/usage/{number}", 303)


def _visitor(form: Mapping[str, str]) -> dict[str, Any]:
    """Return who came, as the form states; nothing where the capacity has no visitor."""
    capacity = capacities().get(form.get("capacity", ""))
    if capacity is None or not capacity.visitor:
        return {}
    names = ("name", "document", "number", "phone", "agent")
    return {"visitor": {name: text_of(form, f"visitor:{name}") for name in names}}


@router.get("/usage/{number}")
def request_page(request: Request, web: Web, user: LoggedIn, number: str) -> Response:
    """Draw one request.

    To its author: what it opens and the copies made under it. To those who may decide: the
    decision.
    """
    values = request_values(web, user, number)
    return web.page(request, user, "usage_request.html", **values)


def request_values(web: WebApp, user: User, number: str) -> dict[str, Any]:
    """Return what the page of one request shows.

    Raises NotFoundError, also to users who may not read it.
    """
    if not user.may(Act.REQUEST_USE):
        user.require(Act.DECIDE_USE)
    organisations = web.runtime.organisations
    with reading(web.runtime.engine) as session:
        row = find_request(session, number)
        if not may_read(user.reader, row, organisations, session):
            raise NotFoundError("没有这份利用申请，或您无权查看。", "请核对利用单号。")
        own = row.account == user.reader.account
        shown = row_of(web, row, database_now(session), own=own)
        deciding = may_decide(session, user.reader, row, organisations)
        opened = (
            _opened(web, session, user, number, row)
            if own and shown["open"] and Act.CERTIFY in shown["scope"].acts
            else None
        )
        orders = orders_of(session, row) if own else []
        to_decide = requests_to_decide(session, user.reader, organisations) if deciding else []
    waiting = [
        number_of(waiting_request) for waiting_request in to_decide if waiting_request.id != row.id
    ]
    items: list[dict[str, Any]] = []
    if opened:
        names = names_of(CaseFacts.model_validate(opened.case.facts))
        items = [
            {**item, "title": mask_text(item["title"], names)}
            for item in contents_of(web.runtime.store, opened)
        ]
    return {
        "row": shown,
        "own": own,
        "deciding": deciding,
        "orders": orders,
        "items": items,
        "opened": opened,
        "next": waiting[0] if waiting else None,
        "running": any(job.state == JobState.WAITING for _, job, _ in orders),
    }


def _opened(
    web: WebApp, session: Session, user: User, number: str, row: UsageRequest
) -> OpenedVolume | None:
    """Return the volume if the user's role may certify a copy of it under this grant."""
    if not user.may(Act.CERTIFY):
        return None
    try:
        return open_volume(session, user.reader, Act.CERTIFY, row.code, web.reference, number)
    except DeniedError:
        return None


@router.post("/usage/{number}/decision")
def decision(web: Web, user: LoggedIn, form: Posted, number: str) -> Response:
    """Approve or refuse with the reason, and go on to the next one that waits."""
    user.require(Act.DECIDE_USE)
    decided = read_form(
        Decided,
        {
            "approve": {"approve": True, "refuse": False}.get(form.get("decision", "")),
            "reason": text_of(form, "reason"),
        },
        {"approve": "请选择批准或不批准。", "reason": "理由"},
    )
    with writing(web.runtime.engine) as session:
        decide_request(
            session,
            user.reader,
            number,
            approve=decided.approve,
            reason=decided.reason,
            organisations=web.runtime.organisations,
        )
    return RedirectResponse("/approvals", 303)


@router.post("/usage/{number}/end")
def end(web: Web, user: LoggedIn, form: Posted, number: str) -> Response:
    """End a grant before its time."""
    user.require(Act.DECIDE_USE)
    reasoned = read_form(Reasoned, {"reason": text_of(form, "reason")}, {"reason": "理由"})
    with writing(web.runtime.engine) as session:
        end_grant(
            session,
            user.reader,
            number,
            reason=mask_numbers(reasoned.reason),
            organisations=web.runtime.organisations,
        )
    return RedirectResponse(f"/usage/{number}", 303)


@router.post("/usage/{number}/withdraw")
def withdraw(web: Web, user: LoggedIn, _form: Posted, number: str) -> Response:
    """Withdraw one's own request."""
    user.require(Act.REQUEST_USE)
    with writing(web.runtime.engine) as session:
        withdraw_request(session, user.reader, number)
    return RedirectResponse(f"/usage/{number}", 303)
