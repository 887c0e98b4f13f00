"""How far a volume or a case is that has no archived version, why, and what to do next."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.arrangement.volume_names import has_name
from archive.database.engine import database_now
from archive.database.tables_cases import Case
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.leases import is_held
from archive.reference.compile_errors import can_succeed
from archive.reference.vocabulary import CaseState, JobState, VolumeState

_UNNAMED = "出现了未预料的错误；详见数据目录 logs/ 下的日志。"
_CASES = {
    CaseState.ACCEPTED: "请运行 yice compile --all，赋号并组卷。",
    CaseState.CONFIRM: "请在“核对”页核对，或核对后运行 yice confirm 办件编号 --reason 理由。",
    CaseState.RETURNED: "已退回补正：请由收件单位补正后以同一办件编号送来（supplement）。",
    CaseState.SUPERSEDED: "请查看其后一次送达。",
    CaseState.VOID: "该号不再使用；需要归档的请重新送达。",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How far something is: its state, the code and words of what stops it, the next step."""

    state: str
    error: str | None
    message: str | None
    next_step: str


def standing_of_volume(session: Session, code: str) -> Standing:
    """Return how far the newest version of a volume is; the volume must exist."""
    volume = session.scalars(select(Volume).filter_by(code=code)).one()
    if volume.void_reason is not None:
        return Standing(
            VolumeState.VOID, None, f"作废理由：{volume.void_reason}", _CASES[CaseState.VOID]
        )
    version, job = session.execute(
        select(VolumeVersion, Job)
        .outerjoin(Job, Job.version_id == VolumeVersion.id)
        .where(VolumeVersion.volume_id == volume.id)
        .order_by(VolumeVersion.version.desc())
        .limit(1)
    ).one()
    return _standing(version, job, database_now(session))


def _standing(version: VolumeVersion, job: Job | None, now: datetime) -> Standing:
    if version.state == VolumeState.QUARANTINED:
        message = "归档记录与数据库不符，该册已隔离。"
        return Standing(
            version.state, "QUARANTINED", message, "请运行 yice verify --all 并联系管理员。"
        )
    if job is None or job.state != JobState.FAILED:
        step = (
            "正在组卷，请稍候。"
            if is_held(version, now)
            else "等待组卷：请运行 yice compile --all，会从中断处继续。"
        )
        return Standing(version.state, None, None, step)
    message = job.error or _UNNAMED
    step = (
        "排除原因后请运行 yice compile --all，会从中断处继续。"
        if can_succeed(job.error_code, job.attempts)
        else "同样的材料不会自动再试：请取得完好的材料，作为同一办件的下一次送达；"
        "确认不归档的，请运行 yice void；要再试一次（如系统升级后），"
        "请运行 yice compile --case 办件编号。"
    )
    return Standing(version.state, job.error_code, message, step)


def standing_of_case(session: Session, case_no: str) -> Standing:
    """Return how far a case without a volume is; the case must exist."""
    case = session.scalars(select(Case).filter_by(case_no=case_no)).one()
    waiting = sorted({finding["code"] for finding in case.findings})
    message = f"检测发现：{'、'.join(waiting)}" if waiting else None
    return Standing(case.state, None, message, _CASES[CaseState(case.state)])


def has_volume(session: Session, name: str) -> bool:
    """Return whether a 档号 or case number has a volume."""
    query = select(Volume.id).join(Case, Case.id == Volume.case_id).where(has_name(name))
    return session.scalar(query) is not None
