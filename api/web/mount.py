"""Puts the pages on an app: one router for each group of pages, and the static files."""

from fastapi import APIRouter, FastAPI, Request, Response

from api.http.page_cache import PageImages
from api.runtime.bootstrap import Runtime
from api.web.administration import accounts, daily, journal, status, system
from api.web.arrangement import checks, compiling, jobs, pairs
from api.web.collection import collecting
from api.web.holdings import inside, inspection, reading, search, volumes
from api.web.paper import (
    handovers,
    ledgers,
    loans,
    registering,
    registers,
    rooms,
    scanning,
    stocktakes,
)
from api.web.shell.page import PageRoute, RefusedError, WebApp, web_of
from api.web.start import login, overview
from api.web.statistics import statistics
from api.web.usage import approvals, copies, usage
from archive.administration.policy import Denial

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAGES = (
    login,
    overview,
    collecting,
    checks,
    pairs,
    compiling,
    jobs,
    search,
    volumes,
    reading,
    usage,
    copies,
    approvals,
    statistics,
    accounts,
    status,
    system,
    inside,
    inspection,
    daily,
    journal,
    scanning,
    registering,
    rooms,
    loans,
    stocktakes,
    handovers,
    ledgers,
    registers,
)


def mount(app: FastAPI, runtime: Runtime, images: PageImages) -> None:
    """Add all pages to an app."""
    app.state.web = WebApp(runtime, images)
    for pages in _PAGES:
        app.include_router(pages.router)
    app.include_router(router)


@router.get("/static/{digest}/{name}")
def static(request: Request, digest: str, name: str) -> Response:
    """Return a static file; its address holds its digest, so browsers may keep it for good."""
    web = web_of(request)
    if name not in web.static or web.address(name) != f"/static/{digest}/{name}":
        raise RefusedError(Denial.NOT_HERE)
    data, media = web.static[name]
    return Response(
        data, media_type=media, headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )
