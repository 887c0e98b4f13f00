"""户籍窗口: open a case, do an act on it, list and show; the same acts as at the desk.

A station's own system acts in the name of an officer of its station, whom `Yice-Operator` names.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.http.checks import scan_of
from api.http.tokens import Caller
from api.http.window import (
    ActWanted,
    act_at_window,
    ask_at_window,
    open_at_window,
    tables_of,
)
from api.v1.station import Station, StationApi
from archive.administration.policy import Reader
from archive.database.engine import database_now, reading, writing
from archive.reference.window_steps import Step
from ingest.window.cases import Done, require_window
from ingest.window.decide import Asked
from ingest.window.files import keep_file
from ingest.window.known import people_rows
from ingest.window.listing import case_rows, shown_case
from ingest.window.officers import officer_behind

router = APIRouter(tags=["户籍窗口"])
CaseNumber = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", examples=["150602010000-20260901-W00001"]),
]
Operator = Annotated[
    str,
    Header(
        alias="Yice-Operator",
        description="办理民警的警号；须是本单位启用的人员",
        pattern=r"^[A-Za-z0-9]{1,20}$",
        examples=["060101"],
    ),
]
ActKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9_-]{8,64}$",
        description="重复发送同一请求时使用同一值；只办一次",
        examples=["7f9c2ba4e88f827d"],
    ),
]
Opening = Annotated[
    dict[str, Any],
    Body(
        description=(
            "item 事项编码、home 户籍地派出所、channel 渠道（WINDOW、ONLINE）、applicant 申报人和"
            "subjects 被办理人（name、id_number、phone、relation）、household 同户人员的"
            "公民身份号码、query 查询编号（没有的，开办时自动查询）、facts 表单内容"
        ),
        examples=[
            {
                "item": "CS02",
                "home": "150602010000",
                "applicant": {"name": "演某", "id_number": "150602199001010016"},
                "subjects": [{"name": "演某", "id_number": "150602199001010016"}],
            }
        ],
    ),
]
_REFUSED = (
    "被拒时：404 NOT_HERE 请核对办件编号；409 的代码和说明写明为什么不能办、谁能办或怎样补齐，"
    "没有作任何更改。"
)
_SHOWN = 100


class ActDone(BaseModel):
    """The answer of an act."""

    model_config = ConfigDict(json_schema_extra={"description": "办理之后。"})
    case_no: str = Field(description="办件编号")
    seq: int = Field(description="办理记录的序号")
    step: str = Field(description="现处环节的代码")
    ending: str | None = Field(description="结局的代码；空为未结")
    again: bool = Field(description="同一请求此前已经办过")


class KeptFile(BaseModel):
    """A file that was kept, as an act names it."""

    model_config = ConfigDict(json_schema_extra={"description": "已收下的文件。"})
    sha256: str = Field(description="内容的 SHA-256")
    extension: str = Field(description="扩展名，按内容判定")


class PeopleWanted(BaseModel):
    """People to be asked for before their case is opened."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "要向人口信息管理系统查询的人。",
            "examples": [{"item": "CS02", "id_numbers": ["150602199001010016"]}],
        },
    )
    item: str = Field(max_length=32, description="要开办的事项编码")
    id_numbers: list[Annotated[str, Field(min_length=1, max_length=32)]] = Field(
        min_length=1, max_length=20, description="公民身份号码，第一个是申报人的"
    )


class KnownPerson(BaseModel):
    """What was learnt of a person."""

    model_config = ConfigDict(json_schema_extra={"description": "查询一人的结果。"})
    who: str = Field(description="申报人或被办理人")
    outcome: str = Field(
        description="结果：KNOWN、MOVED_OUT、DEAD、UNKNOWN；SILENT、LIMITED、NOT_ASKED 为未查询"
    )
    label: str = Field(description="结果的名称")
    remarks: list[str] = Field(description="须注意的情况和下一步")
    name: str | None = Field(description="姓名；没有查到的为空")
    station: str | None = Field(description="户籍地派出所的机构代码")
    facts: dict[str, str] = Field(
        description="填入表单的内容：性别、民族、出生日期、户号、户籍地址"
    )


class KnownPeople(BaseModel):
    """The answer of a query."""

    model_config = ConfigDict(json_schema_extra={"description": "查询的结果。"})
    query: str = Field(description="查询编号；开办时写入 query，不再重复查询；没有查询的为空")
    people: list[KnownPerson] = Field(description="按所送号码的次序")


class WindowRow(BaseModel):
    """A case in a list."""

    model_config = ConfigDict(json_schema_extra={"description": "窗口办件。"})
    case_no: str = Field(description="办件编号")
    item: str = Field(description="事项名称")
    step: str = Field(description="现处环节的代码")
    step_label: str = Field(description="现处环节")
    level: str | None = Field(description="审批级别；不在审批环节的为空")
    ending: str | None = Field(description="结局的代码；空为未结")
    receive: str = Field(description="收件单位")
    home: str = Field(description="户籍地单位")
    opened_at: str = Field(description="收件时间")
    due_on: str | None = Field(description="承诺办结日期；停计时为空")
    lamp: str | None = Field(description="灯：NORMAL、YELLOW、RED、STOPPED、PROVISIONAL、ENDED")
    corrected_again: bool = Field(description="是否不止一次退回补正")
    seq: int = Field(description="最后一条办理记录的序号")


