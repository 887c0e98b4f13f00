"""阅览: one volume with its pages, its contents, its seal in plain words, its life, and who looked. Every look stands in the journal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.web.shell.page import HEADERS, At, PageRoute, RefusedError, Seated, WebApp
from api.web.shell.scope import (
    OpenedPage,
    decided,
    hidden,
    item_name,
    note_look,
    open_volume,
    original_response,
    require_look,
    seat_mark,
)
from archive.administration.policy import Act, Denial
from archive.arrangement.plan import PlannedItem, plan_volume
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import CaseRevision, Component
from archive.database.tables_volumes import VolumeVersion
from archive.inspection.report import report
from archive.inspection.table import Phase
from archive.jobs.version_steps import all_recorded
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
    """An untouched original of an item: how it is asked for, and what it is."""

    id: int
    sha256: str
    media_type: str
    size: int
    pages: int


@router.get("/volumes/{code}")
def room_page(
    request: Request, desk: At, seat: Seated, code: str, v: int | None = None, usage: Usage = ""
) -> Response:
    """The reading room. Who may not see pages still sees what the volume is; `usage` is the grant that he reads under, if any."""
    with writing(desk.runtime.engine) as session:
        opened = open_volume(desk, session, seat, Act.VIEW, code, v, usage)
        pages = decided(desk, session, seat, Act.VIEW_PAGES, opened.record, usage)
        shown = opened.version is not None and pages.allowed
        number = opened.version.version if opened.version else None
        look = note_look(
            session,
            seat,
            JournalAct.VIEW_PAGES if shown else JournalAct.VIEW,
            code,
            version=number,
            usage=opened.usage,
        )
        held = [one for one in grants_of(session, seat.reader.account) if one.code == code]
        decided_plain = decided(desk, session, seat, Act.VIEW_PLAIN, opened.record, usage).allowed
        now = database_now(session)
        values = _room(desk, session, opened)
    facts = CaseFacts.model_validate(opened.case.facts)
    return desk.page(
        request,
        seat,
        "room.html",
        opened=opened,
        item=item_name(desk, opened.case),
        look=look,
        shown=shown,
        denial=pages.denial,
        usage=opened.usage,
        plain=decided_plain,
        grants=held,
        mark=seat_mark(seat, local_time(now)),
        process=[(one, hidden(one.opinion, facts)) for one in facts.process],
        **values,
    )


def _room(desk: WebApp, session: Session, opened: OpenedPage) -> dict[str, Any]:
    """What stands beside the pages."""
    facts = CaseFacts.model_validate(opened.case.facts)
    versions = session.scalars(
        select(VolumeVersion)
        .filter_by(volume_id=opened.volume.id)
        .order_by(VolumeVersion.version.desc())
    ).all()
    looks = session.scalars(
        select(JournalEntry)
        .where(JournalEntry.subject == opened.volume.code, JournalEntry.act.in_(LOOKS))
        .order_by(JournalEntry.seq.desc())
        .limit(_SHOWN)
    ).all()
    contents: list[dict[str, Any]] = []
    proof: dict[str, Any] = {}
    findings: list[Any] = opened.case.findings
    if opened.version is not None:
        steps = all_recorded(session, opened.version)
        contents = [
            {**one, "title": hidden(one["title"], facts)}
            for one in steps[VolumeState.COMPILED]["contents"]
        ]
        proof = steps[VolumeState.PROVED]
        findings = _revision(session, opened).findings
        held = _originals(desk, session, opened)
        contents = [{**one, "originals": len(held.get(one["no"], ()))} for one in contents]
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
    return session.scalars(
        select(CaseRevision).filter_by(
            case_id=opened.case.id, revision=opened.version.case_revision
        )
    ).one()


def _originals(desk: WebApp, session: Session, opened: OpenedPage) -> dict[int, list[Original]]:
    """The originals of each item of the contents, by the same plan that made the volume."""
    revision = _revision(session, opened)
    held = session.scalars(
        select(Component)
        .filter_by(case_id=opened.case.id, revision=revision.revision)
        .order_by(Component.path)
    ).all()
    facts = CaseFacts.model_validate(revision.facts)
    objects = [
        OriginalObject(one.material_no, one.path, one.sha256, one.size, one.media_type, one.pages)
        for one in held
    ]
    item = desk.runtime.catalogue.get(facts.item.code, facts.item.version)
    plan = plan_volume(
        facts, item, ArchivalCode.parse(opened.volume.code), objects, desk.runtime.organisations
    )
    return {one.no: _of_item(one, held) for one in plan.items}


def _of_item(item: PlannedItem, held: Sequence[Component]) -> list[Original]:
    by_path = {one.path: one for one in held}
    return [
        Original(row.id, row.sha256, row.media_type, row.size, max(row.pages, 1))
        for one in item.objects
        if (row := by_path.get(one.path))
    ]


@router.get("/volumes/{code}/v{number}/pages/{page}.webp")
def page_image(desk: At, seat: Seated, code: str, number: int, page: int, look: Look) -> Response:
    """One page, for whoever bears the number of his own look."""
    with reading(desk.runtime.engine) as session:
        usage = require_look(session, seat, look, code, LOOKS)
        opened = open_volume(desk, session, seat, Act.VIEW_PAGES, code, number, usage)
    digest = opened.version.sha256 if opened.version and opened.version.sha256 else ""
    store, key = desk.runtime.store, f"{opened.prefix}/volume.pdf"
    image = desk.images.volume_page(digest, page, lambda: store.read(key, sha256=digest))
    return Response(image, media_type="image/webp", headers=HEADERS)


@router.get("/volumes/{code}/v{number}/items/{no}/originals")
def originals(
    request: Request, desk: At, seat: Seated, code: str, number: int, no: int, usage: Usage = ""
) -> Response:
    """The untouched originals of one item, to lie beside the page."""
    with writing(desk.runtime.engine) as session:
        opened = open_volume(desk, session, seat, Act.VIEW_PAGES, code, number, usage)
        found = _originals(desk, session, opened).get(no, [])
        look = note_look(
            session,
            seat,
            JournalAct.VIEW_ORIGINAL,
            code,
            version=number,
            item=no,
            usage=opened.usage,
        )
        mark = seat_mark(seat, local_time(database_now(session)))
    return desk.page(
        request,
        seat,
        "originals.html",
        originals=found,
        base=f"/volumes/{code}/originals",
        look=look,
        mark=mark,
        no=no,
    )


@router.get("/volumes/{code}/originals/{component}/{page}.webp")
def original_image(
    desk: At, seat: Seated, code: str, component: int, page: int, look: Look
) -> Response:
    """One page of an original, drawn outside this process."""
    with reading(desk.runtime.engine) as session:
        usage = require_look(session, seat, look, code, (JournalAct.VIEW_ORIGINAL,))
        opened = open_volume(desk, session, seat, Act.VIEW_PAGES, code, usage=usage)
        row = session.get(Component, component)
    if row is None or row.case_id != opened.case.id:
        raise RefusedError(Denial.NOT_HERE)
    return original_response(desk, row, page)


@router.get("/volumes/{code}/v{number}/signature")
def signature(
    request: Request, desk: At, seat: Seated, code: str, number: int, usage: Usage = ""
) -> Response:
    """The seal, validated now from the bytes in the store, in plain words."""
    with reading(desk.runtime.engine) as session:
        opened = open_volume(desk, session, seat, Act.VIEW, code, number, usage)
        trust = desk.trust.at(followed_at(session, opened.version) if opened.version else None)
    digest = opened.version.sha256 if opened.version else None
    report = read_signature(
        desk.runtime.store.read(f"{opened.prefix}/volume.pdf", sha256=digest), trust
    )
    return desk.page(request, seat, "signature.html", report=report, opened=opened)


@router.get("/volumes/{code}/contents")
def printed_contents(
    request: Request, desk: At, seat: Seated, code: str, usage: Usage = ""
) -> Response:
    """卷内目录, laid out for paper."""
    with writing(desk.runtime.engine) as session:
        opened = open_volume(desk, session, seat, Act.VIEW, code, usage=usage)
        note_look(session, seat, JournalAct.VIEW, code, sheet="contents", usage=opened.usage)
        values = _room(desk, session, opened)
    unit = desk.org(opened.volume.filing_org)
    return desk.page(
        request,
        seat,
        "print_contents.html",
        opened=opened,
        unit=unit,
        item=item_name(desk, opened.case),
        **values,
    )


@router.get("/volumes/{code}/plain")
def plain(request: Request, desk: At, seat: Seated, code: str, usage: Usage) -> Response:
    """The people of a case in plain, as far as the grant reaches; only under a grant, and journalled."""
    with writing(desk.runtime.engine) as session:
        opened = open_volume(desk, session, seat, Act.VIEW_PLAIN, code, usage=usage)
        grant = opened.decision.grant
        if grant is None:
            raise RefusedError(Denial.NEEDS_GRANT)
        note_look(session, seat, JournalAct.VIEW_PLAIN, code, usage=grant.number)
    facts = shown_facts(
        CaseFacts.model_validate(opened.case.facts), desk.runtime.organisations, grant.fields
    )
    return desk.page(request, seat, "plain.html", facts=facts, grant=grant)
