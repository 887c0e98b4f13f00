"""审计日志: who did what to what and when, newest first, and a button that walks the whole chain."""

import json
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.web.approvals import start_of
from api.web.door import At, PageRoute, Posted, Seated
from api.web.lists import as_csv
from api.web.records import PAGE, note_look
from api.web.words import ACTS, clock
from archive import journal
from archive.access import Act
from archive.db import reading, writing
from archive.models import JournalEntry

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_EXPORTED = 10_000


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
def journal_page(request: Request, desk: At, seat: Seated, asked: Annotated[Asked, Depends(_asked)], before: int = 0) -> Response:
    """Entries by act, actor, subject and days; paged by their number."""
    seat.require(Act.READ_JOURNAL)
    with reading(desk.runtime.engine) as session:
        values = _entries(session, asked, before)
    return desk.page(request, seat, "journal.html", asked=asked, acts=ACTS, checked=None, fault=None, **values)


def _entries(session: Session, asked: Asked, before: int) -> dict[str, Any]:
    query = select(JournalEntry).order_by(JournalEntry.seq.desc())
    for column, value in ((JournalEntry.act, asked.act), (JournalEntry.actor, asked.actor), (JournalEntry.subject, asked.subject)):
        if value:
            query = query.where(column == value)
    since, until = start_of(asked.since), start_of(asked.until)
    if since:
        query = query.where(JournalEntry.at >= since.astimezone(UTC).isoformat(timespec="microseconds"))
    if until:
        query = query.where(JournalEntry.at < (until + timedelta(days=1)).astimezone(UTC).isoformat(timespec="microseconds"))
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
        note_look(session, seat, "EXPORT_LIST", "journal", rows=len(rows))
    lines = [(one.seq, clock(one.at), one.actor, ACTS.get(one.act, one.act), one.subject, _detail(one.detail), one.digest) for one in rows]
    return as_csv("审计日志", ("序号", "时间", "操作者", "行为", "对象", "详情", "摘要"), lines)


def _detail(text: str) -> str:
    """The detail in one line; it holds codes and numbers, and the reasons that people gave."""
    return "，".join(f"{key} {value}" for key, value in json.loads(text).items() if value not in (None, "", []))


@router.post("/journal/verify")
def verify(request: Request, desk: At, seat: Seated, _form: Posted) -> Response:
    """Walk the chain from its beginning, and note that it was walked."""
    seat.require(Act.READ_JOURNAL)
    with reading(desk.runtime.engine) as session:
        checked, fault = journal.verify(session)
    with writing(desk.runtime.engine) as session:
        note_look(session, seat, "VERIFY_JOURNAL", "journal", entries=checked, fault=fault.seq if fault else None)
        values = _entries(session, Asked(), 0)
    return desk.page(request, seat, "journal.html", asked=Asked(), acts=ACTS, checked=checked, fault=fault, **values)
