"""阅览: one volume with its pages, contents, seal in plain words, history and accesses.

Every access is journalled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api.http.daily import count_content, counted
from api.web.holdings.hits import place_of
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from api.web.shell.scope import (
    consult,
    context_of,
    image_response,
    item_name,
    look_again,
    mark_of,
    original_response,
    reach_of,
)
from api.web.shell.served import HEADERS
from archive.administration.daily_use import Shown
from archive.administration.policy import Act, Denial
from archive.arrangement.plan import PlannedItem, plan_volume
from archive.audit.acts import JournalAct
from archive.audit.entries import entries_about
from archive.checking.acts import decisions_of, last_decision
from archive.compile.planned import planned_version
from archive.database.engine import reading
from archive.database.tables_cases import CaseRevision, Component
from archive.finding_aids.cases import components_of, revision_of
from archive.finding_aids.disclosure import disclosed
from archive.finding_aids.people import people_in
from archive.finding_aids.volume_lists import versions_of
from archive.inspection.report import report
from archive.inspection.table import Phase
from archive.jobs.version_steps import all_recorded
from archive.paper.listing import loans_of_volume, paper_of_volumes
from archive.paper.loans import loan_number
from archive.reference.case_facts import CaseFacts
from archive.reference.citizen_id import mask_name
from archive.reference.codes import ArchivalCode
from archive.reference.objects import OriginalObject
from archive.reference.vocabulary import VolumeState
from archive.usage.looks import DeniedError, Purpose, purposes_of, stated_purpose
from archive.usage.reading_room import (
    OpenedVolume,
    check_signature,
    decision_on,
    journal_opened,
    open_volume,
    read_volume,
    state_purpose,
)
from archive.usage.redaction import mask_text, names_of, shown_facts
from archive.usage.requests import grants_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
LOOKS = (JournalAct.VIEW, JournalAct.VIEW_PAGES, JournalAct.VIEW_ORIGINAL, JournalAct.VIEW_PLAIN)
_PAGES = (JournalAct.VIEW_PAGES,)
_SHOWN = 12
Look = Annotated[int, Query(ge=1)]
Usage = Annotated[str, Query(max_length=24)]
Hits = Annotated[str, Query(max_length=32)]


@dataclass(frozen=True, slots=True)
class Original:
    """An untouched original of an item: its id and digest, its type, size and pages."""

    id: int
    sha256: str
    media_type: str
    size: int
    pages: int


@router.get("/volumes/{code}")
def volume_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    code: str,
    v: int | None = None,
    usage: Usage = "",
    hits: Hits = "",
) -> Response:
    """Draw a volume; without the right to see pages, what the volume is.

    `v` is a version, `usage` the number of the grant that the user reads under, if any, `hits` the
    kept search that led there.
    """
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        opened = open_volume(session, user.reader, Act.VIEW, code, web.reference, usage, version=v)
        pages, plain, download, certify = (
            decision_on(session, user.reader, act, opened.record, web.reference, usage)
            for act in (Act.VIEW_PAGES, Act.VIEW_PLAIN, Act.DOWNLOAD, Act.CERTIFY)
        )
        purpose = (
            Purpose.USE if pages.grant else stated_purpose(session, user.reader, opened.volume.code)
        )
        may_see = opened.version is not None and pages.allowed
        shown = may_see and purpose is not None
        if shown:
            count_content(session, web.runtime, user.reader)
        what = JournalAct.VIEW_PAGES if shown else JournalAct.VIEW
        context = context_of(user, usage, purpose if shown else None)
        look = journal_opened(session, user.reader, opened, context, what=what)
        granted = grants_of(session, user.reader.account)
        values = _volume_values(web, session, user, opened)
        among = place_of(session, user, hits, opened.volume.code) if hits else None
    facts = CaseFacts.model_validate(opened.case.facts)
    names = names_of(facts)
    return web.page(
        request,
        user,
        "room.html",
        opened=opened,
        item=item_name(web, opened.case),
        look=look.number,
        shown=shown,
        denial=pages.denial,
        purpose=purpose,
        purposes=purposes_of(user.reader) if may_see and not shown else (),
        asked_again={"v": v or "", "usage": usage, "hits": hits},
        usage=opened.usage,
        plain=plain.allowed,
        download=download.allowed and (shown or download.grant is not None),
        certify=certify.allowed and certify.grant is not None,
        among=among,
        people=_people(opened),
        grants=[grant for grant in granted if grant.code == opened.volume.code],
        process=[(step, mask_text(step.opinion, names)) for step in facts.process],
        **values,
    )


def _people(opened: OpenedVolume) -> list[tuple[int, str]]:
    """Return place and masked name of the people whom the user may look up in other volumes."""
    return [
        (place, mask_name(name))
        for place, (name, number) in enumerate(people_in(opened.case.facts))
        if number and opened.usage is None
    ]


@router.post("/volumes/{code}/purpose")
def purpose_page(web: Web, user: LoggedIn, form: Posted, code: str) -> Response:
    """Take what the user looks at the pages of this volume for today, and open them."""
    stated = form.get("purpose", "")
    if stated not in set(Purpose):
        raise BadFormError("没有选定查阅目的。", "请选定一项后再看页面。")
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        opened = state_purpose(session, user.reader, code, Purpose(stated), web.reference)
    more = {key: form[key] for key in ("v", "usage", "hits") if form.get(key)}
    query = f"?{urlencode(more)}" if more else ""
    return RedirectResponse(f"/volumes/{opened.volume.code}{query}", 303)


@router.get("/volumes/{code}/file")
def volume_file(web: Web, user: LoggedIn, code: str, usage: Usage = "") -> Response:
    """Return the sealed file as it was archived, to whom the policy lets take it along."""
    with counted(web.runtime, user.reader, Shown.CONTENT) as session:
        what = JournalAct.DOWNLOAD
        opened, _ = consult(web, session, user, Act.DOWNLOAD, code, what, usage=usage)
    name = opened.volume.code.replace("·", ".")
    named = {"Content-Disposition": f'attachment; filename="{name}.pdf"'}
    pdf = read_volume(web.runtime.store, opened)
    return Response(pdf, media_type="application/pdf", headers={**HEADERS, **named})


def _volume_values(
    web: WebApp, session: Session, user: User, opened: OpenedVolume
) -> dict[str, Any]:
    """Return what is shown beside the pages."""
    names = names_of(CaseFacts.model_validate(opened.case.facts))
    versions = versions_of(session, opened.volume)
    looks = entries_about(session, opened.volume.code, LOOKS, limit=_SHOWN)
    contents: list[dict[str, Any]] = []
    notes: list[tuple[int, str]] = []
    proof: dict[str, Any] = {}
    findings: list[Any] = opened.case.findings
    decisions = decisions_of(
        session,
        opened.case.id,
        opened.version.case_revision if opened.version else opened.case.revision,
    )
    if opened.version is not None:
        steps = all_recorded(session, opened.version)
        contents = [
            {**item, "title": mask_text(item["title"], names)}
            for item in steps[VolumeState.COMPILED]["contents"]
        ]
        # Versions of before they were recorded have none.
        conversions = steps[VolumeState.COMPILED].get("conversions", [])
        notes = [
            (conversion["item"], mask_text(note, names))
            for conversion in conversions
            for note in conversion["notes"]
        ]
        proof = steps[VolumeState.PROVED]
        findings = _revision(session, opened).findings
        originals = _originals(web, session, opened)
        contents = [{**item, "originals": len(originals.get(item["no"], ()))} for item in contents]
    findings = disclosed(session, reach_of(web, user), findings)
    return {
        "versions": versions,
        "looks": looks,
        "contents": contents,
        "notes": notes,
        "proof": proof,
        "findings": [
            {**row, "decision": last_decision(decisions, row["code"])} for row in findings
        ],
        "report": report(findings, Phase.GD),
        "papers": paper_of_volumes(session, [opened.volume.code]).get(opened.volume.code, []),
        "loans": [
            {"number": loan_number(row.loan), "loan": row.loan, "overdue": row.overdue}
            for row in loans_of_volume(session, opened.volume.code)[:_SHOWN]
        ],
    }


def _revision(session: Session, opened: OpenedVolume) -> CaseRevision:
    if opened.version is None:
        raise DeniedError(Denial.STATE)
    return revision_of(session, opened.case, opened.version.case_revision)


def _originals(web: WebApp, session: Session, opened: OpenedVolume) -> dict[int, list[Original]]:
    """Return the originals of each item, by the same plan that made the volume."""
    revision = _revision(session, opened)
    components = components_of(session, opened.case, revision.revision)
    facts = CaseFacts.model_validate(revision.facts)
    objects = [
        OriginalObject(
            component.material_no,
            component.path,
            component.sha256,
            component.size,
            component.media_type,
            component.pages,
        )
        for component in components
    ]
    item = web.runtime.catalogue.get(facts.item.code, facts.item.version)
    plan = plan_volume(
        facts, item, ArchivalCode.parse(opened.volume.code), objects, web.runtime.organisations
    )
    return {item.no: _of_item(item, components) for item in plan.items}


def _of_item(item: PlannedItem, components: Sequence[Component]) -> list[Original]:
    by_path = {component.path: component for component in components}
    return [
        Original(row.id, row.sha256, row.media_type, row.size, max(row.pages, 1))
        for planned in item.objects
        if (row := by_path.get(planned.path))
    ]


@router.get("/volumes/{code}/v{number}/pages/{page}.jpg")
def page_image(web: Web, user: LoggedIn, code: str, number: int, page: int, look: Look) -> Response:
    """Return one page with its watermark, given the number of the user's own look."""
    with reading(web.runtime.engine) as session:
        opened, seen = look_again(web, session, user, look, code, _PAGES, number=number)
    picture = web.images.volume_page(
        opened.digest or "",
        page,
        lambda: read_volume(web.runtime.store, opened),
        mark=mark_of(web, user, seen),
    )
    return image_response(picture)


