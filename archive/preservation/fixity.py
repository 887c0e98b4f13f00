"""Fixity: every stored package read again and held against its digests within a budget, frozen when it does not hold, mended from the other store.

A cycle looks at each committed version once. In each cycle two canaries are planted, an object whose bytes are wrong and one that is not there:
a scrub that does not find both is blind, and says so.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Engine, exists, func, select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_preservation import FixityCheck, Replica
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.feed import announce
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.lifecycle import move
from archive.reference.vocabulary import FIRST, SECOND, Fixity, VolumeState
from storage.blobs import BlobStore
from storage.digest import sha256_hex
from storage.errors import DigestMismatchError, MissingError, StorageError, StoreUnavailableError
from storage.package import INVENTORY, SharedObject, parse_inventory
from storage.replicate import restore_object

REPORTS = "fixity/"
"""Where the history lies in the first store, a file for each run."""
_TOGETHER, _WAIT_SECONDS = 100, 2.0
_CANARY = (Fixity.CHANGED, Fixity.MISSING)
_ORDER = (Fixity.MATCH, Fixity.UNREADABLE, Fixity.CHANGED, Fixity.MISSING)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one run may read, and how long it may take; None is no limit. The package that passes it is finished."""

    bytes: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class BadObject:
    """An object that does not hold."""

    object: SharedObject
    outcome: Fixity

    def public(self) -> dict[str, str]:
        """As the history keeps it: a key names no person."""
        return {"key": self.object.key, "sha256": self.object.sha256, "outcome": str(self.outcome)}


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at a package read and found."""

    objects: int
    bytes: int
    faults: tuple[BadObject, ...]

    @property
    def outcome(self) -> Fixity:
        """The worst of its objects."""
        return max((one.outcome for one in self.faults), key=_ORDER.index, default=Fixity.MATCH)


class Unit(NamedTuple):
    """A committed version as the scrub walks over it."""

    version_id: int
    subject: str
    prefix: str
    inventory_sha256: str
    frozen: bool = False


@dataclass(slots=True)
class Scrubbed:
    """The result of one run."""

    store: str
    cycle: int
    complete: bool = False
    packages: int = 0
    objects: int = 0
    bytes: int = 0
    seconds: float = 0.0
    canaries: int = 0
    blind: bool = False
    faults: list[dict[str, str]] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)

    def public(self) -> dict[str, object]:
        """As scripts read it."""
        return {
            **asdict(self),
            "mb_per_second": round(self.bytes / 1e6 / self.seconds, 1) if self.seconds else 0.0,
        }


def scrub(
    engine: Engine,
    store: BlobStore,
    other: BlobStore | None,
    actor: str,
    *,
    which: str = FIRST,
    budget: Budget | None = None,
    watch: Callable[[int, int], None] = lambda *_: None,
) -> Scrubbed:
    """Go on with the cycle of one store until the budget is spent; what does not hold is frozen, journalled, and mended from the other store.

    Raises StoreUnavailableError when the store does not answer: an outage is never taken for damage.
    """
    allowed, begin = budget or Budget(), time.monotonic()
    with reading(engine) as session:
        cycle = _cycle(session, which)
        frozen, units = _frozen(session, which), _left(session, which, cycle)
        canary_due = _canary_due(session, which, cycle)
        seen = session.scalar(select(func.max(FixityCheck.id))) or 0
    run, total, sound = Scrubbed(which, cycle), len(units), _Sound(engine)
    walk: list[Unit | None] = [*frozen, *units]
    number = 0
    if canary_due:
        walk.insert(len(frozen) + secrets.randbelow(len(units) + 1), None)
    for number, unit in enumerate(walk, 1):
        if unit is None:
            _look_for_canaries(engine, store, actor, run)
        else:
            _look_after(engine, store, other, actor, unit, run, sound)
        run.seconds = time.monotonic() - begin
        watch(min(number, total), total)
        if (allowed.bytes is not None and run.bytes >= allowed.bytes) or (
            allowed.seconds is not None and run.seconds >= allowed.seconds
        ):
            break
    sound.write(run)
    run.complete = number == len(walk) and not run.blind
    _report(engine, store if which == FIRST else other or store, run, seen)
    return run


def look(store: BlobStore, unit: Unit) -> Looked:
    """Read the commit record against the row and every object that it lists against its digest."""
    record = SharedObject(
        INVENTORY, f"{unit.prefix}/{INVENTORY}", unit.inventory_sha256, 0, "application/json"
    )
    outcome, data = _read(store, record)
    if data is None:
        return Looked(1, 0, (BadObject(record, outcome),))
    listed = parse_inventory(data).objects
    faults, size = [], len(data)
    for one in listed:
        outcome, data = _read(store, one)
        size += len(data or b"")
        if outcome is not Fixity.MATCH:
            faults.append(BadObject(one, outcome))
    return Looked(len(listed) + 1, size, tuple(faults))


def _read(store: BlobStore, one: SharedObject) -> tuple[Fixity, bytes | None]:
    try:
        return Fixity.MATCH, store.read(one.key, sha256=one.sha256)
    except MissingError:
        return Fixity.MISSING, None
    except DigestMismatchError:
        return Fixity.CHANGED, None
    except StoreUnavailableError:
        raise
    except (StorageError, OSError):
        return Fixity.UNREADABLE, None


@dataclass(slots=True)
class _Sound:
    """Looks that found nothing, written some at a time: a transaction for each package cost more than reading it.

    A run that is killed looks again at those that it had not written yet.
    """

    engine: Engine
    looks: list[tuple[int, Looked, datetime]] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def add(self, run: Scrubbed, version_id: int, found: Looked) -> None:
        """Keep one look, and write when there are many or the oldest has waited."""
        self.looks.append((version_id, found, datetime.now(UTC)))
        if len(self.looks) >= _TOGETHER or time.monotonic() - self.since > _WAIT_SECONDS:
            self.write(run)

    def write(self, run: Scrubbed) -> None:
        """Write all of them."""
        if self.looks:
            with writing(self.engine) as session:
                for version_id, found, at in self.looks:
                    _keep(session, run, version_id, found, at)
        self.looks, self.since = [], time.monotonic()


def _look_after(
    engine: Engine,
    store: BlobStore,
    other: BlobStore | None,
    actor: str,
    unit: Unit,
    run: Scrubbed,
    sound: _Sound,
) -> None:
    """Look, and when something does not hold: freeze, mend, look again, and give back only what is whole."""
    found = look(store, unit)
    if found.faults or unit.frozen:
        with writing(engine) as session:
            _keep(session, run, unit.version_id, found)
            if found.faults:
                _freeze(session, actor, unit, found, run)
    else:
        sound.add(run, unit.version_id, found)
    run.packages, run.objects, run.bytes = (
        run.packages + 1,
        run.objects + found.objects,
        run.bytes + found.bytes,
    )
    if found.faults:
        run.faults += [{"subject": unit.subject, **one.public()} for one in found.faults]
    if not found.faults and not unit.frozen:
        return
    if not found.faults or (other is not None and _mended(store, other, unit)):
        with writing(engine) as session:
            _give_back(session, actor, unit, found, run)
    else:
        run.frozen.append(unit.subject)


def _mended(store: BlobStore, other: BlobStore, unit: Unit) -> bool:
    """Restore until the package is whole. A restored commit record names the objects to look at next, hence twice."""
    for _ in range(2):
        for one in look(store, unit).faults:
            try:
                restore_object(
                    store, other, one.object.key, one.object.sha256, one.object.media_type
                )
            except (StorageError, OSError):
                return False
    return not look(store, unit).faults


def _report(engine: Engine, bucket: BlobStore, run: Scrubbed, seen: int) -> None:
    """Lay what this run found into the bucket: the history of its checks is worth as much as the bytes, and must not hang on a database."""
    query = (
        select(FixityCheck, Volume.code, VolumeVersion.version)
        .outerjoin(VolumeVersion, VolumeVersion.id == FixityCheck.volume_version_id)
        .outerjoin(Volume, Volume.id == VolumeVersion.volume_id)
        .where(FixityCheck.id > seen, FixityCheck.store == run.store)
        .order_by(FixityCheck.id)
    )
    with reading(engine) as session:
        looks = [
            {
                **{
                    name: getattr(one, name)
                    for name in ("store", "cycle", "outcome", "objects", "bytes", "faults")
                },
                "subject": f"{code}/v{version}" if code else None,
                "checked_at": one.checked_at.isoformat(),
            }
            for one, code, version in session.execute(query)
        ]
    if looks:
        text = (
            json.dumps({"spec": "fixity/1", "looks": looks}, ensure_ascii=False, indent=1) + "\n"
        ).encode()
        bucket.put_new(
            f"{REPORTS}{run.store}/{run.cycle:06d}/{sha256_hex(text)[:16]}.json",
            text,
            media_type="application/json",
        )


def _keep(
    session: Session,
    run: Scrubbed,
    version_id: int | None,
    found: Looked,
    at: datetime | None = None,
) -> None:
    session.add(
        FixityCheck(
            store=run.store,
            cycle=run.cycle,
            volume_version_id=version_id,
            outcome=str(found.outcome),
            objects=found.objects,
            bytes=found.bytes,
            faults=[one.public() for one in found.faults],
            checked_at=at or database_now(session),
        )
    )


def _freeze(session: Session, actor: str, unit: Unit, found: Looked, run: Scrubbed) -> None:
    """The alarm; and a volume whose own bytes do not hold is nobody's to use. A damaged copy freezes nothing."""
    counts = {str(kind): sum(one.outcome is kind for one in found.faults) for kind in _ORDER[1:]}
    journal.record(
        session,
        actor,
        JournalAct.ALARM,
        unit.subject,
        reason="fixity",
        store=run.store,
        **{k: v for k, v in counts.items() if v},
    )
    version = session.get_one(VolumeVersion, unit.version_id, with_for_update=True)
    if run.store == FIRST and version.state == VolumeState.COMMITTED:
        version.state = str(move(VolumeState.COMMITTED, VolumeState.QUARANTINED))
        announce(session, version.volume_id)


