"""核对: the acts of the light table: confirm, return, pass on, remark, replace a scan."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.http.checks import AskWanted, RemarkWanted, ReturnWanted, replace, scan_of
from api.http.returning import give_case_back
from api.web.arrangement.checks import next_waiting
from api.web.shell.forms import read_form
from api.web.shell.page import (
    BadFormError,
    LoggedIn,
    PageRoute,
    Posted,
    ScriptUser,
    User,
    Web,
    WebApp,
)
from api.web.shell.scope import case_for
from archive.administration.policy import Act
from archive.arrangement.page_order import StaleError, editions_of
from archive.checking.confirming import Ticks, blank_pages, confirm
from archive.checking.passing_on import ask, remark
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case, CaseRevision
from archive.finding_aids.cases import waiting_revision
from archive.gathering.presence import mark_left
from archive.reference.check_terms import ReturnReason
from archive.usage.check_room import open_check
from ingest.intake.replacing import NewScan

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHORTEST, _LONGEST = 2, 500
_CHANGED = StaleError(
    "该办件在您核对期间有新的送达或页序调整，未作任何更改。",
    "请刷新页面，看过最新情况后再办理。",
)


@router.post("/checks/{case_no}")
def confirm_case(web: Web, user: LoggedIn, form: Posted, case_no: str) -> Response:
    """Confirm a case, and go on with the next one.

    Refused until each material and each blank page is ticked after it was shown (R33), and when
    the case has changed in the meantime.
    """
    reason = form.get("reason", "").strip()
    with writing(web.runtime.engine) as session:
        case = case_for(web, session, user, Act.CONFIRM, case_no)
        revision = _unchanged(session, case, form)
        if not _SHORTEST <= len(reason) <= _LONGEST:
            raise BadFormError(
                "请写明确认的理由。",
                f"理由为 {_SHORTEST} 至 {_LONGEST} 个字，记入审计日志，请勿写入个人信息。",
            )
        following = next_waiting(web, session, user, case)
        confirm(
            session,
            user.reader,
            case_no=case_no,
            reason=reason,
            units=web.runtime.filing,
            ticks=_ticks(revision, form),
        )
        mark_left(session, user.reader.account, f"case:{case_no}")
    return _to(following)


def _ticks(revision: CaseRevision, form: dict[str, str]) -> Ticks:
    """Return what the form ticks."""
    numbers = [int(material["no"]) for material in revision.facts["materials"]]
    blanks: dict[int, set[int]] = {}
    for no, page in blank_pages(revision):
        if form.get(f"blank-{no}-{page}"):
            blanks.setdefault(no, set()).add(page)
    return Ticks(frozenset(no for no in numbers if form.get(f"tick-{no}")), blanks)


def _unchanged(session: Session, case: Case, form: dict[str, str]) -> CaseRevision:
    """Return the revision that waits, if it is as the page showed it. Raises StaleError."""
    revision = waiting_revision(session, case)
    if revision is None:
        raise StaleError(
            "该办件已由他人核对或退回，您的办理未再记录。", "请回到核对列表，继续下一件。"
        )
    seen = sum(editions_of(session, case.id, revision.revision).values())
    if form.get("revision") != str(revision.revision) or form.get("seen", str(seen)) != str(seen):
        raise _CHANGED
    return revision


def _to(following: Case | None) -> Response:
    return RedirectResponse(f"/checks/{following.case_no}" if following else "/checks", 303)


@router.post("/checks/{case_no}/return")
def give_back(web: Web, user: LoggedIn, form: Posted, case_no: str) -> Response:
    """Return a case to its sender (退回补正), and go on with the next one."""
    reasons = [reason for reason in ReturnReason if form.get(f"reason-{reason}")]
    wanted = read_form(
        ReturnWanted,
        {"reasons": reasons, "text": form.get("text", "")},
        {"reasons": "请选择退回的理由。", "text": "补充说明"},
    )
    with writing(web.runtime.engine) as session:
        case = case_for(web, session, user, Act.CHECK, case_no)
        _unchanged(session, case, form)
        following = next_waiting(web, session, user, case)
        give_case_back(
            session,
            web.runtime,
            user.reader,
            case_no=case_no,
            reasons=wanted.reasons,
            text=wanted.text,
        )
        mark_left(session, user.reader.account, f"case:{case_no}")
    return _to(following)


@router.post("/checks/{case_no}/assignment")
def pass_on(web: Web, user: LoggedIn, form: Posted, case_no: str) -> Response:
    """Give a case to another person or unit (转请); what one takes oneself stays open."""
    to, org = form.get("to", ""), ""
    if to.startswith("org:"):
        to, org = "", to.removeprefix("org:")
    try:
        wanted = AskWanted(account=to or None, org=org or None, text=form.get("text", ""))
    except ValidationError:
        raise BadFormError("请选择转给谁。", "补充的话至多 500 个字。") from None
    with writing(web.runtime.engine) as session:
        case = open_check(session, user.reader, case_no, web.reference).case
        following = next_waiting(web, session, user, case)
        ask(
            session,
            user.reader,
            case_no=case_no,
            asked=wanted.asked,
            text=wanted.text,
            units=web.runtime.filing,
        )
    if wanted.account == user.reader.account:
        return RedirectResponse(f"/checks/{case_no}", 303)
    # Who was asked has no list of their own once the case is passed back.
    return _to(following) if following or user.may(Act.CONFIRM) else RedirectResponse("/", 303)


@router.post("/checks/{case_no}/remarks")
def note(web: Web, user: LoggedIn, form: Posted, case_no: str) -> Response:
    """Add a remark, and stay with the case."""
    wanted = read_form(RemarkWanted, {"text": form.get("text", "").strip()}, {"text": "备注"})
    with writing(web.runtime.engine) as session:
        open_check(session, user.reader, case_no, web.reference)
        remark(session, user.reader, case_no=case_no, text=wanted.text, units=web.runtime.filing)
    return RedirectResponse(f"/checks/{case_no}#acts", 303)


@router.put("/checks/{case_no}/materials/{material}/files/{file}")
async def put_scan(
    request: Request,
    web: Web,
    user: ScriptUser,
    case_no: str,
    material: int,
    file: int,
    revision: Annotated[int, Query(ge=1)],
) -> dict[str, str]:
    """Replace a scan by the file that is sent; the page is drawn anew after it."""
    await run_in_threadpool(_may_replace, web, user, case_no)
    scan = NewScan(case_no, revision, material, file, await scan_of(request))
    taken = await run_in_threadpool(replace, web.runtime, user.reader, scan)
    return {"outcome": str(taken.outcome)}


def _may_replace(web: WebApp, user: User, case_no: str) -> None:
    """Raise DeniedError unless the user may work on the case."""
    with reading(web.runtime.engine) as session:
        case_for(web, session, user, Act.CHECK, case_no)
