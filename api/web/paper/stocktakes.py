"""盘点: begin, count by scanning, see each verdict and shelf, close once."""

from threading import Lock

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.runtime.workshop import open_compile_context
from api.web.paper.keeping import ScanPanel, keeper_of, whole
from api.web.paper.registers import as_pdf
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.page import LoggedIn, PageRoute, Posted, User, Web, WebApp
from archive.administration.policy import Act
from archive.database.engine import reading, writing
from archive.paper.count_views import latest_scans, rooms_of, shelves_below, standing_of
from archive.paper.list_parts import part_of_stocktakes
from archive.paper.listing import place_names, rows_of_items
from archive.paper.places import find_place, level, place_name
from archive.paper.stocktake_reports import make_stocktake_report
from archive.paper.stocktakes import (
    close_stocktake,
    counted_place,
    find_stocktake,
    open_stocktake,
    stocktake_number,
    tally,
)
from archive.reference.paper_terms import CountResult, ScanFlow, ScanVerdict, StocktakeState

_SEALING = Lock()
"""One report at a time: sealing and proving it takes seconds."""
router = APIRouter(route_class=PageRoute, include_in_schema=False)
_STOCKTAKES = Shape(
    (
        Column("盘点单", "number"),
        Column("库位"),
        Column("应在", "expected", number=True),
        Column("状态", "state"),
        Column("开始", "opened"),
        Column("关闭", "closed"),
    ),
    day="开始",
    station="单位",
    usual="-number",
    what="次",
)


@router.get("/paper/stocktakes")
def stocktakes_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """List the stocktakes, and offer what can be counted."""
    user.require(Act.VIEW_PAPER)
    keeper = keeper_of(web, user)
    stocktakes = listed(request, web.runtime.organisations, _STOCKTAKES)
    with reading(web.runtime.engine) as session:
        part = part_of_stocktakes(session, keeper, stocktakes.wanted)
        rows = part.rows
        places = [counted_place(session, row) for row in rows]
        names = place_names(session, places)
        choices = []
        for room in rooms_of(session, keeper):
            choices.append((room, str(room.name)))
            choices += [
                (part.place, f"{room.name} · {part.place.name}")
                for part in level(session, keeper, room.id)
            ]
    return web.page(
        request,
        user,
        "paper_stocktakes.html",
        status=stocktakes.status,
        stocktakes=stocktakes.with_part(part),
        rows=[
            {"row": row, "number": stocktake_number(row), "place": names[row.place_id]}
            for row in rows
        ],
        choices=choices,
    )


@router.post("/paper/stocktakes")
def begin(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Freeze what a place should hold."""
    user.require(Act.KEEP_PAPER)
    keeper = keeper_of(web, user)
    with writing(web.runtime.engine) as session:
        place = find_place(session, keeper, whole(form, "place", "库位"), Act.KEEP_PAPER)
        stocktake = open_stocktake(session, keeper, place)
    return RedirectResponse(f"/paper/stocktakes/{stocktake.id}", 303)


@router.get("/paper/stocktakes/{stocktake_id}")
def stocktake_page(request: Request, web: Web, user: LoggedIn, stocktake_id: int) -> Response:
    """Draw one stocktake with its input."""
    return _drawn(request, web, user, "paper_stocktake.html", stocktake_id)


@router.get("/paper/stocktakes/{stocktake_id}/live")
def stocktake_live(request: Request, web: Web, user: LoggedIn, stocktake_id: int) -> Response:
    """Draw counts, shelves and the latest scans, of all who count."""
    return _drawn(request, web, user, "paper_stocktake_live.html", stocktake_id)


def _drawn(request: Request, web: WebApp, user: User, template: str, stocktake_id: int) -> Response:
    user.require(Act.VIEW_PAPER)
    keeper = keeper_of(web, user)
    with reading(web.runtime.engine) as session:
        stocktake = find_stocktake(session, keeper, stocktake_id, Act.VIEW_PAPER)
        place = counted_place(session, stocktake)
        counts = tally(session, stocktake)
        shelves = shelves_below(session, keeper, place, standing=standing_of(session, stocktake))
        scans = latest_scans(session, stocktake_id=stocktake.id)
        outcomes = (stocktake.result or {}).get("results", [])
        items = rows_of_items(session, [item for item, _result in outcomes])
        name = place_name(session, place)
    is_open = stocktake.state == StocktakeState.OPEN
    panel = ScanPanel(
        ScanFlow.COUNT,
        "对准条码，扣扳机：先架签，再盒，再逐件",
        f"/paper/stocktakes/{stocktake.id}/live",
        stocktake=stocktake.id,
        may=user.may(Act.KEEP_PAPER) and is_open,
    )
    return web.page(
        request,
        user,
        template,
        row=stocktake,
        number=stocktake_number(stocktake),
        place=place,
        name=name,
        counts=counts,
        results=counts.results,
        strange=sum(counts.strange.values()),
        shelves=shelves,
        scans=scans,
        open=is_open,
        counted=[(items[item], CountResult(result)) for item, result in outcomes if item in items],
        strange_rows=(stocktake.result or {}).get("strange", []),
        panel=panel,
        CountResult=CountResult,
        ScanVerdict=ScanVerdict,
    )


@router.post("/paper/stocktakes/{stocktake_id}/close")
def close(web: Web, user: LoggedIn, form: Posted, stocktake_id: int) -> Response:  # noqa: ARG001
    """Close a stocktake, once."""
    user.require(Act.KEEP_PAPER)
    keeper = keeper_of(web, user)
    with writing(web.runtime.engine) as session:
        close_stocktake(
            session, keeper, find_stocktake(session, keeper, stocktake_id, Act.KEEP_PAPER)
        )
    return RedirectResponse(f"/paper/stocktakes/{stocktake_id}", 303)


@router.get("/paper/stocktakes/{stocktake_id}/report.pdf")
def report(web: Web, user: LoggedIn, stocktake_id: int) -> Response:
    """Return the sealed report of a closed stocktake; it is made once, at first use."""
    user.require(Act.VIEW_PAPER)
    keeper = keeper_of(web, user)
    with _SEALING:
        key, digest = make_stocktake_report(open_compile_context(web.runtime), keeper, stocktake_id)
    pdf = web.runtime.store.read(key, sha256=digest)
    return as_pdf(pdf, f"stocktake-{stocktake_id}")
