"""归集池: files uploaded at the window, cases that gather, sources, and refused packages.

Files wait for a person or for the rest of their material; cases are shown with what they lack.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session

from api.http import uploads
from api.http.daily import counted
from api.http.uploads import CaptureAnnounced, CaptureView, MaterialPlace
from api.jobs.pull import SourceName
from api.jobs.requested import request_pull, request_submitting
from api.web.collection.lists import CASES, CORRECTED, FILES, REFUSED, RETURNED
from api.web.shell.listing import listed
from api.web.shell.lists import MOST_EXPORTED
from api.web.shell.page import (
    BadFormError,
    LoggedIn,
    PageRoute,
    Posted,
    RefusedError,
    ScriptUser,
    User,
    Web,
    WebApp,
)
from api.web.shell.scope import item_name, mark_of, note_look, original_response, reach_of
from archive.accession.deliveries import return_delivery
from archive.administration.daily_use import Shown
from archive.administration.policy import Act, Denial
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_gathering import CapturedFile
from archive.finding_aids.check_lists import RETURNED_CASES, returned_to
from archive.finding_aids.gathering_lists import (
    GATHERING,
    arrived_materials,
    gathering_cases,
    lock_unplaced,
    next_unplaced,
    part_of_open_files,
    part_of_refused,
    unplaced_groups,
)
from archive.finding_aids.reach import files_in
from archive.gathering.captures import (
    OPEN,
    Capture,
    capture_counts,
    return_files,
)
from archive.gathering.places import Place
from archive.gathering.placing import UnknownCaseError, place_files
from archive.gathering.source_health import health_rows
from archive.jobs.job_rows import first_job, jobs_of_kind
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import JobKind, JobState, SourceHealth
from archive.usage.looks import Purpose, find_look
from ingest.captures import parts
from ingest.captures.uploads import MAX_FILE

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN = 60
_NAMES = ("files", "cases", "refused", "returned", "corrected")
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
def collecting_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the whole page, with the live part inside."""
    return _drawn(request, web, user, "collecting.html")


