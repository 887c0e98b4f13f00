"""The HTTP app: health, metrics, the station API and the archivists' pages."""

import hmac
import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.bounds import Bounded
from api.http.connections import TimedProtocol
from api.http.page_cache import PageImages
from api.http.tokens import carried_token, require_account
from api.monitoring.health import public, readiness, ready
from api.monitoring.metrics import exposition, registry_of
from api.runtime import logs
from api.runtime.bootstrap import Runtime, start
from api.runtime.memory import tune_garbage_collector
from api.runtime.settings import Settings
from api.v1 import mount as mount_stations
from api.web.mount import mount as mount_desk
from archive.administration.policy import Act
from search.analysis import fold

_THREADS = 12
_ONLY_HTTPS = "max-age=31536000; includeSubDomains"
"""For a year a browser that came by https asks this host by https alone (RFC 6797)."""


class _SecurityHeaders:
    """Middleware that puts on every answer the headers that limit a browser's trust in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", "default-src 'none'")
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")
                if scope.get("scheme") == "https":
                    headers["Strict-Transport-Security"] = _ONLY_HTTPS
            await send(message)

        await self._app(scope, receive, sending)


@asynccontextmanager
async def _few_threads(_: FastAPI) -> AsyncIterator[None]:
    """Answer twelve requests at a time and let others wait their turn.

    With forty, threads spent a third of the processor on taking it from each other.
    """
    current_default_thread_limiter().total_tokens = _THREADS
    yield


def create_app(runtime: Runtime) -> FastAPI:
    """Return the app on one runtime. Only health, logins and public checks need no account."""
    app = FastAPI(
        title="一册 Yice",
        version="0.2.0",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_few_threads,
    )
    images = PageImages(runtime.settings.data / "cache" / "pages")
    mount_stations(app, runtime, images)
    mount_desk(app, runtime, images)
    registry = registry_of(runtime)
    app.add_middleware(Bounded)
    app.add_middleware(logs.LoggedRequests)
    app.add_middleware(_SecurityHeaders)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        """Answer that the process is alive.

        What it depends on is for /readyz: restarting a node does not mend its database.
        """
        return {"status": "ok"}

    @app.get("/readyz", responses={503: {"description": "not ready"}})
    def readyz() -> JSONResponse:
        """Answer 200 when database, store and broker answer, else 503; the body has each state."""
        states = readiness(runtime)
        return JSONResponse(public(states), 200 if ready(states) else 503)

    @app.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        """Answer the metrics in the text format of Prometheus, to a collector or an operator."""
        key, carried = runtime.settings.metrics_key.get_secret_value(), carried_token(request)
        if not (key and hmac.compare_digest(key.encode(), carried.encode())):
            require_account(request, Act.OPERATE)
        return Response(exposition(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/openapi.json", include_in_schema=False)
    def description(request: Request) -> JSONResponse:
        """Answer the description of the station API to anyone who has an account."""
        require_account(request)
        return JSONResponse(app.openapi())

    return app


def prepare_server() -> None:
    """Tune a process that serves, once: garbage collection, and how often threads take turns.

    A page is many short calls into SQLite. At Python's 5 ms each of them, when it comes back, waits
    that long for a thread that computes meanwhile.
    """
    tune_garbage_collector()
    fold("旗")  # reads the table of characters now, not while the first readers wait
    sys.setswitchinterval(0.001)


def from_environment() -> FastAPI:
    """Return the app of a node."""
    logs.configure()
    app = create_app(start(Settings()))
    prepare_server()
    return app


def serve_node() -> None:
    """Serve a node of the distributed mode, until it is told to end."""
    asked = ArgumentParser(prog="python -m api.app", description=serve_node.__doc__)
    asked.add_argument("--host", default="127.0.0.1")
    asked.add_argument("--port", type=int, default=8000)
    where = asked.parse_args()
    # No access log: addresses name volumes, and every read is journalled anyway.
    uvicorn.run(
        "api.app:from_environment",
        factory=True,
        host=where.host,
        port=where.port,
        http=TimedProtocol,
        access_log=False,
        log_config=logs.CONFIG,
    )


if __name__ == "__main__":
    serve_node()
