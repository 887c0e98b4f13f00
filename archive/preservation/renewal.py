"""The renewal of time-stamps over decades.

Which volumes have a time-stamp that ends soon, by certificate or by algorithm, and a further
version of each, stamped again. A volume is found by its row: at commit it states until when its
newest stamp is good. Rows made before that was known are filled in from the store.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from archive.arrangement.numbering import begin_stamping, newest_version
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.crashpoints import reach
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.vocabulary import SignatureLevel, VersionOrigin, VolumeState
from archive.signing.validation import Stamp, newest_stamp
from storage.blobs import BlobStore

_GAIN = timedelta(days=1)
"""What a renewal must gain at least.

An authority whose own certificate ends soon would otherwise be asked for ever.
"""
Ends = Mapping[str, datetime]
"""Algorithm (`sha256`, `rsa2048`) -> when it must not be relied upon any more."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The ends of the time-stamps of the newest versions.

    The earliest of them, and how many end before a horizon.
    """

    first_end: datetime | None
    due: int


def end_of(stamp: Stamp, ends: Ends) -> datetime:
    """Return until when a stamp is to be relied upon: its certificates and its algorithms."""
    return min([stamp.until, *(ends[name] for name in stamp.algorithm.split("-") if name in ends)])


def _newest() -> Select[Any]:
    """Select the newest versions, committed and with a stamp.

    A version that is being made counts as newer than the one it follows, unless it was given up.
    """
    later = aliased(VolumeVersion)
    follows = exists().where(
        later.volume_id == VolumeVersion.volume_id,
        later.version > VolumeVersion.version,
        later.state != VolumeState.VOID,
    )
    return select(VolumeVersion.volume_id).where(
        VolumeVersion.state == VolumeState.COMMITTED,
        VolumeVersion.stamped_until.is_not(None),
        ~follows,
    )


def _ending(session: Session, before: datetime, ends: Ends) -> ColumnElement[bool]:
    """Return the condition of ending before a time, by certificate or by algorithm.

    There are few algorithms, so their names are queried and judged in Python.
    """
    gone = {name for name, end in ends.items() if end <= before}
    weak: list[str] = []
    if gone:
        known = session.scalars(
            select(VolumeVersion.stamp_algorithm)
            .where(VolumeVersion.stamp_algorithm.is_not(None))
            .distinct()
        )
        weak = [name for name in known if name and gone & set(name.split("-"))]
    return or_(VolumeVersion.stamped_until <= before, VolumeVersion.stamp_algorithm.in_(weak))


def outlook(session: Session, before: datetime, ends: Ends) -> Outlook:
    """Return how long the holdings are good as they are.

    `first_end` is of certificates.
    """
    newest = _newest()
    first = session.scalar(newest.with_only_columns(func.min(VolumeVersion.stamped_until)))
    due = session.scalar(
        newest.where(_ending(session, before, ends)).with_only_columns(func.count())
    )
    return Outlook(first, due or 0)


def freeze_renewals(
    session: Session,
    actor: str,
    *,
    before: datetime,
    now_good_for: Stamp,
    ends: Ends,
    at: datetime,
    limit: int = 500,
) -> int:
    """Begin a further version of every volume whose newest time-stamp ends soon.

    That is before a time, and when it would last longer if it were set now. Begins `limit` at
    most, those that end first before others; returns how many. None has two: a version that was
    begun is newest.
    """
    end = end_of(now_good_for, ends) - _GAIN
    gains = _ending(session, min(before, end), ends)
    query = (
        _newest().where(gains).order_by(VolumeVersion.stamped_until, VolumeVersion.id).limit(limit)
    )
    begun: list[str] = []
    for volume_id in session.scalars(query).all():
        volume = session.get_one(Volume, volume_id)
        number = newest_version(session, volume).version + 1
        versions = select(VolumeVersion).where(
            VolumeVersion.volume_id == volume_id, VolumeVersion.state != VolumeState.VOID
        )
        standing = session.scalars(versions.order_by(VolumeVersion.version.desc()).limit(1)).one()
        # Checked again, now that the volume is locked: another node may have been first.
        if standing.state == VolumeState.COMMITTED:
            begin_stamping(session, volume, standing, number, VersionOrigin.RENEWAL, at)
            begun.append(f"{volume.code}/v{number}")
    if begun:
        # One entry for all: each version has its own at every step that follows.
        journal.record(
            session,
            actor,
            JournalAct.RENEW,
            "batch",
            count=len(begun),
            versions=begun,
            before=before.isoformat(timespec="seconds"),
        )
    reach("renewal-frozen-before-commit")
    return len(begun)


def learn_stamps(
    engine: Engine, store: BlobStore, watch: Callable[[int, int], None] = lambda *_: None
) -> int:
    """Fill in the stamps of versions that were committed before rows kept them.

    They are read from the bytes; returns how many. A run that was ended goes on where it was.
    """
    query = (
        select(VolumeVersion.id, Volume.code, VolumeVersion.version, VolumeVersion.sha256)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(
            VolumeVersion.state == VolumeState.COMMITTED,
            VolumeVersion.stamped_until.is_(None),
            VolumeVersion.signature_level != str(SignatureLevel.B_B),
        )
        .order_by(VolumeVersion.id)
    )
    with reading(engine) as session:
        todo = session.execute(query).all()
    for number, (version_id, code, version, digest) in enumerate(todo, 1):
        stamp = newest_stamp(
            store.read(
                f"{storage_prefix(ArchivalCode.parse(code), version)}/volume.pdf", sha256=digest
            )
        )
        if stamp is not None:
            with writing(engine) as session:
                row = session.get_one(VolumeVersion, version_id)
                row.stamped_until, row.stamp_algorithm = stamp.until, stamp.algorithm
        watch(number, len(todo))
    return len(todo)
