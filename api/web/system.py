"""系统管理, to be read: organisations, items with their materials, settings that are in effect."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import SecretStr

from api.settings import Settings
from api.web.door import At, PageRoute, RefusedError, Seated
from archive.access import Act, Denial
from archive.organisations import NOTICE as DEMO_ORGS
from archive.service_items import NOTICE as DEMO_ITEMS
from archive.service_items import missing_groups

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/system")
_HIDDEN_URLS = {"database_url", "broker_url"}


@router.get("/organisations")
def organisations_page(request: Request, desk: At, seat: Seated) -> Response:
    """The tree, in the order of its table."""
    seat.require(Act.OPERATE)
    return desk.page(request, seat, "organisations.html", rows=list(desk.runtime.organisations), notice=DEMO_ORGS)


@router.get("/items")
def items_page(request: Request, desk: At, seat: Seated) -> Response:
    """The catalogue with versions."""
    seat.require(Act.OPERATE)
    rows = [(one, missing_groups(one)) for one in desk.runtime.catalogue]
    return desk.page(request, seat, "items.html", rows=rows, notice=DEMO_ITEMS)


@router.get("/items/{code}/{version}")
def item_page(request: Request, desk: At, seat: Seated, code: str, version: str) -> Response:
    """One item: basis, levels, limit, and the materials it asks for."""
    seat.require(Act.OPERATE)
    if (code, version) not in desk.runtime.catalogue:
        raise RefusedError(Denial.NOT_HERE)
    item = desk.runtime.catalogue.get(code, version)
    return desk.page(request, seat, "item.html", item=item, missing=missing_groups(item), notice=DEMO_ITEMS)


@router.get("/settings")
def settings_page(request: Request, desk: At, seat: Seated) -> Response:
    """What is in effect; of secrets only whether they are set."""
    seat.require(Act.OPERATE)
    settings = desk.runtime.settings
    rows = [
        (f"YICE_{name.upper()}", _shown(name, getattr(settings, name)), name in settings.model_fields_set) for name in Settings.model_fields
    ]
    return desk.page(request, seat, "settings.html", rows=rows)


def _shown(name: str, value: Any) -> str:  # noqa: ANN401 - any setting
    if isinstance(value, SecretStr) or name in _HIDDEN_URLS:
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        return "已设置（不显示）" if plain else ""
    return "" if value is None else str(value)
