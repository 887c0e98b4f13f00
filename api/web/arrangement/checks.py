"""核对: a case that waits, checked by a person who confirms with a reason.

The page shows its findings, which materials the item requires beside those that came, and the
pages.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api.http.daily import counted
from api.web.shell.page import (
    BadFormError,
    LoggedIn,
    PageRoute,
    Posted,
    RefusedError,
    User,
    Web,
    WebApp,
)
from api.web.shell.scope import (
    PAGE,
    case_for,
    findings_of,
    image_response,
    item_name,
    mark_of,
    note_look,
    original_response,
    reach_of,
    unit_of,
)
from archive.accession.accession import confirm
from archive.administration.daily_use import Shown
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
from archive.compile.compared import compared_version, kept_pairs, pair_key
from archive.database.engine import database_now, reading, writing
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.finding_aids.cases import (
    accepted_revision,
    cases_with_codes,
    components_of,
    count_waiting,
    find_case_within,
    is_numbered,
    waiting_cases,
    waiting_elsewhere,
    waiting_revision,
)
from archive.finding_aids.disclosure import disclosed
from archive.gathering.presence import mark_left, mark_present
from archive.paper.access import Keeper
from archive.paper.page_checks import open_differences
from archive.reference.case_facts import CaseFacts
from archive.reference.service_items import snapshot_materials
from archive.reference.vocabulary import CaseState, Outcome
from archive.usage.looks import Purpose, find_look
from archive.usage.redaction import mask_text, names_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
LOOK = JournalAct.CHECK_LOOK
_SHORTEST, _LONGEST, _DIGITS = 2, 500, 7


@router.get("/checks")
def checks_page(request: Request, web: Web, user: LoggedIn, after: str = "") -> Response:
    """List all cases that wait, the earliest completed first."""
    user.require(Act.CONFIRM)
    reach, rule = reach_of(web, user), web.runtime.settings.filing_rule
    with reading(web.runtime.engine) as session:
        total = count_waiting(session, reach, rule)
        start = find_case_within(session, reach, after) if after else None
        cases = waiting_cases(session, reach, rule, after=start, limit=PAGE + 1)
        elsewhere = waiting_elsewhere(session, reach, rule, limit=PAGE)
        findings = findings_of(web, session, user, cases[:PAGE])
        paper = open_differences(session, Keeper(user.reader, web.runtime.organisations))
    rows = [(case, item_name(web, case)) for case in cases[:PAGE]]
    return web.page(
        request,
        user,
        "checks.html",
        paper=len(paper),
        rows=rows,
        elsewhere=[(case, item_name(web, case), unit_of(web, case)) for case in elsewhere],
        findings=findings,
        total=total,
        next=cases[PAGE - 1].case_no if len(cases) > PAGE else None,
    )


def _next_waiting(web: WebApp, session: Session, user: User, case: Case) -> Case | None:
    """Return the case that is checked after this one."""
    rule = web.runtime.settings.filing_rule
    waiting = waiting_cases(session, reach_of(web, user), rule, after=case, limit=1)
    return waiting[0] if waiting else None


@router.get("/checks/{case_no}")
def check_page(request: Request, web: Web, user: LoggedIn, case_no: str) -> Response:
    """Draw one case with its pages, which a user who may CONFIRM is to see.

    The pages of a case that was accepted, but whose volume is not begun, may still be reordered.
    """
    with counted(web.runtime, user.reader, Shown.CONTENT) as session:
        case = case_for(web, session, user, Act.CONFIRM, case_no)
        revision = open_revision(session, case)
        others = _others(web, session, user, revision)
        # A page of another case may stand beside one of this.
        compared = {
            str(row.get("other_case")) for row in revision.findings if row.get("pair")
        } & set(others)
        look = note_look(
            session,
            user,
            LOOK,
            case_no,
            purpose=Purpose.CHECK,
            revision=revision.revision,
            **({"compared": sorted(compared)} if compared else {}),
        )
        components = components_of(session, case, revision.revision)
        orders = orders_of(session, case.id, revision.revision)
        editions = editions_of(session, case.id, revision.revision)
        following = _next_waiting(web, session, user, case)
        total = count_waiting(session, reach_of(web, user), web.runtime.settings.filing_rule)
        version = compared_version(session, case.id, revision.revision)
        findings = disclosed(session, reach_of(web, user), revision.findings)
    pairs = kept_pairs(web.runtime.store, version) if version else []
    facts = CaseFacts.model_validate(revision.facts)
    leaves = _leaves(facts, components, orders)
    return web.page(
        request,
        user,
        "check.html",
        case=case,
        item=item_name(web, case),
        revision=revision,
        waiting=revision.state == CaseState.CONFIRM,
        findings=findings,
        others=others,
        pairs=pairs,
        materials=_materials(facts, leaves, editions),
        lacking=_lacking(revision, facts),
        blanks=_blank_pages(revision),
        seen=sum(editions.values()),
        leaves=leaves,
        here=_first_in_question(revision, leaves),
        look=look.number,
        following=following.case_no if following else None,
        total=total,
    )


def _others(web: WebApp, session: Session, user: User, revision: CaseRevision) -> dict[str, str]:
    """Return links to the other cases of findings, as far as the user may open them.

    Of a case that the user may not see the finding tells nothing (`disclosed`).
    """
    case_nos = [entry["other_case"] for entry in revision.findings if entry.get("other_case")]
    links = {}
    for other, code in cases_with_codes(session, reach_of(web, user), case_nos):
        mine = web.runtime.filing.is_filer(user.reader, unit_of(web, other))
        if code:
            links[other.case_no] = f"/volumes/{code}"
        elif mine and other.state == CaseState.CONFIRM:
            links[other.case_no] = f"/checks/{other.case_no}"
    return links


def open_revision(session: Session, case: Case) -> CaseRevision:
    """Return the revision that waits at 核对, else the newest whose volume is not begun.

    Raises BadFormError when there is neither.
    """
    waiting = waiting_revision(session, case)
    if waiting is not None:
        return waiting
    newest = accepted_revision(session, case)
    if newest is None or is_numbered(session, case):
        raise BadFormError("该办件已核对并开始组卷。", "请回到核对列表。")
    return newest


def _materials(
    facts: CaseFacts, leaves: Sequence[Mapping[str, Any]], editions: Mapping[int, int]
) -> list[dict[str, Any]]:
    """Return every material that came, to be ticked one by one (R33)."""
    pages, names = Counter(int(leaf["no"]) for leaf in leaves), names_of(facts)
    return [
        {
            "no": material.no,
            "title": mask_text(material.type, names),
            "source": material.source,
            "pages": pages.get(material.no, 0) or material.pages,
            "form": material.form,
            "edition": editions.get(material.no, 0),
        }
        for material in facts.materials
    ]


def _lacking(revision: CaseRevision, facts: CaseFacts) -> list[dict[str, Any]]:
    """Return what the item requires and did not come."""
    present = {material.type for material in facts.materials}
    return [
        {"name": material.name, "condition": material.condition}
        for material in snapshot_materials(revision.snapshot)
        if material.name not in present
    ]


def _blank_pages(revision: CaseRevision) -> list[str]:
    """Return the findings of blank pages: each is looked at and ticked."""
    return [finding["message"] for finding in revision.findings if finding["code"] == "BLANK_PAGE"]


def _leaves(
    facts: CaseFacts, components: Sequence[Component], orders: Mapping[int, tuple[Leaf, ...]]
) -> list[dict[str, Any]]:
    """Return every page of every file, in the order in which the volume will have them."""
    by_path = {(component.material_no, component.path): component for component in components}
    names = names_of(facts)
    rows = []
    for material in facts.materials:
        for leaf in orders.get(material.no) or natural(material, components):
            row = by_path[(material.no, material.files[leaf.file - 1])]
            named = {
                "id": row.id,
                "title": mask_text(material.type, names),
                "no": material.no,
                "type": row.media_type,
            }
            rows.append({**named, "file": leaf.file, "page": leaf.page, "turn": leaf.turn})
    return rows


def _first_in_question(revision: CaseRevision, leaves: Sequence[Mapping[str, Any]]) -> int:
    """Return the index of the first page of a material that a finding is about.

    That page is shown first; 0 when no finding needs a person.
    """
    places = {
        finding["place"] for finding in revision.findings if finding["outcome"] == Outcome.CONFIRM
    }
    places_in_question = [
        index for index, leaf in enumerate(leaves) if f"material {leaf['no']}" in places
    ]
    return places_in_question[0] if places_in_question else 0


@router.post("/checks/{case_no}/order")
def lay_pages(web: Web, user: LoggedIn, form: Posted, case_no: str) -> dict[str, int]:
    """Set the order of the pages of a material.

    Refused when another user set it after this page was drawn.
    """
    leaves = [
        Leaf(*map(int, leaf))
        for leaf in re.findall(r"(\d{1,4})\.(\d{1,4})\.(\d{1,3})(?:,|$)", form.get("leaves", ""))
    ]
    numbers = {name: form.get(name, "") for name in ("revision", "material", "edition")}
    if not leaves or not all(
        number.isdecimal() and len(number) < _DIGITS for number in numbers.values()
    ):
        raise BadFormError("页序无法读取，未作任何更改。", "请刷新页面后重新排列。")
    asked = {name: int(value) for name, value in numbers.items()}
    with writing(web.runtime.engine) as session:
        case = case_for(web, session, user, Act.CONFIRM, case_no)
        revision = open_revision(session, case)
        facts = CaseFacts.model_validate(revision.facts)
        material = next((entry for entry in facts.materials if entry.no == asked["material"]), None)
        if material is None or revision.revision != asked["revision"]:
            raise StaleError("该办件已有新的送达，您的调整未保存。", "请刷新页面后重新核对。")
        at = database_now(session)
        edition = lay_out(
            session,
            user.reader.account,
            revision,
            material,
            leaves,
            edition=asked["edition"],
            at=at,
        )
    return {"edition": edition}


@router.post("/checks/{case_no}/presence")
def presence(request: Request, web: Web, user: LoggedIn, form: Posted, case_no: str) -> Response:
    """Record that the user works on this case, and draw who else does."""
    del form
    subject = f"case:{case_no}"
    with writing(web.runtime.engine) as session:
        case_for(web, session, user, Act.CONFIRM, case_no)
        others = mark_present(session, user.reader.account, subject, at=database_now(session))
    return web.page(request, user, "presence.html", others=others, case_no=case_no)


@router.get("/checks/{case_no}/originals/{component}/{page}.jpg")
def check_image(
    web: Web,
    user: LoggedIn,
    case_no: str,
    component: int,
    page: int,
    look: Annotated[int, Query(ge=1)],
    small: Annotated[int, Query(ge=0, le=1)] = 0,
) -> Response:
    """Return one page of a file with its watermark, given the number of the user's own look.

    `small` is for the strip of thumbnails.
    """
    with reading(web.runtime.engine) as session:
        case = case_for(web, session, user, Act.CONFIRM, case_no)
        seen = find_look(session, user.reader, look, case_no, (LOOK,))
        row = session.get(Component, component)
    if row is None or row.case_id != case.id:
        raise RefusedError(Denial.NOT_HERE)
    return original_response(web, row.sha256, page, mark_of(web, user, seen), small=bool(small))


@router.get("/checks/{case_no}/compared/{material}/{page}.jpg")
def compared_image(
    web: Web,
    user: LoggedIn,
    case_no: str,
    material: int,
    page: int,
    look: Annotated[int, Query(ge=1)],
) -> Response:
    """Return an original and its page in the volume side by side, with the look's watermark."""
    with reading(web.runtime.engine) as session:
        case = case_for(web, session, user, Act.CONFIRM, case_no)
        seen = find_look(session, user.reader, look, case_no, (LOOK,))
        revision = waiting_revision(session, case)
        version = revision and compared_version(session, case.id, revision.revision)
    if not version or (material, page) not in kept_pairs(web.runtime.store, version):
        raise RefusedError(Denial.NOT_HERE)
    picture = web.runtime.store.read(pair_key(version, material, page))
    return image_response(web.images.kept_picture(picture, mark=mark_of(web, user, seen)))


@router.post("/checks/{case_no}")
def confirm_case(web: Web, user: LoggedIn, form: Posted, case_no: str) -> Response:
    """Confirm a case, and go on with the next one.

    Refused until each material and each blank page is ticked (R33), and when the case has changed
    in the meantime.
    """
    reason = form.get("reason", "").strip()
    with writing(web.runtime.engine) as session:
        case = case_for(web, session, user, Act.CONFIRM, case_no)
        revision = waiting_revision(session, case)
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
        ticked = [material.no for material in facts.materials if form.get(f"tick-{material.no}")]
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
        following = _next_waiting(web, session, user, case)
        confirm(
            session,
            user.reader,
            case_no=case_no,
            reason=reason,
            units=web.runtime.filing,
            ticked=ticked,
        )
        mark_left(session, user.reader.account, f"case:{case_no}")
    return RedirectResponse(f"/checks/{following.case_no}" if following else "/checks", 303)
