"""Requests to ask the sources, or to hand in what is whole: one job row for each."""

from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_gathering import GatheredCase, SourceState
from archive.database.tables_jobs import Job
from archive.gathering.cases import Gathering
from archive.jobs.leases import Lease, claim, is_held, release
from archive.reference.vocabulary import JobKind, JobState

SOURCES, GATHERED = "sources", "gathered"
"""The two subjects of a request: ask all sources, or only hand in what is whole."""
_PROCESS = "pull-process"
"""The owner of the lease: the one process that a request starts or finds on its way."""
_BELIEVED = timedelta(minutes=2)
"""How long a request is believed to have a process; one that waits longer has lost it."""


def ask_for_pull(session: Session, actor: str) -> None:
    """Let all sources be asked now, also those that are left in peace after an error."""
    session.execute(update(SourceState).values(not_before=None))
    _request(session, SOURCES)
    journal.record(session, actor, JournalAct.PULL, SOURCES)


def ask_for_submitting(session: Session) -> bool:
    """Request that whole cases are handed in; False: none is, or a process is on its way."""
    whole = (
        select(func.count())
        .select_from(GatheredCase)
        .where(GatheredCase.state.in_((Gathering.READY, Gathering.LATE)))
    )
    return bool(session.scalar(whole)) and _request(session, GATHERED)


def _request(session: Session, subject: str) -> bool:
    """Let the job wait; False when it waited before, so that its process is on its way."""
    now = database_now(session)
    job = session.scalars(
        select(Job).filter_by(kind=JobKind.PULL, subject=subject).with_for_update()
    ).first()
    if job is None:
        job = Job(kind=JobKind.PULL, subject=subject, state=JobState.DONE, created_at=now)
        session.add(job)
        session.flush()
    running = is_held(job, now)
    claim(
        session,
        Job,
        job.id,
        _PROCESS,
        length=_BELIEVED,
        state=JobState.WAITING,
        created_at=now,
        ended_at=None,
        error=None,
        error_code=None,
    )
    return not running


def next_request(session: Session) -> Job | None:
    """Return the request that waits longest, if any does."""
    return session.scalars(
        select(Job)
        .where(Job.kind == JobKind.PULL, Job.state == JobState.WAITING)
        .order_by(Job.created_at)
    ).first()


def end_request(
    session: Session, job: Job, state: JobState, error_code: str | None, error: str | None
) -> None:
    """End a request unless it was made again since: then what came meanwhile is not missed."""
    release(
        session,
        Lease(Job, job.id, _PROCESS, job.lease_token),
        state=state,
        error_code=error_code,
        error=error,
        ended_at=database_now(session),
        attempts=Job.attempts + 1,
    )