@router.get("/collecting/live")
def collecting_live(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the part that is asked for again when files have come or a pull is running."""
    return _drawn(request, web, user, "collecting_live.html")


def _drawn(request: Request, web: WebApp, user: User, template: str) -> Response:
    user.require(Act.SUBMIT)
    reach = reach_of(web, user)
    files, cases, refused, returned, corrected = asked = [
        listed(request, web.runtime.organisations, shape)
        for shape in (FILES, CASES, REFUSED, RETURNED, CORRECTED)
    ]
    with reading(web.runtime.engine) as session:
        parts: list[Any] = [
            part_of_open_files(session, reach, files.wanted),
            GATHERING.part(gathering_cases(session, reach, web.runtime.catalogue), cases.wanted),
            part_of_refused(session, reach, refused.wanted),
            part_of_refused(session, reach, returned.wanted, returned=True),
            RETURNED_CASES.part(returned_to(session, reach, MOST_EXPORTED), corrected.wanted),
        ]
        rows = dict(zip(_NAMES, (part.rows for part in parts), strict=True))
        values: dict[str, Any] = {
            "lists_of": {
                name: listing.with_part(part)
                for name, listing, part in zip(_NAMES, asked, parts, strict=True)
            },
            **rows,
            "counts": capture_counts(session, files_in(reach)),
            "groups": unplaced_groups(session, reach),
            "sources": _sources(session),
            "arrived": _arrived(session, [case["case_no"] for case in rows["cases"]]),
            "returned_cases": [(entry, item_name(web, entry.case)) for entry in rows["corrected"]],
            "pulling": first_job(session, JobKind.PULL, JobState.WAITING) is not None,
            "failed": jobs_of_kind(session, JobKind.PULL, JobState.FAILED),
        }
    status = max(listing.status for listing in asked)
    return web.page(
        request,
        user,
        template,
        status=status,
        most=uploads.MOST_AT_ONCE,
        largest=MAX_FILE,
        **values,
    )


def _arrived(session: Session, case_nos: list[str]) -> dict[str, list[tuple[str, int]]]:
    """Return by case number from which sources materials came, and how many from each."""
    return {
        case_no: sorted(Counter(SOURCE_LABELS.get(source, source) for source, _ in rows).items())
        for case_no, rows in arrived_materials(session, case_nos).items()
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


@router.post("/collecting/uploads")
def announce(web: Web, user: ScriptUser, asked: CaptureAnnounced) -> list[CaptureView]:
    """Register files that will be sent; the user is the operator."""
    user.require(Act.SUBMIT)
    return uploads.announce_files(
        web.runtime, user.reader, asked.model_copy(update={"operator": user.name})
    )


@router.put("/collecting/uploads/{id_}/parts/{part}")
async def put_part(
    web: Web,
    user: ScriptUser,
    request: Request,
    id_: Id,
    part: Annotated[int, Path(ge=0, le=MAX_FILE // parts.PART)],
) -> Response:
    """Keep one part of a file."""
    user.require(Act.SUBMIT)
    await uploads.take_part(web.runtime, user.reader, id_, part, request)
    return Response(status_code=204)


@router.post("/collecting/uploads/{id_}/complete")
def complete(web: Web, user: ScriptUser, id_: Id) -> CaptureView:
    """Put a file together and gather it."""
    user.require(Act.SUBMIT)
    return uploads.complete(web.runtime, user.reader, id_)


@router.post("/collecting/pull")
def pull_now(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Ask the sources now (立即提取), in a process of its own."""
    del form
    user.require(Act.SUBMIT)
    request_pull(web.runtime, user.reader.account)
    return RedirectResponse("/collecting", 303)


@router.get("/collecting/{id_}")
def capture_page(request: Request, web: Web, user: LoggedIn, id_: Id) -> Response:
    """Draw one file, its pages and what may be done with it."""
    return _drawn_file(request, web, user, id_)


def _drawn_file(
    request: Request,
    web: WebApp,
    user: User,
    id_: str,
    *,
    typed: Mapping[str, str] | None = None,
    fault: str = "",
) -> Response:
    """Draw a file; with a fault, what was typed stays in its fields."""
    with counted(web.runtime, user.reader, Shown.CONTENT) as session:
        row = _file(web, session, user, id_)
        look = note_look(session, user, _LOOK, row.id, purpose=Purpose.CHECK)
        following = _next_unplaced(web, session, user, row)
        gathering = gathering_cases(session, reach_of(web, user), web.runtime.catalogue)
    wanted = [
        (case["case_no"], missing[:3], missing[4:])
        for case in gathering
        for missing in case["missing"]
    ][:_SHOWN]
    place = {"case_no": row.case_no or "", "no": row.material_no or "", "type": row.material or ""}
    return web.page(
        request,
        user,
        "capture.html",
        status=409 if fault else 200,
        row=row,
        look=look.number,
        following=following,
        wanted=wanted,
        open=OPEN,
        place=typed or place,
        fault=fault,
    )


def _next_unplaced(web: WebApp, session: Session, user: User, row: CapturedFile) -> str | None:
    """Return the id of the next file that waits for a person."""
    return next_unplaced(session, reach_of(web, user), row.id)


def _file(
    web: WebApp, session: Session, user: User, id_: str, *, lock: bool = False
) -> CapturedFile:
    """Return a file that the user's organisation, or one below it, captured.

    Raises RefusedError.
    """
    user.require(Act.SUBMIT)
    reach = reach_of(web, user)
    row = session.get(CapturedFile, id_, with_for_update=lock)
    if row is None or (reach is not None and row.org not in reach):
        raise RefusedError(Denial.NOT_HERE)
    return row


@router.get("/collecting/{id_}/{page}.jpg")
def capture_image(
    web: Web, user: LoggedIn, id_: Id, page: int, look: Annotated[int, Query(ge=1)]
) -> Response:
    """Return one page of a file with its watermark, drawn outside this process."""
    with reading(web.runtime.engine) as session:
        row = _file(web, session, user, id_)
        seen = find_look(session, user.reader, look, row.id, (_LOOK,))
    if not row.media_type:
        raise NotFoundError("此文件无法在网页中显示。", "请退回后重新扫描。")
    return original_response(web, row.sha256, page, mark_of(web, user, seen))


@router.post("/collecting/{id_}/file")
def place_file(request: Request, web: Web, user: LoggedIn, form: Posted, id_: Id) -> Response:
    """Place a file (归入) under the material of the case that the user states.

    A number that nobody knows is asked about, with what was typed left as it is.
    """
    user.require(Act.SUBMIT)
    asked = {key: form.get(key, "").strip() for key in ("case_no", "no", "type")}
    try:
        place = MaterialPlace.model_validate(asked)
    except ValidationError:
        raise BadFormError(
            "请写明办件编号、材料序号和材料名称。", "序号为 1 至 999 的数字，见该办件的材料目录。"
        ) from None
    try:
        with writing(web.runtime.engine) as session:
            (row,) = place_files(
                session,
                user.reader,
                [id_],
                Place(place.case_no, place.no, place.type),
                web.runtime.organisations,
                wait=bool(form.get("wait")),
                at=datetime.now(UTC),
            )
            following = (
                _next_unplaced(web, session, user, row) if row.state == Capture.PLACED else row.id
            )
    except UnknownCaseError as fault:
        words = f"{fault.message}{fault.action}"
        return _drawn_file(request, web, user, id_, typed=asked, fault=words)
    request_submitting(web.runtime)
    return RedirectResponse(f"/collecting/{following}" if following else "/collecting", 303)


@router.post("/collecting/{id_}/return")
def return_file(web: Web, user: LoggedIn, form: Posted, id_: Id) -> Response:
    """Return one file (退回), with the reason."""
    reason = _reason(form)
    with writing(web.runtime.engine) as session:
        row = _file(web, session, user, id_, lock=True)
        return_files(session, user.reader.account, [row], reason=reason, at=datetime.now(UTC))
        following = _next_unplaced(web, session, user, row)
    return RedirectResponse(f"/collecting/{following}" if following else "/collecting", 303)


@router.post("/collecting/return")
def return_all(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Return all files that wait for the same reason (退回).

    Refused when their count is not the one that was shown.
    """
    user.require(Act.SUBMIT)
    reason, code = _reason(form), form.get("code", "")
    with writing(web.runtime.engine) as session:
        rows = lock_unplaced(session, reach_of(web, user), code)
        if not rows or form.get("count") != str(len(rows)):
            raise BadFormError(
                "待归入的文件已有变化，未作任何更改。", "请刷新归集池，核对个数后再退回。"
            )
        return_files(session, user.reader.account, rows, reason=reason, at=datetime.now(UTC))
    return RedirectResponse("/collecting", 303)


@router.post("/collecting/quarantine/{delivery}/return")
def return_refused(web: Web, user: LoggedIn, form: Posted, delivery: int) -> Response:
    """Return a refused package (退回): it stays in quarantine, and leaves the list."""
    user.require(Act.SUBMIT)
    reason = _reason(form)
    with writing(web.runtime.engine) as session:
        return_delivery(
            session,
            user.reader,
            delivery,
            reason=reason,
            organisations=web.runtime.organisations,
            at=database_now(session),
        )
    return RedirectResponse("/collecting", 303)


def _reason(form: Mapping[str, str]) -> str:
    reason = form.get("reason", "").strip()
    if not _SHORTEST <= len(reason) <= _LONGEST:
        raise BadFormError(
            "请写明退回的理由。",
            f"理由为 {_SHORTEST} 至 {_LONGEST} 个字，记入审计日志，请勿写入个人信息。",
        )
    return reason
