"""系统管理: organisations, items with versions, the retention table, and settings.

Of organisations: whether they have gone paperless (已电子化).
"""

import re
from collections import Counter
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import SecretStr

from api.runtime.settings import Settings
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, RefusedError, Web
from archive.administration.configuration import (
    ITEM,
    ORGANISATION,
    configured_rows,
    differences,
    import_items,
    read_items,
    switch_digitised,
    versions_of,
)
from archive.administration.filing_units import FilingRule
from archive.administration.policy import Act, Denial
from archive.database.engine import reading, writing
from archive.paper.switching import pending_in, settle_pending
from archive.reference.organisations import NOTICE as DEMO_ORGS
from archive.reference.paper_terms import PendingChoice
from archive.reference.service_items import NOTICE as DEMO_ITEMS
from archive.reference.service_items import missing_groups
from archive.reference.vocabulary import OrgKind, Retention, Series

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/system")
_SHORTEST, _LONGEST = 2, 200
_USERINFO = re.compile(r"//[^/@\s]+@")
_RULES = {FilingRule.RECEIVING_PLACE: "由收件地立卷", FilingRule.DOMICILE: "由户籍地立卷"}
_HIDDEN_URLS = {"database_url", "broker_url"}


@router.get("/organisations")
def organisations_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the organisations in the order of their table.

    A district is 已电子化 or in 过渡期, and its stations with it.
    """
    user.require(Act.OPERATE)
    with reading(web.runtime.engine) as session:
        notes = configured_rows(session, ORGANISATION)
        pending = {
            unit.code: pending_in(session, unit.code, web.runtime.organisations)
            for unit in web.runtime.organisations
            if unit.kind in (OrgKind.DISTRICT, OrgKind.CITY) and not unit.digitised
        }
    switched = {note.key: note for note in reversed(notes)}
    rows = [
        (
            organisation,
            web.runtime.organisations.is_digitised(organisation.code),
            switched.get(organisation.code),
            pending.get(organisation.code, 0),
        )
        for organisation in web.runtime.organisations
    ]
    return web.page(
        request,
        user,
        "organisations.html",
        rows=rows,
        notice=DEMO_ORGS,
        kinds=OrgKind,
        choices=list(PendingChoice),
    )


@router.post("/organisations/{code}")
def switch(web: Web, user: LoggedIn, form: Posted, code: str) -> Response:
    """Switch a district between 已电子化 and 过渡期, with the document that orders it.

    Of one that goes 已电子化 the form says what becomes of the paper that waits.
    """
    user.require(Act.OPERATE)
    choice = form.get("pending", "")
    with writing(web.runtime.engine) as session:
        wanted = form.get("digitised") == "1"
        if wanted:
            settle_pending(
                session,
                user.reader,
                code,
                choice=PendingChoice(choice) if choice in set(PendingChoice) else None,
                reason=_reason(form),
                organisations=web.runtime.organisations,
            )
        switch_digitised(
            session,
            user.reader,
            code,
            digitised=wanted,
            reason=_reason(form),
            organisations=web.runtime.organisations,
        )
    return RedirectResponse("/system/organisations", 303)


def _reason(form: dict[str, str]) -> str:
    reason = " ".join(form.get("reason", "").split())
    if not _SHORTEST <= len(reason) <= _LONGEST or not reason.isprintable():
        raise BadFormError("请写明依据。", "请返回上一页填写后重新提交。")
    return reason


@router.get("/items")
def items_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the catalogue: the newest version of each item, and how many there are."""
    user.require(Act.OPERATE)
    versions = Counter(item.code for item in web.runtime.catalogue)
    newest = {item.code: item for item in web.runtime.catalogue}
    rows = [(item, missing_groups(item), versions[item.code]) for item in newest.values()]
    return web.page(request, user, "items.html", rows=rows, notice=DEMO_ITEMS)


@router.get("/items/import")
def import_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the form into which a list of items is pasted."""
    user.require(Act.OPERATE)
    return web.page(request, user, "items_import.html", entries=None, text="", approval="")


@router.post("/items/import")
def import_list(request: Request, web: Web, user: LoggedIn, form: Posted) -> Response:
    """Show what a list would change; once confirmed with its approval number, import it."""
    user.require(Act.OPERATE)
    text = form.get("text", "")
    if form.get("confirm") != "1":
        items = read_items(text, web.runtime.catalogue)
        return web.page(
            request,
            user,
            "items_import.html",
            entries=items,
            text=text,
            approval=form.get("reason", ""),
        )
    with writing(web.runtime.engine) as session:
        import_items(session, user.reader, text, _reason(form), web.runtime.catalogue)
    return RedirectResponse("/system/items", 303)


@router.get("/items/{code}/{version}")
def item_page(request: Request, web: Web, user: LoggedIn, code: str, version: str) -> Response:
    """Draw one version of an item, its other versions, and what this one changed.

    Of a version: basis, approval levels, time limit and materials.
    """
    user.require(Act.OPERATE)
    if (code, version) not in web.runtime.catalogue:
        raise RefusedError(Denial.NOT_HERE)
    item = web.runtime.catalogue.get(code, version)
    versions = versions_of(web.runtime.catalogue, code)
    place = versions.index(item)
    with reading(web.runtime.engine) as session:
        notes = {note.key: note for note in configured_rows(session, ITEM)}
    return web.page(
        request,
        user,
        "item.html",
        item=item,
        missing=missing_groups(item),
        notice=DEMO_ITEMS,
        versions=[
            (other, notes.get(f"{other.code}@{other.version}"[:64])) for other in reversed(versions)
        ],
        before=versions[place - 1] if place else None,
        changes=differences(versions[place - 1], item) if place else (),
    )


@router.get("/retention")
def retention_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the 保管期限表: the items of each series and term, from the newest versions."""
    user.require(Act.OPERATE)
    newest = {item.code: item for item in web.runtime.catalogue}.values()
    rows = {
        (series, term): [
            item for item in newest if item.series is series and item.retention is term
        ]
        for series in Series
        for term in Retention
    }
    return web.page(
        request,
        user,
        "retention.html",
        rows={key: items for key, items in rows.items() if items},
        notice=DEMO_ITEMS,
    )


@router.get("/settings")
def settings_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the settings in effect; of secrets only whether they are set."""
    user.require(Act.OPERATE)
    settings = web.runtime.settings
    rows = [
        (
            f"YICE_{name.upper()}",
            _shown(name, getattr(settings, name)),
            name in settings.model_fields_set,
        )
        for name in Settings.model_fields
    ]
    return web.page(request, user, "settings.html", rows=rows)


def _shown(name: str, value: Any) -> str:  # noqa: ANN401 - any setting
    if isinstance(value, SecretStr) or name in _HIDDEN_URLS:
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        return "已设置（不显示）" if plain else ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, FilingRule):
        return _RULES[value]
    return "" if value is None else _USERINFO.sub("//…@", str(value))
