"""登录与退出. Only in the demo does the page show an account of each role."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from api.web.shell.page import (
    COOKIE,
    BadFormError,
    LoggedIn,
    PageRoute,
    Posted,
    Web,
    WebApp,
    form_of,
)
from archive.administration.accounts import MIN_PASSWORD, AccountKind, set_password
from archive.administration.logins import WEB_LIFE, check_secret, close_login, open_login
from archive.database.engine import writing

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_DEMO_FILE = "demo-accounts.json"


def demo_accounts(web: WebApp) -> list[dict[str, str]]:
    """Return the persons of the demo.

    None in an archive that seals with real keys, whatever lies in its data folder.
    """
    settings = web.runtime.settings
    path = settings.data / _DEMO_FILE
    if settings.seal_folder or settings.pkcs11_module or not path.is_file():
        return []
    rows: list[dict[str, str]] = json.loads(path.read_text("utf-8"))
    return [account for account in rows if not account["login"].startswith("station-")]


@router.get("/login")
def login_page(web: Web) -> Response:
    """Draw the login form."""
    return web.bare("login.html", demo=demo_accounts(web), failed=False)


@router.post("/login")
def login(
    request: Request, web: Web, form: Annotated[dict[str, str], Depends(form_of)]
) -> Response:
    """Log in with login and secret; the reason of a failure is not said."""
    with writing(web.runtime.engine) as session:
        account = check_secret(session, form.get("login", "").strip(), form.get("secret", ""))
        carried = (
            open_login(session, account, "WEB")
            if account and account.kind == AccountKind.PERSON
            else None
        )
    if carried is None:
        return web.bare("login.html", status=401, demo=demo_accounts(web), failed=True)
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
def logout(web: Web, user: LoggedIn, _form: Posted) -> Response:
    """End this login."""
    with writing(web.runtime.engine) as session:
        close_login(session, user.carried)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


@router.get("/password")
def password_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the form in which users change their own password.

    It is the first page after a secret was set by an administrator.
    """
    return web.page(request, user, "password.html", failed=False, shortest=MIN_PASSWORD)


@router.post("/password")
def change_password(request: Request, web: Web, user: LoggedIn, form: Posted) -> Response:
    """Set a new password and end every login of the account.

    The old one is asked for, so that nobody at an unattended computer can keep the account.
    """
    login = user.reader.account
    with writing(web.runtime.engine) as session:
        # A wrong old one counts as a failed login: it is committed before the page says so.
        known = check_secret(session, login, form.get("old", ""))
    if known is None:
        return web.page(
            request, user, "password.html", status=403, failed=True, shortest=MIN_PASSWORD
        )
    if form.get("new", "") != form.get("again", ""):
        raise BadFormError("两次输入的新口令不一致。", "请返回重新输入。")
    with writing(web.runtime.engine) as session:
        set_password(session, login, login, form.get("new", ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
