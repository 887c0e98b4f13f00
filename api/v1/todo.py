"""待办与通知: what waits for the caller and the caller's unit, and what it was told."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.tokens import Caller
from api.v1.station import Station
from archive.administration.notices import (
    NoticeKind,
    NoticeTopic,
    mark_read,
    notices_of,
    public_notice,
    read_to,
)
from archive.administration.policy import Act
from archive.database.engine import reading, writing
from archive.finding_aids.todo import todo
from archive.finding_aids.todo_terms import TodoKind, Whose
from archive.usage.reading_room import require

router = APIRouter(tags=["待办与通知"])


class TodoView(BaseModel):
    """One thing that waits; `left` are the working days until `due`, below 0 when it is past."""

    model_config = ConfigDict(
        json_schema_extra={"description": "一件待办；left 为到 due 的工作日，负数为已超期。"}
    )

    kind: TodoKind = Field(description="要办的事（代码）")
    label: str = Field(description="要办的事")
    subject: str = Field(description="编号：办件编号、档号、利用单号等")
    title: str = Field(description="内容；姓名已遮蔽")
    due: str | None = Field(description="期限；空为不限期")
    left: int | None = Field(description="剩余工作日；负数为已超期")
    state: str = Field(description="late 超期、soon 临期，其他为空")
    who: str = Field(description="谁交来")
    org: str = Field(description="由哪个单位办理")
    note: str = Field(description="说明")


class NoticeView(BaseModel):
    """A notice; `new` is one that the caller has not marked as read."""

    model_config = ConfigDict(json_schema_extra={"description": "一条通知；只有编号，没有姓名。"})

    id: int = Field(description="通知编号")
    kind: NoticeKind = Field(description="结果（代码）")
    topic: NoticeTopic = Field(description="事项（代码）")
    label: str = Field(description="通知的文字")
    subject: str = Field(description="编号")
    due_at: str | None = Field(description="到期时间")
    at: str = Field(description="通知时间")
    new: bool = Field(description="是否未读")


class ReadUpto(BaseModel):
    """Up to which notice the caller has read."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"description": "读到哪一条。", "examples": [{"upto": 12}]},
    )
    upto: int = Field(ge=0, le=2**53, description="通知编号")


@router.get(
    "/todo",
    summary="待办",
    description=(
        "列出等本账号办的（whose=mine）或本单位全部的（whose=unit）待办，最早到期的在前："
        "核对、组卷、审批、缺件、纸质登记等。期限按工作日计算。"
    ),
    response_description="待办",
)
def list_todo(
    reader: Caller,
    station: Station,
    whose: Annotated[Whose, Query(description="mine 等我办的，unit 本单位全部")] = Whose.MINE,
    limit: Annotated[int, Query(ge=1, le=100, description="最多几件")] = 100,
) -> list[TodoView]:
    """List what waits for the caller, the earliest date first."""
    require(reader, Act.VIEW)
    with reading(station.runtime.engine) as session:
        rows = todo(session, reader, station.reference, whose, limit=limit)
    return [TodoView(**row.public()) for row in rows]


@router.get(
    "/notices",
    summary="通知",
    description=(
        "列出告诉本账号和本单位的通知（批准、不批准、退回、办结、到期），新的在前，"
        "看过的仍可再看。取更早的，把最后一条的编号填入 before。"
        "订阅了通知地址的，同样的内容会以 notice.… 事件发送。"
    ),
    response_description="通知",
)
def list_notices(
    reader: Caller,
    station: Station,
    before: Annotated[int, Query(ge=0, le=2**53, description="此编号之前的")] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="最多几条")] = 40,
) -> list[NoticeView]:
    """List what the caller was told, the latest first."""
    require(reader, Act.VIEW)
    with reading(station.runtime.engine) as session:
        seen = read_to(session, reader)
        rows: list[dict[str, Any]] = [
            public_notice(row, seen)
            for row in notices_of(session, reader, before=before, limit=limit)
        ]
    return [NoticeView(**row) for row in rows]


@router.post(
    "/notices/read",
    summary="标为已读",
    description="把到某一编号为止的通知标为已读；通知仍可再看。",
    response_description="已标记",
    status_code=204,
    response_class=Response,
)
def read_notices(asked: ReadUpto, reader: Caller, station: Station) -> Response:
    """Mark the notices up to one as read."""
    require(reader, Act.VIEW)
    with writing(station.runtime.engine) as session:
        mark_read(session, reader, asked.upto)
    return Response(status_code=204)
