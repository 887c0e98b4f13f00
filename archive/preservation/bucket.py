"""Everything in the bucket, read: no object is outside every check (I8, I16).

Packages are read by their commit records. What lies beside them is read here, against the digest
in its name where it has one, else against the one that it was stored under.
"""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Engine, select

from archive.database.engine import reading
from archive.database.tables_cases import Component, Delivery
from archive.database.tables_jobs import PeriodRun
from archive.preservation.faults import Fault
from archive.preservation.fixity_check import read_object
from archive.reference.objects import blob_key
from archive.reference.vocabulary import Fixity, IntakeOutcome
from storage.blobs import BlobStore, Stat
from storage.digest import sha256_hex
from storage.errors import MissingError, StorageError, StoreUnavailableError
from storage.package import INVENTORY, SharedObject, parse_inventory

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
_PASSING = ("probe/", "canary/", "staging/")


@dataclass(slots=True)
class Reading:
    """How many objects beside the packages were read, and their size."""

    objects: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)


def others(store: BlobStore) -> list[Stat]:
    """Return the objects that no commit record lists, in an order that begins anywhere.

    A run whose budget ends before the last object begins elsewhere the next time.
    """
    stats = list(store.list(""))
    listed: set[str] = set()
    for stat in stats:
        if stat.key.startswith("volumes/") and stat.key.endswith(f"/{INVENTORY}"):
            listed.add(stat.key)
            try:
                listed.update(item.key for item in parse_inventory(store.read(stat.key)).objects)
            except StoreUnavailableError:
                raise
            except StorageError:
                continue  # the check of the package names it
    beside = [stat for stat in stats if stat.key not in listed]
    first = secrets.randbelow(len(beside)) if beside else 0
    return beside[first:] + beside[:first]


def read_other(store: BlobStore, stat: Stat, into: Reading) -> None:
    """Read one object and add it to what was read, with its fault if it has one.

    Raises StoreUnavailableError: an outage is never taken for damage.
    """
    named = next((match for rule in _NAMED if (match := rule.fullmatch(stat.key))), None)
    item = SharedObject("", stat.key, stat.sha256, stat.size, stat.media_type)
    outcome, data = read_object(store, item)
    into.objects, into.bytes = into.objects + 1, into.bytes + len(data or b"")
    if outcome is Fixity.MISSING and stat.key.startswith(_PASSING):
        return  # it went between listing and reading, as such objects do
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
    read = Reading()
    for stat in others(store):
        read_other(store, stat, read)
    for fault in read.faults:
        yield Fault("I16", fault.subject, fault.message)
    for key in store.strays():
        code = "I8" if key.startswith("volumes/") else "I16"
        yield Fault(code, key, "存储中有不是由本系统写入的文件，或对象与其说明不成对")
    yield from _missing(engine, store)


def _missing(engine: Engine, store: BlobStore) -> Iterator[Fault]:
    """Yield what rows name and the bucket lacks: originals, refused packages, registers."""
    with reading(engine) as session:
        keys = {blob_key(digest) for digest in session.scalars(select(Component.sha256))}
        prefixes = set(session.scalars(select(Delivery.quarantine_prefix)))
        query = select(PeriodRun.register, PeriodRun.register_sha256)
        registers = {key: digest for key, digest in session.execute(query) if key and digest}
        refused = session.scalars(
            select(Delivery.content_digest).where(Delivery.outcome == IntakeOutcome.REFUSED)
        ).all()
    for key in sorted(keys):
        if store.stat(key) is None:
            yield Fault("I16", key, "登记的原件不在存储中")
    for prefix in sorted(prefix for prefix in prefixes if prefix):
        if next(store.list(f"{prefix}/"), None) is None:
            yield Fault("I16", prefix, "登记的隔离件不在存储中")
    for register, digest in registers.items():
        try:
            store.read(register, sha256=digest)
        except MissingError:
            yield Fault("I16", register, "登记的归档登记表不在存储中")
        except StorageError as error:
            yield Fault("I16", register, f"归档登记表无法读取（{type(error).__name__}）")
    kept = sum(1 for _ in store.list("deliveries/"))
    if kept < len(refused):
        yield Fault("I16", "deliveries", f"登记拒收 {len(refused)} 次，存储中只有 {kept} 份记录")
