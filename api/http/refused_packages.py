"""Refused packages, as the station API and the desk's forms state them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from archive.finding_aids.gathering_lists import RefusedPackage

SHORTEST, LONGEST = 2, 500


class ReasonWanted(BaseModel):
    """Why something is sent back."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "退回的理由，记入审计日志。",
            "examples": [{"reason": "缺审批表，请补齐后重送"}],
        },
    )
    reason: str = Field(
        min_length=SHORTEST,
        max_length=LONGEST,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="理由；请勿写入号码和姓名",
    )


class RefusedView(BaseModel):
    """A refused package, with what was found and whether it was sent back."""

    model_config = ConfigDict(
        json_schema_extra={"description": "一个拒收隔离的归档信息包：原因、下一步、是否已退回。"}
    )

    id: int = Field(description="隔离件编号")
    bag: str = Field(description="包名")
    case_no: str | None = Field(description="办件编号；读不出为空")
    sender: str | None = Field(description="送交单位代码；不详为空")
    received_at: str = Field(description="送达时间")
    findings: list[dict[str, Any]] = Field(description="拒收的原因：代码、提示、处理办法")
    returned_at: str | None = Field(description="退回时间；未退回为空")
    reason: str | None = Field(description="退回的理由")


def refused_view(package: RefusedPackage) -> RefusedView:
    """Return a refused package as it is answered."""
    return RefusedView(**package.public())
