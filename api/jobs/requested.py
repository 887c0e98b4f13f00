"""Processes that a page starts to make volumes or ask sources; rows hold the progress.

`python -m api.jobs.requested` makes what waits; `api.jobs.pull_process` fetches what sources have
and hands in what is whole. One process at a time for each data folder: a second one waits for the
first and makes what it left. A killed one is followed by the next start.
"""

import fcntl
import os
import subprocess
import sys

from api.jobs.batch import make_waiting
from api.runtime.bootstrap import Runtime, start
from api.runtime.processes import CODE
from api.runtime.settings import Settings
from archive.database.engine import writing
from archive.gathering.pull_requests import ask_for_pull, ask_for_submitting


def start_making(runtime: Runtime) -> None:
    """Start the process that makes volumes, and do not wait for it.

    It outlives the web server: numbers were reserved, so volumes are to be made.
    """
    _start(runtime, "api.jobs.requested", "making.log")


def request_pull(runtime: Runtime, actor: str) -> None:
    """Ask the sources now, on a person's request: also those left in peace after an error."""
    with writing(runtime.engine) as session:
        ask_for_pull(session, actor)
    _start(runtime, "api.jobs.pull_process", "pulling.log")


def request_submitting(runtime: Runtime) -> None:
    """Hand in what is whole, if anything is.

    Every file of a heap of uploads calls this: what runs already is not started again.
    """
    with writing(runtime.engine) as session:
        if not ask_for_submitting(session):
            return
    _start(runtime, "api.jobs.pull_process", "pulling.log")


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
