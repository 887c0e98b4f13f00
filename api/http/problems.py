"""Errors as problem+json (RFC 9457): code, Chinese message, next step.

Nothing of the request is repeated in them.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from api.runtime import failures
from api.runtime.settings import Settings
from archive.administration.policy import Denial
from archive.reference.errors import ArchiveError
from search.errors import SearchError

MEDIA_TYPE = "application/problem+json"
_STATUS = {
    "NOT_FOUND": 404,
    "NO_SUCH_PAGE": 404,
    "CONFLICT": 409,
    "FORBIDDEN": 403,
    "NOT_FILING": 403,
    "OPERATOR_UNKNOWN": 403,
    "ACT_DATA": 422,
    "FILE_KIND": 422,
    "NOT_COLLECTED": 403,
    "BAD_ARCHIVAL_CODE": 422,
    "BAD_LABELS": 422,
    "BAD_LEDGER": 422,
    "BAD_PRINT": 422,
    "BAD_SPAN": 422,
    "BAD_LEDGER_FILE": 422,
    "PAPERS_MISSING": 422,
    "BAD_USAGE_REQUEST": 422,
    "BAD_VISITOR": 422,
    "BAD_QUERY": 422,
    "BAD_CURSOR": 422,
    "NO_INDEX": 503,
    "STORE_UNAVAILABLE": 503,
    "DATABASE_UNAVAILABLE": 503,
    "BROKER_UNAVAILABLE": 503,
    "DISK_FULL": 503,
    "DISK_READ_ONLY": 503,
    "DAILY_LIMIT": 429,
    "UPLOAD_QUOTA": 429,
    "KEY_TAKEN": 409,
    "PARTS_MISSING": 409,
    "CASE_UNKNOWN": 409,
    "NOT_READY": 409,
    "PREVIEW_STALE": 409,
    "VIRUS_SCAN_DOWN": 503,
}
_DENIED = {
    Denial.ROLE: 403,
    Denial.SCOPE: 403,
    Denial.NOT_HERE: 404,
    Denial.NOT_FILING: 403,
    Denial.NOT_COLLECTED: 403,
    Denial.NEEDS_GRANT: 403,
    Denial.STATE: 409,
}
_HTTP = {
    404: ("NOT_FOUND", "没有这个地址。", "请对照 /openapi.json 核对路径。"),
    413: ("TOO_LARGE", "请求内容过大。", "请缩短后重试；文件请分块上传。"),
    405: ("METHOD_NOT_ALLOWED", "此地址不接受该方法。", "请对照 /openapi.json 核对方法。"),
}


class Problem(BaseModel):
    """The body of every error."""

    model_config = ConfigDict(
        json_schema_extra={
            "description": "错误的统一形式（RFC 9457）。",
            "examples": [
                {
                    "type": "urn:yice:problem:NOT_HERE",
                    "title": "没有这份档案，或您无权查看。",
                    "status": 404,
                    "code": "NOT_HERE",
                    "action": "请核对档号或办件编号；他单位的档案请先提交利用申请。",
                    "places": [],
                }
            ],
        }
    )
    type: str = Field(description="urn:yice:problem: 加错误代码")
    title: str = Field(description="发生了什么")
    status: int = Field(description="HTTP 状态码")
    code: str = Field(description="错误代码，供程序判断")
    action: str = Field(description="下一步怎么办")
    places: list[str] = Field(default=[], description="请求中不合规的位置")


class ProblemError(ArchiveError):
    """An error that is found over HTTP, with the status of its response."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        action: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Keep the status and headers beside the message."""
        super().__init__(message, action)
        self.status, self.code, self.headers = status, code, headers or {}
        self.field = ""
        """The field of a form that it is about, where that is known."""


def status_of(error: BaseException) -> int:
    """Return the status that an error has wherever it is answered over HTTP.

    What an error of ours does not name is a conflict with the state of the archive; what nobody
    expected is a fault of this server.
    """
    if isinstance(error, ProblemError):
        return error.status
    if isinstance(denial := getattr(error, "denial", None), Denial):
        return _DENIED[denial]
    expected = isinstance(error, ArchiveError | SearchError)
    return _STATUS.get(failures.explain(error)[0], 409 if expected else 500)


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, text in (
        (400, "请求无法读取"),
        (401, "没有有效的令牌"),
        (403, "无此权限，或须有利用单"),
        (404, "没有，或无权查看"),
        (409, "与当前状态冲突"),
        (413, "请求过大"),
        (422, "内容不合规"),
        (429, "请求过于频繁"),
        (503, "依赖的服务暂不可用"),
    )
}


def problem(
    status: int,
    code: str,
    message: str,
    action: str,
    places: list[str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return the response for an error."""
    body = Problem(
        type=f"urn:yice:problem:{code}",
        title=message,
        status=status,
        code=code,
        action=action,
        places=places or [],
    )
    return JSONResponse(
        body.model_dump(), status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )


def install(app: FastAPI, settings: Settings) -> None:
    """Turn every error of an app into a problem.

    An unexpected one is logged by place, never by text, and answered as UNEXPECTED.
    """

    def archive_error(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error, ArchiveError | SearchError):
            headers = error.headers if isinstance(error, ProblemError) else None
            return problem(
                status_of(error), error.code, error.message, error.action, headers=headers
            )
        return unexpected(_, error)

    def invalid(_: Request, error: Exception) -> JSONResponse:
        # Places only: the text of pydantic quotes the input.
        faults = error.errors() if isinstance(error, RequestValidationError) else []
        places = sorted(
            {
                ".".join(
                    str(part) for part in fault["loc"] if isinstance(part, str) and part.isascii()
                )[:100]
                for fault in faults
            }
        )
        return problem(
            422,
            "INVALID_REQUEST",
            "请求内容不合规。",
            "请对照 /openapi.json 更正所列位置。",
            places,
        )

    def http(_: Request, error: Exception) -> JSONResponse:
        status = error.status_code if isinstance(error, HTTPException) else 500
        code, message, action = _HTTP.get(
            status, ("BAD_REQUEST", "请求无法读取。", "请对照 /openapi.json 更正请求。")
        )
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        return problem(status, code, message, action, headers=headers)

    def unexpected(_: Request, error: Exception) -> JSONResponse:
        code, sentence = failures.explain(error)
        failures.log(error, settings.data)
        message, _space, action = sentence.partition("。 ")
        return problem(
            status_of(error),
            code,
            f"{message}。" if action else message,
            action or "请稍后重试。",
        )

    app.add_exception_handler(ArchiveError, archive_error)
    app.add_exception_handler(SearchError, archive_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    # A number that no column can hold: SQLite's driver and PostgreSQL say so each in its way.
    app.add_exception_handler(OverflowError, invalid)
    app.add_exception_handler(DataError, invalid)
    app.add_exception_handler(Exception, unexpected)
