"""Lists of the jobs that compile volumes: batches on their way, and single jobs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.finding_aids.reach import Reach, compile_jobs_in
from archive.reference.vocabulary import JobKind, JobState


@dataclass(frozen=True, slots=True)
class Batch:
    """The jobs written by one reservation of numbers: how many in all, done and failed."""

    started: datetime
    total: int
    done: int
    failed: int
    ended: datetime | None

    @property
    def running(self) -> bool:
        """Say whether some of the jobs are neither done nor failed."""
        return self.done + self.failed < self.total


@dataclass(frozen=True, slots=True)
class CompileJob:
    """One job: its volume and case, how far its version is (`step`), its result or error."""

    id: int
    kind: str
    state: str
    attempts: int
    error_code: str | None
    error: str | None
    ended: datetime | None
    code: str
    case_no: str
    version: int
    step: str
    filing_org: str

    def public(self) -> dict[str, Any]:
        """Return what is promised to scripts of a failure."""
        return {
            "code": self.code,
            "version": self.version,
            "case_no": self.case_no,
            "error": self.error_code,
            "message": self.error,
            "attempts": self.attempts,
        }


_JOBS = (
    select(Job, VolumeVersion, Volume, Case.case_no)
    .join(VolumeVersion, VolumeVersion.id == Job.version_id)
    .join(Volume, Volume.id == VolumeVersion.volume_id)
    .join(Case, Case.id == Volume.case_id)
)


def batches(session: Session, reach: Reach, limit: int) -> list[Batch]:
    """Return the latest batches: jobs written in one transaction have the same time."""

    def tally(state: str) -> ColumnElement[int]:
        return func.sum(case((Job.state == state, 1), else_=0))

    query = (
        select(Job.created_at, func.count(), tally("DONE"), tally("FAILED"), func.max(Job.ended_at))
        .where(compile_jobs_in(reach))
        .group_by(Job.created_at)
        .order_by(Job.created_at.desc())
        .limit(limit)
    )
    return [
        Batch(started, total, int(done), int(failed), ended)
        for started, total, done, failed, ended in session.execute(query)
    ]


def compile_jobs(session: Session, reach: Reach, state: str, limit: int) -> list[CompileJob]:
    """Return the latest jobs in a state, those that ended last first."""
    # The jobs first, by themselves: rows of cases are wide, and only a few jobs are shown.
    ids = (
        select(Job.id)
        .where(Job.state == state, compile_jobs_in(reach))
        .order_by(Job.id.desc())
        .limit(limit)
    )
    return _jobs(
        session,
        _JOBS.where(Job.id.in_(session.scalars(ids).all())).order_by(
            func.coalesce(Job.ended_at, Job.created_at).desc(), Job.id.desc()
        ),
    )


def failed_jobs(session: Session, kind: JobKind) -> list[CompileJob]:
    """Return all jobs of a kind that failed, in order of 档号 and version."""
    return _jobs(
        session,
        _JOBS.where(Job.kind == kind, Job.state == JobState.FAILED).order_by(
            Volume.code, VolumeVersion.version
        ),
    )


def newest_job(session: Session, code: str) -> CompileJob | None:
    """Return the job of the newest version of a volume; None: no version was begun."""
    query = _JOBS.where(Volume.code == code).order_by(VolumeVersion.version.desc()).limit(1)
    return next(iter(_jobs(session, query)), None)


def _jobs(session: Session, query: Select[*tuple[Any, ...]]) -> list[CompileJob]:
    return [
        CompileJob(
            job.id,
            job.kind,
            job.state,
            job.attempts,
            job.error_code,
            job.error,
            job.ended_at,
            volume.code,
            case_no,
            version.version,
            version.state,
            volume.filing_org,
        )
        for job, version, volume, case_no in session.execute(query)
    ]


def count_failed_jobs(session: Session, reach: Reach) -> int:
    """Count the jobs that failed."""
    query = select(func.count()).select_from(Job)
    return session.scalar(query.where(Job.state == JobState.FAILED, compile_jobs_in(reach))) or 0
