"""打印中心: registers as pages to print, and as sealed PDF/A made in the background."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.daily import counted
from api.http.printing import PrintWanted, take_order, take_pages
from api.http.tokens import Caller
from api.jobs.printing import start_printing
from api.v1.station import Station
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.database.engine import reading
from archive.printing.orders import (
    fetch_print,
    find_order,
    own_orders,
    public_order,
    read_print,
)
from archive.reference.print_terms import PrintKind
from archive.usage.reading_room import require

router = APIRouter(tags=["打印中心"], prefix="/registers")
PrintNo = Annotated[
    str,
    Path(
        pattern=r"^DY[0-9]{4}-[0-9]{6,12}$",
        description="打印单号",
        examples=["DY2026-000001"],
    ),
]
_LISTED = 100
_PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {}}, "description": "PDF 文件"}
}


class PrintFileView(BaseModel):
    """One sealed file of an order."""

    model_config = ConfigDict(json_schema_extra={"description": "一份已签章的目录。"})

    kind: str = Field(description="目录种类（代码）")
    title: str = Field(description="名称")
    sha256: str = Field(description="文件的 SHA-256")
    pages: int = Field(description="页数")
    rows: int = Field(description="行数")
    part: bool = Field(description="是否只是一部分；文件首页写明未列的")


class PrintOrderView(BaseModel):
    """An order of sealed registers and how far it is."""

    model_config = ConfigDict(json_schema_extra={"description": "一份打印单和它的进度。"})

    number: str = Field(description="打印单号")
    step: str = Field(
        description="进度：WAITING 等待出具、COLLECTING 取数、SEALING 排版签章、DONE 已出具、"
        "FAILED 未成功"
    )
    step_label: str = Field(description="进度")
    choice: dict[str, Any] = Field(description="所选的目录和册")
    done: int = Field(description="已取的行数")
    total: int = Field(description="共多少行")
    error: str = Field(description="未成功的原因")
    files: list[PrintFileView] = Field(description="已出具的文件")
    created_at: str = Field(description="提出时间")


@router.post(
    "/pages",
    summary="目录打印件（未签章）",
    description=(
        "当场得到所选各种目录的 PDF，供打印，注明未签章；一次最多2,000行。本单位立卷"
        "的册，档案员所印的印明姓名，其余遮蔽；每次打印记入审计日志。被拒时：422 BAD_PRINT"
        " 为没有选册、起止日期有误或一次过多，detail 写明；404 NOT_HERE 为单位或档号"
        "不在您的范围内；429 DAILY_LIMIT 为当日已达上限。"
    ),
    response_class=Response,
    responses=_PDF,
)
def pages(wanted: PrintWanted, reader: Caller, station: Station) -> Response:
    """Return the pages of registers, which say that they are not sealed."""
    require(reader, Act.PRINT)
    pdf = take_pages(station.runtime, reader, wanted.choice())
    return Response(pdf, media_type="application/pdf")


@router.post(
    "",
    summary="出具签章的目录",
    description=(
        "由后台出具所选各种目录的签章 PDF/A，每种一份，由本单位所属全宗签章；"
        "一次最多10,000册，卷内目录最多1,000册。得到打印单号，凭单号查进度和取文件；"
        "办结后另有通知。被拒时与打印件相同。"
    ),
    response_description="打印单",
    status_code=202,
)
def order(wanted: PrintWanted, reader: Caller, station: Station) -> PrintOrderView:
    """Order sealed registers, and start the workers."""
    require(reader, Act.PRINT)
    number = take_order(station.runtime, reader, wanted.choice())
    start_printing(station.runtime)
    with reading(station.runtime.engine) as session:
        return PrintOrderView(**public_order(find_order(session, reader, number)))


@router.get(
    "",
    summary="本账号的打印单",
    description="列出本账号最近的打印单，最近的在前。",
    response_description="打印单",
)
def orders(reader: Caller, station: Station) -> list[PrintOrderView]:
    """List the caller's own orders."""
    with reading(station.runtime.engine) as session:
        rows = [public_order(row) for row in own_orders(session, reader, _LISTED)]
    return [PrintOrderView(**row) for row in rows]


@router.get(
    "/{print_no}",
    summary="打印单的进度",
    description="查看一份打印单的进度和文件。被拒时：404 NOT_HERE 为没有此单或不是本账号的。",
    response_description="打印单",
)
def show(print_no: PrintNo, reader: Caller, station: Station) -> PrintOrderView:
    """Return how far an order is."""
    with reading(station.runtime.engine) as session:
        return PrintOrderView(**public_order(find_order(session, reader, print_no)))


@router.get(
    "/{print_no}/files/{kind}",
    summary="取签章的目录",
    description=(
        "取一份已出具的目录，记入审计日志。被拒时：404 NOT_HERE 为没有此单、不是本账号的，"
        "或其中没有这种目录；429 DAILY_LIMIT 为当日所取内容已达上限。"
    ),
    response_class=Response,
    responses=_PDF,
)
def file(print_no: PrintNo, kind: PrintKind, reader: Caller, station: Station) -> Response:
    """Return one sealed file of an order."""
    with counted(station.runtime, reader, Shown.CONTENT) as session:
        _, row = fetch_print(session, reader, print_no, kind)
    return Response(read_print(station.runtime.store, row), media_type="application/pdf")
