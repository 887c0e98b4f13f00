"""授权与用章: which window may use our seal, until when and how often, and what was used."""

from datetime import date, datetime, time, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.web.shell.forms import text_of
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, Web, WebApp
from archive.administration.policy import Act, Role
from archive.database.engine import database_now, reading, writing
from archive.finding_aids.reach import reach_of
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import OrgKind
from ingest.window.grants import GrantWanted, end_grant, give_grant, grant_rows
from ingest.window.seal_rules import ALL_ITEMS

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_MOST = 500


@router.get("/window/grants")
def grants_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the authorisations of the reader's reach, with how often each was used."""
    user.require(Act.HANDLE)
    reach = reach_of(user.reader.org, web.runtime.organisations)
    with reading(web.runtime.engine) as session:
        now = database_now(session)
        rows = grant_rows(session, None if reach is None else sorted(reach), _MOST)
    known = web.runtime.organisations
    return web.page(
        request,
        user,
        "window_grants.html",
        rows=[_shown(row, now, user.reader.org) for row in rows],
        gives=user.reader.role is Role.CHIEF,
        stations=[
            row
            for kind in (OrgKind.STATION, OrgKind.HALL)
            for row in known.of_kind(kind)
            if row.code != user.reader.org
        ],
        today=now.astimezone(LOCAL_TIME).date(),
        items=_item_names(web),
        all_items=ALL_ITEMS,
    )


def _item_names(web: WebApp) -> dict[str, str]:
    return {row.code: row.name for row in web.runtime.catalogue}


def _shown(row: dict[str, Any], now: datetime, own: str) -> dict[str, Any]:
    begins, ends = map(datetime.fromisoformat, (row["begins_at"], row["ends_at"]))
    spent = row["quota"] is not None and row["used"] >= row["quota"]
    state = "已终止" if ends <= now else "未生效" if begins > now else "已用完" if spent else "有效"
    return row | {"standing": state, "begins": begins, "ends": ends, "own": row["grantor"] == own}


@router.post("/window/grants")
def give(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Give an authorisation from a day on, until the end of another."""
    user.require(Act.HANDLE)
    quota = form.get("quota", "").strip()
    if quota and not (quota.isdecimal() and 0 < int(quota) < 10**6):
        raise BadFormError("次数须为正整数，或留空不限。", "请更正后重新提交。")
    wanted = GrantWanted(
        text_of(form, "grantee"),
        _midnight(form.get("begins", "")),
        _midnight(form.get("ends", "")) + timedelta(days=1),
        (form.get("item") or ALL_ITEMS,),
        int(quota) if quota else None,
        form.get("case_no", "").strip() or None,
    )
    with writing(web.runtime.engine) as session:
        now = database_now(session)
        organisations = web.runtime.organisations
        give_grant(session, user.reader, wanted=wanted, organisations=organisations, now=now)
    return RedirectResponse("/window/grants", 303)


def _midnight(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), LOCAL_TIME)
    except ValueError:
        raise BadFormError("日期有误。", "请填写起止日期，形如 2026-09-01。") from None


@router.post("/window/grants/{number}/end")
def end(web: Web, user: LoggedIn, form: Posted, number: str) -> Response:
    """Take an authorisation back, from now on."""
    del form
    user.require(Act.HANDLE)
    with writing(web.runtime.engine) as session:
        end_grant(session, user.reader, number=number, now=database_now(session))
    return RedirectResponse("/window/grants", 303)
