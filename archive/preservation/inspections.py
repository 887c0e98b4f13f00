"""The inspections that a case and its volume have on record.

At filing, when the store took the volume over, and the scrub's last check of it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.arrangement.volume_names import has_name
from archive.checking.acts import decisions_of
from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_preservation import FixityCheck
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.inspection.kept import Inspected, KeptReport, long_run, taken_over
from archive.inspection.report import report
from archive.inspection.table import Phase
from archive.jobs.version_steps import recorded
from archive.reference.errors import NotFoundError
from archive.reference.vocabulary import StoreRole, VolumeState

Disclose = Callable[[Sequence[Mapping[str, str]]], Sequence[Mapping[str, str]]]
"""What the reader of a report is told of findings that are about a second case."""


def inspections(session: Session, number: str, disclose: Disclose) -> Inspected:
    """Return what is on record for a 档号 or a case number; raise NotFoundError."""
    case, volume = _case_and_volume(session, number)
    revision = session.scalars(
        select(CaseRevision).filter_by(case_id=case.id, revision=case.revision)
    ).one()
    kept = [
        KeptReport(
            Phase.GD,
            revision.accepted_at,
            decisions_of(session, case.id, case.revision),
            report(disclose(revision.findings), Phase.GD),
        )
    ]
    if volume is None:
        return Inspected(case.case_no, None, tuple(kept))
    version = _newest(session, volume)
    if version is None:
        return Inspected(case.case_no, volume.code, tuple(kept))
    kept += _of_version(session, version)
    compiled = recorded(session, version, VolumeState.COMPILED) or {}
    return Inspected(case.case_no, volume.code, tuple(kept), tuple(compiled.get("compared", ())))


def _case_and_volume(session: Session, number: str) -> tuple[Case, Volume | None]:
    volume = session.scalars(
        select(Volume).join(Case, Case.id == Volume.case_id).where(has_name(number))
    ).first()
    case = (
        session.get_one(Case, volume.case_id)
        if volume
        else session.scalars(select(Case).filter_by(case_no=number)).first()
    )
    if case is None:
        raise NotFoundError("没有这个档号或办件编号。", "请核对编号。")
    return case, volume


def _newest(session: Session, volume: Volume) -> VolumeVersion | None:
    """Return the newest archived version of a volume."""
    committed = VolumeVersion.inventory_sha256.is_not(None)
    versions = (
        select(VolumeVersion)
        .where(VolumeVersion.volume_id == volume.id, committed)
        .order_by(VolumeVersion.version.desc())
    )
    version = session.scalars(versions.limit(1)).first()
    return version if version is not None and version.committed_at is not None else None


def _of_version(session: Session, version: VolumeVersion) -> list[KeptReport]:
    """Return the reports of an archived version.

    One that was proved before times were kept is dated by its commit.
    """
    kept = []
    proof = recorded(session, version, VolumeState.PROVED)
    if proof is not None:
        at = datetime.fromisoformat(proof["at"]) if "at" in proof else version.committed_at
        if at is not None:
            kept.append(KeptReport(Phase.YJ, at, decisions=(), report=taken_over(proof)))
    checks = (
        select(FixityCheck)
        .filter_by(volume_version_id=version.id, store=StoreRole.FIRST)
        .order_by(FixityCheck.id.desc())
    )
    last = session.scalars(checks.limit(1)).first()
    if last is not None:
        rows = long_run(last.objects, Counter(fault["outcome"] for fault in last.faults))
        kept.append(KeptReport(Phase.CQ, last.checked_at, decisions=(), report=rows))
    return kept
