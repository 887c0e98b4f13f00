"""归集池: files dropped at the window, what waits for a person, cases that gather and what they lack, the four sources, and what was refused."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy import ColumnElement, and_, select, true
from sqlalchemy.orm import Session

from api.http import uploads
from api.http.uploads import CaptureAnnounced, CaptureView, MaterialPlace
from api.jobs.pull import SourceName
from api.jobs.requested import request_pull, request_submitting
from api.web.shell.page import (
    HEADERS,
    At,
    BadFormError,
    PageRoute,
    Posted,
    RefusedError,
    Scripted,
    Seat,
    Seated,
    WebApp,
)
from api.web.shell.scope import note_look, orgs_below, require_look, seat_mark
from archive.accession.accession import return_delivery
from archive.administration.policy import Act, Denial
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_cases import Delivery
from archive.database.tables_gathering import Arrival, CapturedFile, GatheredCase, GatheredMaterial
from archive.database.tables_jobs import Job
from archive.gathering.captured_materials import file_under
from archive.gathering.captures import (
    OPEN,
    Capture,
    capture_counts,
    newest_captures,
    return_files,
)
from archive.gathering.cases import Gathering, collecting_rows
from archive.gathering.places import Place
from archive.gathering.source_health import health_rows
from archive.reference.errors import NotFoundError
from archive.reference.local_time import local_time
from archive.reference.objects import blob_key
from archive.reference.vocabulary import IntakeOutcome, JobKind, JobState, SourceHealth
from ingest.captures import parts
from ingest.captures.uploads import MAX_FILE

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN, _QUARANTINE = 60, 30
_LOOK = JournalAct.CAPTURE_LOOK
_SHORTEST, _LONGEST = 2, 500
SOURCE_LABELS: Mapping[str, str] = {
    SourceName.FORMS: "系统表单",
    SourceName.SCANS: "扫描录入",
    SourceName.PORTAL: "互联网申报",
    SourceName.CERTIFICATES: "共享证照",
}
_HEALTH = {SourceHealth.OK: "ok", SourceHealth.DOWN: "bad", SourceHealth.NEW: ""}
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


@router.get("/collecting")
def collecting_page(request: Request, desk: At, seat: Seated) -> Response:
    """All of it, with the live part inside."""
    return _drawn(request, desk, seat, "collecting.html")


@router.get("/collecting/live")
def collecting_live(request: Request, desk: At, seat: Seated) -> Response:
    """The part that is asked for again when files have come or a pull is running."""
    return _drawn(request, desk, seat, "collecting_live.html")


def _drawn(request: Request, desk: WebApp, seat: Seat, template: str) -> Response:
    seat.require(Act.SUBMIT)
    with reading(desk.runtime.engine) as session:
        theirs = files_of(desk, seat)
        counts = capture_counts(session, theirs)
        # What a person must see to comes first.
        files = [
            one
            for state in (Capture.UNPLACED, Capture.PENDING)
            for one in newest_captures(session, theirs, CapturedFile.state == state, limit=_SHOWN)
        ]
        cases = gathering_of(desk, session, seat)
        shown = cases[:_SHOWN]
        values: dict[str, Any] = {
            "files": files,
            "counts": counts,
            "groups": _groups(session, theirs),
            "cases": shown,
            "total": len(cases),
            "sources": _sources(session),
            "arrived": _arrived(session, [one["case_no"] for one in shown]),
            "refused": quarantined(desk, session, seat),
            "pulling": session.scalars(
                select(Job).filter_by(kind=JobKind.PULL, state=JobState.WAITING)
            ).first()
            is not None,
            "failed": session.scalars(
                select(Job).filter_by(kind=JobKind.PULL, state=JobState.FAILED)
            ).all(),
        }
    return desk.page(request, seat, template, most=uploads.MOST_AT_ONCE, largest=MAX_FILE, **values)


def files_of(desk: WebApp, seat: Seat) -> ColumnElement[bool]:
    """Files of the reader's organisation and of those below it."""
    orgs = orgs_below(desk, seat)
    return true() if orgs is None else CapturedFile.org.in_(orgs)


def _groups(session: Session, theirs: ColumnElement[bool]) -> list[tuple[str, str, int]]:
    """What waits for a person, by what is the matter: code, message, how many."""
    found = session.scalars(
        select(CapturedFile.findings).where(theirs, CapturedFile.state == Capture.UNPLACED)
    )
    counted = Counter((row[0]["code"], row[0]["message"]) for row in found if row)
    return [(code, message, number) for (code, message), number in counted.most_common()]


def gathering_of(desk: WebApp, session: Session, seat: Seat) -> list[dict[str, Any]]:
    """Cases before the door of intake that the reader's organisations have a part in, with what they lack; those not closed yet tell no organisation."""
    orgs = orgs_below(desk, seat)
    rows = collecting_rows(session)
    facts = {
        one.case_no: one.facts
        for one in session.scalars(
            select(GatheredCase).where(GatheredCase.state != Gathering.SUBMITTED)
        )
    }
    seen = []
    for row in rows:
        known = facts.get(row["case_no"])
        if orgs is None or (known and orgs & set(known.get("orgs", {}).values())):
            item = known.get("item", {}) if known else {}
            seen.append({**row, "item": _item(desk, item.get("code", ""), item.get("version", ""))})
    return sorted(seen, key=lambda one: (not one["missing"], one["since"]))


