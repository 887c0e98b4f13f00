"""Copies between two stores.

What is copied is read back from the target, and what is restored was whole before anything was
removed.
"""

from dataclasses import dataclass

from storage.blobs import BlobStore
from storage.errors import DigestMismatchError, MissingError, StorageError, StoreUnavailableError
from storage.package import INVENTORY, parse_inventory


@dataclass(frozen=True, slots=True)
class Copied:
    """The number and the total size of the objects that lie in both stores now."""

    objects: int
    bytes: int


def copy_package(
    source: BlobStore, target: BlobStore, prefix: str, inventory_sha256: str
) -> Copied:
    """Copy a committed package, its commit record last.

    A copy without the commit record counts as absent. Each object is read back from the target.
    """
    record = source.read(f"{prefix}/{INVENTORY}", sha256=inventory_sha256)
    listed = parse_inventory(record).objects
    for item in listed:
        copy_object(source, target, item.key, item.sha256, item.media_type)
    copy_object(source, target, f"{prefix}/{INVENTORY}", inventory_sha256, "application/json")
    return Copied(len(listed) + 1, sum(item.size for item in listed) + len(record))


def copy_object(
    source: BlobStore, target: BlobStore, key: str, sha256: str, media_type: str
) -> None:
    """Copy one object, verified where it is read and where it is written.

    A copy whose bytes do not match is made anew from the sound object.
    """
    if target.stat(key) is None:
        target.put_new(key, source.read(key, sha256=sha256), media_type=media_type)
    try:
        target.read(key, sha256=sha256)
    except DigestMismatchError:
        # No scrub reads the objects of a package that is not registered as copied yet, so the
        # damaged copy would stop every later copy.
        restore_object(target, source, key, sha256, media_type)


def copy_missing(source: BlobStore, target: BlobStore, prefix: str) -> int:
    """Copy every object under a prefix that the target lacks; return how many.

    For objects that no commit record lists. Raises the first storage error after all others were
    copied; what went meanwhile (a staged object whose volume was committed) is left out.
    """
    present = {stat.key for stat in target.list(prefix)}
    copied = 0
    failed: StorageError | None = None
    for stat in [stat for stat in source.list(prefix) if stat.key not in present]:
        try:
            copy_object(source, target, stat.key, stat.sha256, stat.media_type)
            copied += 1
        except StoreUnavailableError:
            raise
        except MissingError as error:
            failed = failed or (error if source.stat(stat.key) is not None else None)
        except StorageError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return copied


def restore_object(
    damaged: BlobStore, sound: BlobStore, key: str, sha256: str, media_type: str
) -> None:
    """Put the sound bytes in the place of damaged or missing ones.

    Raises a storage error and leaves the damaged store as it is when the other one has no whole
    copy, PinnedError when the object is locked. A kill between removing and writing leaves a
    missing object, which the next check restores.
    """
    data = sound.read(key, sha256=sha256)
    known = damaged.stat(key)
    if known is not None:
        damaged.discard(key, known.version)
    damaged.put_new(key, data, media_type=media_type)
    damaged.read(key, sha256=sha256)
