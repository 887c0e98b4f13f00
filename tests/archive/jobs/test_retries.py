"""Which failures are tried again without being asked."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select

from archive.database.engine import writing
from archive.database.tables_jobs import Job
from archive.jobs.job_rows import (
    attempt_succeeded,
    begin_attempt,
    open_job_counts,
    require_survivors,
    retry_failed_jobs,
    waiting_versions,
)
from archive.jobs.version_steps import fail_job
from archive.reference.compile_errors import FAULTS_OF_ORIGINALS, WorkerDiedError, can_succeed
from archive.reference.vocabulary import JobKind, JobState

AT = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.mark.parametrize("code", sorted(FAULTS_OF_ORIGINALS))
def test_a_fault_of_the_originals_is_never_tried_again(code: str) -> None:
    assert not can_succeed(code, 1)


@pytest.mark.parametrize("code", ["NOT_PROVED", "PLAN_MISMATCH", "KeyError", "PdfError"])
def test_a_defect_is_tried_three_times(code: str) -> None:
    assert [can_succeed(code, attempts) for attempts in (1, 2, 3)] == [True, True, False]


@pytest.mark.parametrize(
    "code", ["SEAL_EXPIRED", "STORE_UNAVAILABLE", "TSA_UNAVAILABLE", "OSError", "OperationalError"]
)
def test_what_circumstances_caused_is_always_tried_again(code: str) -> None:
    assert can_succeed(code, 50)


def test_only_jobs_that_can_succeed_wait_again_and_old_failures_are_counted_in_no_batch(
    engine: Engine,
) -> None:
    failed = [("ENCRYPTED", 1), ("SEAL_EXPIRED", 9), ("KeyError", 2), ("KeyError", 3), (None, 1)]
    with writing(engine) as session:
        session.add_all(
            Job(
                kind=JobKind.COMPILE,
                version_id=number,
                state=JobState.FAILED,
                error_code=code,
                attempts=attempts,
                created_at=AT,
                ended_at=AT,
            )
            for number, (code, attempts) in enumerate(failed, 1)
        )
        session.flush()
        retry_failed_jobs(session, JobKind.COMPILE)
        waiting = select(Job.version_id).where(Job.state == JobState.WAITING).order_by(Job.id)
        assert session.scalars(waiting).all() == [2, 3, 5]
        later = datetime(2026, 9, 2, tzinfo=UTC)
        assert open_job_counts(session, JobKind.COMPILE, 99, later) == {JobState.WAITING: 3}
        assert open_job_counts(session, JobKind.COMPILE, 99, AT)[JobState.FAILED] == 2


def test_a_version_at_whose_step_three_workers_died_fails_and_a_step_done_counts_anew(
    engine: Engine,
) -> None:
    with writing(engine) as session:
        session.add(Job(kind=JobKind.COMPILE, version_id=7, state=JobState.WAITING, created_at=AT))
        session.flush()
        for begun in (1, 2, 3):
            assert begin_attempt(session, 7) == begun
            require_survivors(begun)
        attempt_succeeded(session, 7)
        assert begin_attempt(session, 7) == 1
        for _ in range(2):
            begin_attempt(session, 7)
        with pytest.raises(WorkerDiedError) as caught:
            require_survivors(begin_attempt(session, 7))
        fail_job(session, 7, caught.value)
        job = session.scalars(select(Job).filter_by(version_id=7)).one()
        assert (job.state, job.error_code, job.begun) == (JobState.FAILED, "WORKER_DIED", 0)
        retry_failed_jobs(session, JobKind.COMPILE)
        assert waiting_versions(session, JobKind.COMPILE) == []