class WindowView(BaseModel):
    """One case with its acts, clocks and spans."""

    model_config = ConfigDict(json_schema_extra={"description": "窗口办件的经过。"})
    case_no: str = Field(description="办件编号")
    item: str = Field(description="事项名称")
    step: str = Field(description="现处环节的代码")
    step_label: str = Field(description="现处环节")
    ending: str | None = Field(description="结局的代码；空为未结")
    receive: str = Field(description="收件单位")
    home: str = Field(description="户籍地单位")
    flow: str = Field(description="流程版本的摘要")
    seq: int = Field(description="最后一条办理记录的序号")
    materials: list[dict[str, Any]] = Field(description="材料")
    awaited: list[str] = Field(description="等待补正的材料")
    acts: list[dict[str, Any]] = Field(description="办理记录")
    clocks: list[dict[str, Any]] = Field(description="期限，及停计和预警")
    population: list[dict[str, Any]] = Field(
        description="开办时查询人口信息的结果，未查询的也写明；differs 为与填写不一致的栏目"
    )
    returns: list[dict[str, Any]] = Field(description="退回与结局")
    seal_uses: list[dict[str, Any]] = Field(description="用章")
    rating: dict[str, Any] | None = Field(description="评价")


def _answer(done: Done) -> ActDone:
    return ActDone(
        case_no=done.case_no,
        seq=done.seq,
        step=str(done.state.step),
        ending=done.state.ending and str(done.state.ending),
        again=done.again,
    )


def _officer(station: StationApi, client: Reader, number: str) -> Reader:
    """Return as whom a client acts. Raises DeniedError, RefusedActError."""
    require_window(client)
    with reading(station.runtime.engine) as session:
        return officer_behind(session, client, number)


@router.post(
    "/window/people",
    summary="查询人口信息",
    description=(
        "开办之前按公民身份号码查询办理人；查询记入审计日志，计入当日限额。系统没有接入、没有应答"
        "或已达限额的，结果为未查询，可照常开办。" + _REFUSED
    ),
    response_description="查询的结果",
)
def ask_window_people(
    wanted: PeopleWanted, caller: Caller, station: Station, operator: Operator
) -> KnownPeople:
    """Ask for people in the name of an officer of the caller's station."""
    officer = _officer(station, caller, operator)
    answers = ask_at_window(station.runtime, officer, wanted.item, tuple(wanted.id_numbers))
    rows = people_rows(answers, datetime.now(UTC))
    return KnownPeople(query=answers.token, people=[KnownPerson(**row) for row in rows])


@router.post(
    "/window/cases",
    summary="开办一件",
    description="在本单位窗口开办一件，得到办件编号。" + _REFUSED,
    response_description="开办之后",
)
def open_window_case(
    wanted: Opening, caller: Caller, station: Station, operator: Operator, key: ActKey
) -> ActDone:
    """Open a case in the name of an officer of the caller's station."""
    officer = _officer(station, caller, operator)
    return _answer(open_at_window(station.runtime, officer, key, wanted))


@router.post(
    "/window/cases/{case_no}/acts",
    summary="办理一步",
    description="办理一步；名称、环节、单位和角色见 docs/window.md。" + _REFUSED,
    response_description="办理之后",
)
def act_on_window_case(
    case_no: CaseNumber,
    wanted: ActWanted,
    caller: Caller,
    station: Station,
    operator: Operator,
    key: ActKey,
) -> ActDone:
    """Do an act in the name of an officer of the caller's station."""
    officer = _officer(station, caller, operator)
    asked = Asked(wanted.act, key, wanted.seen, wanted.data)
    return _answer(act_at_window(station.runtime, officer, case_no, asked))


@router.get(
    "/window/cases",
    summary="窗口办件",
    description=(
        "列出本单位收件或户籍地在本单位的在办件，按办件编号，至多 100 件；after 为上一页最后的"
        "办件编号；step 只列处于某一环节的。"
    ),
    response_description="窗口办件",
)
def window_cases(
    caller: Caller,
    station: Station,
    step: Annotated[Step | None, Query(description="环节")] = None,
    after: Annotated[str, Query(max_length=64, description="上一页最后的办件编号")] = "",
) -> list[WindowRow]:
    """Return the cases of the caller's reach."""
    with reading(station.runtime.engine) as session:
        rows = case_rows(
            session,
            caller,
            tables=tables_of(station.runtime),
            now=database_now(session),
            step=step,
            after=after,
            limit=_SHOWN,
        )
    return [WindowRow(**row) for row in rows]


@router.get(
    "/window/cases/{case_no}",
    summary="一件窗口办件",
    description="办理记录、期限和停计；查看记入审计日志。被拒时：404 NOT_HERE 请核对办件编号。",
    response_description="窗口办件的经过",
)
def one_window_case(case_no: CaseNumber, caller: Caller, station: Station) -> WindowView:
    """Return one case of the caller's reach; journalled."""
    with writing(station.runtime.engine) as session:
        shown = shown_case(
            session,
            caller,
            case_no=case_no,
            tables=tables_of(station.runtime),
            now=database_now(session),
        )
    return WindowView(**shown)


@router.post(
    "/window/files",
    summary="送来材料的文件",
    description=(
        "以正文送来一个文件（JPEG、PNG、TIFF、PDF 或 OFD，至多 64 MB），得到 sha256 和扩展名，"
        "供收取材料时指名。同一内容重复送来只存一份。"
    ),
    response_description="已收下的文件",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def put_window_file(request: Request, caller: Caller, station: Station) -> KeptFile:
    """Keep a file of a material."""
    require_window(caller)
    data = await scan_of(request)
    kept = await run_in_threadpool(keep_file, station.runtime.store, caller, data)
    return KeptFile(**kept)
