"""核对: what waits at a filing unit, and what was returned; the acts on both."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.http.checks import (
    AskWanted,
    RemarkWanted,
    ReturnWanted,
    replace,
    returned_row,
    scan_of,
)
from api.http.returning import give_case_back
from api.http.tokens import Caller
from api.v1.idempotency import Key, answered, keep_answer
from api.v1.station import Station, StationApi
from archive.administration.policy import Act, Reader
from archive.audit.acts import JournalAct
from archive.checking.passing_on import ask, remark
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.finding_aids.cases import find_case_within, waiting_revision
from archive.finding_aids.check_lists import (
    cases_on_desk,
    named_holders,
    returned_to,
    told_acts,
)
from archive.finding_aids.disclosure import disclosed
from archive.finding_aids.reach import reach_of
from archive.reference.case_facts import CaseFacts
from archive.reference.check_terms import Desk
from archive.usage.check_room import open_check
from archive.usage.looks import AccessContext, Purpose, journal_look
from archive.usage.reading_room import require
from archive.usage.redaction import mask_text, names_of
from ingest.intake.replacing import NewScan

router = APIRouter(tags=["核对"])
CaseNumber = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", examples=["150602010000-20260901-000001"]),
]
Number = Annotated[int, Path(ge=1, le=5000)]
_SHOWN = 100
_REFUSED = (
    "被拒时：404 NOT_FOUND、NOT_HERE 请核对办件编号；403 NOT_FILING 由立卷单位或其上级办理；"
    "409 CONFLICT 该办件已不在待核对状态，请重新查询。"
)


class CheckRow(BaseModel):
    """A case that waits, in a list."""

    model_config = ConfigDict(json_schema_extra={"description": "待核对的办件。"})
    case_no: str = Field(description="办件编号")
    item: str = Field(description="事项名称")
    state: str = Field(description="状态代码")
    completed_at: str = Field(description="办结时间")
    codes: list[str] = Field(description="检查结果的代码")
    holder: str = Field(description="转给了谁；空为未转")


class CheckView(CheckRow):
    """A case that waits, with its findings, materials and what people did."""

    model_config = ConfigDict(
        json_schema_extra={"description": "待核对的办件：检查结果、材料，和经过。"}
    )
    revision: int = Field(description="第几次送达")
    findings: list[dict[str, Any]] = Field(description="检查结果")
    materials: list[dict[str, Any]] = Field(description="材料：序号、名称、来源、文件数、页数")
    acts: list[dict[str, Any]] = Field(description="经过：确认、退回、转请、备注、换页，新的在前")


class Done(BaseModel):
    """The answer of an act: the state of the case after it."""

    model_config = ConfigDict(json_schema_extra={"description": "办理后的状态。"})
    case_no: str = Field(description="办件编号")
    state: str = Field(description="状态代码")


class ReturnedView(BaseModel):
    """A case that waits for its sender to correct it."""

    model_config = ConfigDict(json_schema_extra={"description": "退回补正的办件。"})
    case_no: str = Field(description="办件编号；补正后以同一编号、supplement 送来")
    revision: int = Field(description="退回的是第几次送达")
    returned_at: str = Field(description="退回时间")
    by: str = Field(description="退回人")
    org: str = Field(description="退回单位")
    reasons: list[dict[str, str]] = Field(description="理由：代码和名称")
    text: str = Field(description="补充说明，姓名和号码已遮蔽")


@router.get(
    "/checking",
    summary="待核对的办件",
    description=(
        "列出本单位立卷、或转请本单位或本账号查看的待核对办件，办结早的在前，至多 100 件；"
        "after 为上一页最后的办件编号。desk 为 mine 只列转给本账号的，为 unit 只列本单位手上的。"
    ),
    response_description="待核对的办件",
)
def waiting(
    reader: Caller, station: Station, desk: Desk = Desk.ALL, after: str = ""
) -> list[CheckRow]:
    """Return the cases that wait on the desk of the caller."""
    require(reader, Act.CHECK)
    runtime = station.runtime
    reach = reach_of(reader.org, runtime.organisations)
    with reading(runtime.engine) as session:
        start = find_case_within(session, reach, after) if after else None
        rule = runtime.settings.filing_rule
        cases = cases_on_desk(session, reader, desk, reach, rule, after=start, limit=_SHOWN)
        holders = named_holders(session, cases, runtime.organisations)
        return [CheckRow(**_row(station, session, reader, case, holders)) for case in cases]


def _row(
    station: StationApi, session: Session, reader: Reader, case: Case, holders: dict[int, str]
) -> dict[str, Any]:
    """Return a case as a list shows it."""
    runtime = station.runtime
    findings = disclosed(session, reach_of(reader.org, runtime.organisations), case.findings)
    return {
        "case_no": case.case_no,
        "item": runtime.catalogue.get(case.item_code, case.item_version).name,
        "state": case.state,
        "completed_at": case.completed_at.isoformat(),
        "codes": sorted({row["code"] for row in findings}),
        "holder": holders.get(case.id, ""),
    }


@router.get(
    "/checking/{case_no}",
    summary="一件待核对的办件",
    description="检查结果、材料和经过；查看记入审计日志。" + _REFUSED,
    response_description="待核对的办件",
)
def one_case(case_no: CaseNumber, reader: Caller, station: Station) -> CheckView:
    """Return a case that waits, to who files it or was asked to look; journalled."""
    runtime = station.runtime
    with writing(runtime.engine) as session:
        case = open_check(session, reader, case_no, runtime.reference).case
        waits = waiting_revision(session, case)
        revision = waits.revision if waits else case.revision
        context = AccessContext(Purpose.CHECK)
        journal_look(session, reader, JournalAct.CHECK_LOOK, case_no, context, revision=revision)
        facts = CaseFacts.model_validate(waits.facts if waits else case.facts)
        names = names_of(facts)
        holders = named_holders(session, [case], runtime.organisations)
        findings = waits.findings if waits else case.findings
        return CheckView(
            **_row(station, session, reader, case, holders),
            revision=revision,
            findings=disclosed(session, reach_of(reader.org, runtime.organisations), findings),
            materials=[
                {
                    "no": material.no,
                    "title": mask_text(material.type, names),
                    "source": material.source,
                    "files": len(material.files),
                    "pages": material.pages,
                }
                for material in facts.materials
            ],
            acts=told_acts(session, case, runtime.organisations),
        )


@router.post(
    "/checking/{case_no}/return",
    summary="退回补正",
    description=(
        "把待核对的办件退回收件单位的归集池，写明理由；收件单位由 GET /returns 和通知得知。"
        "补正后以同一办件编号送来的，仍回到本件，须再核对。请带 Idempotency-Key。"
        "422 NOT_SAID 请选择理由，选“其他”的须写补充说明。" + _REFUSED
    ),
    response_description="退回后的状态",
)
def give_back(
    case_no: CaseNumber,
    wanted: ReturnWanted,
    reader: Caller,
    station: Station,
    key: Key = None,
) -> Done:
    """Return a case that waits to its sender."""

    def act(session: Session) -> None:
        give_case_back(
            session,
            station.runtime,
            reader,
            case_no=case_no,
            reasons=wanted.reasons,
            text=wanted.text,
        )

    return _done(station, reader, case_no, key, {"return": wanted.model_dump()}, act)


@router.post(
    "/checking/{case_no}/assignment",
    summary="转请他人",
    description=(
        "把待核对的办件转给一人或一个单位查看；account 为本账号即自己领办。只有本件各有关单位"
        "及其上级的人员可以受请；受请的可以查看、备注、再转回，由立卷单位确认。409 NOBODY_TO_ASK "
        "为所选的不能查看本件。" + _REFUSED
    ),
    response_description="转请后的状态",
)
def pass_on(
    case_no: CaseNumber, wanted: AskWanted, reader: Caller, station: Station, key: Key = None
) -> Done:
    """Give a case that waits to another person or unit."""

    def act(session: Session) -> None:
        ask(
            session,
            reader,
            case_no=case_no,
            asked=wanted.asked,
            text=wanted.text,
            units=station.runtime.filing,
        )

    return _done(station, reader, case_no, key, {"ask": wanted.model_dump()}, act)


@router.post(
    "/checking/{case_no}/remarks",
    summary="写备注",
    description="给核对的人留话；审计日志只记有备注，不记内容。" + _REFUSED,
    response_description="备注后的状态",
)
def note(
    case_no: CaseNumber, wanted: RemarkWanted, reader: Caller, station: Station, key: Key = None
) -> Done:
    """Add a remark to a case that waits."""

    def act(session: Session) -> None:
        remark(session, reader, case_no=case_no, text=wanted.text, units=station.runtime.filing)

    return _done(station, reader, case_no, key, {"remark": wanted.model_dump()}, act)


def _done(
    station: StationApi,
    reader: Reader,
    case_no: str,
    key: str | None,
    request: dict[str, Any],
    act: Any,  # noqa: ANN401 - a function of a session
) -> Done:
    """Do an act on a case once, and return the state after it."""
    asked = {"case": case_no, **request}
    with writing(station.runtime.engine) as session:
        case = open_check(session, reader, case_no, station.runtime.reference).case
        before = answered(session, reader, key, asked)
        if before is not None:
            return Done(**before)
        act(session)
        done = Done(case_no=case_no, state=case.state)
        keep_answer(session, reader, key, asked, done.model_dump())
    return done


@router.put(
    "/checking/{case_no}/materials/{material}/files/{file}",
    summary="换一份扫描件",
    description=(
        "以正文（JPEG、PNG、TIFF 或 PDF）替换待核对办件的一个扫描文件；一个文件有几页的，整份重扫。"
        "revision 为所看的第几次送达。新的送达重新检测，原文件作为证据保留。同一内容重复送交不再"
        "替换。422 NOT_REPLACED 为新文件不能使用。" + _REFUSED
    ),
    response_description="替换后的状态",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def put_scan(
    case_no: CaseNumber,
    material: Number,
    file: Number,
    request: Request,
    reader: Caller,
    station: Station,
    revision: Annotated[int, Query(ge=1, description="所看的第几次送达")],
) -> Done:
    """Replace a scan of a case that waits by a better one."""
    await run_in_threadpool(_opened, station, reader, case_no)
    scan = NewScan(case_no, revision, material, file, await scan_of(request))
    await run_in_threadpool(replace, station.runtime, reader, scan)
    return Done(case_no=case_no, state=await run_in_threadpool(_opened, station, reader, case_no))


def _opened(station: StationApi, reader: Reader, case_no: str) -> str:
    """Return the state of a case that the caller may see at 核对. Raises DeniedError."""
    with reading(station.runtime.engine) as session:
        return open_check(session, reader, case_no, station.runtime.reference).case.state


@router.get(
    "/returns",
    summary="退回补正的办件",
    description=(
        "列出退回本单位（收件或受理）补正的办件及其理由，至多 100 件。补正后请以同一办件编号、"
        "supplement 为 true 送来；送来后即不再列出。"
    ),
    response_description="退回补正的办件",
)
def returns(reader: Caller, station: Station) -> list[ReturnedView]:
    """Return the cases that wait for the caller's unit to correct them."""
    require(reader, Act.FOLLOW)
    runtime = station.runtime
    with reading(runtime.engine) as session:
        rows = returned_to(session, reach_of(reader.org, runtime.organisations), _SHOWN)
        return [ReturnedView(**returned_row(entry, runtime)) for entry in rows]
