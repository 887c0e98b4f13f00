"""Look-ups of job rows by kind and state, and letting failed jobs wait again."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from archive.database.tables_jobs import Job


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
        .where(Job.id.in_(list(ids)), Job.state == "FAILED")
        .values(state="WAITING", ended_at=None, error=None, error_code=None, not_before=None)
    )
