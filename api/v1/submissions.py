"""Packages sent in parts: announce, send parts, complete, and ask for the result."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from starlette.concurrency import run_in_threadpool

from api.http.parts import receive_part
from api.http.problems import ProblemError
from api.http.tokens import Caller
from api.v1.idempotency import Key, answered, keep_answer
from api.v1.station import Station, StationApi
from archive.accession.uploads import count_uploads
from archive.administration.policy import Act, Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_exchange import Upload
from archive.finding_aids.disclosure import disclosed
from archive.finding_aids.reach import reach_of
from archive.gathering.captures import require_room
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import IntakeOutcome, Outcome, UploadState
from archive.usage.reading_room import require
from ingest.captures import parts
from ingest.errors import ForeignCaseError
from ingest.intake.intake import take_package

router = APIRouter(tags=["送交"])
MAX_SIZE = 512 * 1024 * 1024
_OPEN_AT_ONCE = 20
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["4f1d2c3b4a5968778695a4b3c2d1e0ff"])]
_EXAMPLE: JsonDict = {"name": "150602010000-20260901-000001", "size": 1048576, "sha256": "0" * 64}


class Announced(BaseModel):
    """A zip of one submission package: its size and SHA-256."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "一个归档信息包的 zip：大小和 SHA-256。",
            "examples": [_EXAMPLE],
        },
    )
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="包名，通常为办件编号；请勿写入姓名和号码",
    )
    size: int = Field(ge=1, le=MAX_SIZE, description="字节数")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="zip 的 SHA-256，小写十六进制")


