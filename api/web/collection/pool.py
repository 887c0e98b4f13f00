"""归集池 as a table of pages: thumbnails to select, and what a case lacks to place them in.

Nothing here judges: codes on pages are hints, people place, and what they placed is taken back.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.http.daily import counted
from api.http.placing import (
    PagesWanted,
    PlacingWanted,
    cover_wanted,
    place_wanted,
    take_file_back,
)
from api.http.problems import ProblemError
from api.web.shell.forms import number_of, read_form, text_of
from api.web.shell.page import LoggedIn, PageRoute, Posted, RefusedError, User, Web, WebApp
from api.web.shell.scope import mark_of, note_look, original_response, reach_of
from archive.administration.daily_use import Shown
from archive.administration.policy import Act, Denial
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.database.tables_gathering import CapturedFile
from archive.finding_aids.pool import (
    PoolBatch,
    find_targets,
    placed_lately,
    pool_batches,
    suggestions,
    target_case,
)
from archive.gathering.placing import UnknownCaseError
from archive.reference.errors import ConflictError, NotFoundError
from archive.usage.looks import Purpose, find_look

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN, _LATELY = 120, 8
_LOOK = JournalAct.CAPTURE_LOOK
_POOL = "pool"
_LEAF = "leaf-"
_PARTS = 3
_WORDS: Mapping[str, str] = {
    "pages": "请先选择要归入的页。",
    "case_no": "请写明办件编号。",
    "no": "材料序号为 1 至 999 的数字，见该办件的材料目录。",
    "type": "请写明材料名称。",
}
CaseNo = Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


@router.get("/collecting/pool")
def pool_page(request: Request, web: Web, user: LoggedIn, case: CaseNo = "") -> Response:
    """Draw the pages that wait for a person, and the case that they may belong to."""
    user.require(Act.SUBMIT)
    return _drawn(request, web, user, case_no=case)


@router.post("/collecting/pool")
def find_case(request: Request, web: Web, user: LoggedIn, form: Posted) -> Response:
    """Draw the cases of a surname or number: what is typed may be a name, and is no address."""
    user.require(Act.SUBMIT)
    return _drawn(request, web, user, words=text_of(form, "words")[:64], form=form)


@router.post("/collecting/pool/place")
def place_selected(request: Request, web: Web, user: LoggedIn, form: Posted) -> Response:
    """Place the selected pages; a number that nobody knows is asked about, the pages kept."""
    user.require(Act.SUBMIT)
    wanted = None
    try:
        wanted = read_form(PlacingWanted, _placing(form), _WORDS)
        place_wanted(web.runtime, user.reader, wanted)
        if covers := _leaves(form.get("covers", "").split()):
            cover_wanted(
                web.runtime, user.reader, read_form(PagesWanted, {"pages": covers}, _WORDS)
            )
    except (ProblemError, UnknownCaseError, ConflictError, NotFoundError) as fault:
        asks = isinstance(fault, UnknownCaseError)
        return _drawn(
            request,
            web,
            user,
            case_no=wanted.case_no if wanted else "",
            form=form,
            fault=f"{fault.message}{'' if wanted is None else fault.action}",
            asked=wanted if asks else None,
            status=409 if wanted else 422,
        )
    return RedirectResponse(f"/collecting/pool?case={wanted.case_no}", 303)


@router.post("/collecting/pool/covers")
def set_aside(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Set the selected pages aside: they say what follows them, and belong nowhere."""
    user.require(Act.SUBMIT)
    cover_wanted(web.runtime, user.reader, read_form(PagesWanted, {"pages": _ticked(form)}, _WORDS))
    return RedirectResponse(_back(form), 303)


@router.post("/collecting/pool/{id_}/take-back")
def undo(request: Request, web: Web, user: LoggedIn, form: Posted, id_: Id) -> Response:
    """Take back where a file was placed; its pages wait again."""
    user.require(Act.SUBMIT)
    try:
        take_file_back(web.runtime, user.reader, id_)
    except ConflictError as fault:
        return _drawn(
            request, web, user, form=form, fault=f"{fault.message}{fault.action}", status=409
        )
    return RedirectResponse(_back(form), 303)


