"""审批中心 and 查询登记: what waits for the keeper's decision, what was decided, and the register of who used what upon which document."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.web.shell.filters import clock, short_day
from api.web.shell.page import At, PageRoute, RefusedError, Seat, Seated, WebApp
from api.web.shell.scope import PAGE, note_look
from api.web.shell.spans import start_of
from api.web.shell.spreadsheets import as_csv
from api.web.usage.usage import row_of
from archive.administration.policy import Act, Denial
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_usage import CertifiedCopy, UsageRequest
from archive.usage.requests import RequestState, organisations_below, requests_to_decide

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Day = Annotated[str, Query(max_length=10)]
_RECENT, _SHEET = 12, 200


@router.get("/approvals")
def approvals_page(request: Request, desk: At, seat: Seated) -> Response:
    """Oldest first; one's own are shown and can't be decided."""
    seat.require(Act.DECIDE_USE)
    with reading(desk.runtime.engine) as session:
        now = database_now(session)
        waiting = [
            row_of(desk, one, now)
            for one in requests_to_decide(session, seat.reader, desk.runtime.organisations)
        ]
        query = select(UsageRequest).where(
            UsageRequest.keeper.in_(organisations_below(seat.reader, desk.runtime.organisations)),
            UsageRequest.state != RequestState.REQUESTED,
        )
        found = session.scalars(query.order_by(UsageRequest.id.desc()).limit(_RECENT)).all()
        decided = [row_of(desk, one, now) for one in found]
    return desk.page(request, seat, "approvals.html", waiting=waiting, decided=decided)


def keeps_register(seat: Seat) -> bool:
    """Who keeps the register of use of his place: who decides use, and who certifies copies."""
    return seat.may(Act.DECIDE_USE) or seat.may(Act.CERTIFY)


@router.get("/uses")
def register_page(
    request: Request, desk: At, seat: Seated, since: Day = "", until: Day = "", before: int = 0
) -> Response:
    """查询登记簿 of what his place keeps, newest first."""
    with reading(desk.runtime.engine) as session:
        rows, following = _register(desk, session, seat, (since, until), before, PAGE)
    return desk.page(
        request, seat, "uses.html", rows=rows, next=following, since=since, until=until
    )


@router.get("/uses/sheet")
def register_sheet(
    request: Request, desk: At, seat: Seated, since: Day = "", until: Day = "", before: int = 0
) -> Response:
    """The same, laid out for paper."""
    with reading(desk.runtime.engine) as session:
        rows, following = _register(desk, session, seat, (since, until), before, _SHEET)
    return desk.page(
        request, seat, "print_uses.html", rows=rows, next=following, since=since, until=until
    )


@router.get("/uses.csv")
def register_csv(desk: At, seat: Seated, since: Day = "", until: Day = "") -> Response:
    """The same as CSV, with numbers in what people wrote masked."""
    with writing(desk.runtime.engine) as session:
        rows, _ = _register(desk, session, seat, (since, until), 0, 5000)
        note_look(session, seat, JournalAct.EXPORT_LIST, "uses", rows=len(rows))
    heading = (
        "利用单号",
        "申请时间",
        "档号",
        "申请人",
        "申请单位",
        "主体",
        "范围",
        "事由",
        "依据",
        "结论",
        "审批人",
        "有效期至",
        "证明件",
    )
    lines = [
        (
            one["number"],
            clock(one["request"].created_at),
            one["request"].code,
            one["request"].account,
            one["org"],
            one["capacity"].label,
            one["scope"].label,
            one["purpose"],
            one["basis"],
            one["state"],
            one["request"].decided_by or "",
            short_day(one["request"].ends_at),
            one["copies"],
        )
        for one in rows
    ]
    return as_csv("查询登记", heading, lines)


def _register(
    desk: WebApp, session: Session, seat: Seat, span: tuple[str, str], before: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    if not keeps_register(seat):
        raise RefusedError(Denial.ROLE)
    query = select(UsageRequest).where(
        UsageRequest.keeper.in_(organisations_below(seat.reader, desk.runtime.organisations))
    )
    since, until = (start_of(one) for one in span)
    if since:
        query = query.where(UsageRequest.created_at >= since)
    if until:
        query = query.where(UsageRequest.created_at < until + timedelta(days=1))
    if before:
        query = query.where(UsageRequest.id < before)
    found = session.scalars(query.order_by(UsageRequest.id.desc()).limit(limit + 1)).all()
    shown, now = found[:limit], database_now(session)
    counted = select(CertifiedCopy.request_id, func.count()).where(
        CertifiedCopy.request_id.in_([one.id for one in shown])
    )
    copies = dict(session.execute(counted.group_by(CertifiedCopy.request_id)).tuples().all())
    rows = [{**row_of(desk, one, now), "copies": copies.get(one.id, 0)} for one in shown]
    return rows, shown[-1].id if len(found) > limit else None