@router.get("/volumes/{code}/v{number}/items/{no}/originals")
def originals(
    request: Request, web: Web, user: LoggedIn, code: str, number: int, no: int, usage: Usage = ""
) -> Response:
    """Draw the untouched originals of one item, shown beside the page."""
    what = JournalAct.VIEW_ORIGINAL
    with counted(web.runtime, user.reader, Shown.CONTENT) as session:
        opened, look = consult(
            web, session, user, Act.VIEW_PAGES, code, what, number=number, usage=usage, item=no
        )
        originals_of_item = _originals(web, session, opened).get(no, [])
    return web.page(
        request,
        user,
        "originals.html",
        originals=originals_of_item,
        base=f"/volumes/{opened.volume.code}/originals",
        look=look.number,
        no=no,
    )


@router.get("/volumes/{code}/originals/{component}/{page}.jpg")
def original_image(
    web: Web, user: LoggedIn, code: str, component: int, page: int, look: Look
) -> Response:
    """Return one page of an original with its watermark, drawn outside this process.

    The original is one of the item that was looked at, in that version: the journal names no other.
    """
    with reading(web.runtime.engine) as session:
        opened, seen = look_again(web, session, user, look, code, (JournalAct.VIEW_ORIGINAL,))
        of_item = _originals(web, session, opened).get(seen.shown.get("item", 0), [])
    shown = next((original for original in of_item if original.id == component), None)
    if shown is None:
        raise DeniedError(Denial.NOT_HERE)
    return original_response(web, shown.sha256, page, mark_of(web, user, seen))


