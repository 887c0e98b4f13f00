"""`yice demo sources`: the outside systems of the fictional city over HTTP.

Faults can be switched on. Their OpenAPI is in docs/sources/.
"""

import json
import secrets
import shutil
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from api.demo.population import households_of, population_app

TOKEN_SECONDS = 20
CLIENT, SECRET, KEY = "yice-demo", "demo-secret", "demo-key"
FaultKind = Literal["slow", "error", "truncated", "duplicate", "disorder", "expired", "malformed"]
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]
_Scope = MutableMapping[str, Any]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(slots=True)
class World:
    """The simulated systems: their data, valid tokens, and current faults.

    `source_world` writes the data in `folder`; `faults` holds the probability of each kind.
    """

    folder: Path
    scans: Path | None
    faults: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    random: Random = field(default_factory=lambda: Random(1))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return one of the system's lists."""
        rows: list[dict[str, Any]] = json.loads((self.folder / f"{name}.json").read_text("utf-8"))
        return rows

    def happens(self, kind: FaultKind) -> bool:
        """Return whether the fault occurs now."""
        return self.random.random() < self.faults.get(kind, 0.0)


class TokenRequest(BaseModel):
    """The credentials of a client."""

    client_id: str
    client_secret: str


class Token(BaseModel):
    """An access token of the certificate library."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of token, no token
    expires_in: int


class CertificateQuery(BaseModel):
    """A query for a certificate: its holder, its kind, and the case that needs it."""

    case_no: str
    holder_id: str
    certificate_type: str


class CertificateFound(BaseModel):
    """A certificate that the library holds."""

    certificate_id: str
    sha256: str
    pages: int


class CertificatesFound(BaseModel):
    """The certificates that the library holds: none, one or several, the newest first."""

    certificates: list[CertificateFound]


class UseReceipt(BaseModel):
    """A receipt of the use of a certificate, with its outcome."""

    case_no: str
    certificate_type: str
    outcome: str


class Noted(BaseModel):
    """An answer without further content."""

    noted: bool = True


class ApplicationListed(BaseModel):
    """One online application."""

    id: str
    case_no: str
    submitted_at: str
    sha256: str
    size: int


class ApplicationPage(BaseModel):
    """A page of the list; `next` is the cursor to go on from."""

    applications: list[ApplicationListed]
    next: str
    more: bool


class ApplicationReceipt(BaseModel):
    """A receipt of the archive for an application, with its outcome."""

    outcome: str


class Event(BaseModel):
    """One event: a closed case with its facts and the list of its materials.

    Both are in the words of case.json, without files. A shared certificate names its `holder`.
    """

    seq: int
    kind: Literal["CASE_CLOSED"]
    occurred_at: str
    case: dict[str, Any]


class EventPage(BaseModel):
    """A page of the feed; `next` is the cursor to go on from."""

    events: list[Event]
    next: str
    more: bool


def certificates_app(world: World) -> FastAPI:
    """Return the application of 共享证照."""
    app = FastAPI(title="电子证照共享接口（演示）", version="1", docs_url=None, redoc_url=None)
    certificates = {
        (row["holder_id"], row["certificate_type"]): row for row in world.rows("certificates")
    }
    files = {row["certificate_id"]: row["file"] for row in certificates.values()}

    def allowed(bearer: _Bearer) -> None:
        known = bearer is not None and world.tokens.get(bearer.credentials, 0) > time.monotonic()
        if not known or world.happens("expired"):
            raise HTTPException(401, "令牌无效或已过期")

    @app.post("/token", summary="取得访问令牌")
    def token(request: TokenRequest) -> Token:
        if not secrets.compare_digest(request.client_secret, SECRET) or request.client_id != CLIENT:
            raise HTTPException(403, "凭据有误")
        secret = secrets.token_urlsafe(24)
        world.tokens[secret] = time.monotonic() + TOKEN_SECONDS
        return Token(access_token=secret, expires_in=TOKEN_SECONDS)

    @app.post(
        "/certificates/query", summary="按持证人和证照种类查询", dependencies=[Depends(allowed)]
    )
    def query(request: CertificateQuery) -> CertificatesFound:
        row = certificates.get((request.holder_id, request.certificate_type))
        return CertificatesFound(certificates=[CertificateFound.model_validate(row)] if row else [])

    @app.get(
        "/certificates/{certificate_id}/content",
        summary="取得证照文件（PDF 或 OFD，带签发单位的签名）",
        dependencies=[Depends(allowed)],
    )
    def content(certificate_id: str) -> Response:
        if certificate_id not in files:
            raise HTTPException(404, "没有这个证照")
        return Response(
            (world.folder / "certificates" / files[certificate_id]).read_bytes(),
            media_type="application/octet-stream",
        )

    @app.post("/receipts", summary="用证回执", dependencies=[Depends(allowed)])
    def receipt(report: UseReceipt) -> Noted:
        del report
        return Noted()

    return app


def portal_app(world: World) -> FastAPI:
    """Return the application of 互联网申报."""
    app = FastAPI(title="互联网申报平台接口（演示）", version="1", docs_url=None, redoc_url=None)
    rows = world.rows("applications")

    @app.get("/applications", summary="分页列出申报", dependencies=[Depends(_keyed)])
    def applications(
        after: str = "", limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> ApplicationPage:
        start = int(after or 0)
        page = _disturbed(world, rows[start : start + limit], rows[:start])
        listed = [ApplicationListed.model_validate(row) for row in page]
        return ApplicationPage(
            applications=listed,
            next=str(min(len(rows), start + limit)),
            more=start + limit < len(rows),
        )

    @app.get(
        "/applications/{application_id}/package",
        summary="提取一件申报的材料包（zip：application.json 和所列文件）",
        dependencies=[Depends(_keyed)],
    )
    def package(application_id: str) -> Response:
        if application_id not in {row["id"] for row in rows}:
            raise HTTPException(404, "没有这件申报")
        return Response(
            (world.folder / "applications" / application_id).read_bytes(),
            media_type="application/zip",
        )

    @app.post(
        "/applications/{application_id}/receipt", summary="提取回执", dependencies=[Depends(_keyed)]
    )
    def receipt(application_id: str, report: ApplicationReceipt) -> Noted:
        del application_id, report
        return Noted()

    return app


def forms_app(world: World) -> FastAPI:
    """Return the application of 系统表单."""
    app = FastAPI(
        title="人口信息管理系统办结事件接口（演示）", version="1", docs_url=None, redoc_url=None
    )
    rows = world.rows("events")

    @app.get("/events", summary="分页取得办结事件", dependencies=[Depends(_keyed)])
    def events(after: str = "", limit: Annotated[int, Query(ge=1, le=500)] = 100) -> EventPage:
        start = int(after or 0)
        page = _disturbed(world, rows[start : start + limit], rows[:start])
        return EventPage(
            events=[Event.model_validate(row) for row in page],
            next=str(min(len(rows), start + limit)),
            more=start + limit < len(rows),
        )

    return app


def population_of(world: World) -> FastAPI:
    """Return the application of 人口信息: the people whose cases the city has."""
    households = households_of(world.rows("events"))
    return population_app(households, allowed=_keyed, malformed=lambda: world.happens("malformed"))


def _keyed(bearer: _Bearer) -> None:
    if bearer is None or not secrets.compare_digest(bearer.credentials, KEY):
        raise HTTPException(403, "接入密钥有误")


def _disturbed(
    world: World, page: list[dict[str, Any]], before: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return a page as a system in trouble gives it.

    Some rows come twice, some come again from earlier pages, and the order may differ.
    """
    page = list(page)
    if page and world.happens("duplicate"):
        page += [world.random.choice(page), *([world.random.choice(before)] if before else [])]
    if world.happens("disorder"):
        world.random.shuffle(page)
    return page


