"""Scans of the desk: the same act as the station API, sent by a script of ours."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api.http.paper_scans import ScanView, ScanWanted, SessionWanted, take
from api.web.paper.keeping import keeper_of
from api.web.shell.page import PageRoute, ScriptUser, Web
from archive.administration.policy import Act
from archive.database.engine import writing
from archive.paper.scans import open_session

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.post("/paper/sessions")
def begin(wanted: SessionWanted, web: Web, user: ScriptUser) -> Response:
    """Begin a session of scanning for a page."""
    user.require(Act.KEEP_PAPER)
    with writing(web.runtime.engine) as session:
        row = open_session(
            session,
            keeper_of(web, user),
            wanted.flow,
            stocktake_id=wanted.stocktake,
            handover_id=wanted.handover,
        )
    return JSONResponse({"session": row.id}, 201)


@router.post("/paper/scans")
def scan(wanted: ScanWanted, web: Web, user: ScriptUser) -> ScanView:
    """Take one scan of a page."""
    user.require(Act.KEEP_PAPER)
    return take(web.runtime.engine, keeper_of(web, user), wanted)
