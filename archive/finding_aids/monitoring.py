"""Counts over the whole archive that monitoring shows. No names, no case numbers, no 档号."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.audit.acts import JournalAct
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, Delivery
from archive.database.tables_preservation import FixityCheck, Replica
from archive.database.tables_volumes import VolumeVersion
from archive.reference.vocabulary import VolumeState


@dataclass(frozen=True, slots=True)
class JournalExtent:
    """How long the journal is, and which entry of it is the newest anchor (`None`: no anchor)."""

    last: int
    anchored: int
    anchored_at: str | None

    @property
    def since_anchor(self) -> int:
        """Return how many entries came after the newest anchor."""
        return self.last - self.anchored


def versions_by_state(session: Session) -> Mapping[str, int]:
    """Count the versions of all volumes by state."""
    query = select(VolumeVersion.state, func.count()).group_by(VolumeVersion.state)
    return dict(session.execute(query).all())


def deliveries_by_outcome(session: Session) -> Mapping[str, int]:
    """Count the delivered packages by outcome."""
    query = select(Delivery.outcome, func.count()).group_by(Delivery.outcome)
    return dict(session.execute(query).all())


def cases_by_state(session: Session) -> Mapping[str, int]:
    """Count the cases by state."""
    query = select(Case.state, func.count()).group_by(Case.state)
    return dict(session.execute(query).all())


def count_versions(session: Session, state: VolumeState) -> int:
    """Count the versions of volumes in one state."""
    return session.scalar(select(func.count()).where(VolumeVersion.state == state)) or 0


def count_replicas(session: Session) -> int:
    """Count the versions of which the second store has a copy."""
    return session.scalar(select(func.count()).select_from(Replica)) or 0


def newest_fixity_check(session: Session) -> datetime | None:
    """Return when an object was last checked for fixity; None when none ever was."""
    return session.scalar(select(func.max(FixityCheck.checked_at)))


def journal_extent(session: Session) -> JournalExtent:
    """Return the length of the journal and its newest anchor."""
    anchor = session.execute(
        select(JournalEntry.seq, JournalEntry.at)
        .where(JournalEntry.act == JournalAct.ANCHOR)
        .order_by(JournalEntry.seq.desc())
        .limit(1)
    ).first()
    return JournalExtent(
        last=session.scalar(select(func.max(JournalEntry.seq))) or 0,
        anchored=anchor.seq if anchor else 0,
        anchored_at=anchor.at if anchor else None,
    )


def count_owed_timestamps(session: Session) -> int:
    """Count the volumes whose newest committed version still owes its time-stamps."""
    newest = (
        select(VolumeVersion.volume_id, func.max(VolumeVersion.version).label("version"))
        .where(VolumeVersion.state == VolumeState.COMMITTED)
        .group_by(VolumeVersion.volume_id)
        .subquery()
    )
    query = (
        select(func.count())
        .select_from(VolumeVersion)
        .join(newest, newest.c.volume_id == VolumeVersion.volume_id)
        .where(VolumeVersion.version == newest.c.version, VolumeVersion.lta_pending)
    )
    return session.scalar(query) or 0
