"""The state of the system: what the status page shows and /metrics counts.

Each part is asked by itself, so that one that is away hides no other.
"""

import shutil
import socket
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from api.runtime.bootstrap import Runtime, open_index_folder
from api.runtime.broker import queue_lengths_or_none
from api.runtime.settings import QUEUES
from archive.database.engine import database_now, reading
from archive.database.tables_jobs import DutyRow
from archive.finding_aids.monitoring import (
    count_owed_timestamps,
    count_versions,
    journal_extent,
    newest_fixity_check,
)
from archive.jobs import feed
from archive.jobs.duties import DUTIES
from archive.jobs.job_rows import duty_rows
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import DutyState, VolumeState
from archive.reference.worktime import MissingHolidays, missing_holidays
from search.errors import SearchError
from search.index_folder import IndexReader

DISK_FLOOR = 5_000_000_000
"""Bytes below which the disk of the data folder is called full."""
_TSA_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class DutyStatus:
    """A duty: seconds since it was last done (None: never), and how often it has failed since."""

    name: str
    age: float | None
    failures: int
    error_code: str | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The state of the system as its rows have it; ages are in seconds."""

    scrubbed_at: datetime | None
    scrub_age: float | None
    faulty: int
    anchored_at: str | None
    since_anchor: int
    owed: int
    orphans: int
    duties: tuple[DutyStatus, ...]
    holidays: MissingHolidays | None


def system_status(session: Session) -> SystemStatus:
    """Return the state of the system, read from its rows."""
    now = database_now(session)
    known = duty_rows(session)
    scrubbed, extent = newest_fixity_check(session), journal_extent(session)
    reconciled = known.get("reconcile")
    return SystemStatus(
        scrubbed_at=scrubbed,
        scrub_age=(now - scrubbed).total_seconds() if scrubbed else None,
        faulty=count_versions(session, VolumeState.QUARANTINED),
        anchored_at=extent.anchored_at,
        since_anchor=extent.since_anchor,
        owed=count_owed_timestamps(session),
        orphans=int(reconciled.result.get("orphans", 0)) if reconciled else 0,
        duties=tuple(_duty(name, known.get(name), now) for name in DUTIES),
        holidays=missing_holidays(now.astimezone(LOCAL_TIME).date()),
    )


def _duty(name: str, row: DutyRow | None, now: datetime) -> DutyStatus:
    done = row.done_at if row else None
    age = (now - done).total_seconds() if done else None
    late = age is not None and age > 3 * DUTIES[name].every.total_seconds()
    failures = row.failures if row and row.state == DutyState.FAILED else 0
    return DutyStatus(name, age, failures, row.error_code if row else None, late)


def index_behind(runtime: Runtime) -> int | None:
    """Count the changes that the index of this node lacks; None when there is no index."""
    try:
        cursor = IndexReader(open_index_folder(runtime.settings)).index().stats().cursor
    except SearchError:
        return None
    with reading(runtime.engine) as session:
        return feed.count_after(session, cursor)


def queues(runtime: Runtime) -> dict[str, tuple[int, int]] | None:
    """Return messages and workers of each queue; None when the broker is away."""
    return queue_lengths_or_none(runtime.settings.model_copy(update={"queues": QUEUES}))


def disk_free(runtime: Runtime) -> int:
    """Return the bytes that are free where the data folder lies."""
    return shutil.disk_usage(runtime.settings.data).free


def tsa_answers(url: str) -> bool:
    """Return whether the time-stamping authority takes connections.

    A stamp is not asked for, for it may cost money.
    """
    parts = urlsplit(url)
    try:
        with socket.create_connection(
            (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)),
            _TSA_SECONDS,
        ):
            return True
    except OSError:
        return False
