"""审计日志: who did what to what and when, newest first, and a button that walks the whole chain."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.web.door import At, PageRoute, Posted, Seated
from api.web.records import PAGE, note_look
from api.web.words import ACTS
from archive import journal
from archive.access import Act
from archive.db import reading, writing
from archive.models import JournalEntry

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/journal")
def journal_page(
    request: Request,
    desk: At,
    seat: Seated,
    act: Annotated[str, Query(max_length=40)] = "",
    actor: Annotated[str, Query(max_length=100)] = "",
    before: int = 0,
) -> Response:
    """Entries by act and actor; paged by their number."""
    seat.require(Act.READ_JOURNAL)
    with reading(desk.runtime.engine) as session:
        values = _entries(session, act, actor, before)
    return desk.page(request, seat, "journal.html", act=act, actor=actor, acts=ACTS, checked=None, fault=None, **values)


def _entries(session: Session, act: str, actor: str, before: int) -> dict[str, Any]:
    query = select(JournalEntry).order_by(JournalEntry.seq.desc())
    if act:
        query = query.where(JournalEntry.act == act)
    if actor:
        query = query.where(JournalEntry.actor == actor)
    if before:
        query = query.where(JournalEntry.seq < before)
    found = session.scalars(query.limit(PAGE + 1)).all()
    rows = [(one, _detail(one.detail)) for one in found[:PAGE]]
    return {"rows": rows, "next": found[PAGE - 1].seq if len(found) > PAGE else None}


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
        values = _entries(session, "", "", 0)
    return desk.page(request, seat, "journal.html", act="", actor="", acts=ACTS, checked=checked, fault=fault, **values)
