"""阅览: one volume with its pages, contents, seal in plain words, history and accesses.

Every access is journalled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from api.web.shell.page import HEADERS, LoggedIn, PageRoute, RefusedError, Web, WebApp
from api.web.shell.scope import (
    OpenedPage,
    access_mark,
    decided,
    hidden,
    item_name,
    note_look,
    open_volume,
    original_response,
    require_look,
)
from archive.administration.policy import Act, Denial
from archive.arrangement.plan import PlannedItem, plan_volume
from archive.audit.acts import JournalAct
from archive.audit.entries import entries_about
from archive.database.engine import database_now, reading, writing
from archive.database.tables_cases import CaseRevision, Component
from archive.finding_aids.cases import components_of, revision_of
from archive.finding_aids.volume_lists import versions_of
from archive.inspection.report import report
from archive.inspection.table import Phase
from archive.jobs.leases import all_recorded
from archive.preservation.verify import followed_at
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode
from archive.reference.local_time import local_time
from archive.reference.objects import OriginalObject
from archive.reference.vocabulary import VolumeState
from archive.signing.validation import read_signature
from archive.usage.redaction import shown_facts
from archive.usage.requests import grants_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
LOOKS = (JournalAct.VIEW, JournalAct.VIEW_PAGES, JournalAct.VIEW_ORIGINAL, JournalAct.VIEW_PLAIN)
_SHOWN = 12
Look = Annotated[int, Query(ge=1)]
Usage = Annotated[str, Query(max_length=24)]


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
    request: Request, web: Web, user: LoggedIn, code: str, v: int | None = None, usage: Usage = ""
) -> Response:
    """Draw a volume; without the right to see pages, what the volume is.

    `v` is a version, `usage` the number of the grant that the user reads under, if any.
    """
    with writing(web.runtime.engine) as session:
        opened = open_volume(web, session, user, Act.VIEW, code, v, usage)
        pages = decided(web, session, user, Act.VIEW_PAGES, opened.record, usage)
        shown = opened.version is not None and pages.allowed
        number = opened.version.version if opened.version else None
        look = note_look(
            session,
            user,
            JournalAct.VIEW_PAGES if shown else JournalAct.VIEW,
            code,
            version=number,
            usage=opened.usage,
        )
        grants = [grant for grant in grants_of(session, user.reader.account) if grant.code == code]
        decided_plain = decided(web, session, user, Act.VIEW_PLAIN, opened.record, usage).allowed
        now = database_now(session)
        values = _volume_values(web, session, opened)
    facts = CaseFacts.model_validate(opened.case.facts)
    return web.page(
        request,
        user,
        "room.html",
        opened=opened,
        item=item_name(web, opened.case),
        look=look,
        shown=shown,
        denial=pages.denial,
        usage=opened.usage,
        plain=decided_plain,
        grants=grants,
        mark=access_mark(user, local_time(now)),
        process=[(step, hidden(step.opinion, facts)) for step in facts.process],
        **values,
    )


def _volume_values(web: WebApp, session: Session, opened: OpenedPage) -> dict[str, Any]:
    """Return what is shown beside the pages."""
    facts = CaseFacts.model_validate(opened.case.facts)
    versions = versions_of(session, opened.volume)
    looks = entries_about(session, opened.volume.code, LOOKS, limit=_SHOWN)
    contents: list[dict[str, Any]] = []
    proof: dict[str, Any] = {}
    findings: list[Any] = opened.case.findings
    if opened.version is not None:
        steps = all_recorded(session, opened.version)
        contents = [
            {**item, "title": hidden(item["title"], facts)}
            for item in steps[VolumeState.COMPILED]["contents"]
        ]
        proof = steps[VolumeState.PROVED]
        findings = _revision(session, opened).findings
        originals = _originals(web, session, opened)
        contents = [{**item, "originals": len(originals.get(item["no"], ()))} for item in contents]
    return {
        "versions": versions,
        "looks": looks,
        "contents": contents,
        "proof": proof,
        "findings": findings,
        "report": report(findings, Phase.GD),
    }


def _revision(session: Session, opened: OpenedPage) -> CaseRevision:
    if opened.version is None:
        raise RefusedError(Denial.STATE)
    return revision_of(session, opened.case, opened.version.case_revision)


def _originals(web: WebApp, session: Session, opened: OpenedPage) -> dict[int, list[Original]]:
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


@router.get("/volumes/{code}/v{number}/pages/{page}.webp")
def page_image(web: Web, user: LoggedIn, code: str, number: int, page: int, look: Look) -> Response:
    """Return one page as WebP, given the number of the user's own look."""
    with reading(web.runtime.engine) as session:
        usage = require_look(session, user, look, code, LOOKS)
        opened = open_volume(web, session, user, Act.VIEW_PAGES, code, number, usage)
    digest = opened.version.sha256 if opened.version and opened.version.sha256 else ""
    store, key = web.runtime.store, f"{opened.prefix}/volume.pdf"
    image = web.images.volume_page(digest, page, lambda: store.read(key, sha256=digest))
    return Response(image, media_type="image/webp", headers=HEADERS)