def _item(desk: WebApp, code: str, version: str) -> str:
    try:
        return desk.runtime.catalogue.get(code, version).name
    except NotFoundError:
        return code


def _arrived(session: Session, case_nos: list[str]) -> dict[str, list[tuple[str, int]]]:
    """What of each case came from which source."""
    query = (
        select(GatheredMaterial.case_no, GatheredMaterial.no, Arrival.source)
        .join(Arrival, Arrival.id == GatheredMaterial.arrival_id)
        .where(GatheredMaterial.case_no.in_(case_nos))
    )
    found: dict[str, set[tuple[str, int]]] = {}
    for case_no, no, source in session.execute(query):
        found.setdefault(case_no, set()).add((SOURCE_LABELS.get(source, source), no))
    return {
        case_no: sorted(Counter(label for label, _ in held).items())
        for case_no, held in found.items()
    }


def _sources(session: Session) -> list[dict[str, Any]]:
    rows = health_rows(session, tuple(SourceName))
    return [
        {
            **row,
            "label": SOURCE_LABELS[row["source"]],
            "tag": (row["health"].label, _HEALTH[row["health"]]),
        }
        for row in rows
    ]


def quarantined(desk: WebApp, session: Session, seat: Seat) -> list[Delivery]:
    """What was refused and not given back yet, of cases that the reader's organisations have a part in; what names no known case, for the city."""
    orgs = orgs_below(desk, seat)
    refused = select(Delivery).where(
        Delivery.outcome == IntakeOutcome.REFUSED, Delivery.returned_at.is_(None)
    )
    rows = session.scalars(refused.order_by(Delivery.id.desc()).limit(_QUARANTINE * 10)).all()
    if orgs is not None:
        named = {one.case_no for one in rows if one.case_no}
        facts = session.execute(
            select(GatheredCase.case_no, GatheredCase.facts).where(GatheredCase.case_no.in_(named))
        )
        theirs = {case_no for case_no, said in facts if orgs & set(said.get("orgs", {}).values())}
        rows = [one for one in rows if one.case_no in theirs]
    return list(rows[:_QUARANTINE])


@router.post("/collecting/uploads")
def announce(desk: At, seat: Scripted, asked: CaptureAnnounced) -> list[CaptureView]:
    """Write down what will be sent; whoever sits here is the operator."""
    seat.require(Act.SUBMIT)
    return uploads.announce_files(
        desk.runtime, seat.reader, asked.model_copy(update={"operator": seat.name})
    )


