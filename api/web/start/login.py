"""登录与退出. Only in the demo does the page show an account of each role."""

import json
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.http.limits import host_of, limited
from api.web.shell.kept_forms import safe_next
from api.web.shell.page import (
    COOKIE,
    BadFormError,
    LoggedIn,
    PageRoute,
    Posted,
    User,
    Web,
    WebApp,
    form_of,
)
from archive.administration.accounts import (
    MIN_PASSWORD,
    AccountKind,
    hash_password,
    set_password,
)
from archive.administration.kept_views import drop_views
from archive.administration.logins import (
    WEB_LIFE,
    Credentials,
    Limit,
    LoginRefusedError,
    close_login,
    confirm_secret,
    end_login,
    log_in,
    logins_of,
)
from archive.database.engine import reading, writing

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_LONGEST_NUMBER = 15
Next = Annotated[str, Query(max_length=400)]
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


def _limit(request: Request) -> Limit:
    """Return the limit of attempts to log in, which the token endpoint shares."""
    return partial(limited, request.app.state.station.anonymous)


@router.get("/login")
def login_page(web: Web, next: Next = "") -> Response:  # noqa: A002 - the word of the address
    """Draw the login form; `next` is the page that was asked for before it."""
    return web.bare("login.html", demo=demo_accounts(web), failed=False, next=safe_next(next))


@router.post("/login")
def login(
    request: Request, web: Web, form: Annotated[dict[str, str], Depends(form_of)]
) -> Response:
    """Log in with login and secret, and go on to the page that was asked for.

    The reason of a failure is not said.
    """
    place = safe_next(form.get("next", "/"))
    try:
        opened = log_in(
            web.runtime.engine,
            Credentials.of(form.get("login", ""), form.get("secret", ""), host_of(request)),
            kind=AccountKind.PERSON,
            limit=_limit(request),
        )
    except LoginRefusedError:
        return web.bare("login.html", status=401, demo=demo_accounts(web), failed=True, next=place)
    answer = RedirectResponse(place, 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        COOKIE,
        opened.token,
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
        drop_views(session, user.reader.account)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


@router.get("/password")
def password_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the form in which users change their own password.

    It is the first page after a secret was set by an administrator.
    """
    return _password(request, web, user, failed=False)


def _password(request: Request, web: WebApp, user: User, *, failed: bool) -> Response:
    """Draw the form, and the user's own logins that are open."""
    with reading(web.runtime.engine) as session:
        logins = logins_of(session, user.reader.account, user.carried)
    return web.page(
        request,
        user,
        "password.html",
        status=403 if failed else 200,
        failed=failed,
        shortest=MIN_PASSWORD,
        logins=logins,
    )


@router.post("/logins/end")
def end(web: Web, user: LoggedIn, form: Posted) -> Response:
    """End another login of the user's own account, such as one at a computer left behind."""
    number = form.get("login", "")
    if not number.isascii() or not number.isdecimal() or len(number) > _LONGEST_NUMBER:
        raise BadFormError("没有这个登录，或已结束。", "请刷新页面后核对。")
    with writing(web.runtime.engine) as session:
        end_login(session, user.reader.account, int(number))
    return RedirectResponse("/password", 303)


@router.post("/password")
def change_password(request: Request, web: Web, user: LoggedIn, form: Posted) -> Response:
    """Set a new password and end every login of the account.

    The old one is asked for, so that nobody at an unattended computer can keep the account.
    """
    login = user.reader.account
    old = Credentials.of(login, form.get("old", ""), host_of(request))
    # A wrong old one is counted like a failed login.
    if not confirm_secret(web.runtime.engine, old, limit=_limit(request)):
        return _password(request, web, user, failed=True)
    if form.get("new", "") != form.get("again", ""):
        raise BadFormError("两次输入的新口令不一致。", "请返回重新输入。")
    hashed = hash_password(login, form.get("new", ""))
    with writing(web.runtime.engine) as session:
        set_password(session, login, login, hashed)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
