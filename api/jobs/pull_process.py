"""A process that asks the sources and hands whole cases to intake.

`python -m api.jobs.pull_process` is that process; how it went stands on the job's row.
"""

from datetime import UTC, datetime

from api.jobs.progress import NoProgress
from api.jobs.pull import open_sources, pull_round, submit_whole
from api.runtime import failures
from api.runtime.bootstrap import Runtime, start
from api.runtime.processes import one_at_a_time
from api.runtime.settings import Settings
from archive.database.engine import reading, writing
from archive.database.tables_jobs import Job
from archive.gathering.captured_materials import place_pending
from archive.gathering.pull_requests import SOURCES, end_request, next_request
from archive.reference.vocabulary import JobState

ACTOR = "desk"
"""The actor that the journal names: the person who asked stands in the entry PULL."""


def main() -> None:
    """Wait for the turn; then do what is requested, and again when it was requested meanwhile."""
    runtime = start(Settings())
    with one_at_a_time(runtime, "pulling"):
        while (job := _next_job(runtime)) is not None:
            _work(runtime, job)


def _next_job(runtime: Runtime) -> Job | None:
    with reading(runtime.engine) as session:
        return next_request(session)


def _work(runtime: Runtime, job: Job) -> None:
    """Do one request and end its job, unless it was requested again since."""
    state, code, text = JobState.DONE, None, None
    try:
        if job.subject == SOURCES:
            pulled, _ = pull_round(runtime, ACTOR, open_sources(runtime.settings), NoProgress())
            wrong = next((result.error for result in pulled if result.error), None)
            if wrong:
                state, code, text = JobState.FAILED, wrong.code, str(wrong)
        with writing(runtime.engine) as session:
            place_pending(session, runtime.organisations, at=datetime.now(UTC))
        submit_whole(runtime, ACTOR, NoProgress())
    except Exception as error:  # noqa: BLE001 - the row must say it, or the page waits for ever
        failures.log(error, runtime.settings.data)
        state, (code, text) = JobState.FAILED, failures.explain(error)
    with writing(runtime.engine) as session:
        end_request(session, job, state, code, text)


if __name__ == "__main__":
    main()
