"""核对: what is sent of a case on the light table, and noted as shown: pages, forms, doubts."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from api.http.page_cache import WIDTH
from api.web.arrangement.checks import LOOK, open_revision
from api.web.shell.page import LoggedIn, PageRoute, RefusedError, User, Web, WebApp
from api.web.shell.scope import image_response, mark_of, original_response
from archive.administration.policy import Denial
from archive.arrangement.plan import form_sheet
from archive.checking.shown import FORM, note_shown
from archive.compile.compared import compared_version, kept_pairs, pair_key
from archive.compile.form_picture import form_picture
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.finding_aids.cases import components_of, waiting_revision
from archive.recognition.page_texts import texts_of
from archive.reference.case_facts import CaseFacts
from archive.reference.citizen_id import mask, mask_name
from archive.usage.check_room import open_check
from archive.usage.looks import Look, find_look
from ingest.intake.doubts import Doubt, doubts_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Number = Annotated[int, Query(ge=1)]
_DOUBTED = "CERT_TEXT"


def _seen(
    web: WebApp, session: Session, user: User, case_no: str, look: int
) -> tuple[CaseRevision, Look]:
    """Return the open revision of a case, and the user's own look at it. Raises DeniedError."""
    case = open_check(session, user.reader, case_no, web.reference).case
    return open_revision(session, case), find_look(session, user.reader, look, case_no, (LOOK,))


@router.get("/checks/{case_no}/originals/{component}/{page}.jpg")
def check_image(
    web: Web,
    user: LoggedIn,
    case_no: str,
    component: int,
    page: int,
    look: Number,
    small: Annotated[int, Query(ge=0, le=1)] = 0,
) -> Response:
    """Return one page of a file with its watermark, given the number of the user's own look.

    In full size it is noted as shown; `small` is for the strip of thumbnails.
    """
    with reading(web.runtime.engine) as session:
        revision, seen = _seen(web, session, user, case_no, look)
        row = session.get(Component, component)
    if row is None or row.case_id != revision.case_id:
        raise RefusedError(Denial.NOT_HERE)
    mark = mark_of(web, user, seen)
    answer = original_response(web, row.sha256, page, mark, small=bool(small))
    if not small and row.revision == revision.revision:
        _note(web, user, revision, row.material_no, (row.id, page))
    return answer


def _note(
    web: WebApp, user: User, revision: CaseRevision, material: int, page: tuple[int, int]
) -> None:
    with writing(web.runtime.engine) as session:
        note_shown(session, user.reader.account, revision, material=material, page=page)


@router.get("/checks/{case_no}/forms/{material}.jpg")
def form_image(web: Web, user: LoggedIn, case_no: str, material: int, look: Number) -> Response:
    """Return a form as the volume will show it, with what is in doubt marked; noted as shown."""
    with reading(web.runtime.engine) as session:
        revision, seen = _seen(web, session, user, case_no, look)
        doubts = _doubts(web, session, revision)
    facts = CaseFacts.model_validate(revision.facts)
    form = next((row for row in facts.materials if row.no == material and row.form), None)
    if form is None:
        raise RefusedError(Denial.NOT_HERE)
    runtime = web.runtime
    item = runtime.catalogue.get(facts.item.code, facts.item.version)
    sheet = form_sheet(form, facts, item, runtime.organisations)
    marked = {doubt.label: doubt.in_certificate for doubt in doubts}
    picture = form_picture(sheet, case_no, marked, WIDTH)
    _note(web, user, revision, material, (FORM, 1))
    return image_response(web.images.kept_picture(picture, mark=mark_of(web, user, seen)))


def _doubts(web: WebApp, session: Session, revision: CaseRevision) -> tuple[Doubt, ...]:
    """Return the fields in doubt; nothing is read again where no finding says that there are."""
    if not any(row["code"] == _DOUBTED for row in revision.findings):
        return ()
    which = {"case_id": revision.case_id, "revision": revision.revision}

    def make() -> tuple[Doubt, ...]:
        components = components_of(
            session, session.get_one(Case, revision.case_id), revision.revision
        )
        store = web.runtime.store
        texts = texts_of(session, store, (row.sha256 for row in components))
        facts = CaseFacts.model_validate(revision.facts)
        now = datetime.now(UTC)
        return doubts_of(store, facts, revision.findings, components, texts, now=now)

    return web.recent.get(("doubts", *which.values()), make)


@router.get("/checks/{case_no}/doubts")
def doubts_part(request: Request, web: Web, user: LoggedIn, case_no: str, look: Number) -> Response:
    """Draw the fields in doubt: what the form says beside what the certificate says, masked."""
    with reading(web.runtime.engine) as session:
        revision, _ = _seen(web, session, user, case_no, look)
        doubts = _doubts(web, session, revision)
    rows = [
        {
            "material": doubt.material,
            "what": doubt.what,
            "in_form": _masked(doubt.what, doubt.in_form),
            "in_certificate": "、".join(
                _masked(doubt.what, value) for value in doubt.in_certificate.split("、")
            ),
        }
        for doubt in doubts
    ]
    return web.page(request, user, "check_doubts.html", rows=rows)


def _masked(what: str, value: str) -> str:
    """Return a value as it may be shown in text; in plain it stands on the marked pictures."""
    return mask_name(value) if what == "姓名" else mask(value)


@router.get("/checks/{case_no}/compared/{material}/{page}.jpg")
def compared_image(
    web: Web,
    user: LoggedIn,
    case_no: str,
    material: int,
    page: int,
    look: Number,
) -> Response:
    """Return an original and its page in the volume side by side, with the look's watermark."""
    with reading(web.runtime.engine) as session:
        case = open_check(session, user.reader, case_no, web.reference).case
        seen = find_look(session, user.reader, look, case_no, (LOOK,))
        revision = waiting_revision(session, case)
        version = revision and compared_version(session, case.id, revision.revision)
    if not version or (material, page) not in kept_pairs(web.runtime.store, version):
        raise RefusedError(Denial.NOT_HERE)
    picture = web.runtime.store.read(pair_key(version, material, page))
    return image_response(web.images.kept_picture(picture, mark=mark_of(web, user, seen)))
