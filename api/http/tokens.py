"""Who calls: OAuth 2 client credentials (RFC 6749 §4.4), tokens of 30 minutes, scopes, and a limit of requests for each client."""

import base64
import binascii
import sqlite3
import time
from collections.abc import Callable
from functools import cached_property
from threading import Lock
from typing import Annotated, Literal
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Depends, Request
from fastapi.security import OAuth2
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from api.http.problems import PROBLEMS, ProblemError
from api.runtime.bootstrap import Runtime
from archive.administration import accounts
from archive.administration.accounts import AccountKind
from archive.administration.policy import Reader, Scope
from archive.database.engine import reading, writing

_LARGEST_FORM = 4096
_REMEMBERED = 10_000
_WAIT_SECONDS = 10
_BUCKET = "SELECT level, last FROM bucket WHERE caller = ?"
_FILL = "INSERT OR REPLACE INTO bucket VALUES (?, ?, ?)"
_ANONYMOUS_SHARE = 10


class Limiter:
    """A bucket for each caller that fills evenly: `a_minute` requests, as many at once at most.

    The processes of a node share the buckets in a file, through SQLite; one process keeps them in memory (`at` empty). One node knows only its own.
    """

    def __init__(self, a_minute: int, at: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """No file is opened yet: what is opened here would not survive a fork."""
        self._a_minute, self._at, self._clock = a_minute, at, clock
        self._lock = Lock()
        self._taken = 0

    @cached_property
    def _buckets(self) -> sqlite3.Connection:
        buckets = sqlite3.connect(self._at or ":memory:", timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        buckets.execute("PRAGMA synchronous=OFF")  # lost with the machine, and of no use after a minute
        buckets.execute("PRAGMA journal_mode=WAL")
        buckets.execute(
            "CREATE TABLE IF NOT EXISTS bucket (caller TEXT PRIMARY KEY, level REAL NOT NULL, last REAL NOT NULL) WITHOUT ROWID"
        )
        return buckets

    def take(self, caller: str) -> float:
        """Take one; gives 0, or how many seconds to wait for the next."""
        with self._lock:
            self._buckets.execute("BEGIN IMMEDIATE")
            with self._buckets:
                now = self._clock()
                level, last = self._buckets.execute(_BUCKET, (caller,)).fetchone() or (float(self._a_minute), now)
                # A file from before the machine was started anew tells a later time: by now that bucket is full.
                level = min(float(self._a_minute), level + (now - last if now >= last else 60) * self._a_minute / 60)
                wait = 0.0 if level >= 1 else (1 - level) * 60 / self._a_minute
                self._buckets.execute(_FILL, (caller, level if wait else level - 1, now))
                self._taken += 1
                if self._taken % _REMEMBERED == 0:
                    # After a minute a bucket is full again, as is that of somebody unknown.
                    self._buckets.execute("DELETE FROM bucket WHERE last NOT BETWEEN ? AND ?", (now - 60, now))
            return wait


def limited(limiter: Limiter, caller: str) -> None:
    """Raise the 429 problem when the caller asks too often."""
    wait = limiter.take(caller)
    if wait:
        raise ProblemError(429, "TOO_MANY_REQUESTS", "请求过于频繁。", "请按 Retry-After 稍后重试。", {"Retry-After": str(int(wait) + 1)})


class Token(BaseModel):
    """An access token."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"access_token": "Zk3…", "token_type": "Bearer", "expires_in": 1800, "scope": "search read"}],
        }
    )
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind, not the token
    expires_in: int
    scope: str


token_router = APIRouter(prefix="/api/v1", tags=["令牌"])
_scheme = OAuth2(
    flows={"clientCredentials": {"tokenUrl": "/api/v1/token", "scopes": {str(one): one.label for one in Scope}}},
    auto_error=False,
)
_FORM = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_id": {"type": "string"},
        "client_secret": {"type": "string"},
        "scope": {"type": "string", "description": "权限范围，以空格分隔；不写即该系统的全部范围"},
    },
    "example": {"grant_type": "client_credentials", "client_id": "station-home", "client_secret": "…", "scope": "search read"},
}


@token_router.post(
    "/token",
    summary="取得访问令牌",
    responses={key: PROBLEMS[key] for key in (400, 401, 413, 429, 503)},
    openapi_extra={"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _FORM}}}},
)
async def token(request: Request) -> Token:
    """Client id and secret, as HTTP Basic or in the form, for a token. Wrong, unknown and shut accounts hear the same."""
    station = request.app.state.station
    limited(station.anonymous, _address(request))
    form = dict(parse_qsl((await _small_body(request)).decode("utf-8", "replace"), keep_blank_values=True))
    login, secret = _basic(request.headers.get("authorization", "")) or (form.get("client_id", ""), form.get("client_secret", ""))
    if form.get("grant_type") != "client_credentials":
        raise ProblemError(400, "UNSUPPORTED_GRANT_TYPE", "只支持客户端凭据方式。", "请以 grant_type=client_credentials 请求。")
    return await run_in_threadpool(_issue, station.runtime, login, secret, form.get("scope", ""))


def _issue(runtime: Runtime, login: str, secret: str, asked: str) -> Token:
    with writing(runtime.engine) as session:
        account = accounts.check_secret(session, login[:64].replace("\0", ""), secret[:1024])
        client = account is not None and account.kind == AccountKind.CLIENT
        scopes = [Scope(one) for one in account.scopes if not asked or one in asked.split()] if account and client else []
        carried = accounts.open_login(session, account, "TOKEN", scopes) if account and scopes else None
    # The failure is counted, hence raised only now.
    if not client:
        raise ProblemError(
            401,
            "INVALID_CLIENT",
            "系统账号或口令不对，或账号停用、暂时锁定。",
            "请核对后重试；多次失败会暂时锁定。",
            {"WWW-Authenticate": "Basic"},
        )
    if carried is None:
        raise ProblemError(400, "INVALID_SCOPE", "所请求的权限范围均未授予。", "请核对权限范围，或联系安全保密管理员。")
    return Token(access_token=carried, expires_in=int(accounts.TOKEN_LIFE.total_seconds()), scope=" ".join(map(str, scopes)))


async def _small_body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            raise ProblemError(413, "TOO_LARGE", "请求过大。", "令牌请求只含客户端凭据和权限范围。")
    return body


def _basic(header: str) -> tuple[str, str] | None:
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        login, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    # RFC 6749 §2.3.1: both parts are form-encoded first.
    return (unquote_plus(login), unquote_plus(secret)) if colon else None


def _address(request: Request) -> str:
    return f"address:{request.client.host if request.client else ''}"


def bearer(request: Request, _: Annotated[str | None, Depends(_scheme)]) -> Reader:
    """The reader of the token; 401 without a good one, 429 when he asks too often."""
    station = request.app.state.station
    kind, _space, carried = request.headers.get("authorization", "").partition(" ")
    found = None
    if kind.lower() == "bearer" and carried.strip():
        with reading(station.runtime.engine) as session:
            found = accounts.reader_of(session, carried.strip(), "TOKEN")
            station.runtime.refresh(session)
    if found is None:
        limited(station.anonymous, _address(request))
        raise ProblemError(401, "INVALID_TOKEN", "没有令牌，或令牌无效、已过期。", "请重新取得令牌。", {"WWW-Authenticate": "Bearer"})
    limited(station.limiter, found.account)
    return found


async def anyone(request: Request) -> None:
    """The public: a tenth of a client's rate for each address."""
    limited(request.app.state.station.anonymous, _address(request))


Caller = Annotated[Reader, Depends(bearer)]


def limiters(a_minute: int, at: str) -> tuple[Limiter, Limiter]:
    """Those of clients and of the public; a login has no colon and an address has one, so both may lie in one file."""
    return Limiter(a_minute, at), Limiter(max(1, a_minute // _ANONYMOUS_SHARE), at)
