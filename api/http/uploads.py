"""Files that come in parts through either door, the station API or the desk: announced, kept, completed; the same acts, the same words."""

from typing import Annotated, Any

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from starlette.concurrency import run_in_threadpool

from api.http.problems import ProblemError
from api.jobs.requested import request_submitting
from api.runtime.bootstrap import Runtime
from archive.administration.policy import Reader
from archive.database.engine import database_now, reading, writing
from archive.database.tables_gathering import CapturedFile
from archive.gathering.captures import (
    Capture,
    Capturing,
    NewFile,
    Place,
    announce,
    mine,
    place_of,
    places_by_path,
)
from ingest.captures import parts
from ingest.captures.uploads import MAX_FILE, complete_capture

MOST_AT_ONCE = 1000
_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Text = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", min_length=1, max_length=60)
]
_EXAMPLE: JsonDict = {
    "station": "前台一号扫描仪",
    "operator": "060123",
    "dpi": 300,
    "captured_at": "2026-11-03T09:15:00+08:00",
    "files": [
        {
            "name": "0001.jpg",
            "size": 204800,
            "sha256": "0" * 64,
            "material": {
                "case_no": "150602010000-20260901-000001",
                "no": 6,
                "type": "非婚生育说明",
                "position": 1,
                "of": 2,
            },
        }
    ],
}


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MaterialPlace(_Sent):
    """The material that a file belongs to; of several files, which and how many: gathered when all are here."""

    case_no: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    no: int = Field(ge=1, le=999)
    type: Annotated[
        str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", min_length=1, max_length=200)
    ]
    position: int = Field(default=1, ge=1, le=500)
    of: int = Field(default=1, ge=1, le=500)


class FileAnnounced(_Sent):
    """One file. Without `material` it is a stack with cover and separator sheets, or its name says case and material."""

    name: Annotated[
        str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", min_length=1, max_length=500)
    ]
    size: int = Field(ge=1, le=MAX_FILE)
    sha256: _Sha256
    material: MaterialPlace | None = None


class CaptureAnnounced(_Sent):
    """Where, by whom, how fine and when it was captured, and the files that will be sent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    station: _Text
    operator: _Text
    dpi: int = Field(ge=50, le=2400)
    captured_at: AwareDatetime
    files: list[FileAnnounced] = Field(min_length=1, max_length=MOST_AT_ONCE)


class CaptureView(BaseModel):
    """How far a file is: RECEIVING parts, PENDING for its case or its companions, UNPLACED for a person, PLACED, or RETURNED. Parts count from 0."""

    id: str
    state: str
    state_label: str
    size: int
    part_size: int
    parts: int
    received: list[int]
    pages: int | None
    material: MaterialPlace | None
    findings: list[dict[str, Any]]


def view(runtime: Runtime, row: CapturedFile, *, fresh: bool = False) -> CaptureView:
    """A file as its sender sees it; its name stays with him. `fresh`: just announced, so nothing of it can be here."""
    where = place_of(row)
    return CaptureView(
        id=row.id,
        state=str(row.state),
        state_label=Capture(row.state).label,
        size=row.size,
        part_size=parts.PART,
        parts=parts.part_count(row.size),
        received=parts.parts_held(runtime.store, row.id)
        if row.state == Capture.RECEIVING and not fresh
        else [],
        pages=row.pages,
        material=MaterialPlace(
            case_no=where.case_no,
            no=where.no,
            type=where.type,
            position=where.position,
            of=where.of,
        )
        if where
        else None,
        findings=row.findings,
    )


def announce_files(runtime: Runtime, reader: Reader, asked: CaptureAnnounced) -> list[CaptureView]:
    """Write down what will be sent; a name that says where its file belongs is believed where nothing else was said."""
    named = places_by_path([file.name for file in asked.files])
    files = [
        NewFile(
            file.name,
            file.size,
            file.sha256,
            Place(**file.material.model_dump()) if file.material else place,
        )
        for file, place in zip(asked.files, named, strict=True)
    ]
    if any(file.place and file.place.position > file.place.of for file in files):
        raise ProblemError(422, "BAD_POSITION", "文件序号大于文件总数。", "position 不得大于 of。")
    how = Capturing(asked.station, asked.operator, asked.dpi, asked.captured_at)
    with writing(runtime.engine) as session:
        now = database_now(session)
        rows = announce(session, reader.account, reader.org, files, how, at=now)
    return [view(runtime, row, fresh=row.created_at == now) for row in rows]


async def take_part(
    runtime: Runtime, reader: Reader, upload: str, part: int, request: Request
) -> None:
    """Keep one part as its bytes come. Raises ProblemError for a part of another size, and when the file has ended."""
    row = await run_in_threadpool(find, runtime, reader, upload)
    if row.state != Capture.RECEIVING:
        raise ProblemError(409, "UPLOAD_ENDED", "该文件已上传完成。", "请查询其结果。")
    expected = parts.part_size(row.size, part)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max(expected, 0):
            raise ProblemError(
                413, "BAD_PART_SIZE", "该块大于应有的大小。", "请按 part_size 分块，末块为余数。"
            )
    if len(body) != expected:
        raise ProblemError(
            422, "BAD_PART_SIZE", "该块小于应有的大小。", "请按 part_size 分块，末块为余数。"
        )
    await run_in_threadpool(parts.keep_part, runtime.store, upload, part, bytes(body))


def find(runtime: Runtime, reader: Reader, upload: str) -> CapturedFile:
    """A file of the reader's organisation. Raises NotFoundError."""
    with reading(runtime.engine) as session:
        return mine(session, reader.org, upload)


def complete(runtime: Runtime, reader: Reader, upload: str) -> CaptureView:
    """Put it together and gather it; a case that is whole by it goes on to the door of intake by itself."""
    row = complete_capture(
        runtime.engine, runtime.store, runtime.organisations, reader.account, reader.org, upload
    )
    if row.state == Capture.PLACED:
        request_submitting(runtime)
    return view(runtime, row)
