"""Staging objects that nobody will come back for: their version has ended, or never was one of this database."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

from archive.custody import ENDED, LEASE_SECONDS
from archive.db import database_now, reading
from archive.models import VolumeVersion
from storage.blobs import BlobStore, Stat
from storage.errors import BadKeyError, MissingError

STAGING = "staging/"


def orphans(engine: Engine, store: BlobStore) -> list[Stat]:
    """Staged objects whose version has ended and whose last lease has run out: a worker that lost its lease may still have written one."""
    found = [(int(number), one) for one in store.list(STAGING) if (number := one.key.removeprefix(STAGING).partition("-")[0]).isdigit()]
    with reading(engine) as session:
        oldest = database_now(session) - timedelta(seconds=LEASE_SECONDS)
        query = select(VolumeVersion.id, VolumeVersion.state, VolumeVersion.committed_at, VolumeVersion.lease_until)
        known = {version_id: (state, committed_at or until) for version_id, state, committed_at, until in session.execute(query)}
    ended = {str(one) for one in ENDED}
    never = (None, None)
    return [
        one
        for version_id, one in found
        if known.get(version_id, never)[0] in ended and (known[version_id][1] or datetime.min.replace(tzinfo=UTC)) < oldest
    ]


def tidy(engine: Engine, store: BlobStore) -> int:
    """Remove them, each by its exact key and version; returns how many. Nothing committed lies under this prefix."""
    removed = 0
    for one in orphans(engine, store):
        with suppress(MissingError, BadKeyError):  # another node tidied up first
            store.discard(one.key, one.version)
            removed += 1
    return removed
