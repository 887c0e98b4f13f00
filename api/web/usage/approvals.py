"""审批中心 and 查询登记: requests to decide, decisions, and the register of use.

The register says who used what, and on which document.
"""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from api.http.daily import counted
from api.web.shell.filters import clock, short_day
from api.web.shell.lists import Lists
from api.web.shell.page import LoggedIn, PageRoute, RefusedError, User, Web, WebApp
from api.web.shell.scope import PAGE, note_look
from api.web.shell.spans import start_of
from api.web.shell.spreadsheets import as_csv
from api.web.usage.usage import row_of
from archive.administration.daily_use import Shown
from archive.administration.policy import Act, Denial
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading
from archive.usage.request_lists import copies_by_request, decided_requests, kept_requests
from archive.usage.requests import organisations_below, requests_to_decide
from archive.usage.visitors import Visitor

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Day = Annotated[str, Query(max_length=10)]
_RECENT, _SHEET = 12, 200


@router.get("/approvals")
def approvals_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """List what waits, oldest first; one's own requests are shown and cannot be decided."""
    user.require(Act.DECIDE_USE)
    with reading(web.runtime.engine) as session:
        now = database_now(session)
        organisations = web.runtime.organisations
        waiting = [
            row_of(web, row, now, own=False)
            for row in requests_to_decide(session, user.reader, organisations)
        ]
        keepers = organisations_below(user.reader, organisations)
        decided = [
            row_of(web, row, now, own=False) for row in decided_requests(session, keepers, _RECENT)
        ]
    return web.page(request, user, "approvals.html", waiting=waiting, decided=decided)


def keeps_register(user: User) -> bool:
    """Say whether the user keeps a register of use: roles that decide use or certify do."""
    return user.may(Act.DECIDE_USE) or user.may(Act.CERTIFY)


@router.get("/uses")
def register_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    lists: Lists,
    since: Day = "",
    until: Day = "",
    before: int = 0,
) -> Response:
    """Draw the 查询登记簿 of the volumes that the user's place keeps, newest first."""
    if lists.csv:
        return register_csv(web, user, since, until)
    with reading(web.runtime.engine) as session:
        rows, following = _register(web, session, user, (since, until), before, PAGE)
    return web.page(request, user, "uses.html", rows=rows, next=following, since=since, until=until)


@router.get("/uses/sheet")
def register_sheet(
    request: Request, web: Web, user: LoggedIn, since: Day = "", until: Day = "", before: int = 0
) -> Response:
    """Draw the same, laid out for paper."""
    with reading(web.runtime.engine) as session:
        rows, following = _register(web, session, user, (since, until), before, _SHEET)
    return web.page(
        request, user, "print_uses.html", rows=rows, next=following, since=since, until=until
    )


@router.get("/uses.csv")
def register_csv(web: Web, user: LoggedIn, since: Day = "", until: Day = "") -> Response:
    """Export the same as CSV, with numbers masked in what people wrote."""
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        rows, _ = _register(web, session, user, (since, until), 0, 5000)
        note_look(session, user, JournalAct.EXPORT_LIST, "uses", rows=len(rows))
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
        "利用人",
        "证件",
        "证件号码",
        "代理人",
        "证明件",
        "证明件编号",
        "复制页数",
    )
    lines = [
        (
            row["number"],
            clock(row["request"].created_at),
            row["request"].code,
            web.people.name(row["request"].account),
            row["org"],
            row["capacity"].label,
            row["scope"].label,
            row["purpose"],
            row["basis"],
            row["state"],
            web.people.name(row["request"].decided_by),
            short_day(row["request"].ends_at),
            *_visitor_cells(row["visitor"]),
            len(row["copies"]),
            " ".join(copy.check_code for copy in row["copies"]),
            sum(copy.pages for copy in row["copies"]),
        )
        for row in rows
    ]
    return as_csv("查询登记", heading, lines)


def _visitor_cells(visitor: Visitor | None) -> tuple[str, ...]:
    if visitor is None:
        return ("",) * 4
    return (visitor.name, visitor.document.label, visitor.number, visitor.agent)


def _register(
    web: WebApp, session: Session, user: User, span: tuple[str, str], before: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    if not keeps_register(user):
        raise RefusedError(Denial.ROLE)
    since, until = (start_of(text) for text in span)
    requests = kept_requests(
        session,
        organisations_below(user.reader, web.runtime.organisations),
        since=since,
        until=until + timedelta(days=1) if until else None,
        before=before,
        limit=limit + 1,
    )
    shown, now = requests[:limit], database_now(session)
    copies = copies_by_request(session, [row.id for row in shown])
    rows = [{**row_of(web, row, now, own=False), "copies": copies.get(row.id, [])} for row in shown]
    return rows, shown[-1].id if len(requests) > limit else None
