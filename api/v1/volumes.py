"""One volume: its facts, contents, process, signature and paper.

By 档号 or by case number, one at a time.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.http.tokens import Caller
from api.v1.station import Access, Station, consult
from archive.administration.policy import Act, Denial
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.paper.listing import public_paper
from archive.reference.case_facts import CaseFacts
from archive.reference.vocabulary import Retention, Series
from archive.usage.certified_copies import contents_of
from archive.usage.looks import DeniedError
from archive.usage.reading_room import check_signature
from archive.usage.redaction import mask_text, names_of, paper, shown_facts, timeline

router = APIRouter(tags=["档案"])
Name = Annotated[
    str,
    Path(
        description="档号（“·”可写作“.”）或办件编号",
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9._·-]+$",
        examples=["J602-ZY.HJ.CS.2026.Y-000001"],
    ),
]


class Signature(BaseModel):
    """What the rows say of the seal; `/signature` validates it."""

    model_config = ConfigDict(
        json_schema_extra={"description": "签章的登记情况；是否有效见 /signature。"}
    )

    level: str | None = Field(description="签章级别")
    timestamp_pending: bool = Field(description="是否待补时间戳")


class VolumeView(BaseModel):
    """A volume with names and numbers masked and data of forms left out."""

    model_config = ConfigDict(
        json_schema_extra={"description": "一册：姓名、号码、电话均已脱敏，表单数据不给出。"}
    )

    code: str = Field(description="档号")
    case_no: str = Field(description="办件编号")
    series: str = Field(description="卷目代码")
    series_label: str = Field(description="卷目名称")
    year: int = Field(description="年度")
    retention_label: str = Field(description="保管期限")
    version: int | None = Field(description="最新归档版本；尚未归档为空")
    pages: int | None = Field(description="页数")
    sha256: str | None = Field(description="整册文件的 SHA-256")
    committed_at: str | None = Field(description="归档时间")
    signature: Signature = Field(description="签章")
    facts: dict[str, Any] = Field(description="办件信息，脱敏")
    contents: list[dict[str, Any]] = Field(description="卷内目录")
    timeline: list[dict[str, Any]] = Field(description="办理过程")
    paper: list[dict[str, Any]] = Field(description="纸质材料：原件与否、页数、是否留存、留存单位")
    paper_items: list[dict[str, Any]] = Field(
        description="已登记的纸质及其所在：类别、页数、库位、盒、现状、最近一次借阅的应还时间"
    )


class PlainFacts(BaseModel):
    """The facts in plain, as far as the grant reaches."""

    model_config = ConfigDict(
        json_schema_extra={"description": "办件信息，利用单所及的字段为明文。"}
    )

    code: str = Field(description="档号")
    usage: str = Field(description="利用单号")
    facts: dict[str, Any] = Field(description="办件信息")


class SignatureView(BaseModel):
    """The seal as validated now, against this installation's trust."""

    model_config = ConfigDict(
        json_schema_extra={
            "description": "按本系统的信任设置当场验证的签章。",
            "examples": [{"code": "J602-ZY·HJ·CS·2026·Y-000001", "version": 1, "valid": True}],
        }
    )
    code: str = Field(description="档号")
    version: int = Field(description="验证的版本")
    valid: bool = Field(description="签章是否有效")
    intact: bool = Field(description="签章后内容是否未变")
    covers_whole_document: bool = Field(description="签章是否覆盖全文")
    signer: str = Field(description="签章单位")
    signed_at: str | None = Field(description="签章时间")
    timestamped_at: str | None = Field(description="时间戳的时间")
    level: str | None = Field(description="签章级别")


