"""Clean-up of staging objects whose version has ended or never was one of this database."""

from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy import Engine, select

from archive.database.engine import database_now, reading
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.version_steps import ENDED, LEASE
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.vocabulary import VolumeState
from storage.blobs import BlobStore, Stat
from storage.errors import BadKeyError, MissingError
from storage.package import discard_uncommitted

STAGING = "staging/"


def orphans(engine: Engine, store: BlobStore) -> list[Stat]:
    """Return staged objects whose version has ended and whose last lease has run out.

    A worker that lost its lease may still have written one.
    """
    staged = [
        (int(number), stat)
        for stat in store.list(STAGING)
        if (number := stat.key.removeprefix(STAGING).partition("-")[0]).isdigit()
    ]
    with reading(engine) as session:
        oldest = database_now(session) - LEASE
        query = select(
            VolumeVersion.id,
            VolumeVersion.state,
            VolumeVersion.committed_at,
            VolumeVersion.lease_until,
        )
        known = {
            version_id: (state, committed_at or until)
            for version_id, state, committed_at, until in session.execute(query)
        }
    ended = {str(state) for state in ENDED}
    unknown = (None, None)
    return [
        stat
        for version_id, stat in staged
        if known.get(version_id, unknown)[0] in ended
        and (known[version_id][1] or datetime.min.replace(tzinfo=UTC)) < oldest
    ]


def _given_up_prefixes(engine: Engine) -> list[str]:
    """Return the prefixes of versions that were given up longer than a lease ago.

    A slow worker may have put objects under them after they were cleared.
    """
    with reading(engine) as session:
        oldest = database_now(session) - LEASE
        query = (
            select(Volume.code, VolumeVersion.version)
            .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
            .join(Job, Job.version_id == VolumeVersion.id)
            .where(
                VolumeVersion.state == VolumeState.VOID,
                VolumeVersion.inventory_sha256.is_(None),
                Job.ended_at < oldest,
            )
        )
        return [
            storage_prefix(ArchivalCode.parse(code), version)
            for code, version in session.execute(query)
        ]


def tidy(engine: Engine, store: BlobStore) -> int:
    """Remove the orphans, and what is under versions that were given up; return their number.

    Each orphan is removed by its exact key and version; only orphans are counted. Raises
    PinnedError for a version that was given up and has a commit record all the same: `verify` names
    it, and a person must look.
    """
    for prefix in _given_up_prefixes(engine):
        discard_uncommitted(store, prefix)
    removed = 0
    for stat in orphans(engine, store):
        with suppress(MissingError, BadKeyError):  # another node tidied up first
            store.discard(stat.key, stat.version)
            removed += 1
    return removed
