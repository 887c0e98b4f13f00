"""Periodic duties: one row for each, with the last turn that was taken and how it ended.

A beat only sends a message. Two beats, a message that comes twice, or a worker that was killed
change nothing: a turn (a day, an hour or a minute of the database's clock, by local time) is taken
once, under a lease as long as the turn may last, and ended once under its token.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archive.database.engine import database_now
from archive.database.tables_jobs import DutyRow
from archive.jobs.leases import Lease, claim, is_free, release
from archive.reference.backoff import pause_after
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import DutyState

_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
_MARGIN = timedelta(seconds=60)  # a process is killed at its limit; its lease ends a little later


@dataclass(frozen=True, slots=True)
class Duty:
    """A periodic duty: how often, on which queue, and the time limit of a turn.

    `limit` is in seconds; at its end the process is killed.
    """

    name: str
    every: timedelta
    queue: str
    limit: int

    @property
    def beat_seconds(self) -> int:
        """Return the seconds between two messages of a beat.

        They are few enough that a turn lost with its worker is soon taken again.
        """
        return int(min(self.every, _MINUTE).total_seconds())


DUTIES = {
    duty.name: duty
    for duty in (
        Duty("reconcile", _MINUTE, "keep", 300),
        Duty("pull", _MINUTE, "ingest", 1800),
        Duty("period", _HOUR, "sign", 1800),
        Duty("timestamp", _HOUR, "sign", 1800),
        Duty("renew", _DAY, "sign", 3300),
        Duty("replicate", _HOUR, "keep", 3300),
        Duty("scrub", _HOUR, "keep", 3300),
        Duty("anchor", _DAY, "sign", 1800),
        Duty("remind", _HOUR, "keep", 300),
        Duty("window", _HOUR, "ingest", 1800),
    )
}


def turn_of(duty: Duty, at: datetime) -> str:
    """Return the turn that a time belongs to; later turns compare as greater.

    A turn is named by its beginning in local time.
    """
    local = at.astimezone(LOCAL_TIME)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + (local - midnight) // duty.every * duty.every).strftime("%Y-%m-%dT%H:%M")


def take_turn(session: Session, duty: Duty, owner: str) -> Lease[str] | None:
    """Take the turn that is due.

    None when it was taken, is being done, by whomever, or failed too recently to be tried again.
    """
    _ensure(session, duty)
    now = database_now(session)
    turn, row = turn_of(duty, now), DutyRow
    again = and_(
        row.turn == turn,
        row.state != DutyState.DONE,
        or_(row.not_before.is_(None), row.not_before <= now),
    )
    return claim(
        session,
        DutyRow,
        duty.name,
        owner,
        or_(row.turn < turn, again),
        is_free(row, now),
        length=timedelta(seconds=duty.limit) + _MARGIN,
        turn=turn,
        state=DutyState.RUNNING,
        begun_at=now,
        ended_at=None,
    )


def _ensure(session: Session, duty: Duty) -> None:
    if session.get(DutyRow, duty.name) is None:
        try:
            with session.begin_nested():
                session.add(DutyRow(name=duty.name, result={}))
        except IntegrityError:  # another node was first
            session.expire_all()


def end_turn(
    session: Session, taken: Lease[str], result: dict[str, Any], *, error_code: str | None = None
) -> bool:
    """Record how a turn ended; return False when another node has taken the duty meanwhile.

    A failed turn is tried again after 1, 2, 4 … minutes.
    """
    row, now = session.get_one(DutyRow, taken.key), database_now(session)
    failures = row.failures + 1 if error_code else 0
    pause = pause_after(failures, first=_MINUTE, longest=DUTIES[taken.key].every)
    return release(
        session,
        taken,
        state=DutyState.FAILED if error_code else DutyState.DONE,
        ended_at=now,
        done_at=row.done_at if error_code else now,
        failures=failures,
        not_before=now + pause if error_code else None,
        error_code=error_code,
        result=result,
    )
