"""Makes what waits, in a process of its own: a page starts it and the rows tell how far it is. `python -m api.web.making` is that process.

What sources have and what is whole is fetched in the same way by `api.web.pulling`. One at a time for each data folder; who comes second waits for the first and makes what it left. A killed one is followed by the next start.
"""

import fcntl
import os
import subprocess
import sys
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.jobs.batch import make_waiting
from api.runtime.bootstrap import Runtime, start
from api.runtime.processes import CODE
from api.runtime.settings import Settings
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, writing
from archive.database.tables_gathering import GatheredCase, SourceState
from archive.database.tables_jobs import Job
from archive.gathering.cases import Gathering

PULL, SOURCES, GATHERED = "pull", "sources", "gathered"
"""The kind of job, and its two subjects: ask all sources, or only hand in what is whole."""
_BELIEVED = timedelta(minutes=2)


def start_making(runtime: Runtime) -> None:
    """Begin, and do not wait. The process outlives the web server: numbers were reserved, so volumes are to be made."""
    _start(runtime, "api.jobs.requested", "making.log")


def request_pull(runtime: Runtime, actor: str) -> None:
    """A person wants the sources asked now: also those that are left in peace after an error."""
    with writing(runtime.engine) as session:
        session.execute(update(SourceState).values(not_before=None))
        _ask(session, SOURCES)
        journal.record(session, actor, JournalAct.PULL, SOURCES)
    _start(runtime, "api.jobs.pull_process", "pulling.log")


def request_submitting(runtime: Runtime) -> None:
    """Hand in what is whole, if anything is. Asked by every file of a heap: what runs already is not started again."""
    with writing(runtime.engine) as session:
        whole = (
            select(func.count())
            .select_from(GatheredCase)
            .where(GatheredCase.state.in_((Gathering.READY, Gathering.LATE)))
        )
        if not session.scalar(whole) or not _ask(session, GATHERED):
            return
    _start(runtime, "api.jobs.pull_process", "pulling.log")


def _ask(session: Session, subject: str) -> bool:
    """Let the job wait; False when it waited before, so that its process is on its way. One that waits too long has lost its process."""
    now = database_now(session)
    job = session.scalars(
        select(Job).filter_by(kind=PULL, subject=subject).with_for_update()
    ).first()
    if job is None:
        job = Job(kind=PULL, subject=subject, state="DONE", created_at=now)
        session.add(job)
    running = job.state == "WAITING" and now - job.created_at < _BELIEVED
    job.state, job.created_at, job.ended_at, job.error, job.error_code = (
        "WAITING",
        now,
        None,
        None,
        None,
    )
    return not running


def _start(runtime: Runtime, module: str, log: str) -> None:
    logs = runtime.settings.data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / log).open("ab") as out:
        subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", module],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={
                **os.environ,
                "YICE_DATA": str(runtime.settings.data.resolve()),
                "PYTHONPATH": str(CODE),
            },
        )


def main() -> None:
    """Wait for the turn, make all that waits, end."""
    runtime = start(Settings())
    with (runtime.settings.data / "making.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        make_waiting(runtime)


if __name__ == "__main__":
    main()
