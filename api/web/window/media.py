"""What a case at the window shows and takes: pages, pictures of forms, files, signatures."""

import hashlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.http.page_cache import WIDTH
from api.http.window import act_at_window, tables_of
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
from api.web.shell.scope import image_response, mark_of, original_response
from archive.administration.policy import Act, Denial
from archive.arrangement.plan import form_sheet
from archive.audit.acts import JournalAct
from archive.compile.form_picture import form_picture
from archive.database.engine import database_now, writing
from archive.gathering.cases import MissingCertificate
from archive.reference.strokes import check_strokes
from archive.reference.submission_terms import PartyRole
from archive.reference.vocabulary import FormKind, SourceKind
from archive.usage.looks import Look, find_look
from ingest.package.payload import PayloadFile
from ingest.reading.sandbox import examine_file
from ingest.sources.certificates import CertificateLibrary
from ingest.sources.protocol import Notice
from ingest.window.decide import Asked
from ingest.window.files import keep_file
from ingest.window.forms import shown_digest
from ingest.window.offers import DeskCase, desk_case, facts_so_far, forms_of
from ingest.window.terms import WindowAct

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Number = Annotated[int, Query(ge=1)]
_LOOKS = (JournalAct.WINDOW_LOOK,)
_LARGEST = 64 << 20


class SignatureSent(BaseModel):
    """A signature as the page recorded it."""

    model_config = ConfigDict(extra="forbid")
    key: Annotated[str, Field(min_length=8, max_length=64)]
    seen: Annotated[int, Field(ge=1)]
    signer: PartyRole
    form: FormKind
    form_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    device: Annotated[str, Field(min_length=1, max_length=80)]
    strokes: Annotated[
        list[Annotated[list[tuple[float, float, float, float]], Field(max_length=5000)]],
        Field(max_length=200),
    ]


def _looked(
    web: WebApp, session: Session, user: User, case_no: str, look: int
) -> tuple[DeskCase, Look]:
    """Return a case and the user's own look at it. Raises DeniedError."""
    user.require(Act.HANDLE)
    tables, now = tables_of(web.runtime), database_now(session)
    desk = desk_case(session, user.reader, case_no=case_no, tables=tables, now=now)
    return desk, find_look(session, user.reader, look, case_no, _LOOKS)


@router.get("/window/{case_no}/materials/{material}/{page}.jpg")
def page_image(
    web: Web, user: LoggedIn, case_no: str, material: int, page: int, look: Number
) -> Response:
    """Return a page of a material with its watermark, given the user's own look."""
    with writing(web.runtime.engine) as session:
        desk, seen = _looked(web, session, user, case_no, look)
    paper = desk.state.papers.get(material)
    files = (paper.stated.get("files") or []) if paper else []
    # Several files are a page each; a single one may hold several.
    if paper is None or not 1 <= page <= (paper.stated["pages"] if len(files) == 1 else len(files)):
        raise RefusedError(Denial.NOT_HERE)
    number, within = (0, page) if len(files) == 1 else (page - 1, 1)
    return original_response(web, files[number]["sha256"], within, mark_of(web, user, seen))


@router.get("/window/{case_no}/forms/{material}.jpg")
def form_image(web: Web, user: LoggedIn, case_no: str, material: int, look: Number) -> Response:
    """Return a form as it stands now, as the volume will show it, with its watermark."""
    runtime = web.runtime
    with writing(runtime.engine) as session:
        desk, seen = _looked(web, session, user, case_no, look)
        facts = facts_so_far(session, desk, tables_of(runtime).calendar)
    form = next((row for row in facts.materials if row.no == material and row.form), None)
    if form is None:
        raise RefusedError(Denial.NOT_HERE)
    item = runtime.catalogue.get(facts.item.code, facts.item.version)
    sheet = form_sheet(form, facts, item, runtime.organisations)
    picture = form_picture(sheet, case_no, {}, WIDTH)
    return image_response(web.images.kept_picture(picture, mark=mark_of(web, user, seen)))


@router.get("/window/{case_no}/sign/{material}")
def sign_page(
    request: Request, web: Web, user: LoggedIn, case_no: str, material: int, look: Number
) -> Response:
    """Draw a form with the field in which the applicant signs it as it is shown."""
    with writing(web.runtime.engine) as session:
        desk, _ = _looked(web, session, user, case_no, look)
    paper = next((row for row in forms_of(desk.state) if row.no == material), None)
    if paper is None or desk.offer(WindowAct.SIGN) is None:
        raise RefusedError(Denial.NOT_HERE)
    return web.page(
        request,
        user,
        "window_sign.html",
        case_no=case_no,
        paper=paper,
        look=look,
        seen=desk.state.seq,
        digest=shown_digest(desk.state, paper),
        parties=list(PartyRole),
    )


