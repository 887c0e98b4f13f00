"""利用: ask for the use of a volume, follow one's own requests, and what a granted one opens."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.web.shell.page import At, BadFormError, PageRoute, Posted, Seat, Seated, WebApp
from api.web.shell.scope import PAGE
from archive.administration.policy import Act, Capacity, capacities
from archive.database.engine import database_now, reading, writing
from archive.database.tables_usage import UsageRequest
from archive.reference.case_facts import CaseFacts
from archive.reference.errors import NotFoundError
from archive.reference.masking import mask_numbers
from archive.reference.vocabulary import JobState
from archive.usage.certified_copies import contents_of
from archive.usage.copy_orders import orders_of
from archive.usage.reading_room import DeniedError, OpenedVolume, open_volume, read_code
from archive.usage.redaction import mask_text, names_of
from archive.usage.requests import (
    MAX_DAYS,
    RequestState,
    UseApplication,
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

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_LONGEST = {"purpose": 200, "basis": 100, "reason": 200}
_SHORTEST = 2
_RULES = {
    "MPS ": "公通字〔2021〕12号",
    "DDT": "户口档案查询规定",
    "[D] guard.md": "本系统约定",
    "实施条例 ": "档案法实施条例",
}


def basis_of(source: str) -> str:
    """The rule behind a row of the table in words; it is kept there by the short names of standards.md."""
    for short, words in _RULES.items():
        source = source.replace(short, words)
    return source


def row_of(desk: WebApp, request: UsageRequest, now: datetime) -> dict[str, Any]:
    """A request as lists and pages show it; what people wrote is shown with numbers masked."""
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
        "keeper": desk.org(request.keeper),
        "org": desk.org(request.org),
    }


@router.get("/usage")
def usage_page(request: Request, desk: At, seat: Seated, before: int = 0) -> Response:
    """My own requests, newest first."""
    seat.require(Act.REQUEST_USE)
    with reading(desk.runtime.engine) as session:
        query = (
            select(UsageRequest)
            .where(UsageRequest.account == seat.reader.account)
            .order_by(UsageRequest.id.desc())
        )
        found = session.scalars(
            (query.where(UsageRequest.id < before) if before else query).limit(PAGE + 1)
        ).all()
        now = database_now(session)
    rows = [row_of(desk, one, now) for one in found[:PAGE]]
    return desk.page(
        request,
        seat,
        "usage.html",
        rows=rows,
        next=found[PAGE - 1].id if len(found) > PAGE else None,
    )


@router.get("/usage/new")
def new_page(
    request: Request,
    desk: At,
    seat: Seated,
    code: Annotated[str, Query(max_length=64)] = "",
    capacity: Annotated[str, Query(max_length=16)] = "POLICE",
) -> Response:
    """The form: choosing as whom one asks shows the papers and the extents of that row of the table (standards.md §3.6)."""
    seat.require(Act.REQUEST_USE)
    rows = {
        key: one for key, one in capacities().items() if any(scope.acts for scope in one.scopes)
    }
    chosen = rows.get(capacity) or rows["POLICE"]
    return desk.page(
        request,
        seat,
        "usage_new.html",
        code=code,
        rows=rows,
        chosen=chosen,
        papers=_papers(chosen),
        basis=basis_of(chosen.source),
        days=MAX_DAYS,
    )


def _papers(capacity: Capacity) -> list[str]:
    return list(dict.fromkeys(paper for papers in capacity.papers for paper in papers))


@router.post("/usage")
def ask(desk: At, seat: Seated, form: Posted) -> Response:
    """Enter a request; its keeper decides."""
    seat.require(Act.REQUEST_USE)
    days = form.get("days", "")
    wanted = UseApplication(
        code=read_code(form.get("code", "").strip()),
        capacity=form.get("capacity", ""),
        scope=form.get("scope", ""),
        purpose=written(form, "purpose", "事由"),
        basis=written(form, "basis", "依据文书"),
        papers=tuple(key.removeprefix("paper:") for key in form if key.startswith("paper:")),
        days=int(days) if days.isdecimal() else 3,
    )
    with writing(desk.runtime.engine) as session:
        row = request_use(session, seat.reader, wanted, desk.runtime.organisations)
        number = number_of(row)
    return RedirectResponse(f"/usage/{number}", 303)


def written(form: dict[str, str], name: str, label: str) -> str:
    """What somebody wrote into a field. Raises BadFormError."""
    text = " ".join(form.get(name, "").split())
    if not _SHORTEST <= len(text) <= _LONGEST[name] or not text.isprintable():
        raise BadFormError(
            f"{label}应为{_SHORTEST}至{_LONGEST[name]}字。", "请返回上一页填写后重新提交。"
        )
    return text


@router.get("/usage/{number}")
def request_page(request: Request, desk: At, seat: Seated, number: str) -> Response:
    """One request: for who asked, what it opens and the copies made under it; for who may decide, the decision."""
    values = request_values(desk, seat, number)
    return desk.page(request, seat, "usage_request.html", **values)


def request_values(desk: WebApp, seat: Seat, number: str) -> dict[str, Any]:
    """What the page of one request shows. Raises NotFoundError, also for who may not read it."""
    if not seat.may(Act.REQUEST_USE):
        seat.require(Act.DECIDE_USE)
    organisations = desk.runtime.organisations
    with reading(desk.runtime.engine) as session:
        row = find_request(session, number)
        if not may_read(seat.reader, row, organisations, session):
            raise NotFoundError("没有这份利用申请，或您无权查看。", "请核对利用单号。")
        shown = row_of(desk, row, database_now(session))
        own = row.account == seat.reader.account
        deciding = may_decide(session, seat.reader, row, organisations)
        opened = (
            _opened(desk, session, seat, number, row)
            if own and shown["open"] and Act.CERTIFY in shown["scope"].acts
            else None
        )
        orders = orders_of(session, row) if own else []
        held = requests_to_decide(session, seat.reader, organisations) if deciding else []
    waiting = [number_of(one) for one in held if one.id != row.id]
    items: list[dict[str, Any]] = []
    if opened:
        names = names_of(CaseFacts.model_validate(opened.case.facts))
        items = [
            {**one, "title": mask_text(one["title"], names)}
            for one in contents_of(desk.runtime.store, opened)
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
    desk: WebApp, session: Session, seat: Seat, number: str, row: UsageRequest
) -> OpenedVolume | None:
    """The volume, when a copy of it may be certified under this grant by this role."""
    if not seat.may(Act.CERTIFY):
        return None
    try:
        return open_volume(session, seat.reader, Act.CERTIFY, row.code, desk.room, number)
    except DeniedError:
        return None


@router.post("/usage/{number}/decision")
def decision(desk: At, seat: Seated, form: Posted, number: str) -> Response:
    """Approve or refuse, with the reason; then the next one that waits lies there."""
    seat.require(Act.DECIDE_USE)
    if form.get("decision") not in {"approve", "refuse"}:
        raise BadFormError("请选择批准或不批准。", "请返回上一页选择后重新提交。")
    reason = written(form, "reason", "理由")
    with writing(desk.runtime.engine) as session:
        decide_request(
            session,
            seat.reader,
            number,
            approve=form["decision"] == "approve",
            reason=reason,
            organisations=desk.runtime.organisations,
        )
    return RedirectResponse("/approvals", 303)


@router.post("/usage/{number}/end")
def end(desk: At, seat: Seated, form: Posted, number: str) -> Response:
    """Take a grant back before its time."""
    seat.require(Act.DECIDE_USE)
    reason = written(form, "reason", "理由")
    with writing(desk.runtime.engine) as session:
        end_grant(
            session,
            seat.reader,
            number,
            reason=mask_numbers(reason),
            organisations=desk.runtime.organisations,
        )
    return RedirectResponse(f"/usage/{number}", 303)


@router.post("/usage/{number}/withdraw")
def withdraw(desk: At, seat: Seated, _form: Posted, number: str) -> Response:
    """Take one's own request back."""
    seat.require(Act.REQUEST_USE)
    with writing(desk.runtime.engine) as session:
        withdraw_request(session, seat.reader, number)
    return RedirectResponse(f"/usage/{number}", 303)
