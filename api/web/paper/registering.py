"""纸质登记: what waits to be registered, scanned into boxes; and 纸电核对."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.web.paper.keeping import ScanPanel, keeper_of, whole
from api.web.shell.forms import text_of
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from archive.administration.policy import Act
from archive.database.engine import reading, writing
from archive.database.listing import RowList
from archive.paper.boxes import box_name, find_box
from archive.paper.list_parts import part_of_tasks
from archive.paper.listing import boxes_of
from archive.paper.moves import Cause
from archive.paper.named import find_item, find_task_row
from archive.paper.page_checks import check_pages, open_differences
from archive.paper.registration import CountedPaper, register_paper, waive_task
from archive.reference.paper_terms import PaperCondition, ScanFlow

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_TASKS = Shape(
    (
        Column("档号", "code"),
        Column("类别"),
        Column("应有页数", number=True),
        Column("登记单位", "org"),
        Column("清点后入盒，或免予登记"),
    ),
    day="赋号",
    station="登记单位",
    usual="code",
    what="件",
)
_DIFFERENCES = Shape(
    (
        Column("档号", "code"),
        Column("差异", "kind"),
        Column("纸质", "paper", number=True),
        Column("电子", "electronic", number=True),
        Column("重新清点，或说明原因"),
    ),
    name="differences",
    usual="",
    what="处",
)
_OPEN: RowList[Any] = RowList(
    {
        "code": lambda row: row.code,
        "kind": lambda row: row.kind,
        "paper": lambda row: row.paper_pages,
        "electronic": lambda row: row.electronic_pages,
    }
)


@router.get("/paper")
def registering_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw what waits, with the input that registers it by scanning."""
    return _drawn(request, web, user, "paper_registering.html")


@router.get("/paper/live")
def registering_live(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the part that changes with each scan."""
    return _drawn(request, web, user, "paper_registering_live.html")


def _drawn(request: Request, web: WebApp, user: User, template: str) -> Response:
    user.require(Act.VIEW_PAPER)
    keeper = keeper_of(web, user)
    tasks, differences = (
        listed(request, web.runtime.organisations, _for(shape, may=user.may(Act.KEEP_PAPER)))
        for shape in (_TASKS, _DIFFERENCES)
    )
    with reading(web.runtime.engine) as session:
        part = part_of_tasks(session, keeper, tasks.wanted)
        boxes = [
            (box.id, box_name(box), web.org(move.org))
            for box, move, _items, _thickness in boxes_of(session, keeper)
        ]
        open_ones = _OPEN.part(open_differences(session, keeper), differences.wanted)
    panel = ScanPanel(
        ScanFlow.REGISTER,
        "先扫盒，再扫册的封面条码",
        f"/paper/live?{tasks.query}",
        may=user.may(Act.KEEP_PAPER),
    )
    return web.page(
        request,
        user,
        template,
        status=max(tasks.status, differences.status),
        tasks=tasks.with_part(part),
        rows=part.rows,
        boxes=boxes,
        differences=differences.with_part(open_ones),
        different=open_ones.rows,
        panel=panel,
        conditions=list(PaperCondition),
    )


def _for(shape: Shape, *, may: bool) -> Shape:
    """Return a list with its last column, the acts, for who may do them."""
    return shape if may else replace(shape, columns=shape.columns[:-1])


@router.post("/paper/register")
def register(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Register one task with the pages that were counted."""
    user.require(Act.KEEP_PAPER)
    keeper = keeper_of(web, user)
    condition = form.get("condition", PaperCondition.GOOD)
    if condition not in set(PaperCondition):
        raise BadFormError("没有这种完好程度。", "请在列出的几种里选择。")
    counted = CountedPaper(
        whole(form, "pages", "页数"),
        PaperCondition(condition),
        text_of(form, "note") or None,
    )
    with writing(web.runtime.engine) as session:
        task = find_task_row(session, keeper, whole(form, "task", "登记任务"))
        box = find_box(session, keeper, whole(form, "box", "盒"), Act.KEEP_PAPER)
        register_paper(session, keeper, task, box, counted, Cause("登记入盒"))
    return RedirectResponse("/paper", 303)


@router.post("/paper/waive")
def waive(web: Web, user: LoggedIn, form: Posted) -> Response:
    """End one task without paper, with the reason."""
    user.require(Act.KEEP_PAPER)
    keeper = keeper_of(web, user)
    with writing(web.runtime.engine) as session:
        task = find_task_row(session, keeper, whole(form, "task", "登记任务"))
        waive_task(session, keeper, task, text_of(form, "reason"))
    return RedirectResponse("/paper", 303)


@router.post("/paper/checks")
def check(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Enter a fresh count of pages, or the reason of a difference."""
    user.require(Act.KEEP_PAPER)
    keeper = keeper_of(web, user)
    with writing(web.runtime.engine) as session:
        item = find_item(session, keeper, whole(form, "item", "纸质件"), Act.KEEP_PAPER)
        check_pages(
            session,
            keeper,
            item,
            pages=whole(form, "pages", "页数"),
            reason=text_of(form, "reason") or None,
        )
    return RedirectResponse("/paper#differences", 303)