@router.get(
    "/volumes/{name}",
    summary="一册：办件信息、卷内目录、办理过程、签章、纸质位置",
    description=(
        "按档号或办件编号取一册，一次一册，没有批量接口。姓名、号码、电话均已脱"
        "敏，表单数据不给出；尚未归档的册没有版本、页数、摘要和卷内目录。他单位"
        "的册须先获准利用，并在 Yice-Usage 注明利用单号。每次查阅记入审计日志。"
        "被拒时：404 NOT_HERE 为没有这一册或无权查看（答复不作区分），请核对档"
        "号，或提交利用申请；429 DAILY_LIMIT 为当日查阅已达上限。"
    ),
    response_description="一册（脱敏）",
)
def volume(name: Name, reader: Caller, station: Station, access: Access) -> VolumeView:
    """Return a volume, masked; a foreign one is answered like one that does not exist."""
    opened, _ = consult(station, reader, access, Act.VIEW, name, JournalAct.VIEW)
    facts = CaseFacts.model_validate(opened.case.facts)
    names = names_of(facts)
    contents = contents_of(station.runtime.store, opened) if opened.version else []
    with reading(station.runtime.engine) as session:
        kept_paper = public_paper(session, opened.volume.code)
    row, kept = opened.version, opened.volume
    return VolumeView(
        code=kept.code,
        case_no=opened.case.case_no,
        series=kept.series,
        series_label=Series(kept.series).label,
        year=kept.year,
        retention_label=Retention(kept.term).label,
        version=row.version if row else None,
        pages=row.pages if row else None,
        sha256=row.sha256 if row else None,
        committed_at=row.committed_at.isoformat() if row and row.committed_at else None,
        signature=Signature(
            level=row.signature_level if row else None,
            timestamp_pending=bool(row and row.lta_pending),
        ),
        facts=shown_facts(facts, station.runtime.organisations),
        contents=[{**item, "title": mask_text(item["title"], names)} for item in contents],
        timeline=timeline(facts, station.runtime.organisations),
        paper=paper(facts, station.runtime.organisations),
        paper_items=kept_paper,
    )


@router.get(
    "/volumes/{name}/facts",
    summary="办件信息明文（须有利用单）",
    description=(
        "取一册办件信息的明文，只给出利用单范围内的字段，其余仍脱敏。须在"
        " Yice-Usage 注明已批准且未到期的利用单号，本单位的册也不例外。每次查阅"
        "记入审计日志。被拒时：403 NEEDS_GRANT 请先提交利用申请，批准后注明利用"
        "单号；404 NOT_HERE 请核对档号；429 DAILY_LIMIT 为当日所取内容已达上限。"
    ),
    response_description="利用单所及的明文",
)
def facts(name: Name, reader: Caller, station: Station, access: Access) -> PlainFacts:
    """Return in plain what the grant of `Yice-Usage` opens; the rest stays masked."""
    opened, _ = consult(station, reader, access, Act.VIEW_PLAIN, name, JournalAct.VIEW_PLAIN)
    grant = opened.decision.grant
    if grant is None:
        raise DeniedError(Denial.NEEDS_GRANT)
    case_facts = CaseFacts.model_validate(opened.case.facts)
    return PlainFacts(
        code=opened.volume.code,
        usage=grant.number,
        facts=shown_facts(case_facts, station.runtime.organisations, grant.fields),
    )


@router.get(
    "/volumes/{name}/signature",
    summary="验证签章",
    description=(
        "从存储读出最新归档版本的文件，核对摘要后当场验证签章，答复是否有效、是"
        "否完整、签章单位和时间。不需要利用单，他单位的册除外。被拒时："
        "404 NOT_HERE 请核对档号；409 STATE 为该册尚未归档，请归档后再试；"
        "503 STORE_UNAVAILABLE 请稍后再试。"
    ),
    response_description="验证结果",
)
def signature(name: Name, reader: Caller, station: Station, access: Access) -> SignatureView:
    """Read the file from the store against its digest, and validate its seal."""
    opened, _ = consult(station, reader, access, Act.VIEW, name, JournalAct.CHECK_SIGNATURE)
    report = check_signature(station.runtime.store, opened, station.stamps.trust)
    return SignatureView(
        code=opened.volume.code,
        version=opened.version.version if opened.version else 0,
        valid=report.valid,
        intact=report.intact,
        covers_whole_document=report.covers_whole_document,
        signer=report.signer_cn,
        signed_at=report.signed_at.isoformat() if report.signed_at else None,
        timestamped_at=report.timestamped_at.isoformat() if report.timestamped_at else None,
        level=report.level,
    )
