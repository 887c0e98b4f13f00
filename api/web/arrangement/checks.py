"""核对: the light table on which a case that waits is looked at.

The forms of the case lie beside its scans, with what is in doubt; what is sent is noted, since
only what was shown may be ticked. The acts are in `check_acts`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from api.http.daily import counted
from api.web.arrangement.lists import CASES, ELSEWHERE, RETURNED
from api.web.shell.listing import listed
from api.web.shell.lists import MOST_EXPORTED
from api.web.shell.page import (
    BadFormError,
    LoggedIn,
    PageRoute,
    Posted,
    User,
    Web,
    WebApp,
)
from api.web.shell.scope import (
    case_for,
    findings_of,
    item_name,
    note_look,
    reach_of,
    unit_of,
)
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.arrangement.page_order import (
    Leaf,
    StaleError,
    editions_of,
    lay_out,
    natural,
    orders_of,
)
from archive.audit.acts import JournalAct
from archive.checking.confirming import blank_pages
from archive.checking.seats import people_to_ask
from archive.checking.shown import pages_not_shown
from archive.compile.compared import compared_version, kept_pairs
from archive.database.engine import database_now, reading, writing
from archive.database.listing import ListPart
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.finding_aids.cases import (
    accepted_revision,
    cases_with_codes,
    components_of,
    is_numbered,
    revision_of,
    waiting_revision,
)
from archive.finding_aids.check_lists import (
    RETURNED_CASES,
    cases_on_desk,
    count_on_desk,
    named_holders,
    part_elsewhere,
    part_on_desk,
    returned_from,
    told_acts,
)
from archive.finding_aids.disclosure import disclosed
from archive.gathering.presence import mark_present
from archive.paper.access import Keeper
from archive.paper.page_checks import open_differences
from archive.reference.case_facts import CaseFacts
from archive.reference.check_terms import Desk, ReturnReason
from archive.reference.service_items import snapshot_materials
from archive.reference.vocabulary import CaseState, Outcome, SourceKind
from archive.usage.check_room import open_check
from archive.usage.looks import Purpose
from archive.usage.redaction import mask_text, names_of, shown_facts

router = APIRouter(route_class=PageRoute, include_in_schema=False)
LOOK = JournalAct.CHECK_LOOK
_DIGITS = 7
_SCANS = (SourceKind.SCANNED_PROOF, SourceKind.ONLINE_APPLICATION)
NOTHING: frozenset[str] = frozenset()
"""The reach of who files nothing: such readers see what they were asked to look at."""


@router.get("/checks")
def checks_page(request: Request, web: Web, user: LoggedIn, desk: Desk = Desk.ALL) -> Response:
    """List the cases that wait on a desk, the earliest completed first.

    It is there for who files cases, and for others while they are asked to look at some.
    """
    reach, rule = reach_of(web, user), web.runtime.settings.filing_rule
    organisations = web.runtime.organisations
    cases, returned_list, elsewhere_list = asked = [
        listed(request, organisations, shape) for shape in (CASES, RETURNED, ELSEWHERE)
    ]
    with reading(web.runtime.engine) as session:
        mine = user.reader, desk, reach if user.may(Act.CONFIRM) else NOTHING, rule
        total = count_on_desk(session, *mine)
        if not total:
            user.require(Act.CONFIRM)
        part = part_on_desk(session, *mine, cases.wanted)
        holders = named_holders(session, part.rows, organisations)
        elsewhere: ListPart[Case] = ListPart((), 0)
        returned: ListPart[Any] = ListPart((), 0)
        paper = 0
        if user.may(Act.CONFIRM):
            elsewhere = part_elsewhere(session, reach, rule, elsewhere_list.wanted)
            rows = returned_from(session, reach, rule, MOST_EXPORTED)
            returned = RETURNED_CASES.part(rows, returned_list.wanted)
            paper = len(open_differences(session, Keeper(user.reader, organisations)))
        findings = findings_of(web, session, user, part.rows)
    return web.page(
        request,
        user,
        "checks.html",
        status=max(listing.status for listing in asked),
        cases=cases.with_part(part),
        paper=paper,
        rows=[(case, item_name(web, case)) for case in part.rows],
        elsewhere=[(case, item_name(web, case), unit_of(web, case)) for case in elsewhere.rows],
        elsewhere_list=elsewhere_list.with_part(elsewhere),
        returned=[(entry, item_name(web, entry.case)) for entry in returned.rows],
        returned_list=returned_list.with_part(returned),
        holders=holders,
        findings=findings,
        desk=desk,
        desks=list(Desk),
        total=total,
    )


def next_waiting(web: WebApp, session: Session, user: User, case: Case) -> Case | None:
    """Return the case that is checked after this one."""
    waiting = cases_on_desk(
        session,
        user.reader,
        Desk.ALL,
        reach_of(web, user) if user.may(Act.CONFIRM) else NOTHING,
        web.runtime.settings.filing_rule,
        after=case,
        limit=1,
    )
    return waiting[0] if waiting else None


@router.get("/checks/{case_no}")
def check_page(request: Request, web: Web, user: LoggedIn, case_no: str) -> Response:
    """Draw one case on the light table, for who files it or was asked to look.

    The pages of a case that was accepted, but whose volume is not begun, may still be reordered.
    """
    organisations = web.runtime.organisations
    with counted(web.runtime, user.reader, Shown.CONTENT) as session:
        opened = open_check(session, user.reader, case_no, web.reference)
        case, revision = opened.case, open_revision(session, opened.case)
        others = _others(web, session, user, revision)
        look = _note_look(session, user, revision, case_no, others)
        following = next_waiting(web, session, user, case)
        version = compared_version(session, case.id, revision.revision)
        values = {
            "acts": told_acts(session, case, organisations),
            "people": people_to_ask(session, case, organisations),
            "holder": named_holders(session, [case], organisations).get(case.id, ""),
            "total": _count(web, session, user),
            "findings": disclosed(session, reach_of(web, user), revision.findings),
            **_table(session, user, case, revision),
        }
    return web.page(
        request,
        user,
        "check.html",
        case=case,
        item=item_name(web, case),
        unit=unit_of(web, case),
        revision=revision,
        decides=opened.decides,
        waiting=revision.state == CaseState.CONFIRM,
        others=others,
        pairs=kept_pairs(web.runtime.store, version) if version else [],
        reasons=list(ReturnReason),
        facts=shown_facts(CaseFacts.model_validate(revision.facts), organisations),
        look=look,
        following=following.case_no if following else None,
        **values,
    )


def _count(web: WebApp, session: Session, user: User) -> int:
    """Count what waits on the user's desk."""
    reach = reach_of(web, user) if user.may(Act.CONFIRM) else NOTHING
    return count_on_desk(session, user.reader, Desk.ALL, reach, web.runtime.settings.filing_rule)


