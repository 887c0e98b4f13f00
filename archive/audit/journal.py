"""The journal: append-only, hash-chained, verifiable to its first bad entry (R14, I10)."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.audit.acts import JournalAct
from archive.database.engine import lock_journal
from archive.database.tables_audit import JournalEntry

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class JournalFault:
    """The first entry that fails verification, and why."""

    seq: int
    reason: str


def line(entry: JournalEntry) -> bytes:
    """Return an entry as it is digested, anchored and proved.

    It is a list, not a concatenation: no two different entries share a serialisation.
    """
    fields = [
        entry.seq,
        entry.at,
        entry.actor,
        entry.act,
        entry.subject,
        entry.detail,
        entry.previous,
    ]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def from_line(text: bytes) -> JournalEntry:
    """Return the entry of a line, with its digest."""
    names = ("seq", "at", "actor", "act", "subject", "detail", "previous")
    return JournalEntry(
        **dict(zip(names, json.loads(text), strict=True)), digest=hashlib.sha256(text).hexdigest()
    )


def digest_of(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the SHA-256 of a JSON value, by which an entry names what it may not quote."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(entry: JournalEntry) -> str:
    return hashlib.sha256(line(entry)).hexdigest()


def entries(session: Session, after: int = 0) -> Iterator[JournalEntry]:
    """Yield the entries after a number, in order, a thousand at a time."""
    query = select(JournalEntry).where(JournalEntry.seq > after).order_by(JournalEntry.seq)
    # Closed by whoever stops half-way, as a walk does at its first fault: the cursor is the
    # server's.
    with session.scalars(query.execution_options(yield_per=1000)) as rows:
        yield from rows


def _last(session: Session) -> JournalEntry | None:
    return session.scalars(select(JournalEntry).order_by(JournalEntry.seq.desc()).limit(1)).first()


def record(
    session: Session,
    actor: str,
    act: JournalAct,
    subject: str,
    **detail: Any,  # noqa: ANN401 - any JSON value
) -> JournalEntry:
    """Append an entry in the caller's transaction.

    `detail` must hold no personal data.
    """
    lock_journal(session)
    last = session.execute(
        select(JournalEntry.seq, JournalEntry.digest).order_by(JournalEntry.seq.desc()).limit(1)
    ).first()
    entry = JournalEntry(
        seq=last.seq + 1 if last else 1,
        at=datetime.now(UTC).isoformat(timespec="microseconds"),
        actor=actor,
        act=str(act),
        subject=subject,
        detail=json.dumps(detail, ensure_ascii=False, sort_keys=True),
        previous=last.digest if last else GENESIS,
        digest="",
    )
    entry.digest = _digest(entry)
    session.add(entry)
    session.flush()
    return entry


def length(session: Session) -> int:
    """Return the number of the last entry; 0 when there is none."""
    return session.scalar(select(func.max(JournalEntry.seq))) or 0


def head(session: Session) -> str:
    """Return `<seq>:<digest>` of the last entry, as a commit record cites it."""
    last = _last(session)
    return f"{last.seq}:{last.digest}" if last else f"0:{GENESIS}"


def verify(
    session: Session, after: int = 0, limit: int | None = None
) -> tuple[int, JournalFault | None]:
    """Walk the chain from the entry after `after`, at most `limit` entries.

    `after` is the number of an entry that was verified, 0 for the beginning. Returns the number of
    the last valid entry, and the first fault, if any.
    """
    previous = (
        session.scalar(select(JournalEntry.digest).where(JournalEntry.seq == after))
        if after
        else GENESIS
    )
    if previous is None:
        return after - 1, JournalFault(after, "此处缺少条目，编号不连续")
    expected = after + 1
    for entry in islice(entries(session, after), limit):
        if entry.seq != expected:
            return expected - 1, JournalFault(expected, "此处缺少条目，编号不连续")
        if entry.previous != previous:
            return expected - 1, JournalFault(entry.seq, "与上一条的摘要不衔接")
        if entry.digest != _digest(entry):
            return expected - 1, JournalFault(entry.seq, "内容与其摘要不符")
        previous, expected = entry.digest, expected + 1
    return expected - 1, None
