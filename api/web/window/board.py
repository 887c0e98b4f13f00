"""在办: what is at the window, by node and as a list, with the lamp of each case."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http.window import tables_of
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.page import LoggedIn, PageRoute, Web
from archive.administration.policy import Act
from archive.database.engine import database_now, reading
from archive.reference.window_steps import ENDED, Step
from ingest.window.listing import counts_by_step, part_of_cases
from ingest.window.opening import OPENERS
from ingest.window.terms import Lamp

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_BOARD = tuple(step for step in Step if step not in ENDED)
_CASES = Shape(
    (
        Column("办件编号", "case"),
        Column("事项", "item"),
        Column("环节", "step"),
        Column("收件 → 户籍地", "receive"),
        Column("到期", "due"),
        Column("灯"),
    ),
    day="收件",
    station="收件或户籍地",
    usual="due",
    what="件",
)
At = Annotated[str, Query(max_length=16)]


@router.get("/window")
def board(request: Request, web: Web, user: LoggedIn, at: At = "") -> Response:
    """Draw the board by node and the list; `at` chooses a node, or what ended."""
    user.require(Act.HANDLE)
    step = Step(at) if at in set(Step) else None
    cases, tables = listed(request, web.runtime.organisations, _CASES), tables_of(web.runtime)
    with reading(web.runtime.engine) as session:
        now = database_now(session)
        counts = counts_by_step(session, user.reader, tables=tables, now=now)
        part = part_of_cases(session, user.reader, cases.wanted, tables=tables, now=now, step=step)
    columns = [
        {"step": place, "total": total, "late": late, "soon": soon}
        for place in _BOARD
        for total, late, soon in [counts.get(place, (0, 0, 0))]
    ]
    return web.page(
        request,
        user,
        "window_board.html",
        columns=columns,
        status=cases.status,
        cases=cases.with_part(part),
        rows=part.rows,
        at=step,
        ended=sorted(ENDED, key=list(Step).index),
        lamps={str(lamp): lamp.label for lamp in Lamp},
        opens=user.reader.role in OPENERS,
    )
