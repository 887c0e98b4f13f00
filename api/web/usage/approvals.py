"""审批中心 and 查询登记: requests to decide, decisions, and the register of use.

The register says who used what, and on which document.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from api.web.shell.filters import clock, short_day
from api.web.shell.listing import Column, Listing, Shape, listed
from api.web.shell.lists import Sheet, exported
from api.web.shell.page import LoggedIn, PageRoute, RefusedError, User, Web, WebApp
from api.web.shell.spans import start_of
from api.web.usage.usage import row_of
from archive.administration.policy import Act, Denial
from archive.database.engine import database_now, reading
from archive.database.listing import ListPart
from archive.database.tables_usage import UsageRequest
from archive.usage.request_lists import copies_by_request, kept_requests, part_of_kept
from archive.usage.requests import organisations_below
from archive.usage.visitors import Visitor

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Day = Annotated[str, Query(max_length=10)]
_SHEET = 200
_HEADING = (
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
_WAITING = Shape(
    (
        Column("利用单", "number"),
        Column("档号", "code"),
        Column("申请人", "org"),
        Column("主体与范围", "capacity"),
        Column("事由与依据"),
        Column("期限", "days"),
    ),
    day="申请",
    station="申请单位",
    usual="number",
    what="份",
)
_DECIDED = Shape(
    (
        Column("利用单", "number"),
        Column("档号", "code"),
        Column("申请人", "org"),
        Column("结论", "state"),
        Column("审批"),
    ),
    name="decided",
    day="申请",
    station="申请单位",
    usual="-number",
    what="份",
)
_USES = Shape(
    (
        Column("利用单", "number"),
        Column("档号", "code"),
        Column("申请人", "org"),
        Column("利用人"),
        Column("主体与范围", "capacity"),
        Column("事由与依据"),
        Column("结论", "state"),
        Column("证明件", number=True),
    ),
    day="申请",
    station="申请单位",
    usual="-number",
    what="份",
)


@router.get("/approvals")
def approvals_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """List what waits, oldest first; one's own requests are shown and cannot be decided."""
    user.require(Act.DECIDE_USE)
    organisations = web.runtime.organisations
    waiting, decided = (listed(request, organisations, shape) for shape in (_WAITING, _DECIDED))
    keepers = organisations_below(user.reader, organisations)
    with reading(web.runtime.engine) as session:
        now = database_now(session)
        parts = [
            part_of_kept(session, keepers, waiting.wanted, waiting=True),
            part_of_kept(session, keepers, decided.wanted, waiting=False),
        ]
    rows = [[row_of(web, row, now, own=False) for row in part.rows] for part in parts]
    return web.page(
        request,
        user,
        "approvals.html",
        status=max(waiting.status, decided.status),
        waiting=waiting.with_part(parts[0]),
        decided=decided.with_part(parts[1]),
        waiting_rows=rows[0],
        decided_rows=rows[1],
    )


def keeps_register(user: User) -> bool:
    """Say whether the user keeps a register of use: roles that decide use or certify do."""
    return user.may(Act.DECIDE_USE) or user.may(Act.CERTIFY)


@router.get("/uses")
def register_page(
    request: Request,
    web: Web,
    user: LoggedIn,
) -> Response:
    """Draw the 查询登记簿 of the volumes that the user's place keeps, newest first."""
    uses = listed(request, web.runtime.organisations, _USES)
    if uses.csv and not uses.faults:
        return register_csv(request, web, user)
    with reading(web.runtime.engine) as session:
        part = _listed(web, session, user, uses)
        rows = _rows(web, session, part.rows)
    return web.page(
        request,
        user,
        "uses.html",
        status=uses.status,
        rows=rows,
        uses=uses.with_part(part),
    )


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
def register_csv(request: Request, web: Web, user: LoggedIn) -> Response:
    """Export the same as CSV, with numbers masked in what people wrote."""
    uses = listed(request, web.runtime.organisations, _USES).whole()
    with reading(web.runtime.engine) as session:
        part = _listed(web, session, user, uses)
        uses.with_part(part)
        rows = _rows(web, session, part.rows)
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
    sheet = Sheet("查询登记", "uses", {heading: heading for heading in _HEADING})
    return exported(web, user, sheet, [dict(zip(_HEADING, line, strict=True)) for line in lines])


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
    shown = requests[:limit]
    rows = _rows(web, session, shown)
    return rows, shown[-1].id if len(requests) > limit else None


def _listed(web: WebApp, session: Session, user: User, uses: Listing) -> ListPart[UsageRequest]:
    if not keeps_register(user):
        raise RefusedError(Denial.ROLE)
    keepers = organisations_below(user.reader, web.runtime.organisations)
    return part_of_kept(session, keepers, uses.wanted)


def _rows(web: WebApp, session: Session, requests: Sequence[UsageRequest]) -> list[dict[str, Any]]:
    now = database_now(session)
    copies = copies_by_request(session, [row.id for row in requests])
    return [
        {**row_of(web, row, now, own=False), "copies": copies.get(row.id, [])} for row in requests
    ]
