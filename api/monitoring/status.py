"""How everything stands: what the status page shows and /metrics counts. Each part is asked by itself, so that one that is away hides no other."""

import shutil
import socket
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.runtime.bootstrap import Runtime, open_shelf
from api.runtime.broker import lengths_if_there
from api.runtime.settings import QUEUES
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading
from archive.database.tables_audit import JournalEntry
from archive.database.tables_jobs import DutyRow
from archive.database.tables_preservation import FixityCheck
from archive.database.tables_volumes import VolumeVersion
from archive.jobs import feed
from archive.jobs.duties import DUTIES, FAILED
from search.errors import SearchError
from search.index_folder import IndexReader

DISK_FLOOR = 5_000_000_000
"""Bytes below which the disk of the data folder is called full."""
_TSA_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class DutyStanding:
    """One duty: seconds since it was last done (None: never), and how often it has failed since."""

    name: str
    age: float | None
    failures: int
    error_code: str | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rows say."""

    scrubbed_at: datetime | None
    scrub_age: float | None
    faulty: int
    anchored_at: str | None
    since_anchor: int
    owed: int
    orphans: int
    duties: tuple[DutyStanding, ...]


def standing(session: Session) -> Standing:
    """Ask the rows."""
    now = database_now(session)
    known = {one.name: one for one in session.scalars(select(DutyRow))}
    scrubbed = session.scalar(select(func.max(FixityCheck.checked_at)))
    anchored = session.execute(
        select(JournalEntry.seq, JournalEntry.at)
        .where(JournalEntry.act == JournalAct.ANCHOR)
        .order_by(JournalEntry.seq.desc())
        .limit(1)
    ).first()
    last = session.scalar(select(func.max(JournalEntry.seq))) or 0
    reconciled = known.get("reconcile")
    return Standing(
        scrubbed_at=scrubbed,
        scrub_age=(now - scrubbed).total_seconds() if scrubbed else None,
        faulty=session.scalar(select(func.count()).where(VolumeVersion.state == "QUARANTINED"))
        or 0,
        anchored_at=anchored.at if anchored else None,
        since_anchor=last - (anchored.seq if anchored else 0),
        owed=owed_timestamps(session),
        orphans=int(reconciled.result.get("orphans", 0)) if reconciled else 0,
        duties=tuple(_duty(name, known.get(name), now) for name in DUTIES),
    )


def owed_timestamps(session: Session) -> int:
    """Volumes whose newest version still owes its time-stamps."""
    newest = select(VolumeVersion.volume_id, func.max(VolumeVersion.version).label("last")).where(
        VolumeVersion.state == "COMMITTED"
    )
    last = newest.group_by(VolumeVersion.volume_id).subquery()
    query = (
        select(func.count())
        .select_from(VolumeVersion)
        .join(last, last.c.volume_id == VolumeVersion.volume_id)
    )
    return int(
        session.scalar(query.where(VolumeVersion.version == last.c.last, VolumeVersion.lta_pending))
        or 0
    )


def _duty(name: str, row: DutyRow | None, now: datetime) -> DutyStanding:
    done = row.done_at if row else None
    age = (now - done).total_seconds() if done else None
    late = age is not None and age > 3 * DUTIES[name].every.total_seconds()
    failures = row.failures if row and row.state == FAILED else 0
    return DutyStanding(name, age, failures, row.error_code if row else None, late)


def index_behind(runtime: Runtime) -> int | None:
    """Changes that the index of this node has not taken in; None when there is no index."""
    try:
        cursor = IndexReader(open_shelf(runtime.settings)).index().stats().cursor
    except SearchError:
        return None
    with reading(runtime.engine) as session:
        return feed.count_after(session, cursor)


def queues(runtime: Runtime) -> dict[str, tuple[int, int]] | None:
    """Messages and workers of each queue; None when the broker is away."""
    return lengths_if_there(runtime.settings.model_copy(update={"queues": QUEUES}))


def disk_free(runtime: Runtime) -> int:
    """Bytes free where the data folder lies."""
    return shutil.disk_usage(runtime.settings.data).free


def tsa_answers(url: str) -> bool:
    """Whether the time-stamping authority takes connections; a stamp is not asked for, for it may cost money."""
    parts = urlsplit(url)
    try:
        with socket.create_connection(
            (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)),
            _TSA_SECONDS,
        ):
            return True
    except OSError:
        return False
