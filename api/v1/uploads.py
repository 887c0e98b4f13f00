"""扫描录入: captured files of a station, sent in parts; a broken line goes on where it broke, and the same file twice is one."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.http import uploads
from api.http.tokens import Caller
from api.http.uploads import CaptureAnnounced, CaptureView
from api.v1.station import Station
from archive.administration.policy import Act
from archive.usage.reading_room import require
from ingest.captures import parts
from ingest.captures.uploads import MAX_FILE

router = APIRouter(tags=["扫描录入"])
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["4f1d2c3b4a5968778695a4b3c2d1e0ff"])]


@router.post("/uploads", summary="登记要上传的扫描文件", status_code=201)
def announce(asked: CaptureAnnounced, reader: Caller, station: Station) -> list[CaptureView]:
    """In the order of `files`. What came before is answered as it is; announce again to go on after a crash of your own."""
    require(reader, Act.SUBMIT)
    return uploads.announce_files(station.runtime, reader, asked)


@router.put(
    "/uploads/{id_}/parts/{part}",
    summary="送扫描文件的一块",
    status_code=204,
    response_class=Response,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def put_part(
    id_: Id,
    part: Annotated[int, Path(ge=0, le=MAX_FILE // parts.PART)],
    request: Request,
    reader: Caller,
    station: Station,
) -> Response:
    """The same part twice is kept once; other bytes in its place are refused."""
    require(reader, Act.SUBMIT)
    await uploads.take_part(station.runtime, reader, id_, part, request)
    return Response(status_code=204)


@router.post("/uploads/{id_}/complete", summary="完成一个扫描文件并归集")
def complete(id_: Id, reader: Caller, station: Station) -> CaptureView:
    """Identified, split if it is a stack, and gathered under its case; may be asked again when the answer was lost, also after a crash."""
    require(reader, Act.SUBMIT)
    return uploads.complete(station.runtime, reader, id_)


@router.get("/uploads/{id_}", summary="查询一个扫描文件")
def follow(id_: Id, reader: Caller, station: Station) -> CaptureView:
    """How much of it is here, and what became of it."""
    require(reader, Act.FOLLOW)
    return uploads.view(station.runtime, uploads.find(station.runtime, reader, id_))
