"""Acts of 核对 as the station API and the forms of the desk state them."""

import tempfile
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from api.http.problems import ProblemError
from api.runtime.bootstrap import Runtime
from archive.administration.policy import Reader
from archive.checking.passing_on import Asked
from archive.checking.returning import Returned
from archive.reference.check_terms import ReturnReason
from ingest.intake.intake import Received
from ingest.intake.replacing import NewScan, replace_scan

MAX_SCAN = 64 << 20
TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_RETURN: JsonDict = {"reasons": ["ILLEGIBLE"], "text": "第 2 页下半看不清"}
_ASK: JsonDict = {"account": "demo-district-archivist", "text": "证件日期是否有涂改，请看原件"}


class ReturnWanted(BaseModel):
    """A return: its ready reasons, and what is to be added in words."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "退回补正："
            + "、".join(f"{reason} {reason.label}" for reason in ReturnReason),
            "examples": [_RETURN],
        },
    )
    reasons: list[ReturnReason] = Field(
        min_length=1, max_length=len(ReturnReason), description="退回理由，可选几项"
    )
    text: str = Field(default="", max_length=500, pattern=TEXT, description="补充说明")


class AskWanted(BaseModel):
    """Who is to look at a case: one person, or a unit."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "转请：account 与 org 二选一。",
            "examples": [_ASK],
        },
    )
    account: str | None = Field(default=None, max_length=64, description="人员的登录名")
    org: str | None = Field(default=None, pattern=r"^[0-9]{12}$", description="单位代码")
    text: str = Field(default="", max_length=500, pattern=TEXT, description="请他看什么")

    @model_validator(mode="after")
    def one_of_two(self) -> "AskWanted":
        """Return the model. Raises ValueError unless one of person and unit is named."""
        if bool(self.account) == bool(self.org):
            raise ValueError("account or org")
        return self

    @property
    def asked(self) -> Asked:
        """Return who is asked, as the archive takes it."""
        return Asked(self.account, self.org)


class RemarkWanted(BaseModel):
    """A remark for those who check the case."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "备注，供核对的人看。",
            "examples": [{"text": "已电话请窗口核对"}],
        },
    )
    text: str = Field(min_length=2, max_length=500, pattern=TEXT, description="备注")


def returned_row(entry: Returned, runtime: Runtime) -> dict[str, Any]:
    """Return a returned case as its sender is told of it."""
    organisations = runtime.organisations
    return {
        "case_no": entry.case.case_no,
        "revision": entry.revision,
        "returned_at": entry.at.isoformat(timespec="seconds"),
        "by": entry.signatory,
        "org": organisations.get(entry.org).name if entry.org in organisations else entry.org,
        "reasons": [{"code": str(code), "label": code.label} for code in entry.reasons],
        "text": entry.text,
    }


async def scan_of(request: Request) -> bytes:
    """Return the bytes of a scan that was sent as the body. Raises ProblemError."""
    with tempfile.SpooledTemporaryFile(max_size=MAX_SCAN) as body:
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size > MAX_SCAN:
                raise ProblemError(
                    413,
                    "SCAN_TOO_LARGE",
                    "文件过大，未作更改。",
                    "每个文件至多 64 MB；请分份重扫。",
                )
            body.write(piece)
        if not size:
            raise ProblemError(422, "SCAN_EMPTY", "没有收到文件，未作更改。", "请重新选择文件。")
        body.seek(0)
        return body.read()


def replace(runtime: Runtime, filer: Reader, scan: NewScan) -> Received:
    """Replace a scan of a case that waits, by the rules of this installation."""
    return replace_scan(
        runtime.engine,
        runtime.store,
        filer,
        scan,
        units=runtime.filing,
        rules=runtime.intake_rules,
        now=datetime.now(UTC),
    )
