"""The HTTP door of the main job: health, and a read-only register of volumes on loopback. Access control comes with the station API."""

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, select_autoescape
from sqlalchemy import text

from api.bootstrap import Runtime
from archive.db import reading
from archive.registers import volume_rows
from archive.vocabulary import Series, VolumeState


def create_app(runtime: Runtime) -> FastAPI:
    """The app on one runtime. No volume's content is served: a register without names is all that needs no account."""
    app = FastAPI(title="一册 Yice", version="0.1.0", docs_url=None, redoc_url=None)
    pages = Environment(loader=PackageLoader("api", "templates"), autoescape=select_autoescape())

    @app.middleware("http")
    async def guard(request: Request, call_next):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - starlette's own signature
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self' 'unsafe-inline'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/healthz")
    def health() -> dict[str, str]:
        """Database reached and store fit."""
        with reading(runtime.engine) as session:
            session.execute(text("SELECT 1"))
        return {"status": "ok"}

    @app.get("/", response_class=HTMLResponse)
    def register() -> str:
        with reading(runtime.engine) as session:
            rows = volume_rows(session)
        labels = {"series": {one.value: one.label for one in Series}, "state": {one.value: one.label for one in VolumeState}}
        return pages.get_template("register.html").render(rows=rows, labels=labels)

    return app
