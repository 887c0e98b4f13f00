"""Archival codes (档号): reserved once per case, never reused, never changed (R21, I5, I6).

They come from a locked counter, in order of completion.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingUnits
from archive.administration.policy import Act, Reader
from archive.administration.signatories import signatory
from archive.arrangement.choice import Choice, period_of
from archive.arrangement.filing import CompletionKey, Placement, is_late, place
from archive.arrangement.page_order import orders_of, orders_record
from archive.arrangement.paper_tasks import open_paper_task
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import NumberCounter, Volume, VolumeVersion
from archive.jobs.crashpoints import reach
from archive.jobs.version_steps import give_up
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode
from archive.reference.compile_errors import FAULTS_OF_ORIGINALS
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import (
    KIND_OF,
    CaseState,
    JobState,
    Series,
    VersionOrigin,
    VolumeState,
)


def unnumbered(session: Session, *, period: str | None = None) -> list[Case]:
    """Return the accepted cases without a volume, in order of completion.

    `period` is YYYY-MM of completion in local time.
    """
    query = (
        select(Case)
        .outerjoin(Volume, Volume.case_id == Case.id)
        .where(Case.state == CaseState.ACCEPTED, Volume.id.is_(None))
    )
    cases = [
        case
        for case in session.scalars(query)
        if period is None or period_of(case.completed_at) == period
    ]
    return sorted(cases, key=lambda case: (case.completed_at, case.case_no))


def freeze(
    session: Session,
    filer: Reader,
    cases: Sequence[Case],
    *,
    catalogue: Catalogue,
    units: FilingUnits,
    at: datetime,
) -> list[Volume]:
    """Give each case its number and its compile job, and return the volumes.

    All in one transaction, so that an interrupted batch goes on in the same order. Raises
    NotFilingError, before any number is given, when one of them is filed by another unit (I15).
    """
    for case in cases:
        unit = units.unit_of(case.receive_org, case.domicile_org)
        units.require(filer, Act.COMPILE, unit, case.case_no)
    volumes, compiled_by = [], signatory(session, filer.account)
    for case in cases:
        revision = session.scalars(
            select(CaseRevision)
            .filter_by(case_id=case.id, state=CaseState.ACCEPTED)
            .order_by(CaseRevision.revision)
            .limit(1)
        ).one()
        facts = CaseFacts.model_validate(revision.facts)
        placement = place(
            facts,
            catalogue.get(facts.item.code, facts.item.version),
            units.organisations,
            units.rule,
        )
        volume = _reserve(session, case, placement, at)
        begin_version(session, volume, 1, revision, at, compiled_by=compiled_by)
        open_paper_task(session, volume, revision, units.organisations, at)
        volumes.append(volume)
    reach("frozen-before-commit")
    if volumes:
        # All of them, not the first and the last: a database that is rebuilt from the bucket
        # gives each case the number that it had.
        numbers = [[volume.code, case.case_no] for volume, case in zip(volumes, cases, strict=True)]
        journal.record(
            session,
            filer.account,
            JournalAct.FREEZE,
            "batch",
            count=len(volumes),
            numbers=numbers,
            org=filer.org,
            places=[filed(volume) for volume in volumes],
        )
    return volumes


def filed(volume: Volume) -> list[str | bool | None]:
    """Return where a volume is filed, as the journal keeps it: who may see it hangs on this."""
    return [
        volume.filing_org,
        volume.cross_fonds,
        volume.cross_series,
        volume.cross_org,
        volume.late,
    ]


def freeze_supplements(
    session: Session,
    actor: str,
    *,
    choice: Choice,
    organisations: Organisations,
    at: datetime,
) -> int:
    """Begin a version of every chosen volume with a revision that is in no version yet (R40).

    Returns how many. One at a time and only upon a committed version: the commit record of a
    version names the one before it. A revision that comes while version 1 is being made waits for
    the next call; a version that can't be made gives way, and its number within the volume is
    void.
    """
    begun = 0
    for volume, revision in _supplemented(session, choice):
        newest = newest_version(session, volume)
        if _gives_way(session, newest):
            give_up(session, newest)
        if newest.state in (VolumeState.COMMITTED, VolumeState.VOID):
            compiled_by = signatory(session, actor)
            version = begin_version(
                session, volume, newest.version + 1, revision, at, compiled_by=compiled_by
            )
            open_paper_task(session, volume, revision, organisations, at)
            journal.record(
                session,
                actor,
                JournalAct.FREEZE,
                f"{volume.code}/v{version.version}",
                revision=revision.revision,
            )
            begun += 1
    reach("supplement-frozen-before-commit")
    return begun


def _supplemented(session: Session, choice: Choice) -> Collection[tuple[Volume, CaseRevision]]:
    """Return the chosen volumes with the oldest revision of each that is in no version yet."""
    query = (
        select(Volume, CaseRevision, Case)
        .join(CaseRevision, CaseRevision.case_id == Volume.case_id)
        .join(Case, Case.id == Volume.case_id)
        .outerjoin(
            VolumeVersion,
            and_(
                VolumeVersion.volume_id == Volume.id,
                VolumeVersion.case_revision == CaseRevision.revision,
                VolumeVersion.origin == VersionOrigin.CASE,
            ),
        )
        .where(
            CaseRevision.revision > 1,
            CaseRevision.state == CaseState.ACCEPTED,
            VolumeVersion.id.is_(None),
        )
        .order_by(Volume.code, CaseRevision.revision.desc())
    )
    if choice.case_nos:
        query = query.where(Case.case_no.in_(choice.case_nos))
    # Of several revisions of a volume, the dict keeps the oldest.
    waiting = {
        volume.id: (volume, revision)
        for volume, revision, case in session.execute(query)
        if choice.takes(
            case.case_no, case.completed_at, case.receive_org, Series(volume.series), case.item_code
        )
    }
    return waiting.values()


def _gives_way(session: Session, version: VolumeVersion) -> bool:
    """Return whether a version that was begun must not hold up a supplement.

    The supplement is compiled and sealed anew. The version is a time-stamp that was not set so
    far, or one whose originals can't become PDF/A: the supplement brings better ones.
    """
    if version.state not in (VolumeState.FROZEN, VolumeState.COMPILED):
        return False
    failed = session.scalar(
        select(Job.error_code).where(Job.version_id == version.id, Job.state == JobState.FAILED)
    )
    return version.origin != VersionOrigin.CASE or failed in FAULTS_OF_ORIGINALS


def freeze_timestamps(session: Session, actor: str, *, at: datetime) -> int:
    """Begin a version for every volume whose newest version still owes its time-stamps.

    Returns how many.
    """
    begun = 0
    owing = select(VolumeVersion.volume_id).where(
        VolumeVersion.lta_pending, VolumeVersion.state == VolumeState.COMMITTED
    )
    for volume in session.scalars(select(Volume).where(Volume.id.in_(owing)).order_by(Volume.code)):
        newest = newest_version(session, volume)
        if newest.state == VolumeState.COMMITTED and newest.lta_pending:
            version = begin_stamping(
                session, volume, newest, newest.version + 1, VersionOrigin.TIMESTAMP, at
            )
            journal.record(
                session,
                actor,
                JournalAct.FREEZE,
                f"{volume.code}/v{version.version}",
                origin=VersionOrigin.TIMESTAMP,
            )
            begun += 1
    reach("timestamp-frozen-before-commit")
    return begun


def newest_version(session: Session, volume: Volume) -> VolumeVersion:
    """Return the newest version, with the volume locked.

    Two callers that begin versions at the same time see each other's.
    """
    session.refresh(volume, with_for_update=True)
    return session.scalars(
        select(VolumeVersion)
        .filter_by(volume_id=volume.id)
        .order_by(VolumeVersion.version.desc())
        .limit(1)
    ).one()


def key_of(placement: Placement) -> dict[str, Any]:
    """Return the columns under which numbers are counted: fonds, series, year and term."""
    return {
        "fonds": placement.fonds,
        "series": str(placement.series),
        "year": placement.year,
        "term": str(placement.term),
    }


def code_at(placement: Placement, number: int) -> str:
    """Return the 档号 that a number makes where a case is filed."""
    return str(
        ArchivalCode(placement.fonds, placement.series, placement.year, placement.term, number)
    )


def last_numbered(session: Session, placement: Placement) -> CompletionKey | None:
    """Return the greatest key numbered where a case is filed; None in an empty series."""
    row = session.execute(
        select(Volume.completed_at, Case.case_no)
        .select_from(Volume)
        .filter_by(**key_of(placement))
        .join(Case, Case.id == Volume.case_id)
        .order_by(Volume.completed_at.desc(), Case.case_no.desc())
        .limit(1)
    ).first()
    return (row[0], row[1]) if row else None


def _reserve(session: Session, case: Case, placement: Placement, at: datetime) -> Volume:
    """Reserve the next number for a case and return its volume."""
    key = key_of(placement)
    counter = session.get(NumberCounter, tuple(key.values()), with_for_update=True)
    if counter is None:
        counter = NumberCounter(**key, last=0)
        session.add(counter)
    counter.last += 1
    last = last_numbered(session, placement)
    cross = placement.cross_reference
    volume = Volume(
        **key,
        case_id=case.id,
        number=counter.last,
        code=code_at(placement, counter.last),
        filing_org=placement.filing_org,
        cross_fonds=cross and cross.fonds,
        cross_series=cross and str(cross.series),
        cross_org=cross and cross.org,
        completed_at=case.completed_at,
        late=is_late((case.completed_at, case.case_no), last),
        reserved_at=at,
    )
    session.add(volume)
    session.flush()
    return volume


def begin_version(
    session: Session,
    volume: Volume,
    number: int,
    revision: CaseRevision,
    at: datetime,
    *,
    compiled_by: str | None,
) -> VolumeVersion:
    """Write a version to be compiled from a revision, and its job.

    `compiled_by` is the 立卷人 of its closing sheet.
    """
    objects = session.execute(
        select(Component.path, Component.sha256)
        .filter_by(case_id=volume.case_id, revision=revision.revision)
        .order_by(Component.path)
    )
    orders = orders_record(orders_of(session, volume.case_id, revision.revision))
    inputs: list[object] = [
        volume.code,
        revision.facts,
        revision.snapshot,
        [tuple(row) for row in objects],
    ]
    version = VolumeVersion(
        volume_id=volume.id,
        version=number,
        case_revision=revision.revision,
        origin=VersionOrigin.CASE,
        state=VolumeState.FROZEN,
        input_digest=_digest([*inputs, orders] if orders else inputs),
        frozen_at=at,
        compiled_by=compiled_by,
    )
    _enter_with_job(session, version, at)
    return version


def begin_stamping(
    session: Session,
    volume: Volume,
    before: VolumeVersion,
    number: int,
    origin: VersionOrigin,
    at: datetime,
) -> VolumeVersion:
    """Write a version that only adds time-stamps to the one before, and its job."""
    version = VolumeVersion(
        volume_id=volume.id,
        version=number,
        case_revision=before.case_revision,
        origin=origin,
        state=VolumeState.FROZEN,
        input_digest=stamping_digest(volume.code, origin, before),
        frozen_at=at,
    )
    _enter_with_job(session, version, at)
    return version


def _enter_with_job(session: Session, version: VolumeVersion, at: datetime) -> None:
    """Write a version and its job."""
    session.add(version)
    session.flush()
    session.add(
        Job(
            kind=KIND_OF[VersionOrigin(version.origin)],
            version_id=version.id,
            state=JobState.WAITING,
            created_at=at,
        )
    )


def stamping_digest(code: str, origin: VersionOrigin, before: VolumeVersion) -> str:
    """Return the input digest of a version that only adds time-stamps to the one before."""
    return _digest([code, origin, before.inventory_sha256, before.sha256])


def _digest(inputs: list[object]) -> str:
    """Return the SHA-256 of the inputs as canonical JSON, in hex."""
    return hashlib.sha256(
        json.dumps(inputs, ensure_ascii=False, sort_keys=True).encode()
    ).hexdigest()