def _give_back(session: Session, actor: str, unit: Unit, found: Looked, run: Scrubbed) -> None:
    """A package that is whole again returns to use; one that was whole all along is left alone."""
    version = session.get_one(VolumeVersion, unit.version_id, with_for_update=True)
    thaw = run.store == FIRST and version.state == VolumeState.QUARANTINED
    if thaw:
        version.state = str(move(VolumeState.QUARANTINED, VolumeState.COMMITTED))
        announce(session, version.volume_id)
    if found.faults or thaw:
        journal.record(
            session,
            actor,
            JournalAct.MENDED,
            unit.subject,
            store=run.store,
            objects=len(found.faults),
        )
        run.mended.append(unit.subject)


def _look_for_canaries(engine: Engine, store: BlobStore, actor: str, run: Scrubbed) -> None:
    """Plant an object with wrong bytes, leave one out, and look at both as at any other."""
    folder = f"canary/{run.store}-{run.cycle:06d}"
    bytes_there = f"canary of cycle {run.cycle}\n".encode()
    store.put_new(f"{folder}/changed", bytes_there)
    expected = sha256_hex(bytes_there + b"as it should be")
    planted = [
        SharedObject(name, f"{folder}/{name}", expected, 0, "text/plain")
        for name in ("changed", "missing")
    ]
    outcomes = tuple(_read(store, one)[0] for one in planted)
    run.canaries, run.blind = (
        sum(one is seen for one, seen in zip(_CANARY, outcomes, strict=True)),
        outcomes != _CANARY,
    )
    with writing(engine) as session:
        if run.blind:
            journal.record(
                session, actor, JournalAct.ALARM, folder, reason="canary not found", store=run.store
            )
            return
        bad = tuple(BadObject(one, outcome) for one, outcome in zip(planted, outcomes, strict=True))
        _keep(session, run, None, Looked(len(bad), len(bytes_there), bad))