def _note_look(
    session: Session, user: User, revision: CaseRevision, case_no: str, others: Mapping[str, str]
) -> int:
    """Journal the look and return its number; a page of another case may stand beside one."""
    compared = {str(row.get("other_case")) for row in revision.findings if row.get("pair")}
    shown = sorted(compared & set(others))
    look = note_look(
        session,
        user,
        LOOK,
        case_no,
        purpose=Purpose.CHECK,
        revision=revision.revision,
        **({"compared": shown} if shown else {}),
    )
    return look.number


def _table(session: Session, user: User, case: Case, revision: CaseRevision) -> dict[str, Any]:
    """Return what lies on the table: materials, forms, pages, and what was seen of them."""
    components = components_of(session, case, revision.revision)
    orders = orders_of(session, case.id, revision.revision)
    editions = editions_of(session, case.id, revision.revision)
    unseen = pages_not_shown(session, revision, user.reader.account)
    facts = CaseFacts.model_validate(revision.facts)
    leaves = _leaves(facts, components, orders, unseen)
    return {
        "materials": _materials(facts, leaves, editions, unseen),
        "lacking": _lacking(revision, facts),
        "blanks": blank_pages(revision),
        "seen": sum(editions.values()),
        "leaves": leaves,
        "here": _first_in_question(revision, leaves),
    }


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
    """Return the revision that waits, or was returned, else the newest without a volume.

    Raises BadFormError when there is none.
    """
    waiting = waiting_revision(session, case)
    if waiting is not None:
        return waiting
    if case.state == CaseState.RETURNED:
        return revision_of(session, case, case.revision)
    newest = accepted_revision(session, case)
    if newest is None or is_numbered(session, case):
        raise BadFormError("该办件已核对并开始组卷。", "请回到核对列表。")
    return newest


def _materials(
    facts: CaseFacts,
    leaves: Sequence[Mapping[str, Any]],
    editions: Mapping[int, int],
    unseen: Mapping[int, Any],
) -> list[dict[str, Any]]:
    """Return every material that came, to be ticked one by one once it was shown (R33)."""
    pages, names = Counter(int(leaf["no"]) for leaf in leaves), names_of(facts)
    return [
        {
            "no": material.no,
            "title": mask_text(material.type, names),
            "source": material.source,
            "pages": pages.get(material.no, 0) or material.pages,
            "form": material.form,
            "edition": editions.get(material.no, 0),
            "shown": material.no not in unseen,
            "scan": material.source in _SCANS,
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


def _leaves(
    facts: CaseFacts,
    components: Sequence[Component],
    orders: Mapping[int, tuple[Leaf, ...]],
    unseen: Mapping[int, set[tuple[int, int]]],
) -> list[dict[str, Any]]:
    """Return every page of every file, in the order in which the volume will have them."""
    by_path = {(component.material_no, component.path): component for component in components}
    names = names_of(facts)
    return [
        {
            "id": row.id,
            "title": mask_text(material.type, names),
            "no": material.no,
            "file": leaf.file,
            "page": leaf.page,
            "turn": leaf.turn,
            "scan": material.source in _SCANS,
            "shown": (row.id, leaf.page) not in unseen.get(material.no, ()),
        }
        for material in facts.materials
        for leaf in orders.get(material.no) or natural(material, components)
        for row in [by_path[(material.no, material.files[leaf.file - 1])]]
    ]


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
        open_check(session, user.reader, case_no, web.reference)
        others = mark_present(session, user.reader.account, subject, at=database_now(session))
    return web.page(request, user, "presence.html", others=others, case_no=case_no)
