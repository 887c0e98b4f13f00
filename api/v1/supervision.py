"""监督: lists of cases within the supervising organisation, without personal data."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.http.tokens import Caller
from api.v1.station import Access, Station
from archive.administration.policy import Act, Reader
from archive.audit.acts import JournalAct
from archive.database.engine import writing
from archive.finding_aids import supervision
from archive.usage.looks import AccessContext, Purpose, journal_look
from archive.usage.reading_room import require

router = APIRouter(tags=["监督"], prefix="/supervision")
After = Annotated[int, Query(ge=0, le=2**53, description="上一页给出的 next")]
Limit = Annotated[int, Query(ge=1, le=200)]


class ActRow(BaseModel):
    """One node of one case."""

    model_config = ConfigDict(json_schema_extra={"description": "一件办件的一个环节。"})

    case_no: str = Field(description="办件编号")
    code: str | None = Field(description="档号；尚未赋号为空")
    item: str = Field(description="事项编码")
    node: str = Field(description="环节代码")
    node_label: str = Field(description="环节名称")
    org: str = Field(description="单位代码")
    at: str = Field(description="办理时间")


class CaseRow(BaseModel):
    """One case."""

    model_config = ConfigDict(json_schema_extra={"description": "一件办件。"})

    case_no: str = Field(description="办件编号")
    code: str | None = Field(description="档号；尚未赋号为空")
    item: str = Field(description="事项编码")
    receive_org: str = Field(description="收件单位代码")
    accept_org: str = Field(description="受理单位代码")
    domicile_org: str = Field(description="户籍地单位代码")
    completed_at: str = Field(description="办结时间")


class ActPage(BaseModel):
    """A page of nodes; `next` null: no more."""

    model_config = ConfigDict(json_schema_extra={"description": "一页经办环节。"})

    rows: list[ActRow] = Field(description="各环节")
    next: int | None = Field(description="填入 after 即得下一页；空表示没有了")


class CasePage(BaseModel):
    """A page of cases; `next` null: no more."""

    model_config = ConfigDict(json_schema_extra={"description": "一页办件。"})

    rows: list[CaseRow] = Field(description="各办件")
    next: int | None = Field(description="填入 after 即得下一页；空表示没有了")


@router.get(
    "/responsibility",
    summary="按警号列出经办的全部办件（终身责任）",
    description=(
        "按警号列出其收件、受理、审核、审批的全部办件，离岗后仍可查（终身责任）。"
        "只列本单位及下级收件、受理、保管的办件和户籍地在其中的办件，不含当事人"
        "信息。把 next 填入 after 即得下一页。查询记入审计日志。被拒时："
        "403 ROLE 为该角色没有监督权限，403 SCOPE 请以 supervise 范围重新取得令"
        "牌。"
    ),
    response_description="一页经办环节",
)
def responsibility(
    actor_no: Annotated[
        str, Query(pattern=r"^[A-Za-z0-9]{1,20}$", description="警号", examples=["060101"])
    ],
    reader: Caller,
    station: Station,
    access: Access,
    after: After = 0,
    limit: Limit = 100,
) -> ActPage:
    """List what an officer received, accepted, reviewed or approved, also after leaving."""
    require(reader, Act.SUPERVISE)
    with writing(station.runtime.engine) as session:
        rows = supervision.responsibility(
            session, reader, actor_no, station.runtime.organisations, after, limit
        )
        _note(session, reader, "RESPONSIBILITY", access.purpose, rows=len(rows), actor_no=actor_no)
    return ActPage(
        rows=[ActRow(**{key: value for key, value in row.items() if key != "id"}) for row in rows],
        next=_next(rows, limit),
    )


@router.get(
    "/overdue",
    summary="超期办结的办件",
    description="列出超过承诺期限办结的办件。范围、翻页和拒绝与“按警号列出”相同。",
    response_description="一页办件",
)
def overdue(
    reader: Caller, station: Station, access: Access, after: After = 0, limit: Limit = 100
) -> CasePage:
    """List the cases that were finished after the promised day."""
    require(reader, Act.SUPERVISE)
    with writing(station.runtime.engine) as session:
        rows = supervision.overdue(session, reader, station.runtime.organisations, after, limit)
        _note(session, reader, "OVERDUE", access.purpose, rows=len(rows))
    return CasePage(
        rows=[CaseRow(**{key: value for key, value in row.items() if key != "id"}) for row in rows],
        next=_next(rows, limit),
    )


@router.get(
    "/citywide",
    summary="全域通办的办件（收件、户籍两地上级均可见）",
    description=(
        "列出收件单位不是户籍地单位的办件（全域通办），收件和户籍地两边的上级均"
        "可见。范围、翻页和拒绝与“按警号列出”相同。"
    ),
    response_description="一页办件",
)
def citywide(
    reader: Caller, station: Station, access: Access, after: After = 0, limit: Limit = 100
) -> CasePage:
    """List the cases that were received elsewhere than at the domicile."""
    require(reader, Act.SUPERVISE)
    with writing(station.runtime.engine) as session:
        rows = supervision.citywide(session, reader, station.runtime.organisations, after, limit)
        _note(session, reader, "CITYWIDE", access.purpose, rows=len(rows))
    return CasePage(
        rows=[CaseRow(**{key: value for key, value in row.items() if key != "id"}) for row in rows],
        next=_next(rows, limit),
    )


def _note(session: Session, reader: Reader, what: str, purpose: Purpose, **shown: object) -> None:
    journal_look(session, reader, JournalAct.SUPERVISE, what, AccessContext(purpose), **shown)


def _next(rows: object, limit: int) -> int | None:
    listed = list(rows) if isinstance(rows, list) else []
    return listed[-1]["id"] if len(listed) == limit else None
