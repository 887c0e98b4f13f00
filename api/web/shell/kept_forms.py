"""Forms that lose nothing: what was typed comes back, and once is once.

A form that was not taken is kept, sealed, under a name that says nothing
(`archive.administration.kept_views`), for the account that sent it, also when its login had ended
by then; the page that sent it is drawn again with it (`api.web.shell.refilled`). Each form that a
page draws bears a word of its own (`once`): sent twice, it is done once, and both get the same
answer. Passwords are never kept.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from sqlalchemy import Engine

from api.http.tokens import DESK_COOKIE
from api.runtime import failures
from api.web.shell.refilled import Refill
from archive.administration.idempotent_answers import (
    claim_answer,
    kept_answer,
    settle_answer,
)
from archive.administration.kept_views import ViewKind, body_of, find_view, keep_view
from archive.administration.logins import csrf_token, owner_of_login
from archive.database.engine import reading, writing
from archive.reference.errors import NotFoundError

_LONGEST, _FIELDS = 64 << 10, 2000
_SECRET = frozenset(("csrf", "once", "secret", "old", "new", "again"))
_OWN_FAULTS = ("/login", "/logout", "/password", "/logins/")
_NEVER = (*_OWN_FAULTS, "/search", "/static/")
_MENDED = (409, 422)
_GO_BACK = "请返回上一页填写后重新提交。"
_PLACE = re.compile(r"/[A-Za-z0-9\u00b7\u4e00-\u9fff%._~!$&'()*+,;=:@/?-]{0,400}")
_EXPIRED = "登录已过期，现已恢复。您填写的内容已保留，尚未提交，请核对后提交。"
_WAITED, _POLL = 10.0, 0.1


def fresh_once() -> str:
    """Return the word that a form bears once."""
    return secrets.token_urlsafe(12)


def safe_next(text: str) -> str:
    """Return an address of ours to go on to after the login; `/` for any other text."""
    plain = _PLACE.fullmatch(text) and not text.startswith(("//", "/login", "/logout"))
    return text if plain else "/"


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it was sent: where to, its fields, and the page of ours that it stood on."""

    action: str
    fields: Mapping[str, str]
    page: str

    @property
    def kept(self) -> dict[str, str]:
        """Return the fields that may be kept."""
        return {name: value for name, value in self.fields.items() if name not in _SECRET}


async def sent_form(request: Request) -> Sent | None:
    """Return the form that a browser sends; None for anything else, and for a long one."""
    kind = request.headers.get("content-type", "")
    length = request.headers.get("content-length", "")
    if (
        request.method != "POST"
        or not kind.startswith("application/x-www-form-urlencoded")
        or not length.isdecimal()
        or int(length) > _LONGEST
    ):
        return None
    text = (await request.body()).decode("utf-8", "replace")
    try:
        fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError:
        return None
    return Sent(request.url.path, fields, _page_of(request))


def _page_of(request: Request) -> str:
    """Return the page of ours that a form stood on, "" when the browser does not say."""
    referer = urlsplit(request.headers.get("referer", ""))
    if not referer.path or referer.netloc != request.url.netloc:
        return ""
    query = urlencode([pair for pair in parse_qsl(referer.query) if pair[0] != "kept"])
    place = referer.path + (f"?{query}" if query else "")
    return place if safe_next(place) == place else ""


def way_back(
    engine: Engine, account: str, sent: Sent, fault: Exception, status: int
) -> Response | None:
    """Keep a form that was not taken, and return the way back to its page with the fault.

    None when it has no page, and for what no other text would mend.
    """
    if status not in _MENDED or not sent.page or sent.action.startswith(_OWN_FAULTS):
        return None
    action = getattr(fault, "action", "").replace(_GO_BACK, "")
    message = getattr(fault, "message", "") or failures.explain(fault)[1]
    body = {
        "form": sent.action,
        "fields": sent.kept,
        "message": f"{message}{action}",
        "field": getattr(fault, "field", ""),
        "page": sent.page,
    }
    with writing(engine) as session:
        token = keep_view(session, account, ViewKind.FORM, body)
    return RedirectResponse(_with(sent.page, token), 303)


