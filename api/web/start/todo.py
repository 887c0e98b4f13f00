"""待办: the first page of every role, and the notices that can be read again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.web.shell.forms import number_of
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.lists import Lists, Sheet, exported
from api.web.shell.page import LoggedIn, PageRoute, Posted, User, Web
from api.web.shell.waiting import Waits, address_of, place_of_kind
from archive.administration.notices import (
    NoticeKind,
    NoticeTopic,
    mark_read,
    notices_of,
    part_of_notices,
    read_to,
)
from archive.administration.policy import Act
from archive.database.engine import reading, writing
from archive.database.tables_desk import Notice
from archive.finding_aids.todo import todo
from archive.finding_aids.todo_terms import Todo, TodoKind, Whose
from archive.reference.local_time import LOCAL_TIME

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN, _EVERY, _NEWS = 100, 1000, 6
_NOTICES = Shape(
    (
        Column("事项", "topic"),
        Column("编号", "subject"),
        Column("结果", "kind"),
        Column("时间", "at"),
    ),
    day="通知",
    usual="-at",
)
_COLUMNS = {
    "due": "期限",
    "left": "剩余工作日",
    "kind": "要办的事",
    "subject": "编号",
    "title": "内容",
    "who": "谁交来",
    "org": "单位",
    "note": "说明",
}


@router.get("/")
def todo_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    asked: Lists,
    whose: Annotated[Whose, Query()] = Whose.MINE,
    state: Literal["", "late", "soon"] = "",
    kind: Annotated[str, Query(max_length=16)] = "",
) -> Response:
    """Draw what waits for the user, or for the user's unit, by deadline."""
    limit = _EVERY if asked.csv or state or kind else _SHOWN
    with reading(web.runtime.engine) as session:
        listed = todo(session, user.reader, web.reference, whose, limit=limit)
        news = [_drawn(row) for row in notices_of(session, user.reader, limit=_NEWS)]
        seen = read_to(session, user.reader)
    rows = [row for row in listed if (not state or row.state == state) and kind in ("", row.kind)]
    if asked.csv:
        return exported(
            web, user, Sheet("待办", "todo", _COLUMNS), [_line(web.org, row) for row in rows]
        )
    waits = web.waits(user, fresh=True)
    return web.page(
        request,
        user,
        "todo.html",
        today=datetime.now(UTC).astimezone(LOCAL_TIME),
        tiles=_tiles(user, waits),
        groups=_groups(rows[:_SHOWN]),
        more=len(rows) > _SHOWN or len(listed) == _SHOWN,
        filters={"whose": whose, "state": state, "kind": kind},
        address=address_of,
        news=news,
        seen=seen,
    )


def _line(name: Any, row: Todo) -> dict[str, object]:  # noqa: ANN401 - names of organisations
    return {
        "due": row.due.isoformat() if row.due else "",
        "left": "" if row.left is None else row.left,
        "kind": row.kind.label,
        "subject": row.subject,
        "title": row.title,
        "who": row.who,
        "org": name(row.org),
        "note": row.note,
    }


def _groups(rows: list[Todo]) -> list[tuple[str, list[Todo]]]:
    """Return the rows by how near their dates are, each group with its heading."""
    return [(heading, list(group)) for heading, group in groupby(rows, _heading)]


def _heading(row: Todo) -> str:
    if row.left is None:
        return "不限期"
    if row.left < 0:
        return "已超期"
    return {0: "今天到期"}.get(row.left, "三个工作日内" if row.state else "其后")


def _tiles(user: User, waits: Waits) -> list[dict[str, Any]]:
    """Return the counts that are links, of what waits; who decides has 待审批 first."""
    mine, unit = waits.mine, waits.unit
    tiles = []
    deciding = [mine[kind] for kind in (TodoKind.USE, TodoKind.LOAN) if kind in mine]
    if deciding:
        late = sum(waiting.late for waiting in deciding)
        soon = sum(waiting.soon for waiting in deciding)
        total = sum(waiting.total for waiting in deciding)
        tiles.append(_tile("待审批", total, late, soon, "/approvals"))
    tiles += [
        _tile(f"待{kind.label}", waiting.total, waiting.late, waiting.soon, place_of_kind(kind))
        for kind, waiting in mine.items()
        if kind not in (TodoKind.USE, TodoKind.LOAN) and waiting.total
    ]
    if user.may(Act.VIEW):
        for words, state, count in (
            ("本单位临期", "soon", sum(waiting.soon for waiting in unit.values())),
            ("本单位超期", "late", sum(waiting.late for waiting in unit.values())),
        ):
            late = count if state == "late" else 0
            address = f"/?whose=unit&state={state}"
            tiles.append(_tile(words, count, late, count - late, address))
    return tiles


def _tile(words: str, total: int, late: int, soon: int, address: str) -> dict[str, Any]:
    note = "、".join(
        part for part in (f"超期 {late}" if late else "", f"临期 {soon}" if soon else "") if part
    )
    lamp = "none" if not total else "late" if late else "soon" if soon else ""
    return {"words": words, "total": total, "note": note, "lamp": lamp, "address": address}


_PLACES: Mapping[str, str] = {
    NoticeTopic.USE: "/usage/{}",
    NoticeTopic.COPY: "/usage/{}",
    NoticeTopic.CASE: "/checks/{}",
    NoticeTopic.VOLUME: "/volumes/{}",
    NoticeTopic.LOAN: "/paper/loans",
    NoticeTopic.HANDOVER: "/paper/handovers",
    NoticeTopic.PACKAGE: "/collecting",
    NoticeTopic.CAPTURE: "/collecting",
    NoticeTopic.ACCOUNT: "/system/accounts/{}",
    NoticeTopic.PRINT: "/print/{}",
}


def _drawn(row: Notice) -> dict[str, Any]:
    """Return a notice in words, with the page that it leads to."""
    topic, kind = NoticeTopic(row.topic), NoticeKind(row.kind)
    # The id of a file says nothing to anybody.
    named = "" if topic is NoticeTopic.CAPTURE else row.subject
    return {
        "row": row,
        "topic": topic.label,
        "named": named,
        "kind": kind.label,
        "words": f"{topic.label} {named} {kind.label}".replace("  ", " "),
        "lamp": {"REFUSED": "bad", "LATE": "bad", "FAILED": "bad", "DUE": "wait"}.get(kind, ""),
        "address": _PLACES[topic].format(row.subject),
    }


@router.get("/notices")
def notices_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw all that the user and the user's unit were told, the latest first."""
    notices = listed(request, web.runtime.organisations, _NOTICES)
    with reading(web.runtime.engine) as session:
        part = part_of_notices(session, user.reader, notices.wanted)
        seen = read_to(session, user.reader)
        newest = next((row.id for row in notices_of(session, user.reader, limit=1)), 0)
    return web.page(
        request,
        user,
        "notices.html",
        status=notices.status,
        notices=notices.with_part(part),
        rows=[_drawn(row) for row in part.rows],
        seen=seen,
        newest=newest,
    )


@router.post("/notices/read")
def read(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Mark the notices up to one as read."""
    upto = number_of(form.get("upto", "")) or 0
    with writing(web.runtime.engine) as session:
        mark_read(session, user.reader, upto)
    web.waits(user, fresh=True)
    return RedirectResponse("/notices", 303)