@router.put("/collecting/uploads/{id_}/parts/{part}")
async def put_part(
    desk: At,
    seat: Scripted,
    request: Request,
    id_: Id,
    part: Annotated[int, Path(ge=0, le=MAX_FILE // parts.PART)],
) -> Response:
    """Keep one part."""
    seat.require(Act.SUBMIT)
    await uploads.take_part(desk.runtime, seat.reader, id_, part, request)
    return Response(status_code=204)


@router.post("/collecting/uploads/{id_}/complete")
def complete(desk: At, seat: Scripted, id_: Id) -> CaptureView:
    """Gather it."""
    seat.require(Act.SUBMIT)
    return uploads.complete(desk.runtime, seat.reader, id_)


@router.post("/collecting/pull")
def pull_now(desk: At, seat: Seated, form: Posted) -> Response:
    """立即提取: ask the sources now, in a process of its own."""
    del form
    seat.require(Act.SUBMIT)
    request_pull(desk.runtime, seat.reader.account)
    return RedirectResponse("/collecting", 303)


@router.get("/collecting/{id_}")
def capture_page(request: Request, desk: At, seat: Seated, id_: Id) -> Response:
    """One file, its pages and what may be done with it."""
    with writing(desk.runtime.engine) as session:
        row = _file(desk, session, seat, id_)
        look = note_look(session, seat, _LOOK, row.id)
        following = session.scalars(_after(desk, seat, row)).first()
        lacking = [one for one in gathering_of(desk, session, seat) if one["missing"]]
        mark = seat_mark(seat, local_time(database_now(session)))
    wanted = [(one["case_no"], lack[:3], lack[4:]) for one in lacking for lack in one["missing"]][
        :_SHOWN
    ]
    return desk.page(
        request,
        seat,
        "capture.html",
        row=row,
        look=look,
        mark=mark,
        following=following,
        wanted=wanted,
        open=OPEN,
    )


def _after(desk: WebApp, seat: Seat, row: CapturedFile) -> Any:  # noqa: ANN401 - a select of ids
    """The next one that waits for a person."""
    waits = and_(
        files_of(desk, seat), CapturedFile.state == Capture.UNPLACED, CapturedFile.id != row.id
    )
    return (
        select(CapturedFile.id)
        .where(waits)
        .order_by(CapturedFile.created_at.desc(), CapturedFile.id)
        .limit(1)
    )


def _file(
    desk: WebApp, session: Session, seat: Seat, id_: str, *, lock: bool = False
) -> CapturedFile:
    """A file that his organisation, or one below it, captured. Raises RefusedError."""
    seat.require(Act.SUBMIT)
    orgs = orgs_below(desk, seat)
    row = session.get(CapturedFile, id_, with_for_update=lock)
    if row is None or (orgs is not None and row.org not in orgs):
        raise RefusedError(Denial.NOT_HERE)
    return row


@router.get("/collecting/{id_}/{page}.webp")
def capture_image(
    desk: At, seat: Seated, id_: Id, page: int, look: Annotated[int, Query(ge=1)]
) -> Response:
    """One page of it, drawn outside this process."""
    with reading(desk.runtime.engine) as session:
        row = _file(desk, session, seat, id_)
        require_look(session, seat, look, row.id, (_LOOK,))
    if not row.media_type:
        raise NotFoundError("此文件无法在网页中显示。", "请退回后重新扫描。")
    store = desk.runtime.store
    image = desk.images.original_page(
        row.sha256, page, lambda: store.read(blob_key(row.sha256), sha256=row.sha256)
    )
    return Response(image, media_type="image/webp", headers=HEADERS)


@router.post("/collecting/{id_}/file")
def file_it(desk: At, seat: Seated, form: Posted, id_: Id) -> Response:
    """归入: a person says which material of which case it is."""
    asked = {key: form.get(key, "").strip() for key in ("case_no", "no", "type")}
    try:
        said = MaterialPlace.model_validate(asked)
    except ValidationError:
        raise BadFormError(
            "请写明办件编号、材料序号和材料名称。", "序号为 1 至 999 的数字，见该办件的材料目录。"
        ) from None
    where = Place(said.case_no, said.no, said.type)
    with writing(desk.runtime.engine) as session:
        row = _file(desk, session, seat, id_, lock=True)
        file_under(
            session,
            seat.reader.account,
            row,
            where,
            desk.runtime.organisations,
            at=datetime.now(UTC),
        )
        following = (
            session.scalars(_after(desk, seat, row)).first()
            if row.state == Capture.PLACED
            else row.id
        )
    request_submitting(desk.runtime)
    return RedirectResponse(f"/collecting/{following}" if following else "/collecting", 303)


@router.post("/collecting/{id_}/return")
def return_it(desk: At, seat: Seated, form: Posted, id_: Id) -> Response:
    """退回 one file, with the reason."""
    reason = _reason(form)
    with writing(desk.runtime.engine) as session:
        row = _file(desk, session, seat, id_, lock=True)
        return_files(session, seat.reader.account, [row], reason=reason, at=datetime.now(UTC))
        following = session.scalars(_after(desk, seat, row)).first()
    return RedirectResponse(f"/collecting/{following}" if following else "/collecting", 303)


@router.post("/collecting/return")
def return_all(desk: At, seat: Seated, form: Posted) -> Response:
    """退回 all that wait for the same reason; refused when it is not the number that was shown."""
    seat.require(Act.SUBMIT)
    reason, code = _reason(form), form.get("code", "")
    with writing(desk.runtime.engine) as session:
        waits = select(CapturedFile).where(
            files_of(desk, seat), CapturedFile.state == Capture.UNPLACED
        )
        rows = [
            one
            for one in session.scalars(waits.with_for_update())
            if one.findings and one.findings[0]["code"] == code
        ]
        if not rows or form.get("count") != str(len(rows)):
            raise BadFormError(
                "待归入的文件已有变化，未作任何更改。", "请刷新归集池，核对个数后再退回。"
            )
        return_files(session, seat.reader.account, rows, reason=reason, at=datetime.now(UTC))
    return RedirectResponse("/collecting", 303)


@router.post("/collecting/quarantine/{delivery}/return")
def return_refused(desk: At, seat: Seated, form: Posted, delivery: int) -> Response:
    """退回 a refused package to who sent it: it stays in quarantine, and leaves the list."""
    seat.require(Act.SUBMIT)
    reason = _reason(form)
    with writing(desk.runtime.engine) as session:
        if delivery not in {one.id for one in quarantined(desk, session, seat)}:
            raise RefusedError(Denial.NOT_HERE)
        return_delivery(session, seat.reader.account, delivery, reason=reason, at=datetime.now(UTC))
    return RedirectResponse("/collecting", 303)


def _reason(form: Mapping[str, str]) -> str:
    reason = form.get("reason", "").strip()
    if not _SHORTEST <= len(reason) <= _LONGEST:
        raise BadFormError(
            "请写明退回的理由。",
            f"理由为 {_SHORTEST} 至 {_LONGEST} 个字，记入审计日志，请勿写入个人信息。",
        )
    return reason
