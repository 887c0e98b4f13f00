"""证明件: certified copies under a grant, and their check, which is open to everybody."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy.orm import Session

from api.http.limits import anyone
from api.http.tokens import Caller
from api.jobs.certified_copies import copying_room
from api.v1.content import FILE_RESPONSES, IfNoneMatch, IfRange, Range, partial
from api.v1.idempotency import Key, answered, keep_answer
from api.v1.station import Access, Station, counted
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.database.engine import reading
from archive.database.tables_usage import CertifiedCopy
from archive.database.tables_volumes import Volume
from archive.usage.certified_copies import (
    SealedCopy,
    WantedCopy,
    certify_copy,
    enter_copy,
    fetch_copy,
    find_copy,
    read_copy,
)
from archive.usage.reading_room import OpenedVolume, require

router = APIRouter(tags=["证明件"])
public_router = APIRouter(tags=["证明件"])
CheckCode = Annotated[
    str,
    Path(
        pattern=r"^[0-9A-Za-z]{4}(-[0-9A-Za-z]{4}){4}$",
        description="核验码",
        examples=["7KQM-2XWP-9RTA-H4ND-C8VE"],
    ),
]
_EXAMPLE: JsonDict = {"name": "J602-ZY.HJ.CS.2026.Y-000001", "items": [4]}


class CopyWanted(BaseModel):
    """Which items of which volume; all of them when none is named."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "出具哪一册的哪些件；不写件号为全部。",
            "examples": [_EXAMPLE],
        },
    )
    name: str = Field(
        min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._·-]+$", description="档号或办件编号"
    )
    items: list[Annotated[int, Field(ge=1, le=999)]] = Field(
        default=[], max_length=999, description="件号，见卷内目录"
    )


class CopyView(BaseModel):
    """A certified copy; its file is fetched with the check code."""

    model_config = ConfigDict(json_schema_extra={"description": "证明件；凭核验码取文件。"})

    check_code: str = Field(description="核验码")
    code: str = Field(description="档号")
    version: int = Field(description="所据的版本")
    items: list[int] = Field(description="件号")
    pages: int = Field(description="页数")
    sha256: str = Field(description="文件的 SHA-256")
    made_at: str = Field(description="出具时间")


class CheckView(BaseModel):
    """What the public may know of a copy: that this archive issued it, and its digest."""

    model_config = ConfigDict(
        json_schema_extra={"description": "公众可知的证明件信息：是否由本系统出具，及文件的摘要。"}
    )

    check_code: str = Field(description="核验码")
    issued: bool = Field(description="是否由本系统出具")
    code: str = Field(description="档号")
    issuer: str = Field(description="出具单位")
    pages: int = Field(description="页数")
    sha256: str = Field(description="文件的 SHA-256，供比对")
    made_at: str = Field(description="出具时间")


@router.post(
    "/copies",
    summary="出具证明件（须有利用单）",
    description=(
        "把一册的全部或所列各件出具为证明件：PDF/A-2u，带首页、二维码、章印和单"
        "独的签章。须在 Yice-Usage 注明利用单号，且利用范围包括出具证明件。请带"
        " Idempotency-Key，答复丢失时以同一值重发，不会重复出具。得到核验码后取"
        "文件。被拒时：403 NEEDS_GRANT 请先提交利用申请；404 NOT_FOUND 为本册没"
        "有所列的件，请对照卷内目录；404 NOT_HERE 请核对档号；409 STATE 为该册"
        "尚未归档；429 DAILY_LIMIT 为当日所取内容已达上限。"
    ),
    response_description="已出具的证明件",
    status_code=201,
)
def certify(
    wanted: CopyWanted, reader: Caller, station: Station, access: Access, key: Key = None
) -> CopyView:
    """Make a certified copy: PDF/A with a first sheet, QR code, stamp and its own seal."""
    require(reader, Act.CERTIFY)
    asked = {"copy": wanted.model_dump(), "usage": access.usage}
    with reading(station.runtime.engine) as session:
        before = answered(session, reader, key, asked)
    if before is not None:
        return CopyView.model_validate(before)

    def enter(session: Session, opened: OpenedVolume, copy: SealedCopy) -> CopyView:
        view = _view(opened.volume.code, enter_copy(session, reader, opened, copy))
        keep_answer(session, reader, key, asked, view.model_dump())
        return view

    return certify_copy(
        copying_room(station.runtime, station.stamps),
        reader,
        WantedCopy(wanted.name, wanted.items, access.usage),
        turn=station.sealing,
        entering=lambda: counted(station, reader, Shown.CONTENT),
        enter=enter,
    )


def _view(code: str, row: CertifiedCopy) -> CopyView:
    return CopyView(
        check_code=row.check_code,
        code=code,
        version=row.version,
        items=row.items,
        pages=row.pages,
        sha256=row.sha256,
        made_at=row.made_at.isoformat(),
    )


@router.get(
    "/copies/{check_code}/file",
    summary="取证明件",
    description=(
        "按核验码取证明件的 PDF。只有出具它的账号可以取，且须在利用单有效期内；"
        "之后请重新申请。Range 和 ETag 的用法与取整册相同。被拒时："
        "404 NOT_FOUND 请核对核验码；403 NEEDS_GRANT、404 NOT_HERE 为利用单已到期，请重新申请；"
        "429 DAILY_LIMIT 为当日所取内容已达上限。"
    ),
    response_class=Response,
    responses=FILE_RESPONSES,
)
def copy_file(
    check_code: CheckCode,
    reader: Caller,
    station: Station,
    range_: Range = None,
    if_none_match: IfNoneMatch = None,
    if_range: IfRange = None,
) -> Response:
    """Return a copy to the account it was made for, while the grant lasts."""
    with counted(station, reader, Shown.CONTENT) as session:
        row = fetch_copy(session, reader, check_code, station.reference, range=bool(range_))
    return partial(read_copy(station.runtime.store, row), range_, if_none_match, if_range)


@public_router.get(
    "/checks/{check_code}",
    summary="核验证明件（公开）",
    description=(
        "凭核验码查询证明件是否由本系统出具，并给出文件的 SHA-256 以供比对。公开"
        "接口，不需要令牌，不给出证明件的内容，按地址限制次数。被拒时："
        "404 NOT_FOUND 为没有此核验码的证明件，请核对；429 请按 Retry-After 稍"
        "后重试。"
    ),
    response_description="核验结果",
    dependencies=[Depends(anyone)],
)
def check(check_code: CheckCode, station: Station) -> CheckView:
    """Say that a copy was issued, and its digest; nothing of what it shows."""
    with reading(station.runtime.engine) as session:
        row = find_copy(session, check_code)
        code = session.get_one(Volume, row.volume_id).code
    return CheckView(
        check_code=row.check_code,
        issued=True,
        code=code,
        issuer=station.runtime.organisations.get(row.issued_by).name,
        pages=row.pages,
        sha256=row.sha256,
        made_at=row.made_at.isoformat(),
    )
