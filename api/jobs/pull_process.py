"""Asks the sources and hands what is whole to intake, in a process of its own; the job's row tells how it went. `python -m api.jobs.pull_process` is that process."""

import fcntl
from datetime import UTC, datetime

from sqlalchemy import select, update

from api.jobs.progress import Quiet
from api.jobs.pull import open_sources, pull_round, submit_whole
from api.jobs.requested import PULL, SOURCES
from api.runtime import failures
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.database.engine import database_now, reading, writing
from archive.database.tables_jobs import Job
from archive.gathering.captured_materials import place_pending

ACTOR = "desk"
"""Whom the journal names: the person who asked stands in the entry PULL."""


def main() -> None:
    """Wait for the turn; then do what is asked, and again when it was asked meanwhile."""
    runtime = start(Settings())
    with (runtime.settings.data / "pulling.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        while (job := _asked(runtime)) is not None:
            _work(runtime, job)


def _asked(runtime: Runtime) -> Job | None:
    with reading(runtime.engine) as session:
        return session.scalars(
            select(Job).where(Job.kind == PULL, Job.state == "WAITING").order_by(Job.created_at)
        ).first()


def _work(runtime: Runtime, job: Job) -> None:
    """End the job unless it was asked for again since: then what came meanwhile is not missed."""
    state, code, text = "DONE", None, None
    try:
        if job.subject == SOURCES:
            pulled, _ = pull_round(runtime, ACTOR, open_sources(runtime.settings), Quiet())
            wrong = next((one.error for one in pulled if one.error), None)
            state, code, text = ("FAILED", wrong.code, str(wrong)) if wrong else (state, code, text)
        with writing(runtime.engine) as session:
            place_pending(session, runtime.organisations, at=datetime.now(UTC))
        submit_whole(runtime, ACTOR, Quiet())
    except Exception as error:  # noqa: BLE001 - whatever it was, the row must say so, or the page waits for ever
        failures.log(error, runtime.settings.data)
        state, (code, text) = "FAILED", failures.explain(error)
    with writing(runtime.engine) as session:
        ended = {
            "state": state,
            "error_code": code,
            "error": text,
            "ended_at": database_now(session),
            "attempts": Job.attempts + 1,
        }
        same = update(Job).where(Job.id == job.id, Job.created_at == job.created_at)
        session.execute(same.values(**ended))


if __name__ == "__main__":
    main()
