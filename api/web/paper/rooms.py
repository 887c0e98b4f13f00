"""库房 and 盒: places level by level, their shelves drawn, boxes with what is in them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.web.paper.keeping import ScanPanel, keeper_of, whole
from api.web.shell.forms import text_of
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, Web
from archive.administration.policy import Act
from archive.database.engine import reading, writing
from archive.paper.boxes import SPINES_MM, begin_box, box_name, capacity, find_box
from archive.paper.codes import PaperCodeKind, grouped, paper_code
from archive.paper.count_views import shelves_below
from archive.paper.list_parts import part_of_boxes
from archive.paper.listing import boxes_of, paper_rows
from archive.paper.moves import last_move
from archive.paper.outcomes import whereabouts
from archive.paper.places import find_place, level, make_place, make_rack, place_chain
from archive.reference.paper_terms import PaperState, PlaceKind, ScanFlow
from archive.reference.vocabulary import Series

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_BOXES = Shape(
    (
        Column("盒号", "box"),
        Column("保管单位", "org"),
        Column("位置"),
        Column("件", number=True),
        Column("装满程度"),
        Column("脊厚", "spine", number=True),
    ),
    day="立盒",
    station="保管单位",
    usual="box",
    what="盒",
)
Parent = Annotated[int | None, Query(ge=1, le=2**31)]


@router.get("/paper/places")
def places_page(request: Request, web: Web, user: LoggedIn, parent: Parent = None) -> Response:
    """Draw one level of the tree, and the shelves below a bay or shelf."""
    user.require(Act.VIEW_PAPER)
    keeper = keeper_of(web, user)
    with reading(web.runtime.engine) as session:
        place = find_place(session, keeper, parent, Act.VIEW_PAPER) if parent else None
        rows = level(session, keeper, parent)
        chain = place_chain(session, place) if place else []
        drawn = place is not None and place.kind in (PlaceKind.BAY, PlaceKind.SHELF)
        shelves = shelves_below(session, keeper, place, standing=None) if drawn and place else []
    query = f"?parent={parent}" if parent else ""
    panel = ScanPanel(
        ScanFlow.FILE,
        "扫架签，再扫放上的盒；扫盒，再扫放入的纸质件",
        f"/paper/places{query}",
        may=user.may(Act.KEEP_PAPER),
    )
    return web.page(
        request,
        user,
        "paper_places.html",
        place=place,
        rows=rows,
        chain=chain,
        shelves=shelves,
        panel=panel,
        code=grouped(paper_code(PaperCodeKind.PLACE, place.id)) if place else "",
    )


@router.post("/paper/places")
def add_place(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Make a room, a rack with its bays and shelves, or one further place."""
    user.require(Act.KEEP_PAPER)
    keeper = keeper_of(web, user)
    parent = whole(form, "parent", "上级库位") if form.get("parent") else None
    name = text_of(form, "name")
    with writing(web.runtime.engine) as session:
        if form.get("bays"):
            make_rack(
                session,
                keeper,
                parent or 0,
                name=name,
                bays=whole(form, "bays", "节数"),
                shelves=whole(form, "shelves", "层数"),
                width_mm=whole(form, "width", "层的宽度"),
            )
        else:
            width = whole(form, "width", "层的宽度") if form.get("width") else 0
            make_place(session, keeper, parent_id=parent, name=name, org=None, width_mm=width)
    return RedirectResponse(f"/paper/places?parent={parent}" if parent else "/paper/places", 303)


@router.get("/paper/boxes")
def boxes_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """List the boxes with how full they are and where they stand."""
    user.require(Act.VIEW_PAPER)
    keeper = keeper_of(web, user)
    boxes = listed(request, web.runtime.organisations, _BOXES)
    with reading(web.runtime.engine) as session:
        part = part_of_boxes(session, keeper, boxes.wanted)
        rows = [
            {
                "box": box,
                "name": box_name(box),
                "org": web.org(move.org),
                "where": whereabouts(session, move),
                "items": items,
                "fill": thickness,
                "capacity": capacity(box),
            }
            for box, move, items, thickness in part.rows
        ]
    return web.page(
        request,
        user,
        "paper_boxes.html",
        status=boxes.status,
        boxes=boxes.with_part(part),
        rows=rows,
        series=list(Series),
        spines=SPINES_MM,
    )


@router.post("/paper/boxes")
def add_box(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Begin a box of the user's own organisation."""
    user.require(Act.KEEP_PAPER)
    series = form.get("series", "")
    if series not in set(Series):
        raise BadFormError("没有这个卷目。", "请在列出的卷目里选择。")
    with writing(web.runtime.engine) as session:
        box = begin_box(
            session,
            keeper_of(web, user),
            org=None,
            series=Series(series),
            year=whole(form, "year", "年度"),
            spine_mm=whole(form, "spine", "脊厚"),
        )
    return RedirectResponse(f"/paper/boxes/{box.id}", 303)


@router.get("/paper/boxes/{box_id}")
def box_page(request: Request, web: Web, user: LoggedIn, box_id: int) -> Response:
    """Draw one box: what is in it, out of it, and how full it is."""
    user.require(Act.VIEW_PAPER)
    keeper = keeper_of(web, user)
    with reading(web.runtime.engine) as session:
        box = find_box(session, keeper, box_id, Act.VIEW_PAPER)
        rows = paper_rows(session, keeper, box_id=box.id)
        move = last_move(session, box)
        where = whereabouts(session, move)
        thickness = sum(
            width for row, _m, _i, width in boxes_of(session, keeper) if row.id == box.id
        )
    kept = [row for row in rows if row.state in (PaperState.IN_BOX, PaperState.ON_LOAN)]
    panel = ScanPanel(
        ScanFlow.FILE,
        "先扫本盒，再扫要放入的纸质件",
        f"/paper/boxes/{box.id}",
        may=user.may(Act.KEEP_PAPER),
    )
    return web.page(
        request,
        user,
        "paper_box.html",
        box=box,
        name=box_name(box),
        where=where,
        rows=kept,
        fill=thickness,
        capacity=capacity(box),
        panel=panel,
        code=grouped(paper_code(PaperCodeKind.BOX, box.id)),
        org=web.org(move.org if move else None),
    )
