"""Submit a package: announce it, send it in parts, which may be sent again, complete it, and follow what became of it."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool

from api.http.problems import ProblemError
from api.http.tokens import Caller
from api.v1.idempotency import Key, answered, keep_answer
from api.v1.station import Here, StationApi
from archive.administration.policy import Act, Reader, scope_of
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_exchange import Upload
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import IntakeOutcome, Outcome, UploadState
from archive.usage.reading_room import require
from ingest.captures import parts
from ingest.intake.intake import inspect_package, receive

router = APIRouter(tags=["送交"])
MAX_SIZE = 512 * 1024 * 1024
_OPEN_AT_ONCE = 20
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=["4f1d2c3b4a5968778695a4b3c2d1e0ff"])]
_EXAMPLE: JsonDict = {"name": "150602010000-20260901-000001", "size": 1048576, "sha256": "0" * 64}


class Announced(BaseModel):
    """A zip of one submission package: its size and SHA-256."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="包名，通常为办件编号；请勿写入姓名和号码",
    )
    size: int = Field(ge=1, le=MAX_SIZE)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class SubmissionView(BaseModel):
    """How far it is: RECEIVING parts, DONE with an outcome and findings, or FAILED. Parts count from 0; all but the last have `part_size`."""

    id: str
    name: str
    state: str
    size: int
    part_size: int
    parts: int
    received: list[int]
    case_no: str | None
    outcome: str | None
    findings: list[dict[str, Any]]


@router.post("/submissions", summary="登记要送交的归档信息包", status_code=201)
def announce(asked: Announced, reader: Caller, here: Here, key: Key = None) -> SubmissionView:
    """Then send the parts, in any order, again where in doubt."""
    require(reader, Act.SUBMIT)
    with writing(here.runtime.engine) as session:
        before = answered(session, reader, key, {"submission": asked.model_dump()})
        if before is not None:
            return _view(here, session.get_one(Upload, before["id"]))
        open_now = session.scalar(
            select(func.count())
            .select_from(Upload)
            .where(Upload.account == reader.account, Upload.state == UploadState.RECEIVING)
        )
        if (open_now or 0) >= _OPEN_AT_ONCE:
            raise ProblemError(
                409, "TOO_MANY_SUBMISSIONS", "未完成的送交过多。", "请先完成已登记的送交。"
            )
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
    return _view(here, row)


@router.put(
    "/submissions/{id_}/parts/{part}",
    summary="送一块",
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
    here: Here,
) -> Response:
    """The same part twice is stored once; other bytes in its place are refused."""
    require(reader, Act.SUBMIT)
    row = await run_in_threadpool(_mine, here, reader, id_)
    expected = parts.part_size(row.size, part)
    if row.state != UploadState.RECEIVING:
        raise ProblemError(409, "SUBMISSION_ENDED", "该送交已结束。", "请查询其结果。")
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
    await run_in_threadpool(parts.store_part, here.runtime.store, id_, part, bytes(body))
    return Response(status_code=204)


@router.post("/submissions/{id_}/complete", summary="完成送交并接收")
def complete(id_: Id, reader: Caller, here: Here) -> SubmissionView:
    """Put the parts together, inspect, take over or quarantine; may be asked again when the answer was lost, also after a crash."""
    require(reader, Act.SUBMIT)
    row = _mine(here, reader, id_)
    if row.state == UploadState.RECEIVING:
        row = _received(here, reader, row)
    return _view(here, row)


@router.get("/submissions/{id_}", summary="查询送交结果")
def follow(id_: Id, reader: Caller, here: Here) -> SubmissionView:
    """For who sent it."""
    require(reader, Act.FOLLOW)
    return _view(here, _mine(here, reader, id_))


def _mine(here: StationApi, reader: Reader, upload: str) -> Upload:
    with reading(here.runtime.engine) as session:
        row = session.get(Upload, upload)
    if row is None or row.account != reader.account:
        raise NotFoundError("没有这次送交，或您无权查看。", "请核对送交编号。")
    return row


def _view(here: StationApi, row: Upload) -> SubmissionView:
    held = (
        []
        if row.state != UploadState.RECEIVING
        else parts.received_parts(here.runtime.store, row.id)
    )
    return SubmissionView(
        id=row.id,
        name=row.name,
        state=row.state,
        size=row.size,
        part_size=parts.PART,
        parts=parts.part_count(row.size),
        received=held,
        case_no=row.case_no,
        outcome=row.outcome,
        findings=row.findings,
    )


def _received(here: StationApi, reader: Reader, row: Upload) -> Upload:
    """Taking over twice is harmless, so the row is ended after it: a crash between the two is mended by asking again."""
    runtime, now = here.runtime, datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="yice-") as folder:
        path = FilePath(folder) / f"{row.name}.zip"
        if not parts.join_parts(runtime.store, row.id, path, size=row.size, sha256=row.sha256):
            raise ProblemError(
                409,
                "PARTS_MISSING",
                "尚有块未送到，或全包摘要不符。",
                "请按 received 补送；摘要不符时请重新登记送交。",
            )
        bag, submission = inspect_package(path, runtime.catalogue, runtime.organisations, now)
        facts = submission.facts
        orgs = (
            [one for one in (facts.orgs.receive, facts.orgs.accept) if one in runtime.organisations]
            if facts
            else []
        )
        if orgs and reader.org not in scope_of(orgs, runtime.organisations):
            _end(here, reader, row, UploadState.FAILED, None, IntakeOutcome.REFUSED, [_NOT_YOURS])
        else:
            taken = receive(
                runtime.engine,
                runtime.store,
                reader.account,
                path,
                bag,
                submission,
                now=now,
                ocr=runtime.settings.ocr,
            )
            _end(
                here,
                reader,
                row,
                UploadState.DONE,
                taken.case_no,
                str(taken.outcome),
                [one.public() for one in taken.findings],
            )
    parts.discard_parts(runtime.store, row.id)
    return _mine(here, reader, row.id)


_NOT_YOURS = {
    "code": "NOT_YOUR_CASE",
    "outcome": str(Outcome.REFUSE),
    "place": "case.json:orgs",
    "message": "办件的收件、受理单位都不是本单位。",
    "action": "请由收件或受理单位送交。",
}


def _end(
    here: StationApi,
    reader: Reader,
    row: Upload,
    state: UploadState,
    case_no: str | None,
    outcome: str,
    findings: list[dict[str, str]],
) -> None:
    with writing(here.runtime.engine) as session:
        held = session.get_one(Upload, row.id)
        if held.state != UploadState.RECEIVING:
            return  # another request completed it first
        held.state, held.case_no, held.outcome, held.findings, held.ended_at = (
            state,
            case_no,
            outcome,
            findings,
            database_now(session),
        )
        journal.record(
            session, reader.account, JournalAct.SUBMITTED, row.id, outcome=outcome, case_no=case_no
        )
