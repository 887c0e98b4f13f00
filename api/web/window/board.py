"""在办: what is at the window, by node and as a list, with the lamp of each case."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http.window import tables_of
from api.web.shell.page import LoggedIn, PageRoute, Web
from archive.administration.policy import Act
from archive.database.engine import database_now, reading
from archive.reference.window_steps import ENDED, Step
from ingest.window.listing import case_rows
from ingest.window.opening import OPENERS
from ingest.window.terms import Lamp

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_MOST = 500
_BOARD = tuple(step for step in Step if step not in ENDED)
_LATE = (Lamp.RED, Lamp.YELLOW, Lamp.PROVISIONAL, Lamp.STOPPED)
At = Annotated[str, Query(max_length=16)]


@router.get("/window")
def board(request: Request, web: Web, user: LoggedIn, at: At = "") -> Response:
    """Draw the board by node and the list; `at` chooses a node, or what ended."""
    user.require(Act.HANDLE)
    step = Step(at) if at in set(Step) else None
    with reading(web.runtime.engine) as session:
        now = database_now(session)
        rows = case_rows(session, user.reader, tables=tables_of(web.runtime), now=now, limit=_MOST)
        chosen = (
            case_rows(
                session,
                user.reader,
                tables=tables_of(web.runtime),
                now=now,
                step=step,
                limit=_MOST,
            )
            if step
            else rows
        )
    columns = [
        {
            "step": place,
            "total": sum(row["step"] == place for row in rows),
            "late": sum(row["step"] == place and row["lamp"] == Lamp.RED for row in rows),
            "soon": sum(row["step"] == place and row["lamp"] == Lamp.YELLOW for row in rows),
        }
        for place in _BOARD
    ]
    order = {str(lamp): at for at, lamp in enumerate(_LATE)}
    chosen.sort(key=lambda row: (order.get(str(row["lamp"]), len(order)), row["due_on"] or "~"))
    return web.page(
        request,
        user,
        "window_board.html",
        columns=columns,
        rows=chosen,
        at=step,
        ended=sorted(ENDED, key=list(Step).index),
        lamps={str(lamp): lamp.label for lamp in Lamp},
        opens=user.reader.role in OPENERS,
        full=len(rows) == _MOST,
    )