@router.get("/collecting/pool/{look}/{id_}/{page}.jpg")
def pool_image(
    web: Web,
    user: LoggedIn,
    look: Annotated[int, Path(ge=1)],
    id_: Id,
    page: Annotated[int, Path(ge=1, le=5000)],
) -> Response:
    """Return a small picture of a page that the look at the pool showed, with its watermark."""
    user.require(Act.SUBMIT)
    reach = reach_of(web, user)
    with reading(web.runtime.engine) as session:
        row = session.get(CapturedFile, id_)
        seen = find_look(session, user.reader, look, _POOL, (_LOOK,))
        if row is None or id_ not in seen.shown["files"] or (reach and row.org not in reach):
            raise RefusedError(Denial.NOT_HERE)
    return original_response(web, row.sha256, page, mark_of(web, user, seen), small=True)


def _drawn(
    request: Request,
    web: WebApp,
    user: User,
    *,
    case_no: str = "",
    words: str = "",
    form: Mapping[str, str] | None = None,
    fault: str = "",
    asked: PlacingWanted | None = None,
    status: int = 200,
) -> Response:
    reach, catalogue = reach_of(web, user), web.runtime.catalogue
    with counted(web.runtime, user.reader, Shown.CONTENT) as session:
        batches, left = _fitting(pool_batches(session, reach))
        files = list(dict.fromkeys(leaf.file for batch in batches for leaf in batch.leaves))
        look = note_look(session, user, _LOOK, _POOL, purpose=Purpose.CHECK, files=files)
        values: dict[str, Any] = {
            "batches": batches,
            "left": left,
            "target": target_case(session, reach, catalogue, case_no) if case_no else None,
            "targets": find_targets(session, reach, catalogue, words) if words else [],
            "suggested": suggestions(session, reach, catalogue, batches),
            "lately": placed_lately(session, reach, _LATELY),
        }
    return web.page(
        request,
        user,
        "pool.html",
        status=status,
        look=look.number,
        case_no=case_no,
        words=words,
        picked={name for name in form or {} if name.startswith(_LEAF)},
        fault=fault,
        asked=asked,
        typed=_typed(form or {}),
        **values,
    )


def _fitting(batches: list[PoolBatch]) -> tuple[list[PoolBatch], int]:
    """Return the batches with as many pages as the table shows, and how many are left out."""
    room, shown = _SHOWN, []
    for batch in batches:
        if room > 0:
            shown.append(
                PoolBatch(
                    batch.station,
                    batch.operator,
                    batch.dpi,
                    batch.captured_at,
                    batch.leaves[:room],
                )
            )
            room -= len(batch.leaves)
    return shown, max(0, -room) + sum(len(batch.leaves) for batch in batches[len(shown) :])


def _placing(form: Mapping[str, str]) -> dict[str, Any]:
    """Return what a form states: a target that was pressed, else the fields that were typed."""
    pressed = form.get("target", "").split("|", 2)
    case_no, no, kind = pressed if len(pressed) == _PARTS else _typed(form).values()
    pages = _leaves(form.get("pages", "").split()) or _ticked(form)
    stated = {"case_no": case_no, "no": no, "type": kind}
    return {"pages": pages, "wait": bool(form.get("wait")), **stated}


def _typed(form: Mapping[str, str]) -> dict[str, str]:
    """Return the fields in which a person states a place, as they were typed."""
    return {name: text_of(form, name) for name in ("case_no", "no", "type")}


def _ticked(form: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the ticked pages in the order of the page, which is that of scanning."""
    return _leaves(name.removeprefix(_LEAF) for name in form if name.startswith(_LEAF))


def _leaves(names: Iterable[str]) -> list[dict[str, Any]]:
    pairs = (name.partition("-") for name in names)
    return [{"id": file, "page": number_of(page) or 0} for file, _, page in pairs]


def _back(form: Mapping[str, str]) -> str:
    case_no = form.get("case_no", "")
    known = case_no.isascii() and case_no.replace("-", "").isalnum()
    return f"/collecting/pool?case={case_no}" if known else "/collecting/pool"
