"""Everything in the bucket, read: no object is outside every check (I8, I16).

Packages are read by their commit records. What lies beside them is read here, against the digest
in its name where it has one, else against the one that it was stored under.
"""

import itertools
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import Engine, select, union
from sqlalchemy.orm import Session

from archive.database.engine import reading
from archive.database.tables_cases import Component, Delivery
from archive.database.tables_jobs import PeriodRun
from archive.database.tables_recognition import RecognisedPage
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.preservation.faults import Fault
from archive.preservation.fixity_check import read_object
from archive.reference.objects import blob_key
from archive.reference.vocabulary import Fixity
from storage.blobs import BlobStore, Stat
from storage.digest import sha256_hex
from storage.errors import MissingError, StorageError, StoreUnavailableError
from storage.package import INVENTORY, SharedObject, read_inventory

# Names that hold the digest of their bytes, whole or its beginning.
_NAMED = tuple(
    re.compile(pattern)
    for pattern in (
        r"blobs/sha256/../../(?P<digest>[0-9a-f]{64})",
        r"accessions/[^/]+/(?P<digest>[0-9a-f]{64})\.json",
        r"deliveries/(?P<digest>[0-9a-f]{64})\.json",
        r"copies/(?P<digest>[0-9a-f]{64})\.pdf",
        r"quarantine/(?P<digest>[0-9a-f]{64})/(fetched|package\.zip)",
        r"registers/.+/(?P<digest>[0-9a-f]{16})-register\.pdf",
        r"fixity/.+/(?P<digest>[0-9a-f]{16})\.json",
    )
)
FOREIGN = "存储中有不是由本系统写入的文件，或对象与其说明不成对"
_PACKAGES, _DEPTH, _BLOBS, _STAGING = "volumes", 6, "blobs", "staging/"
_TOGETHER = 400  # digests in one query: SQLite takes a limited number of values
_AFTER_ALL = "~"


@dataclass(slots=True)
class Reading:
    """How many objects beside the packages were read, and their size."""

    objects: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)


def others(engine: Engine, store: BlobStore, after: str = "") -> Iterator[Stat]:
    """Yield the objects that no commit record lists, in order of key, after a key."""
    for name in store.folders():
        if f"{name}/" < after[: len(name) + 1]:
            continue
        if name == _PACKAGES:
            yield from _unlisted(store, after)
        elif name == _BLOBS:
            yield from _unpacked(engine, store, after)
        else:
            with suppress(MissingError):  # a file that is no object: `strays` names it
                if alone := store.stat(name):
                    yield alone  # it lies in no folder
            yield from store.list(f"{name}/", after)


def _unlisted(store: BlobStore, after: str) -> Iterator[Stat]:
    """Yield what lies among the packages and is in none."""
    for package, stats in itertools.groupby(
        store.list(f"{_PACKAGES}/", after), lambda stat: "/".join(stat.key.split("/")[:_DEPTH])
    ):
        listed = {f"{package}/{INVENTORY}"}
        try:
            inventory = read_inventory(store, package)
            listed.update(item.key for item in (inventory.objects if inventory else ()))
        except StoreUnavailableError:
            raise
        except StorageError:
            pass  # the check of the package names it
        yield from (stat for stat in stats if stat.key not in listed)


def _unpacked(engine: Engine, store: BlobStore, after: str) -> Iterator[Stat]:
    """Yield the objects by content that are in no package, by the rows of what was packed.

    Rows that say more than the packages hold are named where rows are held to their records.
    """
    stats = store.list(f"{_BLOBS}/", after)
    while batch := list(itertools.islice(stats, _TOGETHER)):
        query = (
            select(Component.sha256)
            .join(Volume, Volume.case_id == Component.case_id)
            .join(
                VolumeVersion,
                (VolumeVersion.volume_id == Volume.id)
                & (VolumeVersion.case_revision == Component.revision),
            )
            .where(
                Component.sha256.in_([stat.key.rpartition("/")[2] for stat in batch]),
                VolumeVersion.inventory_sha256.is_not(None),
            )
        )
        with reading(engine) as session:
            packed = {blob_key(digest) for digest in session.scalars(query)}
        yield from (stat for stat in batch if stat.key not in packed)


def read_other(store: BlobStore, stat: Stat, into: Reading) -> None:
    """Read one object and add it to what was read, with its fault if it has one.

    Raises StoreUnavailableError: an outage is never taken for damage.
    """
    named = next((match for rule in _NAMED if (match := rule.fullmatch(stat.key))), None)
    item = SharedObject("", stat.key, stat.sha256, stat.size, stat.media_type)
    outcome, data = read_object(store, item)
    into.objects, into.bytes = into.objects + 1, into.bytes + len(data or b"")
    if outcome is Fixity.MISSING and store.stat(stat.key) is None:
        return  # it went between listing and reading: staged, given up, or taken elsewhere
    if (
        outcome is Fixity.MATCH
        and named
        and not sha256_hex(data or b"").startswith(named["digest"])
    ):
        outcome = Fixity.CHANGED
    if outcome is not Fixity.MATCH:
        into.faults.append(Fault(str(outcome), stat.key, outcome.label))


def bucket_faults(engine: Engine, store: BlobStore) -> Iterator[Fault]:
    """Yield every object beside the packages that is not as it was stored, or has no business.

    Also what rows say is there and is not.
    """
    for stat in others(engine, store):
        read = Reading()
        read_other(store, stat, read)
        yield from (Fault("I16", fault.subject, fault.message) for fault in read.faults)
    for key in foreign_files(store):
        code = "I8" if key.startswith(f"{_PACKAGES}/") else "I16"
        yield Fault(code, key, FOREIGN)
    with reading(engine) as session:
        yield from _missing(session, store)


def foreign_files(store: BlobStore) -> Iterator[str]:
    """Yield what lies in the store and is no whole object.

    That is a file without its note, or the reverse. Under `staging/` it is what a killed
    writer had begun: no holding, and done anew elsewhere.
    """
    return (key for key in store.strays() if not key.startswith(_STAGING))


def _missing(session: Session, store: BlobStore) -> Iterator[Fault]:
    """Yield what rows name and the bucket lacks: originals, texts, refusals, registers."""
    digests = union(
        select(Component.sha256.label("digest")),
        select(RecognisedPage.text_sha256).where(RecognisedPage.text_sha256.is_not(None)),
    ).subquery()
    query = select(digests.c.digest).order_by(digests.c.digest).execution_options(yield_per=500)
    present, current = store.list("blobs/sha256/"), ""
    for digest in session.scalars(query):
        # Both in the same order: the digest is the name.
        while current < blob_key(digest):
            current = next((stat.key for stat in present), _AFTER_ALL)
        if current != blob_key(digest) and store.stat(blob_key(digest)) is None:
            yield Fault("I16", blob_key(digest), "登记的原件或页面文字不在存储中")
    prefixes = select(Delivery.quarantine_prefix).where(Delivery.quarantine_prefix.is_not(None))
    for prefix in session.scalars(prefixes.distinct().execution_options(yield_per=500)):
        if next(store.list(f"{prefix}/"), None) is None:
            yield Fault("I16", str(prefix), "登记的隔离件不在存储中")
    registers = select(PeriodRun.register, PeriodRun.register_sha256).where(
        PeriodRun.register.is_not(None)
    )
    for register, digest in session.execute(registers.execution_options(yield_per=500)):
        try:
            store.read(str(register), sha256=digest)
        except MissingError:
            yield Fault("I16", str(register), "登记的归档登记表不在存储中")
        except StorageError as error:
            yield Fault("I16", str(register), f"归档登记表无法读取（{type(error).__name__}）")
