"""核对: a case that waits, its findings, what it must have beside what it has, and the pages; a person confirms with a reason."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from api.web.shell.page import (
    At,
    BadFormError,
    PageRoute,
    Posted,
    RefusedError,
    Seat,
    Seated,
    WebApp,
)
from api.web.shell.scope import (
    PAGE,
    case_for,
    cases_of,
    counted,
    hidden,
    item_name,
    note_look,
    original_response,
    require_look,
    seat_mark,
)
from archive.accession.accession import confirm
from archive.administration.policy import Act, Denial
from archive.arrangement.page_order import (
    Leaf,
    StaleError,
    editions_of,
    lay_out,
    natural,
    orders_of,
)
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_volumes import Volume
from archive.gathering.presence import mark_left, mark_present
from archive.reference.case_facts import CaseFacts
from archive.reference.local_time import local_time
from archive.reference.service_items import snapshot_materials
from archive.reference.vocabulary import CaseState, Outcome

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_LOOK = JournalAct.CHECK_LOOK
_SHORTEST, _LONGEST, _DIGITS = 2, 500, 7


@router.get("/checks")
def checks_page(request: Request, desk: At, seat: Seated, after: str = "") -> Response:
    """All that waits, the earliest completed first."""
    seat.require(Act.CONFIRM)
    with reading(desk.runtime.engine) as session:
        total = counted(session, Case.state == CaseState.CONFIRM, cases_of(desk, seat))
        start = (
            session.scalars(select(Case).where(Case.case_no == after, cases_of(desk, seat))).first()
            if after
            else None
        )
        found = session.scalars(_queue(desk, seat, start).limit(PAGE + 1)).all()
    rows = [(case, item_name(desk, case)) for case in found[:PAGE]]
    return desk.page(
        request,
        seat,
        "checks.html",
        rows=rows,
        total=total,
        next=found[PAGE - 1].case_no if len(found) > PAGE else None,
    )


def _queue(desk: WebApp, seat: Seat, start: Case | None) -> Any:  # noqa: ANN401 - a select of cases
    """What waits in the order in which it is checked, from after a case on."""
    query = (
        select(Case)
        .where(Case.state == CaseState.CONFIRM, cases_of(desk, seat))
        .order_by(Case.completed_at, Case.case_no)
    )
    return query.where(_follows(start)) if start else query


def _follows(case: Case) -> ColumnElement[bool]:
    return or_(
        Case.completed_at > case.completed_at,
        and_(Case.completed_at == case.completed_at, Case.case_no > case.case_no),
    )


@router.get("/checks/{case_no}")
def check_page(request: Request, desk: At, seat: Seated, case_no: str) -> Response:
    """One case: who decides on it sees its pages, that is what CONFIRM is about. One that was accepted may still have its pages laid."""
    with writing(desk.runtime.engine) as session:
        case = case_for(desk, session, seat, Act.CONFIRM, case_no)
        revision = open_revision(session, case)
        look = note_look(session, seat, _LOOK, case_no, revision=revision.revision)
        held = session.scalars(
            select(Component)
            .filter_by(case_id=case.id, revision=revision.revision)
            .order_by(Component.path)
        ).all()
        orders = orders_of(session, case.id, revision.revision)
        editions = editions_of(session, case.id, revision.revision)
        following = session.scalars(_queue(desk, seat, case).limit(1)).first()
        total = counted(session, Case.state == CaseState.CONFIRM, cases_of(desk, seat))
        mark = seat_mark(seat, local_time(database_now(session)))
        others = _others(desk, session, seat, revision)
    facts = CaseFacts.model_validate(revision.facts)
    leaves = _leaves(facts, held, orders)
    return desk.page(
        request,
        seat,
        "check.html",
        case=case,
        item=item_name(desk, case),
        revision=revision,
        waiting=revision.state == CaseState.CONFIRM,
        findings=revision.findings,
        others=others,
        materials=_materials(facts, leaves, editions),
        lacking=_lacking(revision, facts),
        blanks=_blank_pages(revision),
        seen=sum(editions.values()),
        leaves=leaves,
        here=_first_in_question(revision, leaves),
        look=look,
        mark=mark,
        following=following.case_no if following else None,
        total=total,
    )


def _others(desk: WebApp, session: Session, seat: Seat, revision: CaseRevision) -> dict[str, str]:
    """Where the other case of a finding stands, for those that this seat may open; the finding names it in any event."""
    named = [one["other_case"] for one in revision.findings if one.get("other_case")]
    query = select(Case.case_no, Case.state, Volume.code).outerjoin(
        Volume, Volume.case_id == Case.id
    )
    return {
        case_no: f"/volumes/{code}" if code else f"/checks/{case_no}"
        for case_no, state, code in session.execute(
            query.where(Case.case_no.in_(named), cases_of(desk, seat))
        )
        if code or state == CaseState.CONFIRM
    }


def open_revision(session: Session, case: Case) -> CaseRevision:
    """The revision that waits at 核对, else the newest whose volume is not begun. Raises BadFormError."""
    found = session.scalars(
        select(CaseRevision).filter_by(case_id=case.id, state=CaseState.CONFIRM)
    ).first()
    if found is not None:
        return found
    newest = session.scalars(
        select(CaseRevision).filter_by(
            case_id=case.id, revision=case.revision, state=CaseState.ACCEPTED
        )
    ).first()
    numbered = session.scalars(select(Volume.id).filter_by(case_id=case.id)).first()
    if newest is None or numbered is not None:
        raise BadFormError("该办件已核对并开始组卷。", "请回到核对列表。")
    return newest


def _materials(
    facts: CaseFacts, leaves: Sequence[Mapping[str, Any]], editions: Mapping[int, int]
) -> list[dict[str, Any]]:
    """Every material that came, to be ticked one by one (R33)."""
    pages = Counter(int(one["no"]) for one in leaves)
    return [
        {
            "no": one.no,
            "title": hidden(one.type, facts),
            "source": one.source,
            "pages": pages.get(one.no, 0) or one.pages,
            "form": one.form,
            "edition": editions.get(one.no, 0),
        }
        for one in facts.materials
    ]


def _lacking(revision: CaseRevision, facts: CaseFacts) -> list[dict[str, Any]]:
    """What the item asks for and did not come."""
    present = {one.type for one in facts.materials}
    return [
        {"name": one.name, "condition": one.condition}
        for one in snapshot_materials(revision.snapshot)
        if one.name not in present
    ]


def _blank_pages(revision: CaseRevision) -> list[str]:
    """What says that a page is blank: each is looked at and ticked."""
    return [one["message"] for one in revision.findings if one["code"] == "BLANK_PAGE"]


def _leaves(
    facts: CaseFacts, held: Sequence[Component], orders: Mapping[int, tuple[Leaf, ...]]
) -> list[dict[str, Any]]:
    """Every page of every file, in the order in which it will lie in the volume."""
    by_path = {(one.material_no, one.path): one for one in held}
    found = []
    for material in facts.materials:
        for leaf in orders.get(material.no) or natural(material, held):
            row = by_path[(material.no, material.files[leaf.file - 1])]
            named = {
                "id": row.id,
                "title": hidden(material.type, facts),
                "no": material.no,
                "type": row.media_type,
            }
            found.append({**named, "file": leaf.file, "page": leaf.page, "turn": leaf.turn})
    return found


def _first_in_question(revision: CaseRevision, leaves: Sequence[Mapping[str, Any]]) -> int:
    """The place of the first page of a material that a finding is about: the page that one has to look at lies open."""
    places = {one["place"] for one in revision.findings if one["outcome"] == Outcome.CONFIRM}
    found = [index for index, leaf in enumerate(leaves) if f"material {leaf['no']}" in places]
    return found[0] if found else 0


@router.post("/checks/{case_no}/order")
def lay_pages(desk: At, seat: Seated, form: Posted, case_no: str) -> dict[str, int]:
    """Lay the pages of one material; refused when somebody else did since this page was drawn."""
    leaves = [
        Leaf(*map(int, one))
        for one in re.findall(r"(\d{1,4})\.(\d{1,4})\.(\d{1,3})(?:,|$)", form.get("leaves", ""))
    ]
    numbers = {name: form.get(name, "") for name in ("revision", "material", "edition")}
    if not leaves or not all(one.isdecimal() and len(one) < _DIGITS for one in numbers.values()):
        raise BadFormError("页序无法读取，未作任何更改。", "请刷新页面后重新排列。")
    asked = {name: int(one) for name, one in numbers.items()}
    with writing(desk.runtime.engine) as session:
        case = case_for(desk, session, seat, Act.CONFIRM, case_no)
        revision = open_revision(session, case)
        facts = CaseFacts.model_validate(revision.facts)
        material = next((one for one in facts.materials if one.no == asked["material"]), None)
        if material is None or revision.revision != asked["revision"]:
            raise StaleError("该办件已有新的送达，您的调整未保存。", "请刷新页面后重新核对。")
        at = database_now(session)
        edition = lay_out(
            session,
            seat.reader.account,
            revision,
            material,
            leaves,
            edition=asked["edition"],
            at=at,
        )
    return {"edition": edition}


@router.post("/checks/{case_no}/presence")
def presence(request: Request, desk: At, seat: Seated, form: Posted, case_no: str) -> Response:
    """Be seen at this case, and see who else sits at it."""
    del form
    subject = f"case:{case_no}"
    with writing(desk.runtime.engine) as session:
        case_for(desk, session, seat, Act.CONFIRM, case_no)
        others = mark_present(session, seat.reader.account, subject, at=database_now(session))
    return desk.page(request, seat, "presence.html", others=others, case_no=case_no)


@router.get("/checks/{case_no}/originals/{component}/{page}.webp")
def check_image(
    desk: At,
    seat: Seated,
    case_no: str,
    component: int,
    page: int,
    look: Annotated[int, Query(ge=1)],
    small: Annotated[int, Query(ge=0, le=1)] = 0,
) -> Response:
    """One page of what came, for whoever bears the number of his own look; `small` for the strip above."""
    with reading(desk.runtime.engine) as session:
        case = case_for(desk, session, seat, Act.CONFIRM, case_no)
        require_look(session, seat, look, case_no, (_LOOK,))
        row = session.get(Component, component)
    if row is None or row.case_id != case.id:
        raise RefusedError(Denial.NOT_HERE)
    return original_response(desk, row, page, small=bool(small))


@router.post("/checks/{case_no}")
def confirm_case(desk: At, seat: Seated, form: Posted, case_no: str) -> Response:
    """Confirm, and go on with the next case. Not before each material and each blank page is ticked (R33), nor when the case is another by now."""
    reason = form.get("reason", "").strip()
    with writing(desk.runtime.engine) as session:
        case = case_for(desk, session, seat, Act.CONFIRM, case_no)
        revision = session.scalars(
            select(CaseRevision).filter_by(case_id=case.id, state=CaseState.CONFIRM)
        ).first()
        if revision is None:
            raise StaleError(
                "该办件已由他人核对，您的确认未再记录。", "请回到核对列表，继续下一件。"
            )
        seen = sum(editions_of(session, case.id, revision.revision).values())
        if form.get("revision") != str(revision.revision) or form.get("seen") != str(seen):
            raise StaleError(
                "该办件在您核对期间有新的送达或页序调整，未作确认。",
                "请刷新页面，看过最新情况后再确认。",
            )
        facts = CaseFacts.model_validate(revision.facts)
        ticked = [one.no for one in facts.materials if form.get(f"tick-{one.no}")]
        blanks = [at for at, _ in enumerate(_blank_pages(revision)) if not form.get(f"blank-{at}")]
        if len(ticked) != len(facts.materials) or blanks:
            raise BadFormError(
                "尚有材料或空白页未逐件勾核，未作确认。", "请逐件核对并勾选后再确认。"
            )
        if not _SHORTEST <= len(reason) <= _LONGEST:
            raise BadFormError(
                "请写明确认的理由。",
                f"理由为 {_SHORTEST} 至 {_LONGEST} 个字，记入审计日志，请勿写入个人信息。",
            )
        following = session.scalars(_queue(desk, seat, case).limit(1)).first()
        confirm(session, seat.reader.account, case_no=case_no, reason=reason, ticked=ticked)
        mark_left(session, seat.reader.account, f"case:{case_no}")
    return RedirectResponse(f"/checks/{following.case_no}" if following else "/checks", 303)
