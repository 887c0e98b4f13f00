"""Job rows as batches and duties see them: what waits, what failed, how far a kind is."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from archive.database.engine import database_now
from archive.database.tables_cases import Case
from archive.database.tables_jobs import DutyRow, Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.compile_errors import MOST_DEATHS, WorkerDiedError, can_succeed
from archive.reference.vocabulary import JobKind, JobState


def end_job(
    session: Session,
    which: ColumnElement[bool],
    state: JobState,
    *,
    error_code: str | None = None,
    error: str | None = None,
) -> None:
    """End or fail a job, and count the attempt; one that is done stays done."""
    session.execute(
        update(Job)
        .where(which, Job.state != JobState.DONE)
        .values(
            state=state,
            error_code=error_code,
            error=error,
            attempts=Job.attempts + 1,
            begun=0,
            ended_at=database_now(session),
        )
    )


def begin_attempt(session: Session, version_id: int) -> int:
    """Count a worker that takes a version up; returns how many did since its last step.

    A worker that dies writes nothing: the next one sees it by this number.
    """
    return (
        session.scalar(
            update(Job)
            .where(Job.version_id == version_id)
            .values(begun=Job.begun + 1)
            .returning(Job.begun)
        )
        or 0
    )


def require_survivors(begun: int) -> None:
    """Raise WorkerDiedError when the workers before this one died at the same step."""
    if begun > MOST_DEATHS:
        raise WorkerDiedError


def attempt_succeeded(session: Session, version_id: int) -> None:
    """Forget the workers that died: a step of the version is done."""
    session.execute(update(Job).where(Job.version_id == version_id, Job.begun > 0).values(begun=0))


def waiting_versions(session: Session, kind: JobKind) -> list[int]:
    """Return the versions whose job of this kind waits, in order of reservation."""
    query = select(Job.version_id).where(
        Job.kind == kind, Job.state == JobState.WAITING, Job.version_id.is_not(None)
    )
    return [version_id for version_id in session.scalars(query.order_by(Job.id)) if version_id]


def retry_failed_jobs(session: Session, kind: JobKind) -> None:
    """Let each failed job of this kind that can succeed wait again."""
    failed = (Job.kind == kind, Job.state == JobState.FAILED)
    ways = session.execute(select(Job.error_code, Job.attempts).where(*failed).distinct()).all()
    for code, attempts in ways:
        if can_succeed(code, attempts):
            session.execute(
                update(Job)
                .where(*failed, _failed_with(code), Job.attempts == attempts)
                .values(state=JobState.WAITING, ended_at=None)
            )


def _failed_with(code: str | None) -> ColumnElement[bool]:
    return Job.error_code.is_(None) if code is None else Job.error_code == code


def retry_asked(session: Session, kind: JobKind, case_nos: Collection[str] | None) -> None:
    """Let the failed jobs of some cases, or of all, wait again because a person asked for it.

    Their attempts are counted anew.
    """
    versions = select(VolumeVersion.id).join(Volume, Volume.id == VolumeVersion.volume_id)
    if case_nos is not None:
        named = Case.case_no.in_(case_nos)
        versions = versions.join(Case, Case.id == Volume.case_id).where(named)
    session.execute(
        update(Job)
        .where(Job.kind == kind, Job.state == JobState.FAILED, Job.version_id.in_(versions))
        .values(state=JobState.WAITING, ended_at=None, attempts=0)
    )


def last_job_id(session: Session, kind: JobKind) -> int:
    """Return the id of the newest job of this kind, 0 when there is none."""
    return session.scalar(select(func.max(Job.id)).where(Job.kind == kind)) or 0


def open_job_counts(session: Session, kind: JobKind, last: int, since: datetime) -> dict[str, int]:
    """Count by state the jobs of this kind that are not done, up to id `last`.

    What failed before the time `since` counts no more.
    """
    query = (
        select(Job.state, func.count())
        .where(
            Job.kind == kind,
            Job.state != JobState.DONE,
            Job.id <= last,
            or_(Job.state != JobState.FAILED, Job.ended_at >= since),
        )
        .group_by(Job.state)
    )
    return dict(session.execute(query).all())


def failure_codes(session: Session, kind: JobKind) -> Counter[str | None]:
    """Count the failed jobs of this kind by error code."""
    return Counter(
        session.scalars(
            select(Job.error_code).where(Job.kind == kind, Job.state == JobState.FAILED)
        )
    )


def counts_by_kind_and_state(session: Session) -> Mapping[tuple[str, str], int]:
    """Count all jobs by kind and state."""
    rows = session.execute(select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state))
    return {(kind, state): count for kind, state, count in rows}


def failure_counts(session: Session) -> Mapping[str | None, int]:
    """Count all failed jobs by error code."""
    query = (
        select(Job.error_code, func.count())
        .where(Job.state == JobState.FAILED)
        .group_by(Job.error_code)
    )
    return dict(session.execute(query).all())


def oldest_waiting(session: Session, *, but_kind: JobKind) -> datetime | None:
    """Return when the oldest waiting job of any kind but one was created; None: none waits."""
    return session.scalar(
        select(func.min(Job.created_at)).where(Job.state == JobState.WAITING, Job.kind != but_kind)
    )


def duty_rows(session: Session) -> dict[str, DutyRow]:
    """Return the rows of the duties that were ever taken, by name."""
    return {row.name: row for row in session.scalars(select(DutyRow))}


def version_numbers(session: Session, volume_id: int) -> list[int]:
    """Return the numbers of all versions of a volume."""
    return list(session.scalars(select(VolumeVersion.version).filter_by(volume_id=volume_id)))


def jobs_of_kind(session: Session, kind: str, state: str) -> Sequence[Job]:
    """Return the jobs of a kind that are in a state."""
    return session.scalars(select(Job).filter_by(kind=kind, state=state)).all()


def first_job(session: Session, kind: str, state: str) -> Job | None:
    """Return a job of a kind that is in a state, None when there is none."""
    return session.scalars(select(Job).filter_by(kind=kind, state=state)).first()


def retry_jobs(session: Session, ids: Iterable[int]) -> None:
    """Let those of these jobs that failed wait again, without their errors."""
    session.execute(
        update(Job)
        .where(Job.id.in_(list(ids)), Job.state == JobState.FAILED)
        .values(state=JobState.WAITING, ended_at=None, error=None, error_code=None, not_before=None)
    )