def keep_choice(
    engine: Engine, account: str, action: str, fields: Mapping[str, str], *, message: str = ""
) -> str:
    """Keep what was typed so far while a choice draws the page anew; return the name of it.

    `message` is said above the page; it is no fault.
    """
    plain = {name: value for name, value in fields.items() if name not in _SECRET}
    body = {
        "form": action,
        "fields": plain,
        "message": message,
        "field": "",
        "page": "",
        "kind": "wait",
    }
    with writing(engine) as session:
        return keep_view(session, account, ViewKind.FORM, body)


def _expired(engine: Engine, carried: str, sent: Sent | None) -> str | None:
    """Keep a form that came after its login had ended, for the account whose login it was.

    Returns the address to go on to after the next login. None when nobody sent a form of ours.
    """
    if sent is None or not sent.page or sent.action.startswith(_NEVER):
        return None
    with reading(engine) as session:
        account = owner_of_login(session, carried)
    if account is None or sent.fields.get("csrf") != csrf_token(carried):
        return None
    body = {"form": sent.action, "fields": sent.kept, "message": _EXPIRED, "field": ""}
    with writing(engine) as session:
        token = keep_view(session, account, ViewKind.FORM, {**body, "page": sent.page})
    return _with(sent.page, token)


def _with(page: str, token: str) -> str:
    return f"{page}{'&' if '?' in page else '?'}kept={token}"


def refill_of(engine: Engine, account: str, token: str) -> Refill | None:
    """Return what a page's form is filled with again; None for what is not kept, or another's."""
    with reading(engine) as session:
        try:
            body = body_of(find_view(session, account, ViewKind.FORM, token))
        except NotFoundError:
            return None
    kind = body.get("kind") or ("wait" if body["message"] == _EXPIRED else "bad")
    return Refill(body["form"], body["fields"], body["message"], body["field"], kind)


def login_address(engine: Engine, request: Request, sent: Sent | None) -> str:
    """Return the login page that leads back to the page, with what was typed on it."""
    page = _expired(engine, request.cookies.get(DESK_COOKIE, ""), sent)
    if page is None and request.method == "GET":
        page = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    place = safe_next(page or "/")
    return "/login" if place == "/" else f"/login?{urlencode({'next': place})}"


async def done_once(
    inner: Callable[[Request], Coroutine[Any, Any, Response]],
    request: Request,
    sent: Sent | None,
    engine: Engine,
) -> Response:
    """Answer a request; a form that is sent twice is done once, and both get the same answer."""
    once = sent.fields.get("once", "") if sent else ""
    carried = request.cookies.get(DESK_COOKIE, "")
    if not once or not carried:
        return await inner(request)
    before = await run_in_threadpool(_begun_before, engine, carried, once)
    if before is not None:
        return RedirectResponse(before or "/", 303)
    location = None
    try:
        answer = await inner(request)
        location = answer.headers.get("location")
    finally:
        await run_in_threadpool(_ended, engine, carried, once, location)
    return answer


def _key(carried: str, once: str) -> str:
    return hashlib.sha256(f"once\0{carried}\0{once}".encode()).hexdigest()


def _begun_before(engine: Engine, carried: str, once: str) -> str | None:
    """Claim a form's word, and return None; or wait for, and return, where its answer led.

    "" when the first has not ended within ten seconds.
    """
    key = _key(carried, once)
    with writing(engine) as session:
        if claim_answer(session, key):
            return None
    end = time.monotonic() + _WAITED
    while time.monotonic() < end:
        with reading(engine) as session:
            row = kept_answer(session, key)
            if row is None:  # the first was not taken: this one is as good
                break
            if row.body:
                return str(row.body["location"])
        time.sleep(_POLL)
    return ""


def _ended(engine: Engine, carried: str, once: str, location: str | None) -> None:
    """Keep where the answer led; without a place the word is free again."""
    with writing(engine) as session:
        settle_answer(session, _key(carried, once), {"location": location} if location else None)
