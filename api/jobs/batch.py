"""Batches of volumes: reserve numbers, send jobs, watch until each is made or failed.

On one machine a batch also keeps its workers alive.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum, auto
from itertools import compress
from operator import not_

from api.jobs.progress import Batch
from api.jobs.resending import is_due
from api.runtime.bootstrap import Runtime, is_gone
from api.runtime.broker import MAKE, QUEUE_OF, celery_app
from api.runtime.processes import own_workers
from archive.administration.policy import Reader
from archive.arrangement.choice import EVERYTHING, Choice
from archive.arrangement.numbering import freeze_supplements, freeze_timestamps
from archive.arrangement.selection import number_ready
from archive.arrangement.voiding import void
from archive.database.engine import database_now, reading, writing
from archive.finding_aids.compile_jobs import failed_jobs
from archive.jobs.crashpoints import reach
from archive.jobs.job_rows import (
    last_job_id,
    open_job_counts,
    retry_asked,
    retry_failed_jobs,
    version_numbers,
    waiting_versions,
)
from archive.jobs.version_steps import free_gone_workers
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.vocabulary import JobKind, JobState
from storage.package import discard_uncommitted

_RESEND_SECONDS = 20.0


class Again(Enum):
    """Which of the volumes that failed a run tries again."""

    WHAT_CAN_SUCCEED = auto()
    THE_CASE = auto()
    """Also the case that was named, whatever its reason: a person asks for it."""
    ALL = auto()


def compile_batch(
    runtime: Runtime,
    filer: Reader,
    *,
    choice: Choice,
    again: Again,
    watch: Callable[[Batch], None],
) -> Batch:
    """Reserve numbers in order of completion, then make all versions that are not made yet.

    Versions that become possible by it are made in the same run. What can't succeed is tried only
    where `again` says so.
    """
    if again is not Again.WHAT_CAN_SUCCEED:
        with writing(runtime.engine) as session:
            named = choice.case_nos if again is Again.THE_CASE else None
            retry_asked(session, JobKind.COMPILE, named)
    reserve(runtime, filer, choice)
    return make_chosen(runtime, filer.account, choice, watch)


def make_chosen(
    runtime: Runtime, actor: str, choice: Choice, watch: Callable[[Batch], None]
) -> Batch:
    """Make what has its number, and the supplements of the chosen cases that become possible."""
    return make_all(
        runtime, JobKind.COMPILE, lambda: begin_supplements(runtime, actor, choice), watch
    )


def reserve(runtime: Runtime, filer: Reader, choice: Choice = EVERYTHING) -> None:
    """Give every chosen case that waits its number and job, and begin possible supplements.

    All of it is committed.
    """
    with writing(runtime.engine) as session:
        number_ready(
            session,
            filer,
            choice,
            catalogue=runtime.catalogue,
            units=runtime.filing,
            at=datetime.now(UTC),
        )
    begin_supplements(runtime, filer.account, choice)
    reach("frozen-after-commit")


def begin_supplements(runtime: Runtime, actor: str, choice: Choice = EVERYTHING) -> int:
    """Begin the next version where a revision waits and the one before is committed.

    Returns how many were begun.
    """
    with writing(runtime.engine) as session:
        return freeze_supplements(
            session,
            actor,
            choice=choice,
            organisations=runtime.organisations,
            at=datetime.now(UTC),
        )


def begin_timestamps(runtime: Runtime, actor: str) -> int:
    """Begin a further version of each volume whose newest one owes its time-stamps.

    Returns how many were begun.
    """
    with writing(runtime.engine) as session:
        return freeze_timestamps(session, actor, at=datetime.now(UTC))


def void_number(runtime: Runtime, filer: Reader, *, code: str, reason: str) -> None:
    """Give a number up, and discard what an interrupted worker had written for it.

    The row goes first, the objects later.
    """
    free_dead(runtime)
    with writing(runtime.engine) as session:
        volume = void(session, filer, code=code, reason=reason, units=runtime.filing)
        versions = version_numbers(session, volume.id)
    for version in versions:
        discard_uncommitted(runtime.store, storage_prefix(ArchivalCode.parse(code), version))


def timestamp_batch(runtime: Runtime, actor: str, watch: Callable[[Batch], None]) -> Batch:
    """Complete the time-stamps that are owed.

    A TSA that is still down leaves its jobs failed for the next run.
    """
    begin_timestamps(runtime, actor)
    return make_all(runtime, JobKind.TIMESTAMP, lambda: 0, watch)


def make_all(
    runtime: Runtime, kind: JobKind, begin: Callable[[], int], watch: Callable[[Batch], None]
) -> Batch:
    """Send all open jobs of a kind and wait until each is done or failed.

    What `begin` then adds (a supplement follows the version before it) is made in the same run.
    """
    free_dead(runtime)
    with reading(runtime.engine) as session:
        began = database_now(session)
    todo = retry(runtime, kind)
    if not todo:
        return _with_failures(runtime, kind, Batch(0, 0, 0), began)
    with (
        nullcontext(lambda: None)
        if runtime.settings.broker_url
        else own_workers(runtime, _cores(runtime, len(todo))) as keep_alive
    ):
        batch = _watch(runtime, kind, todo, began, watch, keep_alive)
        while begin():
            known = set(todo)
            todo += [version_id for version_id in waiting(runtime, kind) if version_id not in known]
            batch = _watch(runtime, kind, todo, began, watch, keep_alive)
    return _with_failures(runtime, kind, batch, began)


def _with_failures(runtime: Runtime, kind: JobKind, batch: Batch, began: datetime) -> Batch:
    """Return the batch with the names and reasons of what failed since `began`, and before."""
    with reading(runtime.engine) as session:
        failed = failed_jobs(session, kind)
    new = [job.ended is not None and job.ended >= began for job in failed]
    return replace(
        batch,
        failures=tuple(compress(failed, new)),
        known=tuple(compress(failed, map(not_, new))),
    )


def make_waiting(runtime: Runtime) -> None:
    """Make what has its number and waits.

    Nothing new is begun, and what failed stays so until a person tries again.
    """
    free_dead(runtime)
    todo = set(waiting(runtime, JobKind.COMPILE))
    if not todo:
        return
    with (
        nullcontext(lambda: None)
        if runtime.settings.broker_url
        else own_workers(runtime, _cores(runtime, len(todo))) as keep_alive
    ):
        _until_made(runtime, todo, keep_alive)


def _until_made(runtime: Runtime, todo: set[int], keep_alive: Callable[[], None]) -> None:
    sent: float | None = None
    # Asked by volume and not by count: jobs that failed before, or are retried meanwhile, belong
    # to another run.
    while left := [
        version_id for version_id in waiting(runtime, JobKind.COMPILE) if version_id in todo
    ]:
        if is_due(sent, len(left), shortest=_RESEND_SECONDS):
            send(runtime, JobKind.COMPILE, left)
            sent = time.monotonic()
        keep_alive()
        time.sleep(0.3 + len(left) / 5000)


def send(runtime: Runtime, kind: JobKind, todo: Sequence[int]) -> None:
    """Send a worker one message for each version.

    A lost message is sent again; one too many finds its volume done or leased.
    """
    free_dead(runtime)
    with celery_app(runtime.settings) as app:
        for version_id in todo:
            app.send_task(MAKE, (version_id,), queue=QUEUE_OF[kind])


def wake(runtime: Runtime, kind: JobKind) -> int:
    """Send messages for all jobs of a kind that wait or can succeed, and do not wait for them.

    Returns how many.
    """
    todo = retry(runtime, kind)
    send(runtime, kind, todo)
    return len(todo)


def free_dead(runtime: Runtime) -> None:
    """Free the leases of this host's killed workers.

    A killed worker can't come back, so its leases need not run out first.
    """
    with writing(runtime.engine) as session:
        free_gone_workers(session, is_gone)


def retry(runtime: Runtime, kind: JobKind) -> list[int]:
    """Let the failed jobs of a kind that can succeed wait again.

    Returns all that wait, in order of reservation.
    """
    with writing(runtime.engine) as session:
        retry_failed_jobs(session, kind)
    return waiting(runtime, kind)


def waiting(runtime: Runtime, kind: JobKind) -> list[int]:
    """Return the versions whose job of this kind still waits, in order of reservation."""
    with reading(runtime.engine) as session:
        return waiting_versions(session, kind)


def _watch(
    runtime: Runtime,
    kind: JobKind,
    todo: list[int],
    began: datetime,
    watch: Callable[[Batch], None],
    keep_alive: Callable[[], None],
) -> Batch:
    sent: float | None = None
    with reading(runtime.engine) as session:
        last = last_job_id(session, kind)
    while True:
        if is_due(sent, len(todo), shortest=_RESEND_SECONDS):
            open_now = set(waiting(runtime, kind))
            send(runtime, kind, [version_id for version_id in todo if version_id in open_now])
            sent = time.monotonic()
        batch = _count(runtime, kind, len(todo), last, began)
        watch(batch)
        if batch.done + batch.failed >= batch.total:
            return batch
        keep_alive()
        time.sleep(0.2)


def _count(runtime: Runtime, kind: JobKind, total: int, last: int, began: datetime) -> Batch:
    """Count how far a batch is; jobs after id `last` belong to another run.

    The database counts, because this is asked five times a second.
    """
    with reading(runtime.engine) as session:
        states = open_job_counts(session, kind, last, began)
    failed = states.get(JobState.FAILED, 0)
    return Batch(total, max(0, total - failed - states.get(JobState.WAITING, 0)), failed)


def _cores(runtime: Runtime, jobs: int) -> int:
    return min(runtime.settings.workers or os.cpu_count() or 1, jobs)
