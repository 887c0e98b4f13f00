"""交接: lists between stations and rooms that both sides confirm by scanning."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.web.paper.keeping import ScanPanel, keeper_of
from api.web.shell.forms import text_of
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from archive.administration.policy import Act
from archive.database.engine import reading, writing
from archive.paper.handovers import (
    HandoverWanted,
    close_handover,
    entries_of,
    find_handover,
    handover_number,
    open_handover,
    send_handover,
)
from archive.paper.list_parts import part_of_handovers
from archive.paper.listing import rows_of_items
from archive.reference.paper_terms import HandoverState, ScanFlow

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_HANDOVERS = Shape(
    (
        Column("交接单", "number"),
        Column("移出", "from"),
        Column("接收", "to"),
        Column("件", number=True),
        Column("状态", "state"),
        Column("依据"),
    ),
    day="立单",
    station="移出或接收",
    usual="-number",
    what="单",
)


@router.get("/paper/handovers")
def handovers_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """List the hand-overs, and offer to begin one."""
    user.require(Act.VIEW_PAPER)
    handovers = listed(request, web.runtime.organisations, _HANDOVERS)
    with reading(web.runtime.engine) as session:
        part = part_of_handovers(session, keeper_of(web, user), handovers.wanted)
        rows = [
            {
                "row": row,
                "number": handover_number(row),
                "items": len(entries),
                "differences": sum(entry.difference is not None for entry in entries),
            }
            for row in part.rows
            for entries in [entries_of(session, row)]
        ]
    return web.page(
        request,
        user,
        "paper_handovers.html",
        status=handovers.status,
        handovers=handovers.with_part(part),
        rows=rows,
        units=list(web.runtime.organisations),
    )


@router.post("/paper/handovers")
def begin(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Begin the list of a hand-over."""
    user.require(Act.KEEP_PAPER)
    wanted = HandoverWanted(
        None, form.get("to") or None, text_of(form, "to_name"), text_of(form, "reason")
    )
    with writing(web.runtime.engine) as session:
        handover = open_handover(session, keeper_of(web, user), wanted)
    return RedirectResponse(f"/paper/handovers/{handover.id}", 303)


@router.get("/paper/handovers/{handover_id}")
def handover_page(request: Request, web: Web, user: LoggedIn, handover_id: int) -> Response:
    """Draw one hand-over with the input of whichever side is at work."""
    return _drawn(request, web, user, "paper_handover.html", handover_id)


@router.get("/paper/handovers/{handover_id}/live")
def handover_live(request: Request, web: Web, user: LoggedIn, handover_id: int) -> Response:
    """Draw the list again after a scan."""
    return _drawn(request, web, user, "paper_handover_live.html", handover_id)


def _drawn(request: Request, web: WebApp, user: User, template: str, handover_id: int) -> Response:
    user.require(Act.VIEW_PAPER)
    keeper = keeper_of(web, user)
    with reading(web.runtime.engine) as session:
        handover = find_handover(session, keeper, handover_id, Act.VIEW_PAPER)
        entries = entries_of(session, handover)
        items = rows_of_items(session, [entry.item_id for entry in entries])
    sends = handover.state == HandoverState.LISTING and keeper.reaches(handover.from_org)
    receives = handover.state == HandoverState.SENT and keeper.reaches(handover.to_org)
    panel = ScanPanel(
        ScanFlow.SEND if sends else ScanFlow.RECEIVE,
        "扫要移出的盒（整盒）或纸质件" if sends else "扫收到的盒；散件先扫要放入的本单位的盒",
        f"/paper/handovers/{handover.id}/live",
        handover=handover.id,
        may=user.may(Act.KEEP_PAPER) and (sends or receives),
    )
    return web.page(
        request,
        user,
        template,
        row=handover,
        number=handover_number(handover),
        entries=[(entry, items[entry.item_id]) for entry in entries],
        sends=sends,
        receives=receives,
        panel=panel,
    )


@router.post("/paper/handovers/{handover_id}")
def go_on(web: Web, user: LoggedIn, form: Posted, handover_id: int) -> Response:
    """Send what is listed, or take over what was confirmed."""
    user.require(Act.KEEP_PAPER)
    keeper = keeper_of(web, user)
    with writing(web.runtime.engine) as session:
        handover = find_handover(session, keeper, handover_id, Act.KEEP_PAPER)
        if form.get("act") == "send":
            send_handover(session, keeper, handover)
        elif form.get("act") == "close":
            close_handover(session, keeper, handover)
        else:
            raise BadFormError("没有这种操作。", "请刷新页面后重新操作。")
    return RedirectResponse(f"/paper/handovers/{handover_id}", 303)