class SubmissionView(BaseModel):
    """The state of a package; parts count from 0, all but the last have `part_size` bytes.

    RECEIVING parts, DONE with an outcome and findings, or FAILED.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "description": "送交的进度：RECEIVING 接收分块、DONE 已有结果、FAILED 未接收。"
        }
    )

    id: str = Field(description="送交编号")
    name: str = Field(description="包名")
    state: str = Field(description="状态代码")
    size: int = Field(description="字节数")
    part_size: int = Field(description="每块的字节数，末块为余数")
    parts: int = Field(description="块数；块号从 0 开始")
    received: list[int] = Field(description="已到的块号")
    case_no: str | None = Field(description="办件编号，检测后才有")
    outcome: str | None = Field(description="结果：ACCEPTED、DUPLICATE、CONFIRM、REFUSED")
    findings: list[dict[str, Any]] = Field(description="检查结果：代码、位置、提示、处理办法")


@router.post(
    "/submissions",
    summary="登记要送交的归档信息包",
    description=(
        "登记一个归档信息包（zip）的大小和 SHA-256，得到送交编号和分块大小，然"
        "后逐块送交，最后完成。请带 Idempotency-Key，答复丢失时以同一值重发，不"
        "会重复登记。只能由收件单位送交。被拒时："
        "409 TOO_MANY_SUBMISSIONS 为未完成的送交已达 20 个，429 UPLOAD_QUOTA 为"
        "已登记未送完的字节过多，请先完成；"
        "422 IDEMPOTENCY_KEY_REUSED 请为新的请求另取一个值。"
    ),
    response_description="已登记的送交",
    status_code=201,
)
def announce(asked: Announced, reader: Caller, station: Station, key: Key = None) -> SubmissionView:
    """Register a package; its parts are then sent in any order, again where in doubt."""
    require(reader, Act.SUBMIT)
    with writing(station.runtime.engine) as session:
        before = answered(session, reader, key, {"submission": asked.model_dump()})
        if before is not None:
            return _view(station, session.get_one(Upload, before["id"]))
        if count_uploads(session, reader.account, UploadState.RECEIVING) >= _OPEN_AT_ONCE:
            raise ProblemError(
                409, "TOO_MANY_SUBMISSIONS", "未完成的送交过多。", "请先完成已登记的送交。"
            )
        require_room(session, reader.org, asked.size, quota=station.runtime.settings.upload_quota)
        row = Upload(
            id=uuid4().hex,
            account=reader.account,
            org=reader.org,
            name=asked.name,
            size=asked.size,
            sha256=asked.sha256,
            state=UploadState.RECEIVING,
            findings=[],
            created_at=database_now(session),
        )
        session.add(row)
        session.flush()
        journal.record(
            session,
            reader.account,
            JournalAct.ANNOUNCE,
            row.id,
            org=reader.org,
            size=row.size,
            sha256=row.sha256,
        )
        keep_answer(session, reader, key, {"submission": asked.model_dump()}, {"id": row.id})
    return _view(station, row)


@router.put(
    "/submissions/{id_}/parts/{part}",
    summary="送一块",
    description=(
        "送交一块，正文为该块的字节。块号从 0 开始，除末块外每块 part_size 字节，"
        "次序不限；没有把握时可以再送，同一块只存一份。被拒时：413、"
        "422 BAD_PART_SIZE 请按 part_size 重新分块；409 KEY_TAKEN 为同一块先前"
        "送的内容不同，请核对文件，必要时重新登记；409 SUBMISSION_ENDED 为该送"
        "交已结束，请查询结果；404 NOT_FOUND 请核对送交编号。"
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
    part: Annotated[int, Path(ge=0, le=MAX_SIZE // parts.PART)],
    request: Request,
    reader: Caller,
    station: Station,
) -> Response:
    """Keep one part; the same part twice is kept once, other bytes in its place are refused."""
    require(reader, Act.SUBMIT)
    row = await run_in_threadpool(_own_upload, station, reader, id_)
    if row.state != UploadState.RECEIVING:
        raise ProblemError(409, "SUBMISSION_ENDED", "该送交已结束。", "请查询其结果。")
    await receive_part(station.runtime.store, id_, parts.part_size(row.size, part), part, request)
    return Response(status_code=204)


@router.post(
    "/submissions/{id_}/complete",
    summary="完成送交并接收",
    description=(
        "各块送齐后调用：合成、检测，接收或拒收隔离。答复丢失或系统中断后可以再"
        "次调用，不会重复接收。outcome 为 ACCEPTED 已接收、DUPLICATE 重复送达、"
        "CONFIRM 待核对、REFUSED 拒收隔离；拒收时请按 findings 的 action 更正后"
        "作为新的送交重送。state 为 FAILED 且有 NOT_YOUR_CASE 时，本单位不是该"
        "办件的收件或受理单位。被拒时：409 PARTS_MISSING 请按 received 补送，摘"
        "要不符的请重新登记；404 NOT_FOUND 请核对送交编号。"
    ),
    response_description="送交的结果",
)
def complete(id_: Id, reader: Caller, station: Station) -> SubmissionView:
    """Put the parts together, inspect, and take over or quarantine the package.

    May be asked again when the answer was lost, also after a crash.
    """
    require(reader, Act.SUBMIT)
    row = _own_upload(station, reader, id_)
    if row.state == UploadState.RECEIVING:
        row = _take_over(station, reader, row)
    return _view(station, row)


@router.get(
    "/submissions/{id_}",
    summary="查询送交结果",
    description=(
        "查询本系统一次送交的进度或结果：RECEIVING 时 received 列出已到的块，"
        "DONE、FAILED 时给出 outcome 和 findings。只有登记送交的账号可以查询。"
        "被拒时：404 NOT_FOUND 为没有这次送交或无权查看，请核对送交编号。"
    ),
    response_description="送交的进度或结果",
)
def follow(id_: Id, reader: Caller, station: Station) -> SubmissionView:
    """Return the state of a package, to the client that sent it."""
    require(reader, Act.FOLLOW)
    return _view(station, _own_upload(station, reader, id_))


def _own_upload(station: StationApi, reader: Reader, upload: str) -> Upload:
    with reading(station.runtime.engine) as session:
        row = session.get(Upload, upload)
    if row is None or row.account != reader.account:
        raise NotFoundError("没有这次送交，或您无权查看。", "请核对送交编号。")
    return row


def _view(station: StationApi, row: Upload) -> SubmissionView:
    received = (
        []
        if row.state != UploadState.RECEIVING
        else parts.received_parts(station.runtime.store, row.id)
    )
    return SubmissionView(
        id=row.id,
        name=row.name,
        state=row.state,
        size=row.size,
        part_size=parts.PART,
        parts=parts.part_count(row.size),
        received=received,
        case_no=row.case_no,
        outcome=row.outcome,
        findings=row.findings,
    )


def _take_over(station: StationApi, reader: Reader, row: Upload) -> Upload:
    """Inspect and take over the package, then end its row.

    Taking over twice is harmless, so after a crash between the two the client asks again.
    """
    runtime = station.runtime
    with tempfile.TemporaryDirectory(prefix="yice-") as folder:
        path = FilePath(folder) / f"{row.name}.zip"
        if not parts.join_parts(runtime.store, row.id, path, size=row.size, sha256=row.sha256):
            raise ProblemError(
                409,
                "PARTS_MISSING",
                "尚有块未送到，或全包摘要不符。",
                "请按 received 补送；摘要不符时请重新登记送交。",
            )
        try:
            taken = take_package(
                runtime.engine,
                runtime.store,
                reader.account,
                path,
                sender=reader.org,
                rules=runtime.intake_rules,
                now=datetime.now(UTC),
            )
        except ForeignCaseError as foreign:
            _end(
                station,
                reader,
                row,
                UploadState.FAILED,
                None,
                IntakeOutcome.REFUSED,
                [_public(foreign)],
            )
        else:
            findings = [finding.public() for finding in taken.findings]
            with reading(runtime.engine) as session:
                reach = reach_of(reader.org, runtime.organisations)
                findings = disclosed(session, reach, findings)
            _end(
                station, reader, row, UploadState.DONE, taken.case_no, str(taken.outcome), findings
            )
    parts.discard_parts(runtime.store, row.id)
    return _own_upload(station, reader, row.id)


def _public(foreign: ForeignCaseError) -> dict[str, str]:
    """Return the error as a finding of the package."""
    return {
        "code": foreign.code,
        "outcome": str(Outcome.REFUSE),
        "place": "case.json:orgs",
        "message": foreign.message,
        "action": foreign.action,
    }


def _end(
    station: StationApi,
    reader: Reader,
    row: Upload,
    state: UploadState,
    case_no: str | None,
    outcome: str,
    findings: list[dict[str, str]],
) -> None:
    with writing(station.runtime.engine) as session:
        upload = session.get_one(Upload, row.id)
        if upload.state != UploadState.RECEIVING:
            return  # another request completed it first
        upload.state, upload.case_no, upload.outcome, upload.findings, upload.ended_at = (
            state,
            case_no,
            outcome,
            findings,
            database_now(session),
        )
        journal.record(
            session, reader.account, JournalAct.SUBMITTED, row.id, outcome=outcome, case_no=case_no
        )
