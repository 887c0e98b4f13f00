"""Scans of paper as the station API and the desk take and show them."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy import Engine

from archive.database.engine import writing
from archive.database.tables_paper import PaperScan
from archive.paper.access import Keeper
from archive.paper.scans import Scan, take_scan
from archive.reference.paper_terms import GOOD_VERDICTS, PaperFault, ScanFlow, ScanVerdict

_EXAMPLE: JsonDict = {
    "session": "0" * 32,
    "seq": 1,
    "code": "21000000000115",
    "at": "2026-11-27T10:58:41+08:00",
}


class ScanWanted(BaseModel):
    """One scan: its session, its number there from 1, what was read, and when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "一次扫描；同一 session 和 seq 重送，得到同一答复。",
            "examples": [_EXAMPLE],
        },
    )
    session: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="扫描会话编号")]
    seq: Annotated[int, Field(ge=1, le=1_000_000, description="会话内的序号，从 1 起不缺号")]
    code: Annotated[str, Field(max_length=200, description="读到的条码")]
    at: Annotated[AwareDatetime, Field(description="扫描时刻")]


class SessionWanted(BaseModel):
    """A session of scanning to begin."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "开始一个扫描会话。盘点须给 stocktake，交接须给 handover。",
            "examples": [{"flow": "FILE"}],
        },
    )
    flow: ScanFlow = Field(description="用途")
    stocktake: Annotated[int | None, Field(ge=1, le=2**31, description="盘点单编号")] = None
    handover: Annotated[int | None, Field(ge=1, le=2**31, description="交接单编号")] = None


class ScanView(BaseModel):
    """The verdict on one scan."""

    model_config = ConfigDict(json_schema_extra={"description": "一次扫描的结论，每次恰有一个。"})

    seq: int = Field(description="会话内的序号")
    verdict: str = Field(description="结论代码")
    label: str = Field(description="结论名称")
    good: bool = Field(description="无须处理")
    fault: str | None = Field(description="未办理的原因代码")
    message: str = Field(description="发生了什么")
    action: str = Field(description="下一步怎么办")
    code: str | None = Field(description="条码；不能识别的为 null")


def view_of(scan: PaperScan) -> ScanView:
    """Return a taken scan as both doors show it."""
    verdict = ScanVerdict(scan.verdict)
    fault = PaperFault(scan.fault) if scan.fault else None
    return ScanView(
        seq=scan.seq,
        verdict=verdict,
        label=fault.label if fault else verdict.label,
        good=verdict in GOOD_VERDICTS,
        fault=fault,
        message=scan.message,
        action=scan.action,
        code=scan.code,
    )


def take(engine: Engine, keeper: Keeper, wanted: ScanWanted) -> ScanView:
    """Take one scan in a transaction of its own."""
    with writing(engine) as session:
        return view_of(
            take_scan(session, keeper, Scan(wanted.session, wanted.seq, wanted.code, wanted.at))
        )
