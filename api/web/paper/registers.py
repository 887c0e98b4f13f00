"""登记簿: the register of paper, for paper and as CSV."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http.daily import counted
from api.web.paper.keeping import keeper_of
from api.web.shell.page import LoggedIn, PageRoute, Web
from api.web.shell.scope import note_look
from api.web.shell.spreadsheets import as_csv
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.paper.listing import paper_rows

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN, _EXPORTED = 200, 50_000


@router.get("/paper/registers")
def registers_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    after: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Response:
    """Draw the register of paper, in the order of registration."""
    user.require(Act.VIEW_PAPER)
    with reading(web.runtime.engine) as session:
        rows = paper_rows(session, keeper_of(web, user), after=after, limit=_SHOWN + 1)
    following = rows[_SHOWN - 1].id if len(rows) > _SHOWN else None
    return web.page(request, user, "paper_register.html", rows=rows[:_SHOWN], next=following)


@router.get("/paper/registers.csv")
def register_csv(web: Web, user: LoggedIn) -> Response:
    """Export the register as CSV; the export is journalled."""
    user.require(Act.VIEW_PAPER)
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        rows = paper_rows(session, keeper_of(web, user), limit=_EXPORTED)
        note_look(session, user, JournalAct.EXPORT_LIST, "paper", rows=len(rows))
    heading = ("编号", "档号", "办件编号", "类别", "页数", "保管单位", "库位", "盒", "现状")
    lines = [
        (
            row.id,
            row.code,
            row.case_no,
            row.kind.label,
            row.pages,
            web.org(row.org),
            row.place,
            row.box,
            row.state.label,
        )
        for row in rows
    ]
    return as_csv("纸质档案登记簿", heading, lines)
