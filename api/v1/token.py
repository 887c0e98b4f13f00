"""`POST /api/v1/token`: a client id and its secret for an access token."""

import base64
import binascii
from functools import partial
from typing import Literal
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.http.limits import host_of, limited
from api.http.problems import PROBLEMS, ProblemError
from api.v1.station import StationApi
from archive.administration import logins
from archive.administration.accounts import AccountKind

_LARGEST_FORM = 4096
token_router = APIRouter(prefix="/api/v1", tags=["令牌"])


class Token(BaseModel):
    """An access token."""

    model_config = ConfigDict(
        json_schema_extra={
            "description": "访问令牌。",
            "examples": [
                {
                    "access_token": "Zk3…",
                    "token_type": "Bearer",
                    "expires_in": 1800,
                    "scope": "search read",
                }
            ],
        }
    )
    access_token: str = Field(description="访问令牌")
    token_type: Literal["Bearer"] = Field(default="Bearer", description="令牌类型")
    expires_in: int = Field(description="有效秒数")
    scope: str = Field(description="授予的权限范围，以空格分隔")


_FORM = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_id": {"type": "string"},
        "client_secret": {"type": "string"},
        "scope": {"type": "string", "description": "权限范围，以空格分隔；不写即该系统的全部范围"},
    },
    "example": {
        "grant_type": "client_credentials",
        "client_id": "station-home",
        "client_secret": "…",
        "scope": "search read",
    },
}


@token_router.post(
    "/token",
    summary="取得访问令牌",
    description=(
        "以系统账号和口令换取访问令牌：放在 HTTP Basic 头，或放在表单的"
        " client_id、client_secret；grant_type 固定为 client_credentials。"
        "scope 写所需的权限范围，以空格分隔，不写即该账号的全部范围。令牌有效"
        " 30 分钟，到期后重新取得；其他接口以 Authorization: Bearer 携带。被拒"
        "时：401 INVALID_CLIENT 为账号或口令不对、账号停用或暂时锁定（答复不作"
        "区分），请核对后再试，多次失败会暂时锁定；400 INVALID_SCOPE 为所请求的"
        "范围均未授予，请联系安全保密管理员；429 请按 Retry-After 稍后重试。"
    ),
    response_description="访问令牌",
    responses={key: PROBLEMS[key] for key in (400, 401, 413, 429, 503)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": _FORM}},
        }
    },
)
async def token(request: Request) -> Token:
    """Return a token for a client id and secret, sent as HTTP Basic or in the form.

    The answer is the same for wrong secrets, unknown accounts and disabled ones.
    """
    station: StationApi = request.app.state.station
    form = dict(
        parse_qsl((await _small_body(request)).decode("utf-8", "replace"), keep_blank_values=True)
    )
    login, secret = _basic(request.headers.get("authorization", "")) or (
        form.get("client_id", ""),
        form.get("client_secret", ""),
    )
    if form.get("grant_type") != "client_credentials":
        raise ProblemError(
            400,
            "UNSUPPORTED_GRANT_TYPE",
            "只支持客户端凭据方式。",
            "请以 grant_type=client_credentials 请求。",
        )
    credentials = logins.Credentials.of(login, secret, host_of(request))
    return await run_in_threadpool(_issue, station, credentials, form.get("scope", ""))


def _issue(station: StationApi, credentials: logins.Credentials, asked: str) -> Token:
    try:
        opened = logins.log_in(
            station.runtime.engine,
            credentials,
            kind=AccountKind.CLIENT,
            limit=partial(limited, station.anonymous),
            wanted=asked.split(),
        )
    except logins.LoginRefusedError:
        raise ProblemError(
            401,
            "INVALID_CLIENT",
            "系统账号或口令不对，或账号停用、暂时锁定。",
            "请核对后重试；多次失败会暂时锁定。",
            {"WWW-Authenticate": "Basic"},
        ) from None
    except logins.NoScopeError as error:
        raise ProblemError(400, error.code, error.message, error.action) from None
    return Token(
        access_token=opened.token,
        expires_in=int(logins.TOKEN_LIFE.total_seconds()),
        scope=" ".join(map(str, opened.scopes)),
    )


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
