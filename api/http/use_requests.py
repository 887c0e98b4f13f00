"""Requests for use and decisions, as the station API and the forms of the desk state them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from archive.arrangement.volume_names import read_code
from archive.usage.requests import MAX_DAYS, UseApplication
from archive.usage.visitors import DocumentKind, Visitor

WORDS = r"^[^\x00-\x1f\x7f]*$"
_EXAMPLE: JsonDict = {
    "code": "J602-ZY.HJ.CS.2026.Y-000001",
    "capacity": "POLICE",
    "scope": "CASE",
    "purpose": "办理出生登记核对材料",
    "basis": "东公户核〔2026〕12号",
    "papers": ["办理业务的依据"],
    "days": 3,
}


class VisitorGiven(BaseModel):
    """Who came to the desk for a record; kept encrypted, shown masked."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "到场的利用人；加密保存，列表中遮蔽显示，不进入审计日志。"
        },
    )
    name: str = Field(min_length=2, max_length=50, pattern=WORDS, description="姓名")
    document: DocumentKind = Field(description="证件种类")
    number: str = Field(min_length=4, max_length=32, pattern=WORDS, description="证件号码")
    phone: str = Field(default="", max_length=20, pattern=WORDS, description="联系电话")
    agent: str = Field(default="", max_length=50, pattern=WORDS, description="代理人姓名")


class UseWanted(BaseModel):
    """A request; `capacity`, `scope` and `papers` as `GET /capacities` lists them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "利用申请；capacity、scope、papers 见 GET /capacities。",
            "examples": [_EXAMPLE],
        },
    )
    code: str = Field(min_length=1, max_length=64, pattern=r"^[A-Z0-9.·-]+$", description="档号")
    capacity: str = Field(max_length=16, pattern=r"^[A-Z_]+$", description="利用主体")
    scope: str = Field(max_length=16, pattern=r"^[A-Z_]+$", description="利用范围")
    purpose: str = Field(
        min_length=2, max_length=200, pattern=WORDS, description="事由；请勿写入号码和姓名"
    )
    basis: str = Field(min_length=2, max_length=100, pattern=WORDS, description="依据文书号")
    papers: list[Annotated[str, Field(max_length=40, pattern=WORDS)]] = Field(
        max_length=12, description="已备的依据材料"
    )
    days: int = Field(default=3, ge=1, le=MAX_DAYS, description="利用天数")
    visitor: VisitorGiven | None = Field(
        default=None, description="到场的利用人；主体表中 visitor 为 true 的主体应填写"
    )


class Decided(BaseModel):
    """A decision with its reason."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "审批结论和理由。",
            "examples": [{"approve": True, "reason": "材料齐全"}],
        },
    )
    approve: bool = Field(description="是否批准")
    reason: str = Field(
        min_length=2, max_length=200, pattern=WORDS, description="理由；请勿写入号码和姓名"
    )


class Reasoned(BaseModel):
    """The reason of an act that needs nothing else, such as ending a grant."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(min_length=2, max_length=200, pattern=WORDS, description="理由")


def application_of(wanted: UseWanted) -> UseApplication:
    """Return what a request asks of the archive, with the 档号 in its normal form."""
    return UseApplication(
        **{
            **wanted.model_dump(),
            "code": read_code(wanted.code),
            "papers": tuple(wanted.papers),
            "visitor": Visitor(**wanted.visitor.model_dump()) if wanted.visitor else None,
        }
    )
