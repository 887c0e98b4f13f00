"""The copies of packages in the second store.

A row is written only after every object was read back from that store.
"""

from collections.abc import Callable

from sqlalchemy import Engine, select

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_preservation import Replica
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.vocabulary import StoreRole, VolumeState
from storage.blobs import BlobStore
from storage.errors import StorageError, StoreUnavailableError
from storage.replicate import Copied, copy_missing, copy_package

OTHER_PREFIXES = ("accessions/", "deliveries/", "fixity/", "journal/", "quarantine/", "registers/")
"""The prefixes of what lies in the bucket beside the packages and is copied with them."""


def replicate(
    engine: Engine,
    store: BlobStore,
    second: BlobStore,
    actor: str,
    *,
    watch: Callable[[int, int], None] = lambda *_: None,
) -> Copied:
    """Copy every committed version that the second store lacks.

    Raises the first storage error after all others were copied: one damaged volume must not leave
    every later one without a copy. An outage ends it.
    """
    query = (
        select(VolumeVersion.id, Volume.code, VolumeVersion.version, VolumeVersion.inventory_sha256)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .outerjoin(Replica, Replica.volume_version_id == VolumeVersion.id)
        .where(VolumeVersion.state == VolumeState.COMMITTED, Replica.id.is_(None))
        .order_by(VolumeVersion.id)
    )
    with reading(engine) as session:
        todo = session.execute(query).all()
    objects = size = 0
    failed: StorageError | None = None
    for number, (version_id, code, version, digest) in enumerate(todo, 1):
        try:
            copied = copy_package(
                store, second, storage_prefix(ArchivalCode.parse(code), version), digest or ""
            )
        except StoreUnavailableError:
            raise
        except StorageError as error:
            failed = failed or error
            continue
        with writing(engine) as session:
            if session.scalar(select(Replica.id).filter_by(volume_version_id=version_id)) is None:
                row = Replica(
                    volume_version_id=version_id,
                    objects=copied.objects,
                    bytes=copied.bytes,
                    copied_at=database_now(session),
                )
                session.add(row)
        objects, size = objects + copied.objects, size + copied.bytes
        watch(number, len(todo))
    others = sum(copy_missing(store, second, prefix) for prefix in OTHER_PREFIXES)
    if todo or others:
        with writing(engine) as session:
            journal.record(
                session,
                actor,
                JournalAct.REPLICATE,
                StoreRole.SECOND,
                packages=len(todo),
                objects=objects + others,
            )
    if failed is not None:
        raise failed
    return Copied(objects + others, size)
