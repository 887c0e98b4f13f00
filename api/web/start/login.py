"""登录与退出. In the demo, and there only, the page shows an account of each role."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from api.web.shell.page import COOKIE, At, BadFormError, PageRoute, Posted, Seated, WebApp, form_of
from archive.administration.accounts import MIN_PASSWORD, AccountKind, set_password
from archive.administration.logins import WEB_LIFE, check_secret, close_login, open_login
from archive.database.engine import writing
from archive.reference.vocabulary import LoginKind

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_DEMO_FILE = "demo-accounts.json"


def demo_accounts(desk: WebApp) -> list[dict[str, str]]:
    """The persons of the demo; nothing in an archive that seals with real keys, whatever lies in its data folder."""
    settings = desk.runtime.settings
    path = settings.data / _DEMO_FILE
    if settings.seal_folder or settings.pkcs11_module or not path.is_file():
        return []
    rows: list[dict[str, str]] = json.loads(path.read_text("utf-8"))
    return [one for one in rows if not one["login"].startswith("station-")]


@router.get("/login")
def login_page(desk: At) -> Response:
    """The form."""
    return desk.bare("login.html", demo=demo_accounts(desk), failed=False)


@router.post("/login")
def login(
    request: Request, desk: At, form: Annotated[dict[str, str], Depends(form_of)]
) -> Response:
    """Let in who knows the secret; why somebody is not let in is not said."""
    with writing(desk.runtime.engine) as session:
        account = check_secret(session, form.get("login", "").strip(), form.get("secret", ""))
        carried = (
            open_login(session, account, LoginKind.WEB)
            if account and account.kind == AccountKind.PERSON
            else None
        )
    if carried is None:
        return desk.bare("login.html", status=401, demo=demo_accounts(desk), failed=True)
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE,
        carried,
        max_age=int(WEB_LIFE.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=secure,
    )
    return answer


@router.post("/logout")
def logout(desk: At, seat: Seated, _form: Posted) -> Response:
    """End this login."""
    with writing(desk.runtime.engine) as session:
        close_login(session, seat.carried)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


@router.get("/password")
def password_page(request: Request, desk: At, seat: Seated) -> Response:
    """Where everybody changes his own password, and where one begins whose secret was given out by an administrator."""
    return desk.page(request, seat, "password.html", failed=False, shortest=MIN_PASSWORD)


@router.post("/password")
def change_password(request: Request, desk: At, seat: Seated, form: Posted) -> Response:
    """The old one is asked for: who finds a desk unattended must not be able to keep it. Every login ends."""
    login = seat.reader.account
    with writing(desk.runtime.engine) as session:
        # A wrong old one is counted like a failed login, hence committed and only then told.
        known = check_secret(session, login, form.get("old", ""))
    if known is None:
        return desk.page(
            request, seat, "password.html", status=403, failed=True, shortest=MIN_PASSWORD
        )
    if form.get("new", "") != form.get("again", ""):
        raise BadFormError("两次输入的新口令不一致。", "请返回重新输入。")
    with writing(desk.runtime.engine) as session:
        set_password(session, login, login, form.get("new", ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
