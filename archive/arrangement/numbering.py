"""Archival codes (档号): reserved once per case, never reused, never changed (R21, I5, I6).

They come from a locked counter, in order of completion.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from archive.arrangement.filing import FilingRule, Placement, is_late, place
from archive.arrangement.page_order import orders_of, orders_record
from archive.arrangement.paper_tasks import end_paper_tasks, open_paper_task
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import NumberCounter, Volume, VolumeVersion
from archive.jobs.crashpoints import reach
from archive.jobs.leases import is_held
from archive.jobs.version_steps import give_up
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode
from archive.reference.compile_errors import FAULTS_OF_ORIGINALS
from archive.reference.errors import ConflictError, NotFoundError
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import (
    KIND_OF,
    CaseState,
    JobState,
    VersionOrigin,
    VolumeState,
)


def unnumbered(
    session: Session, *, case_no: str | None = None, period: str | None = None
) -> list[Case]:
    """Return the accepted cases without a volume, in order of completion.

    `period` is YYYY-MM of completion in local time.
    """
    query = (
        select(Case)
        .outerjoin(Volume, Volume.case_id == Case.id)
        .where(Case.state == CaseState.ACCEPTED, Volume.id.is_(None))
    )
    if case_no:
        query = query.where(Case.case_no == case_no)
    cases = [case for case in session.scalars(query) if period is None or _period(case) == period]
    return sorted(cases, key=lambda case: (case.completed_at, case.case_no))


def _period(case: Case) -> str:
    """Return the month of completion in local time, as YYYY-MM."""
    return case.completed_at.astimezone(LOCAL_TIME).strftime("%Y-%m")


def freeze(
    session: Session,
    actor: str,
    cases: Sequence[Case],
    *,
    catalogue: Catalogue,
    organisations: Organisations,
    rule: FilingRule,
    at: datetime,
) -> list[Volume]:
    """Give each case its number and its compile job, and return the volumes.

    All in one transaction, so that an interrupted batch goes on in the same order.
    """
    volumes = []
    for case in cases:
        revision = session.scalars(
            select(CaseRevision)
            .filter_by(case_id=case.id, state=CaseState.ACCEPTED)
            .order_by(CaseRevision.revision)
            .limit(1)
        ).one()
        facts = CaseFacts.model_validate(revision.facts)
        placement = place(
            facts, catalogue.get(facts.item.code, facts.item.version), organisations, rule
        )
        volume = _reserve(session, case, placement, at)
        begin_version(session, volume, 1, revision, at)
        open_paper_task(session, volume, revision, organisations, at)
        volumes.append(volume)
    reach("frozen-before-commit")
    if volumes:
        # All of them, not the first and the last: a database that is rebuilt from the bucket
        # gives each case the number that it had.
        numbers = [[volume.code, case.case_no] for volume, case in zip(volumes, cases, strict=True)]
        journal.record(
            session, actor, JournalAct.FREEZE, "batch", count=len(volumes), numbers=numbers
        )
    return volumes


def freeze_supplements(
    session: Session,
    actor: str,
    *,
    case_no: str | None,
    period: str | None,
    organisations: Organisations,
    at: datetime,
) -> int:
    """Begin a version of every volume with a revision that is in no version yet (R40).

    Returns how many. One at a time and only upon a committed version: the commit record of a
    version names the one before it. A revision that comes while version 1 is being made waits for
    the next call; a version that can't be made gives way, and its number within the volume is
    void.
    """
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
    if case_no:
        query = query.where(Case.case_no == case_no)
    # Of several revisions of a volume, the dict keeps the oldest.
    waiting = {
        volume.id: (volume, revision)
        for volume, revision, case in session.execute(query)
        if period is None or _period(case) == period
    }
    begun = 0
    for volume, revision in waiting.values():
        newest = newest_version(session, volume)
        if _gives_way(session, newest):
            give_up(session, newest)
        if newest.state in (VolumeState.COMMITTED, VolumeState.VOID):
            version = begin_version(session, volume, newest.version + 1, revision, at)
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


def void(session: Session, actor: str, *, code: str, reason: str) -> Volume:
    """Void a number whose volume was never committed, and return the volume (I5).

    It is never given again, and the reason explains the gap. Raises NotFoundError, or
    ConflictError when a version is committed, is about to be, or is being made by a worker.
    """
    volume = session.scalars(select(Volume).filter_by(code=code).with_for_update()).first()
    if volume is None:
        raise NotFoundError("没有这个档号。", "请用 yice list 查看档号。")
    if not reason.strip():
        raise ConflictError("作废须说明理由。", "请用 --reason 写明理由。")
    if volume.void_reason:
        raise ConflictError("该档号已作废。", "无需再次作废。")
    versions = session.scalars(
        select(VolumeVersion).filter_by(volume_id=volume.id).with_for_update()
    ).all()
    now = database_now(session)
    if any(version.state == VolumeState.COMMITTED or version.committed_at for version in versions):
        raise ConflictError("该册已归档，档号不能作废。", "如需更正请送达补充归档。")
    if any(version.state == VolumeState.STORED for version in versions):
        raise ConflictError(
            "该册已入库、即将归档，档号不能作废。", "请运行 yice compile --all 完成归档。"
        )
    if any(is_held(version, now) for version in versions):
        raise ConflictError("该册正在组卷。", "请待组卷结束或失败后再作废。")
    for version in versions:
        give_up(session, version)
    volume.void_reason = reason.strip()
    session.get_one(Case, volume.case_id).state = CaseState.VOID
    for revision in session.scalars(select(CaseRevision).filter_by(case_id=volume.case_id)):
        revision.state = CaseState.VOID
    end_paper_tasks(session, volume, actor, now)
    journal.record(session, actor, JournalAct.VOID, code, reason=volume.void_reason)
    return volume


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


def _reserve(session: Session, case: Case, placement: Placement, at: datetime) -> Volume:
    """Reserve the next number for a case and return its volume."""
    key = {
        "fonds": placement.fonds,
        "series": str(placement.series),
        "year": placement.year,
        "term": str(placement.term),
    }
    counter = session.get(NumberCounter, tuple(key.values()), with_for_update=True)
    if counter is None:
        counter = NumberCounter(**key, last=0)
        session.add(counter)
    counter.last += 1
    last = session.execute(
        select(Volume.completed_at, Case.case_no)
        .select_from(Volume)
        .filter_by(**key)
        .join(Case, Case.id == Volume.case_id)
        .order_by(Volume.completed_at.desc(), Case.case_no.desc())
        .limit(1)
    ).first()
    cross = placement.cross_reference
    volume = Volume(
        **key,
        case_id=case.id,
        number=counter.last,
        code=str(
            ArchivalCode(
                placement.fonds, placement.series, placement.year, placement.term, counter.last
            )
        ),
        filing_org=placement.filing_org,
        cross_fonds=cross and cross.fonds,
        cross_series=cross and str(cross.series),
        cross_org=cross and cross.org,
        completed_at=case.completed_at,
        late=is_late((case.completed_at, case.case_no), last and (last[0], last[1])),
        reserved_at=at,
    )
    session.add(volume)
    session.flush()
    return volume


def begin_version(
    session: Session, volume: Volume, number: int, revision: CaseRevision, at: datetime
) -> VolumeVersion:
    """Write a version to be compiled from a revision, and its job."""
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
