"""The end of a number that became no volume: void, with the reason of the gap (I5)."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingUnits
from archive.administration.policy import Act, Reader
from archive.arrangement.paper_tasks import end_paper_tasks
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.leases import is_held
from archive.jobs.version_steps import give_up
from archive.reference.errors import ConflictError, NotFoundError
from archive.reference.vocabulary import (
    CaseState,
    VolumeState,
)


def void(session: Session, filer: Reader, *, code: str, reason: str, units: FilingUnits) -> Volume:
    """Void a number whose volume was never committed, and return the volume (I5).

    It is never given again, and the reason explains the gap. Raises NotFoundError, or
    ConflictError when a version is committed, is about to be, or is being made by a worker, or
    NotFilingError when another unit files it (I15).
    """
    volume = session.scalars(select(Volume).filter_by(code=code).with_for_update()).first()
    if volume is None:
        raise NotFoundError("没有这个档号。", "请用 yice list 查看档号。")
    units.require(filer, Act.VOID, volume.filing_org, code)
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
    end_paper_tasks(session, volume, filer.account, now)
    journal.record(session, filer.account, JournalAct.VOID, code, reason=volume.void_reason)
    return volume
