"""核对: a case that waits, its findings, what it must have beside what it has, and the pages; a person confirms with a reason."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from api.web.door import At, BadFormError, Desk, PageRoute, Posted, RefusedError, Seat, Seated
from api.web.records import PAGE, case_for, cases_of, counted, item_name, note_look, require_look
from api.web.room import hidden, original_response, seat_mark
from archive.access import Act, Denial
from archive.accession import WAITING, confirm
from archive.case_facts import CaseFacts
from archive.compile.plan import local_time
from archive.db import database_now, reading, writing
from archive.models import Case, CaseRevision, Component, Volume
from archive.service_items import snapshot_materials
from archive.vocabulary import Outcome

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_LOOK = "CHECK_LOOK"
_SHORTEST, _LONGEST = 2, 500


@router.get("/checks")
def checks_page(request: Request, desk: At, seat: Seated, after: str = "") -> Response:
    """All that waits, the earliest completed first."""
    seat.require(Act.CONFIRM)
    with reading(desk.runtime.engine) as session:
        total = counted(session, Case.state == WAITING, cases_of(desk, seat))
        start = session.scalars(select(Case).where(Case.case_no == after, cases_of(desk, seat))).first() if after else None
        found = session.scalars(_queue(desk, seat, start).limit(PAGE + 1)).all()
    rows = [(case, item_name(desk, case)) for case in found[:PAGE]]
    return desk.page(request, seat, "checks.html", rows=rows, total=total, next=found[PAGE - 1].case_no if len(found) > PAGE else None)


def _queue(desk: Desk, seat: Seat, start: Case | None) -> Any:  # noqa: ANN401 - a select of cases
    """What waits in the order in which it is checked, from after a case on."""
    query = select(Case).where(Case.state == WAITING, cases_of(desk, seat)).order_by(Case.completed_at, Case.case_no)
    return query.where(_follows(start)) if start else query


def _follows(case: Case) -> ColumnElement[bool]:
    return or_(Case.completed_at > case.completed_at, and_(Case.completed_at == case.completed_at, Case.case_no > case.case_no))


@router.get("/checks/{case_no}")
def check_page(request: Request, desk: At, seat: Seated, case_no: str) -> Response:
    """One case. Who decides on it sees its pages: that is what CONFIRM is about."""
    with writing(desk.runtime.engine) as session:
        case = case_for(desk, session, seat, Act.CONFIRM, case_no)
        revision = _waiting(session, case)
        look = note_look(session, seat, _LOOK, case_no, revision=revision.revision)
        held = session.scalars(select(Component).filter_by(case_id=case.id, revision=revision.revision).order_by(Component.path)).all()
        following = session.scalars(_queue(desk, seat, case).limit(1)).first()
        total = counted(session, Case.state == WAITING, cases_of(desk, seat))
        mark = seat_mark(seat, local_time(database_now(session)))
        others = _others(desk, session, seat, revision)
    facts = CaseFacts.model_validate(revision.facts)
    return desk.page(
        request,
        seat,
        "check.html",
        case=case,
        item=item_name(desk, case),
        revision=revision,
        findings=revision.findings,
        others=others,
        needed=_needed(revision, facts),
        leaves=_leaves(facts, held),
        here=_first_in_question(revision, facts, held),
        look=look,
        mark=mark,
        following=following.case_no if following else None,
        total=total,
    )


def _others(desk: Desk, session: Session, seat: Seat, revision: CaseRevision) -> dict[str, str]:
    """Where the other case of a finding stands, for those that this seat may open; the finding names it in any event."""
    named = [one["other_case"] for one in revision.findings if one.get("other_case")]
    query = select(Case.case_no, Case.state, Volume.code).outerjoin(Volume, Volume.case_id == Case.id)
    return {
        case_no: f"/volumes/{code}" if code else f"/checks/{case_no}"
        for case_no, state, code in session.execute(query.where(Case.case_no.in_(named), cases_of(desk, seat)))
        if code or state == WAITING
    }


def _waiting(session: Session, case: Case) -> CaseRevision:
    found = session.scalars(select(CaseRevision).filter_by(case_id=case.id, state=WAITING)).first()
    if found is None:
        raise BadFormError("该办件已核对。", "请回到核对列表。")
    return found


def _needed(revision: CaseRevision, facts: CaseFacts) -> list[dict[str, Any]]:
    """What the item asks for, beside what came; then what came besides."""
    present = {one.type: one for one in facts.materials}
    asked = [
        {
            "name": one.name,
            "condition": one.condition,
            "here": one.name in present,
            "pages": present[one.name].pages if one.name in present else 0,
        }
        for one in snapshot_materials(revision.snapshot)
    ]
    listed = {one["name"] for one in asked}
    return asked + [
        {"name": hidden(one.type, facts), "condition": None, "here": True, "pages": one.pages}
        for one in facts.materials
        if one.type not in listed
    ]


def _leaves(facts: CaseFacts, held: Sequence[Component]) -> list[dict[str, Any]]:
    """Every page of every file, in the order of the materials."""
    titles = {one.no: hidden(one.type, facts) for one in facts.materials}
    rows = sorted(held, key=lambda one: (one.material_no, one.path))
    return [
        {
            "id": row.id,
            "page": page,
            "pages": row.pages,
            "title": titles.get(row.material_no, ""),
            "no": row.material_no,
            "type": row.media_type,
        }
        for row in rows
        for page in range(1, max(row.pages, 1) + 1)
    ]


def _first_in_question(revision: CaseRevision, facts: CaseFacts, held: Sequence[Component]) -> int:
    """The place of the first page of a material that a finding is about: the page that one has to look at lies open."""
    places = {one["place"] for one in revision.findings if one["outcome"] == Outcome.CONFIRM}
    found = [index for index, leaf in enumerate(_leaves(facts, held)) if f"material {leaf['no']}" in places]
    return found[0] if found else 0


@router.get("/checks/{case_no}/originals/{component}/{page}.webp")
def check_image(desk: At, seat: Seated, case_no: str, component: int, page: int, look: Annotated[int, Query(ge=1)]) -> Response:
    """One page of what came, for whoever bears the number of his own look."""
    with reading(desk.runtime.engine) as session:
        case = case_for(desk, session, seat, Act.CONFIRM, case_no)
        require_look(session, seat, look, case_no, (_LOOK,))
        row = session.get(Component, component)
    if row is None or row.case_id != case.id:
        raise RefusedError(Denial.NOT_HERE)
    return original_response(desk, row, page)


@router.post("/checks/{case_no}")
def confirm_case(desk: At, seat: Seated, form: Posted, case_no: str) -> Response:
    """Confirm, and go on with the next case."""
    reason = form.get("reason", "").strip()
    with writing(desk.runtime.engine) as session:
        case = case_for(desk, session, seat, Act.CONFIRM, case_no)
        if not _SHORTEST <= len(reason) <= _LONGEST:
            raise BadFormError("请写明确认的理由。", f"理由为 {_SHORTEST} 至 {_LONGEST} 个字，记入审计日志，请勿写入个人信息。")
        following = session.scalars(_queue(desk, seat, case).limit(1)).first()
        confirm(session, seat.reader.account, case_no=case_no, reason=reason)
    return RedirectResponse(f"/checks/{following.case_no}" if following else "/checks", 303)