@router.get("/volumes/{code}/v{number}/signature")
def signature(
    request: Request, web: Web, user: LoggedIn, code: str, number: int, usage: Usage = ""
) -> Response:
    """Validate the seal now from the bytes in the store, and draw it in plain words."""
    what = JournalAct.CHECK_SIGNATURE
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        opened, _ = consult(web, session, user, Act.VIEW, code, what, number=number, usage=usage)
    report = check_signature(web.runtime.store, opened, web.trust)
    return web.page(request, user, "signature.html", report=report, opened=opened)


@router.get("/volumes/{code}/contents")
def printed_contents(
    request: Request, web: Web, user: LoggedIn, code: str, usage: Usage = ""
) -> Response:
    """Draw the 卷内目录, laid out for paper."""
    what = JournalAct.VIEW
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        opened, _ = consult(web, session, user, Act.VIEW, code, what, usage=usage, sheet="contents")
        values = _volume_values(web, session, user, opened)
        values["contents"] = _contents(web, session, opened, values["contents"])
    unit = web.org(opened.volume.filing_org)
    return web.page(
        request,
        user,
        "print_contents.html",
        opened=opened,
        unit=unit,
        item=item_name(web, opened.case),
        **values,
    )


def _contents(
    web: WebApp, session: Session, opened: OpenedVolume, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the lines of the 卷内目录 with the columns of the sealed one (DA/T 22)."""
    if opened.version is None:
        return rows
    runtime = web.runtime
    planned = planned_version(
        session, opened.volume, opened.version, runtime.catalogue, runtime.organisations
    )
    items = {item.no: item for item in planned.plan.items}
    return [
        {
            **row,
            "number": items[row["no"]].number,
            "responsible": items[row["no"]].responsible,
            "date": items[row["no"]].date,
        }
        for row in rows
    ]


@router.get("/volumes/{code}/plain")
def plain(request: Request, web: Web, user: LoggedIn, code: str, usage: Usage) -> Response:
    """Draw the people of a case in plain, as far as the grant reaches; journalled.

    Without a grant it is refused.
    """
    with counted(web.runtime, user.reader, Shown.CONTENT) as session:
        opened, _ = consult(
            web, session, user, Act.VIEW_PLAIN, code, JournalAct.VIEW_PLAIN, usage=usage
        )
        grant = opened.decision.grant
        if grant is None:
            raise DeniedError(Denial.NEEDS_GRANT)
    facts = shown_facts(
        CaseFacts.model_validate(opened.case.facts), web.runtime.organisations, grant.fields
    )
    return web.page(request, user, "plain.html", facts=facts, grant=grant)