class _Troubled:
    """A wrapper of the systems: slow answers, 500, and answers that break off in the middle."""

    def __init__(self, app: Any, world: World) -> None:  # noqa: ANN401 - an ASGI application
        self._app, self._world = app, world

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith("/control"):
            await self._app(scope, receive, send)
            return
        if self._world.happens("slow"):
            time.sleep(self._world.random.uniform(0.1, 0.5))  # noqa: ASYNC251
        if self._world.happens("error"):
            await Response("故障", 500)(scope, receive, send)
            return
        cut = self._world.happens("truncated")

        async def half(message: MutableMapping[str, Any]) -> None:
            if cut and message["type"] == "http.response.body":
                body = message.get("body", b"")
                message = {**message, "body": body[: len(body) // 2], "more_body": True}
                await send(message)
                raise ConnectionAbortedError
            await send(message)

        await self._app(scope, receive, half)


def create_sources(world: World) -> Any:  # noqa: ANN401 - an ASGI application
    """Return all systems on one port, with `/control` by which a test switches faults on."""
    app = FastAPI(title="演示来源", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/certificates", certificates_app(world))
    app.mount("/portal", portal_app(world))
    app.mount("/forms", forms_app(world))
    app.mount("/population", population_of(world))

    @app.post("/control/faults")
    def faults(wanted: dict[FaultKind, float]) -> dict[str, float]:
        world.faults = {str(kind): share for kind, share in wanted.items()}
        return world.faults

    @app.post("/control/late")
    def late() -> dict[str, int]:
        return {"files": _drop_scans(world, "late")}

    return _Troubled(app, world)


def _drop_scans(world: World, name: str) -> int:
    """Write the scans of the scanning stations into the watched folder, and return how many.

    Each file is written under a name that nobody reads, then renamed, the record last.
    """
    if world.scans is None:
        return 0
    world.scans.mkdir(parents=True, exist_ok=True)
    # A station in disorder writes the record before the files that it names.
    paths = sorted(
        (world.folder / name).iterdir(),
        key=lambda path: (path.suffix == ".json", path.name),
        reverse=world.happens("disorder"),
    )
    dropped = 0
    for path in paths:
        if any(
            place.is_file() and place.stat().st_size == path.stat().st_size
            for place in _places(world.scans, path.name)
        ):
            continue
        # A slow network: for a moment half a file stands under the right name.
        if world.happens("truncated") and path.suffix != ".json":
            data = path.read_bytes()
            (world.scans / path.name).write_bytes(data[: len(data) // 2])
            time.sleep(0.2)
        part = world.scans / f".{path.name}.part"
        shutil.copyfile(path, part)
        part.replace(world.scans / path.name)
        dropped += 1
        if path.suffix == ".json" and world.happens("duplicate"):
            (world.scans / f"again-{path.name}").write_bytes(path.read_bytes())
    return dropped


def _places(folder: Path, name: str) -> tuple[Path, ...]:
    return folder / name, folder / "taken" / name, folder / "refused" / name


def settings_of(world: World, port: int) -> dict[str, str]:
    """Return the settings under which `yice pull` finds these systems."""
    base = f"http://127.0.0.1:{port}"
    settings = {
        "YICE_FORMS_URL": f"{base}/forms",
        "YICE_FORMS_KEY": KEY,
        "YICE_POPULATION_URL": f"{base}/population",
        "YICE_POPULATION_KEY": KEY,
        "YICE_PORTAL_URL": f"{base}/portal",
        "YICE_PORTAL_KEY": KEY,
        "YICE_CERT_URL": f"{base}/certificates",
        "YICE_CERT_CLIENT": CLIENT,
        "YICE_CERT_SECRET": SECRET,
        "YICE_CERT_ROOTS": str((world.folder / "issuer" / "root.pem").resolve()),
    }
    return settings | ({"YICE_SCAN_FOLDER": str(world.scans.resolve())} if world.scans else {})


def serve_sources(world: World, port: int) -> None:
    """Serve until interrupted, while the stations scan."""
    import uvicorn  # noqa: PLC0415 - the web server loads only when it serves

    threading.Thread(target=_drop_scans, args=(world, "scans"), daemon=True).start()
    uvicorn.run(
        create_sources(world), host="127.0.0.1", port=port, log_level="critical", access_log=False
    )
