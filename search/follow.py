"""The index follows the archive: it reads the feed of committed changes, one writer at a time, and can be built anew beside itself.

Nothing is lost by a kill: the place in the feed is committed with the documents, and a row read twice replaces a volume by itself.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from archive.database.engine import reading
from archive.database.tables_jobs import IndexFeed
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs import feed
from archive.reference.errors import ArchiveError
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from search.documents import Document, load_document
from search.index import SearchIndex
from search.index_folder import IndexFolder
from storage.blobs import BlobStore
from storage.errors import StorageError

POLL_SECONDS = 0.5
_ROUND_SECONDS = 1.5
_ROUND_ROWS = 1000
_CHUNK = 500
_NEARLY_THERE = 20
_MAX_WAIT = 30.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where documents are read from."""

    engine: Engine
    store: BlobStore
    catalogue: Catalogue
    organisations: Organisations

    def document(self, volume_id: int) -> Document | None:
        """What is to be found of a volume now; nothing when its facts cannot be read, which `check` then names, so that one does not stop all."""
        with reading(self.engine) as session:
            try:
                return load_document(
                    session, self.store, volume_id, self.catalogue, self.organisations
                )
            except (ArchiveError, ValueError) as fault:
                # Neither the text of the fault nor a 档号: both may quote the record.
                _log.warning("volume row %d cannot be indexed: %s", volume_id, type(fault).__name__)
                return None


@dataclass(frozen=True, slots=True)
class IndexFault:
    """A difference between index and database: MISSING, SURPLUS or STALE."""

    kind: str
    code: str


@dataclass(frozen=True, slots=True)
class Check:
    """The comparison: volumes in the database, those that only wait for their turn in the feed, and what is wrong."""

    volumes: int
    behind: int
    faults: tuple[IndexFault, ...]


def catch_up(source: Source, index: SearchIndex) -> int:
    """Take in the next changes and commit them with the place reached; a round ends after 1.5 s so that none waits long. Returns how many rows."""
    cursor = index.stats().cursor
    with reading(source.engine) as session:
        rows = feed.after(session, cursor, _ROUND_ROWS)
    started, count = time.monotonic(), 0
    done: set[int] = set()
    for row in rows:
        if row.volume_id not in done:
            index.replace(row.volume_id, source.document(row.volume_id))
            done.add(row.volume_id)
        count, cursor = count + 1, row.id
        if time.monotonic() - started > _ROUND_SECONDS:
            break
    if count:
        index.commit(cursor)
    return count


def follow(source: Source, shelf: IndexFolder, stop: Callable[[], bool]) -> None:
    """Follow the feed until told to stop; builds the index when there is none. Raises WriterBusyError when another process follows."""
    with shelf.only_one("writer"):
        if shelf.current() is None:
            rebuild(source, shelf)
        wait = POLL_SECONDS
        while not stop():
            wait = _follow_one(source, shelf, stop, wait)


def _follow_one(source: Source, shelf: IndexFolder, stop: Callable[[], bool], wait: float) -> float:
    """Follow with one generation until another is current, or until something out there fails; returns how long to wait after the next failure."""
    folder = shelf.current()
    index = shelf.open(folder)
    try:
        while not stop() and shelf.current() == folder:
            if catch_up(source, index) == 0:
                time.sleep(POLL_SECONDS)
            wait = POLL_SECONDS
    except (StorageError, OperationalError, OSError) as fault:
        # The store or the database is away. Nothing of this round is committed, so the next one begins where it began.
        _log.warning("index follower waits: %s", type(fault).__name__)
        time.sleep(wait)
        wait = min(wait * 2, _MAX_WAIT)
    finally:
        index.close()
    return wait


def rebuild(
    source: Source, shelf: IndexFolder, watch: Callable[[int, int], None] | None = None
) -> int:
    """Build a new generation from database and store while the old one answers, then put it in its place. Returns how many volumes.

    The place in the feed is read first: what changes while we build is read again from there before the swap.
    """
    with shelf.only_one("rebuild"):
        with reading(source.engine) as session:
            cursor = feed.head(session)
            volumes = list(
                session.scalars(
                    select(VolumeVersion.volume_id)
                    .where(VolumeVersion.state == "COMMITTED")
                    .distinct()
                )
            )
        folder = shelf.begin()
        index = shelf.open(folder)
        try:
            for done, volume_id in enumerate(sorted(volumes), 1):
                index.replace(volume_id, source.document(volume_id))
                if done % _CHUNK == 0:
                    index.commit(0)
                if watch:
                    watch(done, len(volumes))
            index.commit(cursor)
            while catch_up(source, index) > _NEARLY_THERE:
                pass
        finally:
            index.close()
        shelf.swap(folder)
    return len(volumes)


def check(source: Source, index: SearchIndex) -> Check:
    """Compare the index with the database. The index is read first, so that what changes meanwhile stands in the feed after its cursor."""
    cursor = index.stats().cursor
    held = {one.volume_id: one for one in index.volumes()}
    newest = (
        select(Volume.id, Volume.code, func.max(VolumeVersion.version))
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .where(VolumeVersion.state == "COMMITTED", Volume.void_reason.is_(None))
        .group_by(Volume.id, Volume.code)
    )
    with reading(source.engine) as session:
        known = {volume_id: (code, version) for volume_id, code, version in session.execute(newest)}
        behind = set(session.scalars(select(IndexFeed.volume_id).where(IndexFeed.id > cursor)))
    faults = []
    for volume_id in sorted((known.keys() | held.keys()) - behind):
        expected, found = known.get(volume_id), held.get(volume_id)
        if found is None:
            faults.append(IndexFault("MISSING", expected[0] if expected else ""))
        elif expected is None:
            faults.append(IndexFault("SURPLUS", found.code))
        elif found.version != expected[1]:
            faults.append(IndexFault("STALE", found.code))
    return Check(len(known), len(behind), tuple(faults))
