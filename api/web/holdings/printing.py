"""打印中心: many registers at once, as pages to print and as sealed PDF/A."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.http.daily import counted
from api.http.printing import MOST_PAGES, take_order, take_pages
from api.jobs.printing import start_printing
from api.web.shell.kept_forms import keep_choice
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.page import LoggedIn, PageRoute, Posted, User, Web, WebApp
from api.web.shell.scope import reach_of
from api.web.shell.served import HEADERS
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.database.engine import reading, writing
from archive.finding_aids.volume_lists import numbered_years
from archive.printing.choice import BadPrintError, PrintChoice
from archive.printing.orders import (
    fetch_print,
    find_order,
    part_of_own_orders,
    public_order,
    read_print,
    retry_print,
)
from archive.reference.print_terms import PrintKind, PrintStep
from archive.reference.vocabulary import OrgKind, Series

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Word = Annotated[str, Query(max_length=64)]
_OWN = Shape(
    (Column("单号", "number"), Column("目录"), Column("进度", "step")),
    name="orders",
    day="出具",
    usual="-number",
    what="份",
)
_TICK, _KIND = "item:", "kind:"
_ABOUT = {
    PrintKind.REGISTER: "按全宗、卷目、年度和保管期限分列",
    PrintKind.CONTENTS: "已归档的每册一页",
    PrintKind.SPINES: "26 × 210 毫米，带条码和二维码，裁切后贴用",
    PrintKind.TRANSFER: "只列已归档的册，附交接栏",
    PrintKind.USES: "本单位保管档案的利用登记，只看起止日期",
    PrintKind.YEAR: "本单位一个年度的室存、归档、利用等数字，须选年度",
}


@router.get("/print")
def print_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    series: Word = "",
    year: Word = "",
    station: Word = "",
    since: Word = "",
    until: Word = "",
    kind: Word = "",
) -> Response:
    """Draw the choice of registers and volumes, and the user's own orders."""
    user.require(Act.PRINT)
    reach = reach_of(web, user)
    orders = listed(request, web.runtime.organisations, _OWN)
    with reading(web.runtime.engine) as session:
        part = part_of_own_orders(session, user.reader, orders.wanted)
        years = numbered_years(session)
    return web.page(
        request,
        user,
        "print.html",
        status=orders.status,
        asked={"series": series, "year": year, "station": station, "since": since, "until": until},
        ticked=[kind],
        kinds=list(PrintKind),
        about=_ABOUT,
        orders=orders.with_part(part),
        rows=[public_order(row) for row in part.rows],
        most=MOST_PAGES,
        series=list(Series),
        years=years,
        stations=[
            unit
            for unit in web.runtime.organisations
            if unit.kind in (OrgKind.STATION, OrgKind.HALL)
            and (reach is None or unit.code in reach)
        ],
    )


@router.post("/print/ticked")
def ticked(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Lead to the choice, filled with the volumes that were ticked in a list."""
    codes = [key.removeprefix(_TICK) for key in form if key.startswith(_TICK)]
    if not codes:
        raise BadPrintError("没有勾选册。", "请在列表中勾选要打印的册，或在打印中心按卷目选择。")
    user.require(Act.PRINT)
    account = user.reader.account
    kept = keep_choice(web.runtime.engine, account, "/print", {"codes": "\n".join(codes)})
    return RedirectResponse(f"/print?kept={kept}", 303)


@router.post("/print")
def take(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Return the pages at once, or order sealed files and lead to their progress."""
    user.require(Act.PRINT)
    choice = _choice(form)
    if form.get("way") == "sealed":
        number = take_order(web.runtime, user.reader, choice)
        start_printing(web.runtime)
        return RedirectResponse(f"/print/{number}", 303)
    return _as_pdf(take_pages(web.runtime, user.reader, choice), "inline", "print")


def _choice(form: Mapping[str, str]) -> PrintChoice:
    """Return the choice of a form. Raises BadPrintError for what is no day, year or kind."""
    kinds = [key.removeprefix(_KIND) for key in form if key.startswith(_KIND)]
    series, year = form.get("series", ""), form.get("year", "").strip()
    if not set(kinds) <= set(PrintKind) or (series and series not in set(Series)):
        raise BadPrintError("所选的目录或卷目无法读取。", "请刷新页面后重新选择。")
    if year and not (year.isascii() and year.isdigit() and len(year) < len("10000")):
        raise BadPrintError("年度应为四位数字。", "请核对后重试。")
    codes = form.get("codes", "").split()
    return PrintChoice(
        tuple(PrintKind(kind) for kind in kinds),
        tuple(codes),
        form.get("station", ""),
        Series(series) if series else None,
        int(year) if year else None,
        _day(form.get("since", "")),
        _day(form.get("until", "")),
    )


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadPrintError("日期无法读取。", "请按 2026-09-01 的样式填写。") from None


@router.get("/print/{number}")
def order_page(request: Request, web: Web, user: LoggedIn, number: str) -> Response:
    """Draw one order: how far it is, its files, or why there are none."""
    return _order(request, web, user, number, "print_order.html")


@router.get("/print/{number}/live")
def order_live(request: Request, web: Web, user: LoggedIn, number: str) -> Response:
    """Draw how far an order is; asked again every second while it is made."""
    return _order(request, web, user, number, "print_order_live.html")


def _order(request: Request, web: WebApp, user: User, number: str, template: str) -> Response:
    user.require(Act.PRINT)
    with reading(web.runtime.engine) as session:
        order = public_order(find_order(session, user.reader, number))
    running = order["step"] not in (PrintStep.DONE, PrintStep.FAILED)
    failed = order["step"] == PrintStep.FAILED
    return web.page(
        request,
        user,
        template,
        order=order,
        running=running,
        failed=failed,
        words=_words(web, order),
    )


def _words(web: WebApp, order: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return what was chosen, in words."""
    choice = order["choice"]
    if not isinstance(choice, Mapping):
        return []
    series, year = choice["series"], choice["year"]
    span = f"{choice['since']} 至 {choice['until']}" if choice["since"] or choice["until"] else ""
    pairs = (
        ("目录", "、".join(PrintKind(kind).label for kind in choice["kinds"])),
        ("勾选的册", f"{len(choice['codes'])} 册" if choice["codes"] else ""),
        ("收件或户籍地", web.org(choice["station"])),
        ("卷目", Series(series).label if series else ""),
        ("年度", str(year) if year else ""),
        ("起止日期", span),
    )
    return [(key, value) for key, value in pairs if value]


@router.post("/print/{number}/retry")
def retry(web: Web, user: LoggedIn, form: Posted, number: str) -> Response:  # noqa: ARG001
    """Let a failed order wait again."""
    user.require(Act.PRINT)
    with writing(web.runtime.engine) as session:
        retry_print(session, user.reader, number)
    start_printing(web.runtime)
    return RedirectResponse(f"/print/{number}", 303)


@router.get("/print/{number}/{kind}.pdf")
def file(web: Web, user: LoggedIn, number: str, kind: str) -> Response:
    """Return one sealed file of the user's own order; journalled."""
    with counted(web.runtime, user.reader, Shown.CONTENT) as session:
        _, row = fetch_print(session, user.reader, number, kind)
    return _as_pdf(read_print(web.runtime.store, row), "attachment", f"{number}-{row['kind']}")


def _as_pdf(pdf: bytes, how: str, name: str) -> Response:
    named = {"Content-Disposition": f'{how}; filename="{name}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers={**HEADERS, **named})
