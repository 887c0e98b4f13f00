"""What all pages share: the user and the session cookie, drawing, errors, and headers."""

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from sqlalchemy.exc import DataError, SQLAlchemyError

from api.http.limits import limited
from api.http.page_cache import PageImages
from api.http.problems import status_of
from api.http.tokens import DESK_COOKIE
from api.runtime import failures
from api.runtime.bootstrap import Runtime, open_index_folder
from api.runtime.seals import open_seals
from api.runtime.workshop import demo_pki
from api.web.shell.filters import FILTERS, no_method
from api.web.shell.kept_forms import (
    Sent,
    done_once,
    fresh_once,
    login_address,
    refill_of,
    sent_form,
    way_back,
)
from api.web.shell.manual import help_of
from api.web.shell.people import People
from api.web.shell.recent import Recent
from api.web.shell.refilled import refilled
from api.web.shell.served import HEADERS, SCANNING, static_files
from api.web.shell.steps import NEXT_STEP
from api.web.shell.tables import as_asked, with_csv_link
from api.web.shell.waiting import Waits, waits_of
from archive.administration.account_lists import name_of
from archive.administration.logins import csrf_token, needs_renewal, reader_of, renew_login
from archive.administration.policy import Act, Denial, Reader, acts_of, may
from archive.database.engine import reading, writing
from archive.reference.errors import ArchiveError
from archive.reference.local_time import local_time
from archive.reference.vocabulary import LoginKind
from archive.signing.validation import TrustAnchors
from archive.usage.looks import DeniedError
from archive.usage.reading_room import ReferenceData
from search.errors import SearchError
from search.index_folder import IndexReader as SearchReader
from search.query import Words
from storage.errors import StorageError

COOKIE = DESK_COOKIE
_NOT_TAKEN = "所填的数字或文字超出范围，未作任何更改。"
_COUNTED_ANEW = 10.0
_LONGEST_FORM = 64 << 10
_LONGER_FORMS = {"/system/items/import": 4 << 20, "/paper/ledgers": 4 << 20, "/compile": 1 << 20}
_POLLED = ("/presence", "/live")
"""What a page asks for by itself: nobody need sit before it."""
_BEFORE_PASSWORD_CHANGE = {"/password", "/logout"}


class RefusedError(Exception):
    """The policy denied a page; `denial` is why."""

    def __init__(self, denial: Denial) -> None:
        """Take the message from the denial, which is the same for foreign and for missing."""
        super().__init__(denial.label)
        self.denial = denial


class BadFormError(ArchiveError):
    """A form did not come from a page of this app, or lacks a required field."""

    code = "BAD_FORM"


class NotLoggedInError(Exception):
    """The request carries no valid login."""


class MustChangeError(Exception):
    """The password was set by an administrator and must be changed before anything else."""


@dataclass(frozen=True, slots=True)
class User:
    """The logged-in user of a request; `carried` is the secret of the cookie."""

    reader: Reader
    name: str
    org_name: str
    carried: str = field(repr=False)

    def may(self, act: Act) -> bool:
        """Say whether the user's role may ever do an act: what it may not is not shown."""
        return act in acts_of(self.reader.role)

    def require(self, act: Act) -> None:
        """Raise RefusedError unless the user's role may ever do an act."""
        denial = may(self.reader, act).denial
        if denial is not None:
            raise RefusedError(denial)

    @property
    def csrf(self) -> str:
        """Return the token that every form of this login carries."""
        return csrf_token(self.carried)


