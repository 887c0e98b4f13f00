"""Health of each source: last success, last error, and when it is tried again."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.tables_gathering import Arrival, SourceState
from archive.reference.backoff import pause_after
from archive.reference.vocabulary import ArrivalOutcome, SourceHealth

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=5)
_LONGEST_ASKED = timedelta(hours=1)
"""The longest pause that a source may ask for; a wrong answer must not silence it for a day."""


def state_of(session: Session, name: str) -> SourceState:
    """Return the row of a source, made at its first use."""
    row = session.get(SourceState, name)
    if row is None:
        row = SourceState(name=name, cursor="", fetched=0, failures=0)
        session.add(row)
        session.flush()
    return row


def record_success(session: Session, name: str, *, at: datetime) -> None:
    """Record a whole round without error.

    The last error stays to be read; the count of failures starts again.
    """
    row = state_of(session, name)
    row.failures, row.succeeded_at, row.not_before = 0, at, None


def record_failure(
    session: Session,
    name: str,
    *,
    code: str,
    message: str,
    at: datetime,
    not_sooner: timedelta = timedelta(0),
) -> None:
    """Record a failed round and set when the next one may begin.

    The pause doubles with each failure, from 2 seconds up to 5 minutes, and is no shorter than the
    source asked for. `message` is our own text and holds nothing personal.
    """
    row = state_of(session, name)
    pause = pause_after(row.failures + 1, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
    row.failures, row.error_code, row.error, row.error_at, row.not_before = (
        row.failures + 1,
        code,
        message,
        at,
        at + max(pause, min(not_sooner, _LONGEST_ASKED)),
    )


def health_rows(session: Session, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return a row for each source, as `yice pull --status` shows it."""
    counts = {(name, outcome): count for name, outcome, count in session.execute(_COUNTS)}
    rows = []
    for name in names:
        row = session.get(SourceState, name)
        health = (
            SourceHealth.NEW
            if row is None
            else SourceHealth.DOWN
            if row.failures
            else SourceHealth.OK
            if row.succeeded_at
            else SourceHealth.NEW
        )
        rows.append(
            {
                "source": name,
                "health": health,
                "taken": counts.get((name, ArrivalOutcome.TAKEN), 0),
                "duplicates": counts.get((name, ArrivalOutcome.DUPLICATE), 0),
                "refused": counts.get((name, ArrivalOutcome.REFUSED), 0),
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