@router.post("/window/{case_no}/signature")
def sign(web: Web, user: ScriptUser, case_no: str, sent: SignatureSent) -> dict[str, Any]:
    """Take a signature; one that is none, or of another form, is refused in words."""
    user.require(Act.HANDLE)
    check_strokes(sent.strokes)
    data = sent.model_dump(mode="json", exclude={"key", "seen"})
    asked = Asked(WindowAct.SIGN, sent.key, sent.seen, data)
    done = act_at_window(web.runtime, user.reader, case_no, asked)
    return {"seq": done.seq}


@router.put("/window/{case_no}/files")
async def upload(
    request: Request,
    web: Web,
    user: ScriptUser,
    case_no: str,
    name: Annotated[str, Query(min_length=1, max_length=200)],
    key: Annotated[str, Query(pattern=r"^[0-9a-f]{16,64}$")],
    source: SourceKind = SourceKind.SCANNED_PROOF,
) -> dict[str, Any]:
    """Take a file as a page of a material of this name; it follows the pages that are there."""
    user.require(Act.HANDLE)
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _LARGEST:
            raise BadFormError("文件过大，未保存。", "请分成单页上传，每个文件不超过 64 MB。")
    return await run_in_threadpool(_take, web, user, case_no, name, key, source, data)


def _take(
    web: WebApp, user: User, case_no: str, name: str, key: str, source: SourceKind, data: bytes
) -> dict[str, Any]:
    pages = _pages_of(data)
    kept = keep_file(web.runtime.store, user.reader, data)
    with writing(web.runtime.engine) as session:
        tables, now = tables_of(web.runtime), database_now(session)
        desk = desk_case(session, user.reader, case_no=case_no, tables=tables, now=now)
    before = _kept_pages(desk, name, kept["sha256"]) if pages == 1 else []
    wanted = {
        "type": name,
        "source": str(source),
        "files": [*before, kept],
        "pages": len(before) + pages,
        "captured_at": datetime.now(UTC).isoformat(),
    }
    asked = Asked(WindowAct.ADD_MATERIAL, key, None, wanted)
    done = act_at_window(web.runtime, user.reader, case_no, asked)
    return {"seq": done.seq, "pages": wanted["pages"]}


def _pages_of(data: bytes) -> int:
    """Return the pages of a file, opened in the sandbox. Raises BadFormError."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "file").write_bytes(data)
        look = examine_file(PayloadFile(Path(folder), "file", len(data)))
    if look.fault or not look.media_type or not look.pages:
        raise BadFormError(
            "文件不能使用：无法打开、需要口令或格式不被接受，未保存。",
            "请重新扫描；须为完整、未加密的 JPEG、PNG、TIFF 或 PDF。",
        )
    return look.pages


def _kept_pages(desk: DeskCase, name: str, fresh: str) -> list[dict[str, Any]]:
    """Return the single pages that a material has already, which a further one follows.

    A document of several pages is replaced; so is what was sent back to be brought anew.
    """
    paper = desk.state.paper_named(name)
    files = (paper.stated.get("files") or []) if paper else []
    if paper is None or paper.stated["pages"] != len(files):
        return []
    if name in desk.state.awaited and paper.added <= desk.state.corrected_at:
        return []
    return [dict(row) for row in files if row["sha256"] != fresh]


@router.post("/window/{case_no}/certificates")
def fetch(web: Web, user: LoggedIn, form: Posted, case_no: str) -> Response:
    """Fetch a certificate from the sharing system with one click; nothing of it is typed."""
    user.require(Act.HANDLE)
    name, key, settings = form.get("name", ""), form.get("key", ""), web.runtime.settings
    if not name or not key or not settings.cert_url:
        raise BadFormError("证照共享没有接入，未作任何更改。", "请收取原件扫描。")
    with writing(web.runtime.engine) as session:
        tables, now = tables_of(web.runtime), database_now(session)
        desk = desk_case(session, user.reader, case_no=case_no, tables=tables, now=now)
    library = CertificateLibrary(
        settings.cert_url,
        client=settings.cert_client,
        secret=settings.cert_secret.get_secret_value(),
        rate=settings.source_rate,
    )
    holder = str(desk.state.opening.applicant.get("id_number") or "")
    want = MissingCertificate(case_no, 1, holder, name)
    parcel = library.fetch(Notice(f"{case_no}:1", detail={"want": want}))
    if parcel is None:
        raise BadFormError("证照库没有申报人的这种证照。", "请核对持证人，或收取原件扫描。")
    kept = keep_file(web.runtime.store, user.reader, parcel.data)
    evidence = {
        "system": library.system,
        "id": parcel.system_id,
        "fetched_at": datetime.now(UTC).isoformat(),
        "sha256": hashlib.sha256(parcel.data).hexdigest(),
    }
    wanted = {
        "type": name,
        "source": str(SourceKind.SHARED_CERT),
        "files": [kept],
        "pages": int(parcel.pieces[0].stated["pages"]),
        "captured_at": evidence["fetched_at"],
        "source_ref": evidence | ({"signature": parcel.signature} if parcel.signature else {}),
    }
    act_at_window(
        web.runtime, user.reader, case_no, Asked(WindowAct.ADD_MATERIAL, key[:64], None, wanted)
    )
    return RedirectResponse(f"/window/{case_no}#materials", 303)
