"""审计日志: pages of the journal, newest first, and the verification of the whole chain."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from api.web.shell.filters import act_label, clock
from api.web.shell.journal_words import detail_words, subject_words
from api.web.shell.lists import Lists
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from api.web.shell.scope import PAGE, note_look
from api.web.shell.spans import start_of
from api.web.shell.spreadsheets import as_csv
from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.audit.entries import EntryFilter, find_entries
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
    """What a reader looks for in the journal; empty fields narrow nothing."""

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
    web: Web,
    user: LoggedIn,
    asked: Annotated[Asked, Depends(_asked)],
    lists: Lists,
    before: int = 0,
) -> Response:
    """List entries by act, actor, subject and days, paged by their number."""
    user.require(Act.READ_JOURNAL)
    if lists.csv:
        return journal_csv(web, user, asked)
    with reading(web.runtime.engine) as session:
        entries, following = _entries(session, asked, before)
    return web.page(
        request,
        user,
        "journal.html",
        asked=asked,
        acts={str(act): act.label for act in JournalAct},
        walk=None,
        rows=_in_words(web, entries),
        next=following,
    )


def _entries(
    session: Session, asked: Asked, before: int
) -> tuple[Sequence[JournalEntry], int | None]:
    """Return a page of entries, and the number from before which the next page goes down."""
    since, until = start_of(asked.since), start_of(asked.until)
    wanted = EntryFilter(
        asked.act, asked.actor, asked.subject, since, until + timedelta(days=1) if until else None
    )
    entries = find_entries(session, wanted, before=before, limit=PAGE + 1)
    return entries[:PAGE], entries[PAGE - 1].seq if len(entries) > PAGE else None


def _in_words(web: WebApp, entries: Sequence[JournalEntry]) -> list[tuple[JournalEntry, str, str]]:
    """Return entries with their subject and their detail in words."""
    return [
        (entry, subject_words(entry.subject), detail_words(entry.detail, web.org))
        for entry in entries
    ]


@router.get("/journal.csv")
def journal_csv(web: Web, user: LoggedIn, asked: Annotated[Asked, Depends(_asked)]) -> Response:
    """Export what was looked for as CSV, the newest 10,000; journalled."""
    user.require(Act.READ_JOURNAL)
    with writing(web.runtime.engine) as session:
        rows: list[JournalEntry] = []
        following: int | None = 0
        while len(rows) < _EXPORTED and following is not None:
            entries, following = _entries(session, asked, following)
            rows += entries
        note_look(session, user, JournalAct.EXPORT_LIST, "journal", rows=len(rows))
    lines = [
        (
            entry.seq,
            clock(entry.at),
            entry.actor,
            act_label(entry.act),
            subject_words(entry.subject),
            detail_words(entry.detail, web.org),
            entry.digest,
        )
        for entry in rows
    ]
    return as_csv("审计日志", ("序号", "时间", "操作者", "行为", "对象", "详情", "摘要"), lines)


@dataclass(frozen=True, slots=True)
class Walk:
    """How far the chain was verified: all entries up to `after` hold.

    `mark` is a MAC of that number, so that nobody can claim to have verified what was not.
    """

    after: int
    total: int
    mark: str
    fault: JournalFault | None = None
    ended: bool = False


@router.post("/journal/verify")
def verify(request: Request, web: Web, user: LoggedIn, _form: Posted) -> Response:
    """Begin at the first entry; the page then asks for one stretch after the other."""
    user.require(Act.READ_JOURNAL)
    with reading(web.runtime.engine) as session:
        walk = Walk(0, journal.length(session), _mark(session, user, 0))
        entries, following = _entries(session, Asked(), 0)
    return web.page(
        request,
        user,
        "journal.html",
        asked=Asked(),
        acts={str(act): act.label for act in JournalAct},
        walk=walk,
        rows=_in_words(web, entries),
        next=following,
    )


@router.post("/journal/verify/on")
def verify_on(request: Request, web: Web, user: LoggedIn, form: Posted) -> Response:
    """Verify a stretch; at the end of the chain or its first fault, journal the result."""
    user.require(Act.READ_JOURNAL)
    text = form.get("after", "")
    after = int(text) if text.isdecimal() and len(text) < _DIGITS else -1
    with reading(web.runtime.engine) as session:
        if after < 0 or not hmac.compare_digest(
            form.get("mark", "").encode(), _mark(session, user, after).encode()
        ):
            raise BadFormError("验证进度无法识别。", "请重新点击“验证全部”。")
        walked, fault = journal.verify(session, after, _STRETCH)
        ended = fault is not None or walked - after < _STRETCH
        walk = Walk(walked, journal.length(session), _mark(session, user, walked), fault, ended)
    if ended:
        with writing(web.runtime.engine) as session:
            note_look(
                session,
                user,
                JournalAct.VERIFY_JOURNAL,
                "journal",
                entries=walked,
                fault=fault.seq if fault else None,
            )
    return web.page(request, user, "journal_walk.html", walk=walk)


def _mark(session: Session, user: User, after: int) -> str:
    ring = session_keys(session)
    if ring is None:
        raise ColumnKeyError("未加载列加密密钥。", "请经由 yice 命令或服务打开数据库。")
    return ring.digest("journal-walk", f"{user.csrf}:{after}")
