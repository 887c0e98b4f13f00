"""Copies between two stores: what is copied is read back from the other one, and what is restored was whole before anything was removed."""

from dataclasses import dataclass

from storage.blobs import BlobStore
from storage.errors import DigestMismatchError, MissingError, StorageError, StoreUnavailableError
from storage.package import INVENTORY, parse_inventory


@dataclass(frozen=True, slots=True)
class Copied:
    """How much lies in both stores now."""

    objects: int
    bytes: int


def copy_package(
    source: BlobStore, target: BlobStore, prefix: str, inventory_sha256: str
) -> Copied:
    """Copy a committed package, its commit record last: a copy without one is not there. Each object is read back from the target."""
    record = source.read(f"{prefix}/{INVENTORY}", sha256=inventory_sha256)
    listed = parse_inventory(record).objects
    for one in listed:
        copy_object(source, target, one.key, one.sha256, one.media_type)
    copy_object(source, target, f"{prefix}/{INVENTORY}", inventory_sha256, "application/json")
    return Copied(len(listed) + 1, sum(one.size for one in listed) + len(record))


def copy_object(
    source: BlobStore, target: BlobStore, key: str, sha256: str, media_type: str
) -> None:
    """Copy one object, verified where it is read and where it is written. A copy that does not hold is made anew from the sound object."""
    if target.stat(key) is None:
        target.put_new(key, source.read(key, sha256=sha256), media_type=media_type)
    try:
        target.read(key, sha256=sha256)
    except DigestMismatchError:
        # Of a package that is not registered as copied yet no scrub would ever look at it, and it would stop every copy after it.
        restore_object(target, source, key, sha256, media_type)


def copy_missing(source: BlobStore, target: BlobStore, prefix: str) -> int:
    """Copy every object under a prefix that the target lacks; returns how many. For what no commit record lists.

    Raises the first storage error after all others were copied; what went meanwhile (a staged object whose volume was committed) is left out.
    """
    there = {one.key for one in target.list(prefix)}
    copied = 0
    failed: StorageError | None = None
    for one in [one for one in source.list(prefix) if one.key not in there]:
        try:
            copy_object(source, target, one.key, one.sha256, one.media_type)
            copied += 1
        except StoreUnavailableError:
            raise
        except MissingError as error:
            failed = failed or (error if source.stat(one.key) is not None else None)
        except StorageError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return copied


def restore_object(
    damaged: BlobStore, sound: BlobStore, key: str, sha256: str, media_type: str
) -> None:
    """Put the sound bytes in the place of damaged or missing ones.

    Raises a storage error and leaves the damaged store as it is when the other one has no whole copy, PinnedError when the object is locked.
    A kill between removing and writing leaves a missing object, which the next look restores.
    """
    data = sound.read(key, sha256=sha256)
    held = damaged.stat(key)
    if held is not None:
        damaged.discard(key, held.version)
    damaged.put_new(key, data, media_type=media_type)
    damaged.read(key, sha256=sha256)
