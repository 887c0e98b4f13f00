"""The check of one stored package against its digests."""

from dataclasses import dataclass
from typing import NamedTuple

from archive.reference.vocabulary import Fixity
from storage.blobs import BlobStore
from storage.errors import DigestMismatchError, MissingError, StorageError, StoreUnavailableError
from storage.package import INVENTORY, SharedObject, parse_inventory

OUTCOMES = (Fixity.MATCH, Fixity.UNREADABLE, Fixity.CHANGED, Fixity.MISSING)


@dataclass(frozen=True, slots=True)
class BadObject:
    """An object that is missing, changed or unreadable."""

    object: SharedObject
    outcome: Fixity

    def public(self) -> dict[str, str]:
        """Return it as the history keeps it: a key names no person."""
        return {"key": self.object.key, "sha256": self.object.sha256, "outcome": str(self.outcome)}


@dataclass(frozen=True, slots=True)
class PackageCheck:
    """What one check of a package read and found."""

    objects: int
    bytes: int
    faults: tuple[BadObject, ...]

    @property
    def outcome(self) -> Fixity:
        """Return the worst outcome of its objects."""
        return max(
            (fault.outcome for fault in self.faults), key=OUTCOMES.index, default=Fixity.MATCH
        )


class Unit(NamedTuple):
    """A committed version as the scrub walks over it."""

    version_id: int
    subject: str
    prefix: str
    inventory_sha256: str
    frozen: bool = False


def check_package(store: BlobStore, unit: Unit) -> PackageCheck:
    """Check the commit record against the row and every object against its digest.

    The objects are those that the commit record lists.
    """
    record = SharedObject(
        INVENTORY, f"{unit.prefix}/{INVENTORY}", unit.inventory_sha256, 0, "application/json"
    )
    outcome, data = read_object(store, record)
    if data is None:
        return PackageCheck(1, 0, (BadObject(record, outcome),))
    listed = parse_inventory(data).objects
    faults, size = [], len(data)
    for item in listed:
        outcome, data = read_object(store, item)
        size += len(data or b"")
        if outcome is not Fixity.MATCH:
            faults.append(BadObject(item, outcome))
    return PackageCheck(len(listed) + 1, size, tuple(faults))


def read_object(store: BlobStore, item: SharedObject) -> tuple[Fixity, bytes | None]:
    """Read an object; return the outcome, and its bytes when they match."""
    try:
        return Fixity.MATCH, store.read(item.key, sha256=item.sha256)
    except MissingError:
        return Fixity.MISSING, None
    except DigestMismatchError:
        return Fixity.CHANGED, None
    except StoreUnavailableError:
        raise
    except (StorageError, OSError):
        return Fixity.UNREADABLE, None