@router.get("/volumes/{code}/v{number}/items/{no}/originals")
def originals(
    request: Request, web: Web, user: LoggedIn, code: str, number: int, no: int, usage: Usage = ""
) -> Response:
    """Draw the untouched originals of one item, shown beside the page."""
    with writing(web.runtime.engine) as session:
        opened = open_volume(web, session, user, Act.VIEW_PAGES, code, number, usage)
        originals_of_item = _originals(web, session, opened).get(no, [])
        look = note_look(
            session,
            user,
            JournalAct.VIEW_ORIGINAL,
            code,
            version=number,
            item=no,
            usage=opened.usage,
        )
        mark = access_mark(user, local_time(database_now(session)))
    return web.page(
        request,
        user,
        "originals.html",
        originals=originals_of_item,
        base=f"/volumes/{code}/originals",
        look=look,
        mark=mark,
        no=no,
    )


@router.get("/volumes/{code}/originals/{component}/{page}.webp")
def original_image(
    web: Web, user: LoggedIn, code: str, component: int, page: int, look: Look
) -> Response:
    """Return one page of an original as WebP, drawn outside this process."""
    with reading(web.runtime.engine) as session:
        usage = require_look(session, user, look, code, (JournalAct.VIEW_ORIGINAL,))
        opened = open_volume(web, session, user, Act.VIEW_PAGES, code, usage=usage)
        row = session.get(Component, component)
    if row is None or row.case_id != opened.case.id:
        raise RefusedError(Denial.NOT_HERE)
    return original_response(web, row, page)


@router.get("/volumes/{code}/v{number}/signature")
def signature(
    request: Request, web: Web, user: LoggedIn, code: str, number: int, usage: Usage = ""
) -> Response:
    """Validate the seal now from the bytes in the store, and draw it in plain words."""
    with reading(web.runtime.engine) as session:
        opened = open_volume(web, session, user, Act.VIEW, code, number, usage)
        trust = web.trust.at(followed_at(session, opened.version) if opened.version else None)
    digest = opened.version.sha256 if opened.version else None
    report = read_signature(
        web.runtime.store.read(f"{opened.prefix}/volume.pdf", sha256=digest), trust
    )
    return web.page(request, user, "signature.html", report=report, opened=opened)


@router.get("/volumes/{code}/contents")
def printed_contents(
    request: Request, web: Web, user: LoggedIn, code: str, usage: Usage = ""
) -> Response:
    """Draw the 卷内目录, laid out for paper."""
    with writing(web.runtime.engine) as session:
        opened = open_volume(web, session, user, Act.VIEW, code, usage=usage)
        note_look(session, user, JournalAct.VIEW, code, sheet="contents", usage=opened.usage)
        values = _volume_values(web, session, opened)
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


@router.get("/volumes/{code}/plain")
def plain(request: Request, web: Web, user: LoggedIn, code: str, usage: Usage) -> Response:
    """Draw the people of a case in plain, as far as the grant reaches; journalled.

    Without a grant it is refused.
    """
    with writing(web.runtime.engine) as session:
        opened = open_volume(web, session, user, Act.VIEW_PLAIN, code, usage=usage)
        grant = opened.decision.grant
        if grant is None:
            raise RefusedError(Denial.NEEDS_GRANT)
        note_look(session, user, JournalAct.VIEW_PLAIN, code, usage=grant.number)
    facts = shown_facts(
        CaseFacts.model_validate(opened.case.facts), web.runtime.organisations, grant.fields
    )
    return web.page(request, user, "plain.html", facts=facts, grant=grant)
