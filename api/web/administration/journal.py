"""审计日志: pages of the journal, newest first, and the verification of the whole chain."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from api.web.shell.filters import act_label, clock
from api.web.shell.journal_words import detail_words, subject_words
from api.web.shell.listing import Column, Listing, Shape, listed
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from api.web.shell.scope import note_look
from api.web.shell.spreadsheets import as_csv
from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.audit.entries import EntryFilter, part_of_entries
from archive.audit.journal import JournalFault
from archive.database.encryption import ColumnKeyError, session_keys
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_STRETCH = 20_000  # entries walked in one answer: about a third of a second
_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader looks for in the journal; empty fields narrow nothing."""

    act: str = ""
    actor: str = ""
    subject: str = ""

    @property
    def filter(self) -> EntryFilter:
        """Return the same as the journal is asked."""
        return EntryFilter(self.act, self.actor, self.subject)


_ENTRIES = Shape(
    (
        Column("序号", "number", number=True),
        Column("时间", "at"),
        Column("操作者", "actor"),
        Column("行为", "act"),
        Column("对象", "subject"),
        Column("详情"),
    ),
    day="时间",
    usual="-number",
)


def _asked(
    act: Annotated[str, Query(max_length=40)] = "",
    actor: Annotated[str, Query(max_length=100)] = "",
    subject: Annotated[str, Query(max_length=200)] = "",
) -> Asked:
    return Asked(act, actor.strip(), subject.strip())


@router.get("/journal")
def journal_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    asked: Annotated[Asked, Depends(_asked)],
) -> Response:
    """List entries by act, actor, subject and days."""
    user.require(Act.READ_JOURNAL)
    entries = listed(request, web.runtime.organisations, _ENTRIES)
    if entries.csv and not entries.faults:
        return journal_csv(request, web, user, asked)
    return _drawn(request, web, user, asked, entries)


def _drawn(
    request: Request,
    web: WebApp,
    user: User,
    asked: Asked,
    entries: Listing,
    walk: "Walk | None" = None,
) -> Response:
    with reading(web.runtime.engine) as session:
        part = part_of_entries(session, asked.filter, entries.wanted)
    return web.page(
        request,
        user,
        "journal.html",
        status=entries.status,
        asked=asked,
        acts={str(act): act.label for act in JournalAct},
        walk=walk,
        entries=replace(entries.with_part(part), path="/journal"),
        rows=_in_words(web, part.rows),
    )


def _in_words(web: WebApp, entries: Sequence[JournalEntry]) -> list[tuple[JournalEntry, str, str]]:
    """Return entries with their subject and their detail in words."""
    return [
        (entry, subject_words(entry.subject), detail_words(entry.detail, web.org))
        for entry in entries
    ]


@router.get("/journal.csv")
def journal_csv(
    request: Request, web: Web, user: LoggedIn, asked: Annotated[Asked, Depends(_asked)]
) -> Response:
    """Export what was looked for as CSV; journalled."""
    user.require(Act.READ_JOURNAL)
    entries = listed(request, web.runtime.organisations, _ENTRIES).whole()
    with writing(web.runtime.engine) as session:
        part = part_of_entries(session, asked.filter, entries.wanted)
        entries.with_part(part)
        rows = part.rows
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
    entries = listed(request, web.runtime.organisations, _ENTRIES)
    return _drawn(request, web, user, Asked(), entries, walk)


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