class WebApp:
    """The state of the pages of one app: runtime, templates, search and page images."""

    def __init__(self, runtime: Runtime, images: PageImages) -> None:
        """Read the static files and compile the templates' environment.

        Each static file gets an address that changes with its bytes, so that browsers may keep it
        for good.
        """
        self.runtime, self.images = runtime, images
        self.search = SearchReader(open_index_folder(runtime.settings))
        self.words = Words(runtime.organisations, runtime.catalogue)
        self.recent, self._waits = Recent(), Recent(_COUNTED_ANEW)
        self.people = People(runtime.engine, self.recent)
        self.static = static_files()
        self.templates = Environment(
            loader=PackageLoader("api.web"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            finalize=no_method,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters.update(FILTERS)
        self.templates.filters["org"] = self.org
        self.templates.filters["person"] = self.people.name
        self.templates.globals.update(
            static=self.address, Act=Act, once=fresh_once, help_of=help_of
        )

    @property
    def reference(self) -> ReferenceData:
        """Return what the policy needs beside the rows."""
        return self.runtime.reference

    @cached_property
    def trust(self) -> TrustAnchors:
        """Return the trust anchors of this installation, read when a seal is first validated."""
        return open_seals(
            self.runtime.settings,
            lambda: demo_pki(self.runtime.settings, self.runtime.organisations),
        ).trust

    def address(self, name: str) -> str:
        """Return the address of a static file; "" when set-up did not fetch it."""
        if name not in self.static:
            return ""
        return f"/static/{hashlib.sha256(self.static[name][0]).hexdigest()[:12]}/{name}"

    def org(self, code: str | None) -> str:
        """Return the name of an organisation; an unknown code as it is."""
        return (
            self.runtime.organisations.get(code).name
            if code and code in self.runtime.organisations
            else (code or "")
        )

    def waits(self, user: User, *, fresh: bool = False) -> Waits:
        """Return what waits for a user; `fresh` counts it now, else it may be seconds old."""

        def counted() -> Waits:
            with reading(self.runtime.engine) as session:
                return waits_of(session, user.reader, self.reference)

        if fresh:
            self._waits.drop(user.reader.account)
        return self._waits.get(user.reader.account, counted)

    def page(
        self,
        request: Request,
        user: User,
        template: str,
        *,
        status: int = 200,
        **values: Any,  # noqa: ANN401 - a template's values
    ) -> HTMLResponse:
        """Draw a page for the logged-in user."""
        text = self.templates.get_template(template).render(
            seat=user,
            path=request.url.path,
            now=local_time(datetime.now(UTC)),
            waits=self.waits(user),
            **values,
        )
        text = with_csv_link(request, text)
        kept = request.query_params.get("kept", "")
        refill = refill_of(self.runtime.engine, user.reader.account, kept) if kept else None
        if refill is not None:
            text = refilled(text, refill)
        return HTMLResponse(text, status, SCANNING if "panel" in values else HEADERS)

    def bare(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """Draw a page that needs no login."""
        return HTMLResponse(
            self.templates.get_template(template).render(seat=None, **values), status, HEADERS
        )


def web_of(request: Request) -> WebApp:
    """Return the state of the pages of this app."""
    web: WebApp = request.app.state.web
    return web


def logged_in(request: Request) -> User:
    """Return the user of a request, counted as a client of the API is.

    Raises NotLoggedInError, MustChangeError, and 429 when asked too often.
    """
    user = _identified(request)
    limited(request.app.state.station.limiter, f"person:{user.reader.account}")
    return user


def _identified(request: Request) -> User:
    """Return the user of a request. Raises NotLoggedInError and MustChangeError."""
    web, carried = web_of(request), request.cookies.get(COOKIE, "")
    with reading(web.runtime.engine) as session:
        web.runtime.refresh(session)
        reader = reader_of(session, carried, LoginKind.WEB) if carried else None
        if reader is None:
            raise NotLoggedInError
        name, must_change = name_of(session, reader.account)
        used = not request.url.path.endswith(_POLLED) and needs_renewal(session, carried)
    if used:
        with writing(web.runtime.engine) as session:
            renew_login(session, carried)
    if must_change and request.url.path not in _BEFORE_PASSWORD_CHANGE:
        raise MustChangeError
    return User(reader, name, web.org(reader.org), carried)


def from_our_page(request: Request) -> None:
    """Raise BadFormError for a request that another site made the browser send."""
    # Browsers say from where a request comes; one from another site is refused, whatever its
    # fields and cookies.
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise BadFormError("请求来自其他网站，已拒绝。", "请在本系统页面中操作。")


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form sent by a page of this app. Raises BadFormError."""
    from_our_page(request)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGER_FORMS.get(request.url.path, _LONGEST_FORM):
            raise BadFormError("提交的内容过长。", "请缩短后重试。")
    return dict(
        parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=2000)
    )


async def posted_form(
    user: Annotated[User, Depends(logged_in)], form: Annotated[dict[str, str], Depends(form_of)]
) -> dict[str, str]:
    """Return the fields of a form of this very login. Raises BadFormError."""
    if form.get("csrf") != user.csrf:
        raise BadFormError("页面已过期，未作任何更改。", "请刷新页面后重新操作。")
    return form


def script_user(request: Request) -> User:
    """Return the user of a request that a script of ours sent. Raises BadFormError.

    Such a request is no form; its token is in the header X-CSRF.
    """
    user = logged_in(request)
    from_our_page(request)
    if request.headers.get("x-csrf") != user.csrf:
        raise BadFormError("页面已过期，未作任何更改。", "请刷新页面后重新操作。")
    return user


async def _web(request: Request) -> WebApp:
    """Return `web_of`, as a coroutine: it computes nothing, so it needs no thread."""
    return web_of(request)


Web = Annotated[WebApp, Depends(_web)]
LoggedIn = Annotated[User, Depends(logged_in)]
Posted = Annotated[dict[str, str], Depends(posted_form)]
ScriptUser = Annotated[User, Depends(script_user)]


class PageRoute(APIRoute):
    """A route whose errors are pages that say what to do next.

    A request without a login is redirected to the login page.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of this route, wrapped so that its errors become pages."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            sent = await sent_form(request)
            try:
                answer = await done_once(inner, request, sent, web_of(request).runtime.engine)
                return await as_asked(request, answer, lambda: _identified(request).reader)
            except NotLoggedInError:
                engine = web_of(request).runtime.engine
                return _to(request, await run_in_threadpool(login_address, engine, request, sent))
            except MustChangeError:
                return _to(request, "/password")
            except (RefusedError, DeniedError) as refused:
                return _error(
                    request,
                    status_of(refused),
                    refused.denial.value,
                    refused.denial.label + "。",
                    NEXT_STEP[refused.denial],
                )
            except (OverflowError, DataError):
                # A number or text that no column takes; each database says so in its way.
                return _error(request, 422, "INVALID_REQUEST", _NOT_TAKEN, "请核对后重试。")
            except (ArchiveError, SearchError, StorageError, SQLAlchemyError, OSError) as fault:
                return await run_in_threadpool(_returned, request, sent, fault)

        return handler


def _returned(request: Request, sent: Sent | None, fault: Exception) -> Response:
    """Lead a form that was not taken back to its page; without one the error has a page."""
    back = None
    if sent is not None and not _wants_json(request) and not request.headers.get("hx-request"):
        try:
            account = _identified(request).reader.account
        except (NotLoggedInError, MustChangeError):
            return _fault(request, fault)
        engine = web_of(request).runtime.engine
        back = way_back(engine, account, sent, fault, status_of(fault))
    return back or _fault(request, fault)


def _fault(request: Request, fault: Exception) -> Response:
    """Draw an error; one that asks to wait says for how long."""
    code, sentence = failures.explain(fault)
    wait = getattr(fault, "headers", {}).get("Retry-After", "")
    if wait and isinstance(fault, ArchiveError):
        # A day's limit says itself how long it lasts; till tomorrow is not counted in seconds.
        soon = code == "TOO_MANY_REQUESTS"
        action = f"请在 {wait} 秒后重试。" if soon else fault.action
        answer = _error(request, status_of(fault), code, fault.message, action)
        answer.headers["Retry-After"] = wait
        return answer
    failures.log(fault, web_of(request).runtime.settings.data)
    return _error(request, status_of(fault), code, sentence, "")


def _to(request: Request, where: str) -> Response:
    if _wants_json(request):
        return JSONResponse(
            {"code": "NOT_SEATED", "message": "登录已过期，请重新登录；已传的部分不会丢失。"}, 401
        )
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"HX-Redirect": where})
    return RedirectResponse(where, 303)


def _error(request: Request, status: int, code: str, message: str, action: str) -> Response:
    if _wants_json(request):
        return JSONResponse({"code": code, "message": f"{message}{action}"}, status)
    web = web_of(request)
    try:
        user = _identified(request)
    except (NotLoggedInError, MustChangeError):
        return web.bare("error_bare.html", status=status, code=code, message=message, action=action)
    return web.page(
        request, user, "error.html", status=status, code=code, message=message, action=action
    )


def error_page(request: Request, status: int, message: str, action: str) -> Response | None:
    """Return the page of an error outside every route; None: who asks is no browser."""
    if "text/html" not in request.headers.get("accept", ""):
        return None
    return _error(request, status, "", message, action)


def _wants_json(request: Request) -> bool:
    """Say whether a script of ours asks, which shows the message in its own place."""
    return request.headers.get("accept") == "application/json"
