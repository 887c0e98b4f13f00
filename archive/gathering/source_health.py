"""How each source is: how far it was read, its last success, its last error and when it is tried again."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.tables_gathering import Arrival, SourceState

_FIRST_PAUSE, _LONGEST_PAUSE, _MOST_DOUBLINGS = timedelta(seconds=2), timedelta(minutes=5), 8


def state_of(session: Session, name: str) -> SourceState:
    """The row of a source, made at its first use."""
    row = session.get(SourceState, name)
    if row is None:
        row = SourceState(name=name, cursor="", fetched=0, failures=0)
        session.add(row)
        session.flush()
    return row


def record_success(session: Session, name: str, *, at: datetime) -> None:
    """A whole round went well; the last error stays to be read, the count of failures does not."""
    row = state_of(session, name)
    row.failures, row.succeeded_at, row.not_before = 0, at, None


def record_failure(session: Session, name: str, *, code: str, message: str, at: datetime) -> None:
    """A round failed: the next one waits, the longer the oftener it failed. `message` is our own and holds nothing personal."""
    row = state_of(session, name)
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(row.failures, _MOST_DOUBLINGS))
    row.failures, row.error_code, row.error, row.error_at, row.not_before = (
        row.failures + 1,
        code,
        message,
        at,
        at + pause,
    )


def health_rows(session: Session, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Each source as `yice pull --status` shows it."""
    counts = {(name, outcome): count for name, outcome, count in session.execute(_COUNTS)}
    rows = []
    for name in names:
        row = session.get(SourceState, name)
        health = (
            "NEW"
            if row is None
            else "DOWN"
            if row.failures
            else "OK"
            if row.succeeded_at
            else "NEW"
        )
        rows.append(
            {
                "source": name,
                "health": health,
                "taken": counts.get((name, "TAKEN"), 0),
                "duplicates": counts.get((name, "DUPLICATE"), 0),
                "refused": counts.get((name, "REFUSED"), 0),
                "failures": row.failures if row else 0,
                "succeeded_at": _iso(row.succeeded_at if row else None),
                "error_code": row.error_code if row else None,
                "error": row.error if row else None,
                "error_at": _iso(row.error_at if row else None),
                "next_try": _iso(row.not_before if row else None),
            }
        )
    return rows


_COUNTS = select(Arrival.source, Arrival.outcome, func.count()).group_by(
    Arrival.source, Arrival.outcome
)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