def _cycle(session: Session, which: str) -> int:
    """The cycle under way, or the next one when it is complete."""
    last = session.scalar(select(func.max(FixityCheck.cycle)).where(FixityCheck.store == which))
    if last is None:
        return 1
    return (
        last + 1
        if not _left(session, which, last) and not _canary_due(session, which, last)
        else last
    )


def _canary_due(session: Session, which: str, cycle: int) -> bool:
    found = select(FixityCheck.id).where(
        FixityCheck.store == which,
        FixityCheck.cycle == cycle,
        FixityCheck.volume_version_id.is_(None),
        FixityCheck.outcome != Fixity.MATCH,
    )
    return session.scalars(found.limit(1)).first() is None


def _left(session: Session, which: str, cycle: int) -> list[Unit]:
    """The versions that this cycle has not looked at, oldest first."""
    seen = exists().where(
        FixityCheck.volume_version_id == VolumeVersion.id,
        FixityCheck.store == which,
        FixityCheck.cycle == cycle,
    )
    return [
        unit
        for unit, state in _units(session, which, ~seen)
        if which == SECOND or state == VolumeState.COMMITTED
    ]


def _frozen(session: Session, which: str) -> list[Unit]:
    """Volumes that an earlier run froze: the other store may be able to help now."""
    return (
        [unit for unit, _ in _units(session, which, VolumeVersion.state == VolumeState.QUARANTINED)]
        if which == FIRST
        else []
    )


def _units(session: Session, which: str, condition: object) -> Iterator[tuple[Unit, str]]:
    query = (
        select(
            VolumeVersion.id,
            Volume.code,
            VolumeVersion.version,
            VolumeVersion.inventory_sha256,
            VolumeVersion.state,
        )
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(
            VolumeVersion.inventory_sha256.is_not(None),
            VolumeVersion.state.in_((VolumeState.COMMITTED, VolumeState.QUARANTINED)),
            condition,  # type: ignore[arg-type]
        )
        .order_by(VolumeVersion.id)
    )
    if which == SECOND:
        query = query.join(Replica, Replica.volume_version_id == VolumeVersion.id)
    for version_id, code, number, digest, state in session.execute(query):
        prefix, frozen = (
            storage_prefix(ArchivalCode.parse(code), number),
            state == VolumeState.QUARANTINED,
        )
        yield Unit(version_id, f"{code}/v{number}", prefix, digest or "", frozen), state
