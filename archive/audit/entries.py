"""Look-ups in the journal: entries by act, actor, subject and time, the newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from archive.audit.acts import JournalAct
from archive.database.listing import ListPart, ListWanted, QueryList
from archive.database.tables_audit import JournalEntry


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What entries are looked for; empty fields narrow nothing. `until` is excluded."""

    act: str = ""
    actor: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


def find_entries(
    session: Session, wanted: EntryFilter, *, before: int = 0, limit: int
) -> Sequence[JournalEntry]:
    """Return the entries that fulfil a filter, from before a number down."""
    query = _entries(wanted).order_by(JournalEntry.seq.desc())
    if before:
        query = query.where(JournalEntry.seq < before)
    return session.scalars(query.limit(limit)).all()


def part_of_entries(
    session: Session, narrowed: EntryFilter, wanted: ListWanted
) -> ListPart[JournalEntry]:
    """Return one page of the entries that fulfil a filter."""
    return ENTRIES.part(session, _entries(narrowed), wanted)


def _entries(wanted: EntryFilter) -> Select[JournalEntry]:
    query = select(JournalEntry)
    for column, value in (
        (JournalEntry.act, wanted.act),
        (JournalEntry.actor, wanted.actor),
        (JournalEntry.subject, wanted.subject),
    ):
        if value:
            query = query.where(column == value)
    if wanted.since:
        query = query.where(JournalEntry.at >= _stamp(wanted.since))
    if wanted.until:
        query = query.where(JournalEntry.at < _stamp(wanted.until))
    return query


def _stamp(at: datetime) -> str:
    """Write a moment as entries do: their times are text in UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


ENTRIES = QueryList(
    JournalEntry.seq,
    {
        "number": JournalEntry.seq,
        "at": JournalEntry.at,
        "actor": JournalEntry.actor,
        "act": JournalEntry.act,
        "subject": JournalEntry.subject,
    },
    "-number",
    day=JournalEntry.at,
    stamp=_stamp,
)


def entries_about(
    session: Session, subject: str, acts: Sequence[JournalAct] = (), *, limit: int
) -> Sequence[JournalEntry]:
    """Return the newest entries about a subject, of these acts or of all."""
    query = select(JournalEntry).where(JournalEntry.subject == subject)
    if acts:
        query = query.where(JournalEntry.act.in_(acts))
    return session.scalars(query.order_by(JournalEntry.seq.desc()).limit(limit)).all()


def count_alarms(session: Session, since: datetime) -> int:
    """Count the alarms since a moment in UTC."""
    return (
        session.scalar(
            select(func.count())
            .select_from(JournalEntry)
            .where(JournalEntry.act == JournalAct.ALARM, JournalEntry.at >= since.isoformat())
        )
        or 0
    )
