"""The scrub: every stored package is read again and compared with its digests.

A run reads within a budget. A package with a fault is frozen, and mended from the other store. A
cycle checks each committed version once. In each cycle two canaries are planted, an object whose
bytes are wrong and one that is not there: a scrub that does not find both is blind, and says so.
"""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.database.tables_preservation import FixityCheck, ScrubPlace
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.feed import announce
from archive.preservation.bucket import FOREIGN, Reading, foreign_files, others, read_other
from archive.preservation.faults import Fault
from archive.preservation.fixity_check import (
    OUTCOMES,
    BadObject,
    PackageCheck,
    Unit,
    check_package,
    read_object,
)
from archive.preservation.fixity_cycle import canary_due, current_cycle, due_units, frozen_units
from archive.reference.lifecycle import move
from archive.reference.vocabulary import Fixity, StoreRole, VolumeState
from storage.blobs import BlobStore
from storage.digest import sha256_hex
from storage.errors import StorageError
from storage.package import SharedObject
from storage.replicate import restore_object

REPORTS = "fixity/"
"""The prefix of the history in the first store, a file for each run."""
_TOGETHER, _WAIT_SECONDS = 100, 2.0
_PACKAGES_SHARE, _FEWEST, _SUBJECT = 0.9, 10, 200
"""The share of a budget that packages may take; the rest is for what lies beside them."""
_CANARY = (Fixity.CHANGED, Fixity.MISSING)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one run may read, and how long it may take; None is no limit.

    The package that exceeds it is finished.
    """

    bytes: int | None = None
    seconds: float | None = None


@dataclass(slots=True)
class ScrubRun:
    """The result of one run."""

    store: str
    cycle: int
    complete: bool = False
    packages: int = 0
    objects: int = 0
    others: int = 0
    others_complete: bool = False
    bytes: int = 0
    seconds: float = 0.0
    canaries: int = 0
    blind: bool = False
    faults: list[dict[str, str]] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)

    def public(self) -> dict[str, object]:
        """Return it as scripts read it."""
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
    which: str = StoreRole.FIRST,
    budget: Budget | None = None,
    watch: Callable[[int, int], None] = lambda *_: None,
) -> ScrubRun:
    """Go on with the cycle of one store until the budget is spent.

    What has a fault is frozen, journalled, and mended from the other store. Raises
    StoreUnavailableError when the store does not answer: an outage is never taken for damage.
    """
    allowed, begin = budget or Budget(), time.monotonic()
    with reading(engine) as session:
        cycle = current_cycle(session, which)
        frozen, units = frozen_units(session, which), due_units(session, which, cycle)
        with_canaries = canary_due(session, which, cycle)
        seen = session.scalar(select(func.max(FixityCheck.id))) or 0
        place = session.get(ScrubPlace, which)
        after = place.after if place and allowed != Budget() else ""
    run, total, sound = ScrubRun(which, cycle), len(units), _SoundChecks(engine)
    walk: list[Unit | None] = [*frozen, *units]
    number = 0
    if with_canaries:
        walk.insert(len(frozen) + secrets.randbelow(len(units) + 1), None)
    for number, unit in enumerate(walk, 1):
        if unit is None:
            _check_canaries(engine, store, actor, run)
        else:
            _scrub_package(engine, store, other, actor, unit, run, sound)
        watch(min(number, total), total)
        if _spent(run, allowed, begin, _PACKAGES_SHARE):
            break
    sound.write(run)
    run.complete = number == len(walk) and not run.blind
    _scrub_others(engine, store, actor, run, after, lambda: _spent(run, allowed, begin))
    _write_history(engine, store if which == StoreRole.FIRST else other or store, run, seen)
    return run


def _spent(run: ScrubRun, allowed: Budget, begin: float, share: float = 1.0) -> bool:
    """Return whether a share of the budget is used up, and note the time that went."""
    run.seconds = time.monotonic() - begin
    return (allowed.bytes is not None and run.bytes >= share * allowed.bytes) or (
        allowed.seconds is not None and run.seconds >= share * allowed.seconds
    )


def _scrub_others(
    engine: Engine,
    store: BlobStore,
    actor: str,
    run: ScrubRun,
    after: str,
    spent: Callable[[], bool],
) -> None:
    """Read what lies beside the packages, under every prefix, until the budget is spent.

    A run goes on where the last one stopped; what packages leave of the budget is read here, and
    a share is always left. Some are read in any case.
    """
    for number, stat in enumerate(others(engine, store, after), 1):
        read = Reading()
        read_other(store, stat, read)
        run.others, run.bytes = run.others + 1, run.bytes + read.bytes
        run.faults += [
            {**fault.public(), "key": fault.subject, "outcome": fault.invariant}
            for fault in read.faults
        ]
        if read.faults:
            with writing(engine) as session:
                journal.record(
                    session,
                    actor,
                    JournalAct.ALARM,
                    stat.key[:_SUBJECT],
                    reason="fixity",
                    store=run.store,
                )
        if number >= _FEWEST and spent():
            _keep_place(engine, run, stat.key)
            return
    _keep_place(engine, run, "")
    run.others_complete = True
    named = {fault["key"] for fault in run.faults}
    run.faults += [
        {**Fault("FOREIGN", key, FOREIGN).public(), "key": key, "outcome": "FOREIGN"}
        for key in foreign_files(store)
        if key not in named
    ]


def _keep_place(engine: Engine, run: ScrubRun, after: str) -> None:
    with writing(engine) as session:
        session.merge(ScrubPlace(store=run.store, after=after))


@dataclass(slots=True)
class _SoundChecks:
    """Checks without a fault, written some at a time.

    A transaction for each package cost more than reading it. A run that is killed checks those
    again that it had not written yet.
    """

    engine: Engine
    checks: list[tuple[int, PackageCheck, datetime]] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def add(self, run: ScrubRun, version_id: int, check: PackageCheck) -> None:
        """Keep one check; write them when there are many or the oldest has waited."""
        self.checks.append((version_id, check, datetime.now(UTC)))
        if len(self.checks) >= _TOGETHER or time.monotonic() - self.since > _WAIT_SECONDS:
            self.write(run)

    def write(self, run: ScrubRun) -> None:
        """Write all of them."""
        if self.checks:
            with writing(self.engine) as session:
                for version_id, check, at in self.checks:
                    _add_check(session, run, version_id, check, at)
        self.checks, self.since = [], time.monotonic()


def _scrub_package(
    engine: Engine,
    store: BlobStore,
    other: BlobStore | None,
    actor: str,
    unit: Unit,
    run: ScrubRun,
    sound: _SoundChecks,
) -> None:
    """Check a package; when it has faults freeze it, mend it and check it again.

    Only what is whole returns to use.
    """
    check = check_package(store, unit)
    if check.faults or unit.frozen:
        with writing(engine) as session:
            _add_check(session, run, unit.version_id, check)
            if check.faults:
                _freeze(session, actor, unit, check, run)
    else:
        sound.add(run, unit.version_id, check)
    run.packages, run.objects, run.bytes = (
        run.packages + 1,
        run.objects + check.objects,
        run.bytes + check.bytes,
    )
    if check.faults:
        run.faults += [
            {
                **Fault(str(fault.outcome), unit.subject, fault.outcome.label).public(),
                **fault.public(),
            }
            for fault in check.faults
        ]
    if not check.faults and not unit.frozen:
        return
    if not check.faults or (other is not None and _restore_package(store, other, unit)):
        with writing(engine) as session:
            _unfreeze(session, actor, unit, check, run)
    else:
        run.frozen.append(unit.subject)


def _restore_package(store: BlobStore, other: BlobStore, unit: Unit) -> bool:
    """Restore until the package is whole; return whether it is.

    A restored commit record names the objects to check next, hence twice.
    """
    for _ in range(2):
        for fault in check_package(store, unit).faults:
            try:
                restore_object(
                    store, other, fault.object.key, fault.object.sha256, fault.object.media_type
                )
            except (StorageError, OSError):
                return False
    return not check_package(store, unit).faults


def _write_history(engine: Engine, bucket: BlobStore, run: ScrubRun, seen: int) -> None:
    """Write what this run found into the bucket.

    The history of its checks is worth as much as the bytes, and must not depend on a database.
    """
    query = (
        select(FixityCheck, Volume.code, VolumeVersion.version)
        .outerjoin(VolumeVersion, VolumeVersion.id == FixityCheck.volume_version_id)
        .outerjoin(Volume, Volume.id == VolumeVersion.volume_id)
        .where(FixityCheck.id > seen, FixityCheck.store == run.store)
        .order_by(FixityCheck.id)
    )
    with reading(engine) as session:
        checks = [
            {
                **{
                    name: getattr(row, name)
                    for name in ("store", "cycle", "outcome", "objects", "bytes", "faults")
                },
                "subject": f"{code}/v{version}" if code else None,
                "checked_at": row.checked_at.isoformat(),
            }
            for row, code, version in session.execute(query)
        ]
    if checks:
        text = (
            json.dumps({"spec": "fixity/1", "looks": checks}, ensure_ascii=False, indent=1) + "\n"
        ).encode()
        bucket.put_new(
            f"{REPORTS}{run.store}/{run.cycle:06d}/{sha256_hex(text)[:16]}.json",
            text,
            media_type="application/json",
        )


def _add_check(
    session: Session,
    run: ScrubRun,
    version_id: int | None,
    check: PackageCheck,
    at: datetime | None = None,
) -> None:
    session.add(
        FixityCheck(
            store=run.store,
            cycle=run.cycle,
            volume_version_id=version_id,
            outcome=str(check.outcome),
            objects=check.objects,
            bytes=check.bytes,
            faults=[fault.public() for fault in check.faults],
            checked_at=at or database_now(session),
        )
    )


def _freeze(session: Session, actor: str, unit: Unit, check: PackageCheck, run: ScrubRun) -> None:
    """Raise the alarm, and freeze a volume whose own bytes have a fault.

    Nobody may use it then. A damaged copy freezes nothing.
    """
    counts = {
        str(kind): sum(fault.outcome is kind for fault in check.faults) for kind in OUTCOMES[1:]
    }
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
    if run.store == StoreRole.FIRST and version.state == VolumeState.COMMITTED:
        version.state = str(move(VolumeState.COMMITTED, VolumeState.QUARANTINED))
        announce(session, version.volume_id)


def _unfreeze(session: Session, actor: str, unit: Unit, check: PackageCheck, run: ScrubRun) -> None:
    """Return a package that is whole again to use.

    One that was whole all along stays as it is.
    """
    version = session.get_one(VolumeVersion, unit.version_id, with_for_update=True)
    thaw = run.store == StoreRole.FIRST and version.state == VolumeState.QUARANTINED
    if thaw:
        version.state = str(move(VolumeState.QUARANTINED, VolumeState.COMMITTED))
        announce(session, version.volume_id)
    if check.faults or thaw:
        journal.record(
            session,
            actor,
            JournalAct.MENDED,
            unit.subject,
            store=run.store,
            objects=len(check.faults),
        )
        run.mended.append(unit.subject)


def _check_canaries(engine: Engine, store: BlobStore, actor: str, run: ScrubRun) -> None:
    """Plant an object with wrong bytes, leave one out, and check both as any other."""
    folder = f"canary/{run.store}-{run.cycle:06d}"
    canary = f"canary of cycle {run.cycle}\n".encode()
    store.put_new(f"{folder}/changed", canary)
    expected = sha256_hex(canary + b"as it should be")
    planted = [
        SharedObject(name, f"{folder}/{name}", expected, 0, "text/plain")
        for name in ("changed", "missing")
    ]
    outcomes = tuple(read_object(store, item)[0] for item in planted)
    run.canaries, run.blind = (
        sum(kind is outcome for kind, outcome in zip(_CANARY, outcomes, strict=True)),
        outcomes != _CANARY,
    )
    with writing(engine) as session:
        if run.blind:
            journal.record(
                session, actor, JournalAct.ALARM, folder, reason="canary not found", store=run.store
            )
            return
        bad = tuple(
            BadObject(item, outcome) for item, outcome in zip(planted, outcomes, strict=True)
        )
        _add_check(session, run, None, PackageCheck(len(bad), len(canary), bad))
