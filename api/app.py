"""The HTTP door: health, the station API, and the archivist's desk."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.bootstrap import Runtime, start
from api.health import public, readiness, ready
from api.logs import begin as begin_logs
from api.logs import told_request
from api.metrics import exposition, registry_of
from api.settings import Settings
from api.v1 import mount as mount_stations
from api.web.mount import mount as mount_desk


def create_app(runtime: Runtime) -> FastAPI:
    """The app on one runtime. Health alone needs no account."""
    app = FastAPI(title="一册 Yice", version="0.1.0", docs_url=None, redoc_url=None)
    mount_stations(app, runtime)
    mount_desk(app, runtime)
    measured = registry_of(runtime)
    app.middleware("http")(told_request)

    @app.middleware("http")
    async def guard(request: Request, call_next):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - starlette's own signature
        response = await call_next(request)
        response.headers.setdefault("Content-Security-Policy", "default-src 'none'")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.get("/healthz")
    def health() -> dict[str, str]:
        """The process answers. What it depends on is for /readyz: restarting a node does not mend its database."""
        return {"status": "ok"}

    @app.get("/readyz", responses={503: {"description": "not ready"}})
    def readyz() -> JSONResponse:
        """200 when database, store and broker answer, else 503; the body tells each one's state."""
        states = readiness(runtime)
        return JSONResponse(public(states), 200 if ready(states) else 503)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        """What the rows say, for Prometheus."""
        return Response(exposition(measured), media_type=CONTENT_TYPE_LATEST)

    return app


def from_environment() -> FastAPI:
    """The app of a node, for `uvicorn --factory`."""
    begin_logs()
    return create_app(start(Settings()))
