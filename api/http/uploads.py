"""Scanned files sent in parts, by the station API or by a page: announce, send, complete."""

from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from starlette.concurrency import run_in_threadpool

from api.http.parts import receive_part
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
    announce,
    captured_file,
    place_of,
)
from archive.gathering.places import Place, places_by_path
from archive.reference.moments import Moment
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
    """The material that a file belongs to.

    One of several files states its position and their number: they are gathered when all have
    come.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "description": "文件所属的材料；一份材料有多个文件时写明序号和总数，到齐后归集。"
        }
    )

    case_no: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] = Field(
        description="办件编号"
    )
    no: int = Field(ge=1, le=999, description="材料序号")
    type: Annotated[
        str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", min_length=1, max_length=200)
    ] = Field(description="材料名称")
    position: int = Field(default=1, ge=1, le=500, description="本文件在该材料中的序号")
    of: int = Field(default=1, ge=1, le=500, description="该材料的文件总数")


class FileAnnounced(_Sent):
    """One file that will be sent.

    Without `material` it is a stack with cover and separator sheets, or its name says case and
    material.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "description": (
                "一个文件。不写 material 的，须带封面页和分隔页，或以文件名写明办件和材料。"
            )
        }
    )

    name: Annotated[
        str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", min_length=1, max_length=500)
    ] = Field(description="文件名，可带文件夹")
    size: int = Field(ge=1, le=MAX_FILE, description="字节数")
    sha256: _Sha256 = Field(description="文件的 SHA-256，小写十六进制")
    material: MaterialPlace | None = Field(default=None, description="所属材料")


class CaptureAnnounced(_Sent):
    """Where, by whom, at which resolution and when files were scanned, and the files."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "何处、何人、以何分辨率、何时采集，以及要上传的文件。",
            "examples": [_EXAMPLE],
        },
    )
    station: _Text = Field(description="采集设备或工位")
    operator: _Text = Field(description="操作人")
    dpi: int = Field(ge=50, le=2400, description="分辨率，dpi")
    captured_at: Moment = Field(description="采集时间，带时区")
    files: list[FileAnnounced] = Field(
        min_length=1, max_length=MOST_AT_ONCE, description="要上传的文件"
    )


class CaptureView(BaseModel):
    """The state of a file; parts count from 0.

    RECEIVING parts, PENDING for its case or its other files, UNPLACED for a person, PLACED, or
    RETURNED.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "description": (
                "文件的现状：RECEIVING 上传中、PENDING 等待、UNPLACED 待归入、"
                "PLACED 已归集、RETURNED 已退回。"
            )
        }
    )

    id: str = Field(description="上传编号")
    state: str = Field(description="状态代码")
    state_label: str = Field(description="状态名称")
    size: int = Field(description="字节数")
    part_size: int = Field(description="每块的字节数，末块为余数")
    parts: int = Field(description="块数；块号从 0 开始")
    received: list[int] = Field(description="已到的块号")
    pages: int | None = Field(description="页数，识别后才有")
    material: MaterialPlace | None = Field(description="所属材料")
    findings: list[dict[str, Any]] = Field(description="检查结果：代码、提示、处理办法")


def view(runtime: Runtime, row: CapturedFile, *, fresh: bool = False) -> CaptureView:
    """Return a file as its sender sees it, without its name.

    `fresh`: just announced, so no part of it can have come.
    """
    place = place_of(row)
    return CaptureView(
        id=row.id,
        state=str(row.state),
        state_label=Capture(row.state).label,
        size=row.size,
        part_size=parts.PART,
        parts=parts.part_count(row.size),
        received=parts.received_parts(runtime.store, row.id)
        if row.state == Capture.RECEIVING and not fresh
        else [],
        pages=row.pages,
        material=MaterialPlace(
            case_no=place.case_no,
            no=place.no,
            type=place.type,
            position=place.position,
            of=place.of,
        )
        if place
        else None,
        findings=row.findings,
    )


def announce_files(runtime: Runtime, reader: Reader, asked: CaptureAnnounced) -> list[CaptureView]:
    """Register the files that will be sent.

    A name that says where its file belongs is used where no material is stated.
    """
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
        quota = runtime.settings.upload_quota
        rows = announce(session, reader.account, reader.org, files, how, at=now, quota=quota)
    return [view(runtime, row, fresh=row.created_at == now) for row in rows]


async def take_part(
    runtime: Runtime, reader: Reader, upload: str, part: int, request: Request
) -> None:
    """Keep one part as its bytes come.

    Raises ProblemError for a part of another size, and when the file has ended.
    """
    row = await run_in_threadpool(find, runtime, reader, upload)
    if row.state != Capture.RECEIVING:
        raise ProblemError(409, "UPLOAD_ENDED", "该文件已上传完成。", "请查询其结果。")
    await receive_part(runtime.store, upload, parts.part_size(row.size, part), part, request)


def find(runtime: Runtime, reader: Reader, upload: str) -> CapturedFile:
    """Return a file of the reader's organisation. Raises NotFoundError."""
    with reading(runtime.engine) as session:
        return captured_file(session, reader.org, upload)


def complete(runtime: Runtime, reader: Reader, upload: str) -> CaptureView:
    """Put a file together and gather it; start the submission of cases that are now whole."""
    row = complete_capture(
        runtime.engine,
        runtime.store,
        runtime.organisations,
        reader.account,
        reader.org,
        upload,
        scanner=runtime.intake_rules.scanner,
    )
    if row.state == Capture.PLACED:
        request_submitting(runtime)
    return view(runtime, row)
