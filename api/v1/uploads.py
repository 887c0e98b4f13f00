"""扫描录入: scanned files of a station, sent in parts.

After a broken connection the client goes on where it stopped; the same file twice is one.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.http import uploads
from api.http.placing import (
    PagesWanted,
    PlacingWanted,
    cover_wanted,
    place_wanted,
    take_file_back,
)
from api.http.tokens import Caller
from api.http.uploads import CaptureAnnounced, CaptureView
from api.v1.station import Station
from archive.administration.policy import Act
from archive.usage.reading_room import require
from ingest.captures import parts
from ingest.captures.uploads import MAX_FILE

router = APIRouter(tags=["扫描录入"])
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["4f1d2c3b4a5968778695a4b3c2d1e0ff"])]


@router.post(
    "/uploads",
    summary="登记要上传的扫描文件",
    description=(
        "登记要上传的扫描文件，一次至多 1000 个：采集设备、操作人、分辨率、采集"
        "时间，以及每个文件的名称、大小、SHA-256 和所属材料。不写 material 的，"
        "按封面页和分隔页拆分，或按文件名归入。同一文件再次登记即得其现状，可借"
        "此断点续传。然后逐块上传，最后逐个完成。被拒时：422 BAD_POSITION 为文"
        "件序号大于文件总数；429 UPLOAD_QUOTA 为已登记未送完的过多，请先完成；"
        "422 INVALID_REQUEST 请按 places 更正。"
    ),
    response_description="各文件的现状，与 files 同序",
    status_code=201,
)
def announce(asked: CaptureAnnounced, reader: Caller, station: Station) -> list[CaptureView]:
    """Register files, in the order of `files`; known ones are returned as they are.

    After a crash the client registers them again to go on.
    """
    require(reader, Act.SUBMIT)
    return uploads.announce_files(station.runtime, reader, asked)


@router.put(
    "/uploads/{id_}/parts/{part}",
    summary="送扫描文件的一块",
    description=(
        "上传扫描文件的一块，正文为该块的字节。块号从 0 开始，除末块外每块"
        " part_size 字节，次序不限；没有把握时可以再送，同一块只存一份。被拒时："
        "413、422 BAD_PART_SIZE 请按 part_size 重新分块；409 KEY_TAKEN 为同一块"
        "先前送的内容不同，请核对文件；409 UPLOAD_ENDED 为该文件已上传完成，请"
        "查询其结果；404 NOT_FOUND 请核对上传编号。"
    ),
    response_description="已收下",
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
    """Keep one part; the same part twice is kept once, other bytes in its place are refused."""
    require(reader, Act.SUBMIT)
    await uploads.take_part(station.runtime, reader, id_, part, request)
    return Response(status_code=204)


@router.post(
    "/uploads/{id_}/complete",
    summary="完成一个扫描文件并归集",
    description=(
        "各块送齐后调用：识别格式，需要时按封面页和分隔页拆分，并归集到办件。"
        "state 为 PLACED 已归集，PENDING 等待办件办结或同一材料的其余文件，"
        "UNPLACED 须由人归入或退回（见 findings）。答复丢失或系统中断后可以再次"
        "调用。被拒时：409 PARTS_MISSING 请按 received 补送，摘要不符的请重新上"
        "传；503 VIRUS_SCAN_DOWN 为病毒检测服务没有应答，已送的块保留，请稍后再次"
        "完成；404 NOT_FOUND 请核对上传编号。"
    ),
    response_description="归集的结果",
)
def complete(id_: Id, reader: Caller, station: Station) -> CaptureView:
    """Identify the file, split it if it is a stack, and gather it under its case.

    May be asked again when the answer was lost, also after a crash.
    """
    require(reader, Act.SUBMIT)
    return uploads.complete(station.runtime, reader, id_)


@router.get(
    "/uploads/{id_}",
    summary="查询一个扫描文件",
    description=(
        "查询本单位一个扫描文件的现状：RECEIVING 时 received 列出已到的块，此后"
        "为归集的结果。被拒时：404 NOT_FOUND 为没有这个文件或无权查看，请核对上"
        "传编号。"
    ),
    response_description="文件的现状",
)
def follow(id_: Id, reader: Caller, station: Station) -> CaptureView:
    """Return how much of a file has come, and what became of it."""
    require(reader, Act.FOLLOW)
    return uploads.view(station.runtime, uploads.find(station.runtime, reader, id_))


@router.post(
    "/uploads/place",
    summary="把扫描的页归入材料",
    description=(
        "把所选各页按次序作为一份材料归入办件；一个文件只选其中几页的，先行拆分，原文件"
        "保留。被拒时：409 CASE_UNKNOWN 为没有该办件的办结信息，请核对编号，编号无误的以"
        " wait 为 true 重发；409 CONFLICT 为其中有已归集、已退回或无法打开的；404 "
        "NOT_FOUND 为没有这个文件或不归本单位。"
    ),
    response_description="各文件的现状",
)
def place(wanted: PlacingWanted, reader: Caller, station: Station) -> list[CaptureView]:
    """Place pages as one material of a case."""
    require(reader, Act.SUBMIT)
    return place_wanted(station.runtime, reader, wanted)


@router.post(
    "/uploads/covers",
    summary="把扫描的收件单等封面页设为不归入",
    description=(
        "所选各页只说明其后的页属于哪一办件，不归入任何材料；原件保留，可以撤回。被拒"
        "时：409 CONFLICT 为其中有已归集或已退回的；404 NOT_FOUND 为没有这个文件或不归"
        "本单位。"
    ),
    response_description="各文件的现状",
)
def cover(wanted: PagesWanted, reader: Caller, station: Station) -> list[CaptureView]:
    """Set pages aside that are placed nowhere."""
    require(reader, Act.SUBMIT)
    return cover_wanted(station.runtime, reader, wanted)


@router.post(
    "/uploads/{id_}/take-back",
    summary="撤回归入",
    description=(
        "撤回一个文件的归入，同一材料的其他文件一并撤回，重新待归入。被拒时：409 "
        "CONFLICT 为没有归入，或材料已送归档；404 NOT_FOUND 为没有这个文件或不归本单位。"
    ),
    response_description="撤回的各文件",
)
def undo(id_: Id, reader: Caller, station: Station) -> list[CaptureView]:
    """Take back where a file was placed."""
    require(reader, Act.SUBMIT)
    return take_file_back(station.runtime, reader, id_)
