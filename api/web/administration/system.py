"""系统管理: organisations and whether they have done with paper, items with versions, the retention table, settings that are in effect."""

import re
from collections import Counter
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import SecretStr

from api.runtime.settings import Settings
from api.web.shell.page import At, BadFormError, PageRoute, Posted, RefusedError, Seated
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
from archive.administration.policy import Act, Denial
from archive.database.engine import reading, writing
from archive.reference.organisations import NOTICE as DEMO_ORGS
from archive.reference.service_items import NOTICE as DEMO_ITEMS
from archive.reference.service_items import missing_groups
from archive.reference.vocabulary import OrgKind, Retention, Series

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/system")
_SHORTEST, _LONGEST = 2, 200
_USERINFO = re.compile(r"//[^/@\s]+@")
_HIDDEN_URLS = {"database_url", "broker_url"}


@router.get("/organisations")
def organisations_page(request: Request, desk: At, seat: Seated) -> Response:
    """The tree, in the order of its table; a district is 已电子化 or in 过渡期, and its stations with it."""
    seat.require(Act.OPERATE)
    with reading(desk.runtime.engine) as session:
        notes = configured_rows(session, ORGANISATION)
    switched = {one.key: one for one in reversed(notes)}
    rows = [
        (one, desk.runtime.organisations.is_digitised(one.code), switched.get(one.code))
        for one in desk.runtime.organisations
    ]
    return desk.page(
        request, seat, "organisations.html", rows=rows, notice=DEMO_ORGS, kinds=OrgKind
    )


@router.post("/organisations/{code}")
def switch(desk: At, seat: Seated, form: Posted, code: str) -> Response:
    """Switch a district between 已电子化 and 过渡期, with the document that says so."""
    seat.require(Act.OPERATE)
    with writing(desk.runtime.engine) as session:
        wanted = form.get("digitised") == "1"
        switch_digitised(
            session,
            seat.reader,
            code,
            digitised=wanted,
            reason=_reason(form),
            organisations=desk.runtime.organisations,
        )
    return RedirectResponse("/system/organisations", 303)


def _reason(form: dict[str, str]) -> str:
    reason = " ".join(form.get("reason", "").split())
    if not _SHORTEST <= len(reason) <= _LONGEST or not reason.isprintable():
        raise BadFormError("请写明依据。", "请返回上一页填写后重新提交。")
    return reason


@router.get("/items")
def items_page(request: Request, desk: At, seat: Seated) -> Response:
    """The catalogue: the newest version of each item, and how many there are."""
    seat.require(Act.OPERATE)
    versions = Counter(one.code for one in desk.runtime.catalogue)
    newest = {one.code: one for one in desk.runtime.catalogue}
    rows = [(one, missing_groups(one), versions[one.code]) for one in newest.values()]
    return desk.page(request, seat, "items.html", rows=rows, notice=DEMO_ITEMS)


@router.get("/items/import")
def import_page(request: Request, desk: At, seat: Seated) -> Response:
    """Where a list of items is given."""
    seat.require(Act.OPERATE)
    return desk.page(request, seat, "items_import.html", found=None, text="", approval="")


@router.post("/items/import")
def import_list(request: Request, desk: At, seat: Seated, form: Posted) -> Response:
    """First what a list would change; then, confirmed and with the number of its approval, it is imported."""
    seat.require(Act.OPERATE)
    text = form.get("text", "")
    if form.get("confirm") != "1":
        found = read_items(text, desk.runtime.catalogue)
        return desk.page(
            request,
            seat,
            "items_import.html",
            found=found,
            text=text,
            approval=form.get("reason", ""),
        )
    with writing(desk.runtime.engine) as session:
        import_items(session, seat.reader, text, _reason(form), desk.runtime.catalogue)
    return RedirectResponse("/system/items", 303)


@router.get("/items/{code}/{version}")
def item_page(request: Request, desk: At, seat: Seated, code: str, version: str) -> Response:
    """One version of an item: basis, levels, limit, materials; its versions, and what this one changed."""
    seat.require(Act.OPERATE)
    if (code, version) not in desk.runtime.catalogue:
        raise RefusedError(Denial.NOT_HERE)
    item = desk.runtime.catalogue.get(code, version)
    versions = versions_of(desk.runtime.catalogue, code)
    place = versions.index(item)
    with reading(desk.runtime.engine) as session:
        notes = {one.key: one for one in configured_rows(session, ITEM)}
    return desk.page(
        request,
        seat,
        "item.html",
        item=item,
        missing=missing_groups(item),
        notice=DEMO_ITEMS,
        versions=[(one, notes.get(f"{one.code}@{one.version}"[:64])) for one in reversed(versions)],
        before=versions[place - 1] if place else None,
        changes=differences(versions[place - 1], item) if place else (),
    )


@router.get("/retention")
def retention_page(request: Request, desk: At, seat: Seated) -> Response:
    """保管期限表: for each series and term the items, from the newest versions."""
    seat.require(Act.OPERATE)
    newest = {one.code: one for one in desk.runtime.catalogue}.values()
    rows = {
        (series, term): [one for one in newest if one.series is series and one.retention is term]
        for series in Series
        for term in Retention
    }
    return desk.page(
        request,
        seat,
        "retention.html",
        rows={key: found for key, found in rows.items() if found},
        notice=DEMO_ITEMS,
    )


@router.get("/settings")
def settings_page(request: Request, desk: At, seat: Seated) -> Response:
    """What is in effect; of secrets only whether they are set."""
    seat.require(Act.OPERATE)
    settings = desk.runtime.settings
    rows = [
        (
            f"YICE_{name.upper()}",
            _shown(name, getattr(settings, name)),
            name in settings.model_fields_set,
        )
        for name in Settings.model_fields
    ]
    return desk.page(request, seat, "settings.html", rows=rows)


def _shown(name: str, value: Any) -> str:  # noqa: ANN401 - any setting
    if isinstance(value, SecretStr) or name in _HIDDEN_URLS:
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        return "已设置（不显示）" if plain else ""
    return "" if value is None else _USERINFO.sub("//…@", str(value))
