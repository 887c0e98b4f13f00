"""证明件: ordered on a page, made by a worker, downloaded; and the public check of one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.http.daily import counted
from api.http.limits import anyone
from api.jobs.certified_copies import start_copying
from api.web.shell.forms import number_of
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, Web, WebApp
from api.web.shell.served import HEADERS
from api.web.usage.usage import request_values
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.database.engine import reading
from archive.database.tables_usage import CertifiedCopy
from archive.database.tables_volumes import Volume
from archive.reference.errors import NotFoundError
from archive.signing.validation import SignatureReport, read_signature
from archive.usage.certified_copies import fetch_copy, find_copy, read_copy
from archive.usage.copy_orders import order_copy, retry_order
from storage.errors import StorageError

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_GROUPS, _GROUP = 5, 4


@router.post("/usage/{number}/copies")
def order(web: Web, user: LoggedIn, form: Posted, number: str) -> Response:
    """Order a copy of the ticked items, or of all when none is ticked; start a worker."""
    user.require(Act.CERTIFY)
    stated = [number_of(key.removeprefix("item:")) for key in form if key.startswith("item:")]
    items = [item for item in stated if item is not None]
    if len(items) < len(stated):  # none left over would mean all of them
        raise BadFormError("所选的件无法读取，未出具证明件。", "请刷新页面后重新勾选。")
    retried = number_of(form.get("retry", ""))
    with counted(web.runtime, user.reader, Shown.CONTENT) as session:
        if retried is not None:
            retry_order(session, user.reader, retried)
        else:
            order_copy(session, user.reader, number, items, web.reference)
    start_copying(web.runtime)
    return RedirectResponse(f"/usage/{number}#copies", 303)


@router.get("/usage/{number}/copies")
def live(request: Request, web: Web, user: LoggedIn, number: str) -> Response:
    """Draw how far the copies are; asked again every second while one is being made."""
    user.require(Act.CERTIFY)
    return web.page(request, user, "copies_live.html", **request_values(web, user, number))


@router.get("/copies/{check_code}.pdf")
def download(web: Web, user: LoggedIn, check_code: str) -> Response:
    """Return a copy to the account it was made for, while the grant lasts."""
    with counted(web.runtime, user.reader, Shown.CONTENT) as session:
        row = fetch_copy(session, user.reader, check_code, web.reference)
    pdf = read_copy(web.runtime.store, row)
    named = {"Content-Disposition": f'attachment; filename="certified-{row.check_code}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers={**HEADERS, **named})


@router.get("/check")
def check_form(web: Web, code: Annotated[str, Query(max_length=40)] = "") -> Response:
    """Draw the form for the code on a paper; spaces and hyphens may be left out."""
    plain = "".join(
        character for character in code.upper() if character.isascii() and character.isalnum()
    )
    if plain:
        return RedirectResponse(
            "/check/" + "-".join(plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP)),
            303,
        )
    return web.bare(
        "public_check.html", row=None, asked="", report=None, code="", issuer="", here=True
    )


@router.get("/check/{check_code}", dependencies=[Depends(anyone)])
def check(web: Web, check_code: str) -> Response:
    """Draw what the public may know of a copy, checked now from the bytes in the store.

    Nothing of what the copy shows is said.
    """
    with reading(web.runtime.engine) as session:
        try:
            row = find_copy(session, check_code[:40])
        except NotFoundError:
            return web.bare(
                "public_check.html",
                status=404,
                row=None,
                asked=check_code[:40],
                report=None,
                code="",
                issuer="",
                here=True,
            )
        code = session.get_one(Volume, row.volume_id).code
    report, intact = _proved(web, row)
    return web.bare(
        "public_check.html",
        row=row,
        asked=row.check_code,
        report=report,
        code=code,
        issuer=web.org(row.issued_by),
        here=intact,
    )


def _proved(web: WebApp, row: CertifiedCopy) -> tuple[SignatureReport | None, bool]:
    """Return the seal of the copy in the store, and whether its bytes are those issued."""
    try:
        return read_signature(read_copy(web.runtime.store, row), web.trust), True
    except StorageError:
        return None, False
