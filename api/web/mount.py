"""Puts the pages on an app: one router for each group of pages, and the static files."""

from collections.abc import Callable
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.http.page_cache import PageImages
from api.runtime.bootstrap import Runtime
from api.web.administration import accounts, daily, journal, status, system
from api.web.arrangement import (
    check_acts,
    check_images,
    checks,
    compiling,
    jobs,
    pairs,
    periods,
)
from api.web.collection import collecting, pool
from api.web.holdings import inside, inspection, people, printing, reading, search, volumes
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
from api.web.shell.page import PageRoute, RefusedError, WebApp, error_page, web_of
from api.web.start import login, manual, overview, todo
from api.web.statistics import statistics
from api.web.usage import approvals, copies, usage
from api.web.window import board, case, flow, form_values, grants, media, opening
from archive.administration.policy import Denial

Handler = Callable[[Request, Any], Any]
_DRAWN = frozenset({404, 405, 422})
router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAGES = (
    login,
    todo,
    overview,
    manual,
    pool,
    collecting,
    checks,
    check_acts,
    check_images,
    pairs,
    compiling,
    periods,
    jobs,
    search,
    people,
    volumes,
    printing,
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
    board,
    opening,
    form_values,
    grants,
    flow,
    media,
    case,
)


def mount(app: FastAPI, runtime: Runtime, images: PageImages) -> None:
    """Add all pages to an app."""
    app.state.web = WebApp(runtime, images)
    for pages in _PAGES:
        app.include_router(pages.router)
    app.include_router(router)
    _draw_errors(app)


def _draw_errors(app: FastAPI) -> None:
    """Draw an unknown address and a query that is none as pages, for who asks with a browser."""
    for kind, message, action in (
        (HTTPException, "没有这个页面。", "请核对地址，或从菜单进入。"),
        (RequestValidationError, "地址不完整或有误。", "请从菜单或列表重新打开。"),
    ):
        app.add_exception_handler(kind, _drawn(app.exception_handlers[kind], message, action))


def _drawn(otherwise: Handler, message: str, action: str) -> Handler:
    def handler(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 422
        drawn = status in _DRAWN and not request.url.path.startswith("/api/")
        page = error_page(request, status, message, action) if drawn else None
        return page or cast("Response", otherwise(request, error))

    return handler


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
