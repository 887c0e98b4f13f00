"""How the index follows the archive.

It reads the feed of committed changes, one writer at a time, and can be built anew beside itself.
Nothing is lost by a kill: the place in the feed is committed with the documents, and a row read
twice replaces a volume by itself.
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
from archive.reference.vocabulary import VolumeState
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
    """The database, the store and the reference tables that documents are read from."""

    engine: Engine
    store: BlobStore
    catalogue: Catalogue
    organisations: Organisations

    def document(self, volume_id: int) -> Document | None:
        """Return the document of a volume as it is now, None when its facts can't be read.

        `check` then names that volume, so that one does not stop all.
        """
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
    """The comparison of index and database.

    It counts the volumes in the database and those that only wait for their turn in the feed, and
    lists what is wrong.
    """

    volumes: int
    behind: int
    faults: tuple[IndexFault, ...]


def catch_up(source: Source, index: SearchIndex) -> int:
    """Index the next changes and commit them with the place reached; return how many rows.

    A round ends after 1.5 s so that no change waits long.
    """
    cursor = index.stats().cursor
    with reading(source.engine) as session:
        rows = feed.after(session, cursor, _ROUND_ROWS)
    started, count = time.monotonic(), 0
    done: set[int] = set()
    for row in rows:
        if row.volume_id is not None and row.volume_id not in done:
            index.replace(row.volume_id, source.document(row.volume_id))
            done.add(row.volume_id)
        count, cursor = count + 1, row.id
        if time.monotonic() - started > _ROUND_SECONDS:
            break
    if count:
        index.commit(cursor)
    return count


def follow(source: Source, indexes: IndexFolder, stop: Callable[[], bool]) -> None:
    """Follow the feed until told to stop; build the index when there is none.

    Raises WriterBusyError when another process follows.
    """
    with indexes.exclusive("writer"):
        if indexes.current() is None:
            rebuild(source, indexes)
        wait = POLL_SECONDS
        while not stop():
            wait = _follow_one(source, indexes, stop, wait)


def _follow_one(
    source: Source, indexes: IndexFolder, stop: Callable[[], bool], wait: float
) -> float:
    """Follow with one generation until another is current, or until a service fails.

    Returns how many seconds to wait after the next failure.
    """
    folder = indexes.current()
    index = indexes.open(folder)
    try:
        while not stop() and indexes.current() == folder:
            if catch_up(source, index) == 0:
                time.sleep(POLL_SECONDS)
            wait = POLL_SECONDS
    except (StorageError, OperationalError, OSError) as fault:
        # The store or the database does not answer. Nothing of this round is committed, so the next
        # one begins where it began.
        _log.warning("index follower waits: %s", type(fault).__name__)
        time.sleep(wait)
        wait = min(wait * 2, _MAX_WAIT)
    finally:
        index.close()
    return wait


def rebuild(
    source: Source, indexes: IndexFolder, watch: Callable[[int, int], None] | None = None
) -> int:
    """Build a new generation from database and store; return how many volumes.

    The old one answers meanwhile, then the new one takes its place. The place in the feed is read
    first: what changes during the build is read again from there before the swap.
    """
    with indexes.exclusive("rebuild"):
        with reading(source.engine) as session:
            cursor = feed.head(session)
            volumes = list(
                session.scalars(
                    select(VolumeVersion.volume_id)
                    .where(VolumeVersion.state == VolumeState.COMMITTED)
                    .distinct()
                )
            )
        folder = indexes.begin()
        index = indexes.open(folder)
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
        indexes.swap(folder)
    return len(volumes)


def check(source: Source, index: SearchIndex) -> Check:
    """Compare the index with the database.

    The index is read first, so that what changes meanwhile stands in the feed after its cursor.
    """
    cursor = index.stats().cursor
    indexed = {volume.volume_id: volume for volume in index.volumes()}
    newest = (
        select(Volume.id, Volume.code, func.max(VolumeVersion.version))
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .where(VolumeVersion.state == VolumeState.COMMITTED, Volume.void_reason.is_(None))
        .group_by(Volume.id, Volume.code)
    )
    with reading(source.engine) as session:
        known = {volume_id: (code, version) for volume_id, code, version in session.execute(newest)}
        behind = set(
            session.scalars(
                select(IndexFeed.volume_id).where(
                    IndexFeed.id > cursor, IndexFeed.volume_id.is_not(None)
                )
            )
        )
    faults = []
    for volume_id in sorted((known.keys() | indexed.keys()) - behind):
        expected, volume = known.get(volume_id), indexed.get(volume_id)
        if volume is None:
            faults.append(IndexFault("MISSING", expected[0] if expected else ""))
        elif expected is None:
            faults.append(IndexFault("SURPLUS", volume.code))
        elif volume.version != expected[1]:
            faults.append(IndexFault("STALE", volume.code))
    return Check(len(known), len(behind), tuple(faults))
