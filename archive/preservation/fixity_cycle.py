"""The cycles of the scrub: which packages a cycle has still to check."""

from collections.abc import Iterator

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from archive.database.tables_preservation import FixityCheck, Replica
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.preservation.fixity_check import Unit
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.vocabulary import Fixity, StoreRole, VolumeState


def current_cycle(session: Session, which: str) -> int:
    """Return the cycle under way, or the next one when it is complete."""
    last = session.scalar(select(func.max(FixityCheck.cycle)).where(FixityCheck.store == which))
    if last is None:
        return 1
    return (
        last + 1
        if not due_units(session, which, last) and not canary_due(session, which, last)
        else last
    )


def canary_due(session: Session, which: str, cycle: int) -> bool:
    """Return whether a cycle has not found its canaries yet."""
    checks = select(FixityCheck.id).where(
        FixityCheck.store == which,
        FixityCheck.cycle == cycle,
        FixityCheck.volume_version_id.is_(None),
        FixityCheck.outcome != Fixity.MATCH,
    )
    return session.scalars(checks.limit(1)).first() is None


def due_units(session: Session, which: str, cycle: int) -> list[Unit]:
    """Return the versions that this cycle has not checked, oldest first."""
    seen = exists().where(
        FixityCheck.volume_version_id == VolumeVersion.id,
        FixityCheck.store == which,
        FixityCheck.cycle == cycle,
    )
    return [
        unit
        for unit, state in _units(session, which, ~seen)
        if which == StoreRole.SECOND or state == VolumeState.COMMITTED
    ]


def frozen_units(session: Session, which: str) -> list[Unit]:
    """Return the volumes that an earlier run froze.

    The other store may be able to help now.
    """
    return (
        [unit for unit, _ in _units(session, which, VolumeVersion.state == VolumeState.QUARANTINED)]
        if which == StoreRole.FIRST
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
    if which == StoreRole.SECOND:
        query = query.join(Replica, Replica.volume_version_id == VolumeVersion.id)
    for version_id, code, number, digest, state in session.execute(query):
        prefix, frozen = (
            storage_prefix(ArchivalCode.parse(code), number),
            state == VolumeState.QUARANTINED,
        )
        yield Unit(version_id, f"{code}/v{number}", prefix, digest or "", frozen), state
