"""收件: who comes, for which item, and what it needs; from then on every step is kept."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.http.window import ask_at_window, open_at_window
from api.web.shell.forms import text_of
from api.web.shell.kept_forms import keep_choice
from api.web.shell.page import (
    BadFormError,
    LoggedIn,
    PageRoute,
    Posted,
    RefusedError,
    User,
    Web,
    WebApp,
)
from api.web.window.filled import filled
from archive.administration.policy import Act, Denial
from archive.reference.characters import unified
from archive.reference.service_items import ServiceItem, needs_investigation
from archive.reference.vocabulary import Channel, Mode, OrgKind, SourceKind
from ingest.window.form_fields import fields_of
from ingest.window.known import FACTS
from ingest.window.opening import OPENERS

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Word = Annotated[str, Query(max_length=60)]
Code = Annotated[str, Query(max_length=16)]
HOW = {
    SourceKind.SHARED_CERT: "共享调取",
    SourceKind.SCANNED_PROOF: "扫描原件",
    SourceKind.ONLINE_APPLICATION: "网上申报带来",
    SourceKind.SYSTEM_FORM: "系统生成，无须收取",
}
_FURTHER = 3
_NUMBERS = ("id_number", *(f"id_number-{at}" for at in range(1, _FURTHER + 1)))


@router.get("/window/new")
def new_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    q: Word = "",
    item: Code = "",
    query: Word = "",
) -> Response:
    """Draw the items that a word finds, or the form of the chosen one with what it needs."""
    user.require(Act.HANDLE)
    if user.reader.role not in OPENERS:
        raise RefusedError(Denial.ROLE)
    chosen = next((row for row in _items(web) if row.code == item), None)
    return web.page(
        request,
        user,
        "window_new.html",
        q=q,
        item=chosen,
        items=[] if chosen else _matching(web, q),
        home_only=chosen is not None and chosen.mode is not Mode.CITYWIDE,
        investigates=chosen is not None and needs_investigation(chosen),
        how=HOW,
        stations=_stations(web),
        key=secrets.token_hex(16),
        further=range(1, _FURTHER + 1),
        query=query,
        facts=[row for row in fields_of(chosen.series) if row.label in FACTS] if chosen else [],
        asks=bool(web.runtime.settings.population_url),
    )


def _items(web: WebApp) -> list[ServiceItem]:
    """Return the newest version of each item that can be used, in the order of the list."""
    newest: dict[str, ServiceItem] = {}
    for row in web.runtime.catalogue:
        if row.code not in newest or row.version > newest[row.code].version:
            newest[row.code] = row
    return list(newest.values())


def _matching(web: WebApp, q: str) -> list[ServiceItem]:
    words = unified(q).casefold().split()
    return [
        row
        for row in _items(web)
        if all(
            word in unified(f"{row.code} {row.name} {row.category}").casefold() for word in words
        )
    ]


def _stations(web: WebApp) -> list[Any]:
    known = web.runtime.organisations
    return [*known.of_kind(OrgKind.STATION), *known.of_kind(OrgKind.HALL)]


@router.post("/window/new")
def open_new(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Open a case, and go to it; or ask for its people and draw the form with what is known."""
    user.require(Act.HANDLE)
    if not form.get("key"):
        raise BadFormError("页面已过期，未作任何更改。", "请刷新页面后重新操作。")
    if form.get("ask"):
        return _asked(web, user, form)
    data = _opening(form)
    done = open_at_window(web.runtime, user.reader, form["key"][:64], data)
    return RedirectResponse(f"/window/{done.case_no}", 303)


def _asked(web: WebApp, user: User, form: Mapping[str, str]) -> Response:
    """Draw the form again with what the population system knows; what was typed stays."""
    numbers = tuple(dict.fromkeys(filter(None, (text_of(form, name) for name in _NUMBERS))))
    item = form.get("item", "")
    answers = ask_at_window(web.runtime, user.reader, item, numbers)
    stations = frozenset(row.code for row in _stations(web))
    fields, message = filled(form, answers, stations, datetime.now(UTC))
    account = user.reader.account
    kept = keep_choice(web.runtime.engine, account, "/window/new", fields, message=message)
    words = {"item": item, "query": answers.token, "kept": kept}
    return RedirectResponse(f"/window/new?{urlencode(words)}", 303)


def _opening(form: Mapping[str, str]) -> dict[str, Any]:
    """Return what a form opens a case with. Raises BadFormError where it is for nobody."""
    applicant = {
        name: text_of(form, name) for name in ("name", "id_number", "phone") if form.get(name)
    }
    subjects = [applicant | {"relation": "本人"}] if form.get("self") == "1" else []
    for at in range(1, _FURTHER + 1):
        stated = {
            name: form.get(f"{name}-{at}", "").strip() for name in ("name", "id_number", "relation")
        }
        if stated["name"]:
            subjects.append({name: text for name, text in stated.items() if text})
    if not subjects:
        raise BadFormError("没有被办理人。", "请勾选“为本人办理”，或填写被办理人。")
    facts = {label: form.get(f"fact-{label}", "").strip() for label in FACTS}
    return {
        "item": form.get("item", ""),
        "home": form.get("home", ""),
        "channel": str(Channel.WINDOW),
        "applicant": applicant,
        "subjects": subjects,
        "query": form.get("query") or None,
        "facts": {label: text for label, text in facts.items() if text},
    }
