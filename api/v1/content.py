"""What a volume looks like: page images with a watermark, and PDF with Range and ETag. Of a restricted volume only under a grant."""

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from api.http.page_images import MAX_WIDTH, MIN_WIDTH, NoSuchPageError, page_image
from api.http.problems import ProblemError
from api.http.tokens import Caller
from api.v1.station import Access, AccessContext, Station, StationApi, open_and_note
from api.v1.volumes import Name, volume_pdf
from archive.administration.policy import Act, Reader
from archive.audit.acts import JournalAct
from archive.compile.copies import extract
from archive.reference.local_time import local_time
from archive.usage.certified_copies import chosen, contents_of
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
    """Who looks, when and why stands across the page."""
    opened = open_and_note(
        station, reader, access, Act.VIEW_PAGES, name, JournalAct.VIEW_PAGES, page=page
    )
    try:
        image = page_image(
            volume_pdf(station, opened), page, width, watermark(station, reader, access)
        )
    except NoSuchPageError:
        raise ProblemError(404, "NO_SUCH_PAGE", "本册没有这一页。", "请对照册的页数。") from None
    return Response(image, media_type="image/webp")


def watermark(station: StationApi, reader: Reader, access: AccessContext) -> str:
    """Reader, time and purpose, and the usage number that the look stands on."""
    who = " ".join(
        part
        for part in (
            station.runtime.organisations.get(reader.org).name,
            reader.account,
            access.operator,
        )
        if part
    )
    return "　".join(
        part
        for part in (who, local_time(datetime.now(UTC)), access.purpose.label, access.usage)
        if part
    )


@router.get(
    "/volumes/{name}/file", summary="整册 PDF", response_class=Response, responses=FILE_RESPONSES
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
    """The sealed file as it was archived; its ETag is its SHA-256."""
    opened = open_and_note(
        station, reader, access, Act.DOWNLOAD, name, JournalAct.DOWNLOAD, range=bool(range_)
    )
    return partial(volume_pdf(station, opened), range_, if_none_match, if_range)


@router.get(
    "/volumes/{name}/items/{no}/file",
    summary="一件 PDF（未签章的摘页）",
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
    """The pages of one item; without a seal, for only the whole volume bears one."""
    opened = open_and_note(
        station,
        reader,
        access,
        Act.DOWNLOAD,
        name,
        JournalAct.DOWNLOAD,
        item=no,
        range=bool(range_),
    )
    (item,) = chosen(contents_of(station.runtime.store, opened), [no])
    return partial(
        extract(volume_pdf(station, opened), item.page, item.pages), range_, if_none_match, if_range
    )


def partial(
    data: bytes, asked: str | None, if_none_match: str | None, if_range: str | None
) -> Response:
    """The whole, one range of it, or nothing new (RFC 9110 §13-14). More ranges than one, or ill-formed ones, give the whole."""
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
