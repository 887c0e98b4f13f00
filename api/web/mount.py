"""Puts the desk on an app: one router for each group of pages, and the static files."""

from fastapi import APIRouter, FastAPI, Request, Response

from api.bootstrap import Runtime
from api.web import (
    accounts,
    approvals,
    checks,
    collecting,
    compiling,
    copies,
    daily,
    desk,
    find,
    inside,
    inspected,
    jobs,
    journal_pages,
    login,
    room,
    statistics,
    status,
    system,
    usage,
    volumes,
)
from api.web.door import Desk, PageRoute, RefusedError, desk_of
from archive.access import Denial

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAGES = (
    login,
    desk,
    collecting,
    checks,
    compiling,
    jobs,
    find,
    volumes,
    room,
    usage,
    copies,
    approvals,
    statistics,
    accounts,
    status,
    system,
    inside,
    inspected,
    daily,
    journal_pages,
)


def mount(app: FastAPI, runtime: Runtime) -> None:
    """All pages."""
    app.state.desk = Desk(runtime)
    for one in _PAGES:
        app.include_router(one.router)
    app.include_router(router)


@router.get("/static/{digest}/{name}")
def static(request: Request, digest: str, name: str) -> Response:
    """A file of the desk. Its address holds its digest, so that browsers keep it for good."""
    found = desk_of(request)
    if name not in found.static or found.address(name) != f"/static/{digest}/{name}":
        raise RefusedError(Denial.NOT_HERE)
    data, media = found.static[name]
    return Response(data, media_type=media, headers={"Cache-Control": "public, max-age=31536000, immutable"})
