"""审计日志: who did what to what and when, newest first, and a button that walks the whole chain."""

import hmac
import json
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.web.shell.filters import act_label, clock
from api.web.shell.page import At, BadFormError, PageRoute, Posted, Seat, Seated
from api.web.shell.scope import PAGE, note_look
from api.web.shell.spans import start_of
from api.web.shell.spreadsheets import as_csv
from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.audit.journal import JournalFault
from archive.database.encryption import ColumnKeyError, session_keys
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_EXPORTED = 10_000
_STRETCH = 20_000  # entries walked in one answer: about a third of a second
_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody looks for in the journal; empty fields ask nothing."""

    act: str = ""
    actor: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""


def _asked(
    act: Annotated[str, Query(max_length=40)] = "",
    actor: Annotated[str, Query(max_length=100)] = "",
    subject: Annotated[str, Query(max_length=200)] = "",
    since: Annotated[str, Query(max_length=10)] = "",
    until: Annotated[str, Query(max_length=10)] = "",
) -> Asked:
    return Asked(act, actor.strip(), subject.strip(), since, until)


@router.get("/journal")
def journal_page(
    request: Request,
    desk: At,
    seat: Seated,
    asked: Annotated[Asked, Depends(_asked)],
    before: int = 0,
) -> Response:
    """Entries by act, actor, subject and days; paged by their number."""
    seat.require(Act.READ_JOURNAL)
    with reading(desk.runtime.engine) as session:
        values = _entries(session, asked, before)
    return desk.page(
        request,
        seat,
        "journal.html",
        asked=asked,
        acts={str(act): act.label for act in JournalAct},
        walk=None,
        **values,
    )


def _entries(session: Session, asked: Asked, before: int) -> dict[str, Any]:
    query = select(JournalEntry).order_by(JournalEntry.seq.desc())
    for column, value in (
        (JournalEntry.act, asked.act),
        (JournalEntry.actor, asked.actor),
        (JournalEntry.subject, asked.subject),
    ):
        if value:
            query = query.where(column == value)
    since, until = start_of(asked.since), start_of(asked.until)
    if since:
        query = query.where(
            JournalEntry.at >= since.astimezone(UTC).isoformat(timespec="microseconds")
        )
    if until:
        query = query.where(
            JournalEntry.at
            < (until + timedelta(days=1)).astimezone(UTC).isoformat(timespec="microseconds")
        )
    if before:
        query = query.where(JournalEntry.seq < before)
    found = session.scalars(query.limit(PAGE + 1)).all()
    rows = [(one, _detail(one.detail)) for one in found[:PAGE]]
    return {"rows": rows, "next": found[PAGE - 1].seq if len(found) > PAGE else None}


@router.get("/journal.csv")
def journal_csv(desk: At, seat: Seated, asked: Annotated[Asked, Depends(_asked)]) -> Response:
    """What was looked for as CSV, the newest 10,000; that it was taken stands in the journal."""
    seat.require(Act.READ_JOURNAL)
    with writing(desk.runtime.engine) as session:
        rows: list[JournalEntry] = []
        before = 0
        while len(rows) < _EXPORTED:
            page = _entries(session, asked, before)
            rows += [one for one, _ in page["rows"]]
            if page["next"] is None:
                break
            before = page["next"]
        note_look(session, seat, JournalAct.EXPORT_LIST, "journal", rows=len(rows))
    lines = [
        (
            one.seq,
            clock(one.at),
            one.actor,
            act_label(one.act),
            one.subject,
            _detail(one.detail),
            one.digest,
        )
        for one in rows
    ]
    return as_csv("审计日志", ("序号", "时间", "操作者", "行为", "对象", "详情", "摘要"), lines)


def _detail(text: str) -> str:
    """The detail in one line; it holds codes and numbers, and the reasons that people gave."""
    return "，".join(
        f"{key} {value}" for key, value in json.loads(text).items() if value not in (None, "", [])
    )


@dataclass(frozen=True, slots=True)
class Walk:
    """How far the chain was walked: all entries up to `after` hold. `mark` is ours, so that nobody can say he has walked what he has not."""

    after: int
    total: int
    mark: str
    fault: JournalFault | None = None
    ended: bool = False


@router.post("/journal/verify")
def verify(request: Request, desk: At, seat: Seated, _form: Posted) -> Response:
    """Begin at the first entry; the page then asks for one stretch after the other, and shows how far it is."""
    seat.require(Act.READ_JOURNAL)
    with reading(desk.runtime.engine) as session:
        walk = Walk(0, journal.length(session), _mark(session, seat, 0))
        values = _entries(session, Asked(), 0)
    return desk.page(
        request,
        seat,
        "journal.html",
        asked=Asked(),
        acts={str(act): act.label for act in JournalAct},
        walk=walk,
        **values,
    )


@router.post("/journal/verify/on")
def verify_on(request: Request, desk: At, seat: Seated, form: Posted) -> Response:
    """Walk a stretch. At the end of the chain, or at its first fault, note that it was walked."""
    seat.require(Act.READ_JOURNAL)
    text = form.get("after", "")
    after = int(text) if text.isdecimal() and len(text) < _DIGITS else -1
    with reading(desk.runtime.engine) as session:
        if after < 0 or not hmac.compare_digest(
            form.get("mark", "").encode(), _mark(session, seat, after).encode()
        ):
            raise BadFormError("验证进度无法识别。", "请重新点击“验证全部”。")
        held, fault = journal.verify(session, after, _STRETCH)
        ended = fault is not None or held - after < _STRETCH
        walk = Walk(held, journal.length(session), _mark(session, seat, held), fault, ended)
    if ended:
        with writing(desk.runtime.engine) as session:
            note_look(
                session,
                seat,
                JournalAct.VERIFY_JOURNAL,
                "journal",
                entries=held,
                fault=fault.seq if fault else None,
            )
    return desk.page(request, seat, "journal_walk.html", walk=walk)


def _mark(session: Session, seat: Seat, after: int) -> str:
    ring = session_keys(session)
    if ring is None:
        raise ColumnKeyError("未加载列加密密钥。", "请经由 yice 命令或服务打开数据库。")
    return ring.digest("journal-walk", f"{seat.csrf}:{after}")
