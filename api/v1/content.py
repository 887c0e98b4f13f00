"""Page images with a watermark, and PDF with Range and ETag.

Of a restricted volume only under a grant.
"""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from api.http.page_cache import MAX_WIDTH, MIN_WIDTH, as_webp
from api.http.tokens import Caller
from api.v1.station import Access, Station, consult
from api.v1.volumes import Name
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.compile.copies import extract
from archive.usage.certified_copies import contents_of, select_items
from archive.usage.reading_room import read_volume
from archive.usage.watermark import access_mark
from storage.digest import sha256_hex

router = APIRouter(tags=["页面与文件"])
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
_PDF = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}
FILE_RESPONSES: dict[int | str, dict[str, object]] = {
    200: {"description": "全部", "content": _PDF},
    206: {"description": "所要的一段", "content": _PDF},
    304: {"description": "未变"},
    416: {"description": "超出文件长度"},
}
Range = Annotated[
    str | None, Header(alias="Range", description="bytes=起-止", examples=["bytes=0-65535"])
]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]
IfRange = Annotated[str | None, Header(alias="If-Range")]


@router.get(
    "/volumes/{name}/pages/{page}",
    summary="页面图像（WebP，带水印）",
    description=(
        "取最新归档版本的一页图像（WebP），页号从 1 开始。页面上印有查阅人、时"
        "间、目的和利用单号的水印。他单位的册，以及出生类的册，须在 Yice-Usage "
        "注明利用单号。每次查阅记入审计日志。被拒时：404 NO_SUCH_PAGE 请对照册"
        "的页数；403 NEEDS_GRANT 请先提交利用申请；404 NOT_HERE 请核对档号；"
        "409 STATE 为该册尚未归档；429 DAILY_LIMIT 为当日所取内容已达上限。"
    ),
    response_class=Response,
    responses={
        200: {
            "description": "图像",
            "content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def page(
    name: Name,
    page: Annotated[int, Path(ge=1, le=100_000)],
    reader: Caller,
    station: Station,
    access: Access,
    width: Annotated[int, Query(ge=MIN_WIDTH, le=MAX_WIDTH, description="宽度，像素")] = 1000,
) -> Response:
    """Return a page with a watermark that says who looks, when and why."""
    opened, look = consult(
        station, reader, access, Act.VIEW_PAGES, name, JournalAct.VIEW_PAGES, page=page
    )
    store, mark = station.runtime.store, access_mark(look, reader, station.runtime.organisations)
    picture = station.images.volume_page(
        opened.digest or "", page, lambda: read_volume(store, opened), mark=mark, width=width
    )
    return Response(as_webp(picture), media_type="image/webp")


@router.get(
    "/volumes/{name}/file",
    summary="整册 PDF",
    description=(
        "取整册已签章的 PDF，原样不变。ETag 即文件的 SHA-256；可用 Range 分段取，"
        "用 If-None-Match 避免重复取，用 If-Range 保证各段出自同一文件。写了多"
        "段或写得不对的 Range 按全文答复。他单位的册，以及出生类的册，须在"
        " Yice-Usage 注明利用单号。每次下载记入审计日志。被拒时："
        "403 NEEDS_GRANT 请先提交利用申请；404 NOT_HERE 请核对档号；409 STATE "
        "为该册尚未归档；416 为 Range 超出文件长度；429 DAILY_LIMIT 为当日所取"
        "内容已达上限。"
    ),
    response_class=Response,
    responses=FILE_RESPONSES,
)
def volume_file(
    name: Name,
    reader: Caller,
    station: Station,
    access: Access,
    range_: Range = None,
    if_none_match: IfNoneMatch = None,
    if_range: IfRange = None,
) -> Response:
    """Return the sealed file as it was archived; its ETag is its SHA-256."""
    opened, _ = consult(
        station, reader, access, Act.DOWNLOAD, name, JournalAct.DOWNLOAD, range=bool(range_)
    )
    return partial(read_volume(station.runtime.store, opened), range_, if_none_match, if_range)


@router.get(
    "/volumes/{name}/items/{no}/file",
    summary="一件 PDF（未签章的摘页）",
    description=(
        "取卷内一件的各页，件号见卷内目录。摘页不带签章，因为只有整册才有签章；"
        "需要签章的请出具证明件。Range 和 ETag 的用法、利用单的要求与取整册相同。"
        "被拒时：404 NOT_FOUND 为本册没有这一件，请对照卷内目录核对件号；"
        "403 NEEDS_GRANT 请先提交利用申请；404 NOT_HERE 请核对档号；409 STATE "
        "为该册尚未归档；429 DAILY_LIMIT 为当日所取内容已达上限。"
    ),
    response_class=Response,
    responses=FILE_RESPONSES,
)
def item_file(
    name: Name,
    no: Annotated[int, Path(ge=1, le=999)],
    reader: Caller,
    station: Station,
    access: Access,
    range_: Range = None,
    if_none_match: IfNoneMatch = None,
    if_range: IfRange = None,
) -> Response:
    """Return the pages of one item, without a seal: only the whole volume has one."""
    opened, _ = consult(
        station,
        reader,
        access,
        Act.DOWNLOAD,
        name,
        JournalAct.DOWNLOAD,
        item=no,
        range=bool(range_),
    )
    (item,) = select_items(contents_of(station.runtime.store, opened), [no])
    pages = extract(read_volume(station.runtime.store, opened), item.page, item.pages)
    return partial(pages, range_, if_none_match, if_range)


def partial(
    data: bytes, asked: str | None, if_none_match: str | None, if_range: str | None
) -> Response:
    """Return the whole file, one range of it, or 304 (RFC 9110 §13-14).

    Several ranges, or ill-formed ones, give the whole file.
    """
    tag = f'"{sha256_hex(data)}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Content-Disposition": "attachment"}
    if if_none_match and (
        if_none_match.strip() == "*"
        or tag in [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    ):
        return Response(status_code=304, headers=headers)
    span = (
        _RANGE.fullmatch(asked.strip())
        if asked and (if_range is None or if_range.strip() == tag)
        else None
    )
    first, last = (span[1], span[2]) if span else ("", "")
    if not (first or last) or (first and last and int(first) > int(last)):
        return Response(data, headers=headers, media_type="application/pdf")
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start >= len(data) or (not first and int(last) == 0):
        return Response(
            status_code=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"}
        )
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return Response(data[start : end + 1], 206, headers=headers, media_type="application/pdf")
