"""Processes that a page starts to make volumes or ask sources; rows hold the progress.

`python -m api.jobs.requested` makes what waits; `api.jobs.pull_process` fetches what sources have
and hands in what is whole. One process at a time for each data folder: a second one waits for the
first and makes what it left. A killed one is followed by the next start.
"""

from api.jobs.batch import make_waiting
from api.runtime.bootstrap import Runtime, start
from api.runtime.processes import one_at_a_time, start_module
from api.runtime.settings import Settings
from archive.database.engine import writing
from archive.gathering.pull_requests import ask_for_pull, ask_for_submitting


def start_making(runtime: Runtime) -> None:
    """Start the process that makes volumes, and do not wait for it.

    It outlives the web server: numbers were reserved, so volumes are to be made.
    """
    start_module(runtime, "api.jobs.requested", log="making", outlives=True)


def request_pull(runtime: Runtime, actor: str) -> None:
    """Ask the sources now, on a person's request: also those left in peace after an error."""
    with writing(runtime.engine) as session:
        ask_for_pull(session, actor)
    start_module(runtime, "api.jobs.pull_process", log="pulling", outlives=True)


def request_submitting(runtime: Runtime) -> None:
    """Hand in what is whole, if anything is.

    Every file of a heap of uploads calls this: what runs already is not started again.
    """
    with writing(runtime.engine) as session:
        if not ask_for_submitting(session):
            return
    start_module(runtime, "api.jobs.pull_process", log="pulling", outlives=True)


def main() -> None:
    """Wait for the turn, make all that waits, end."""
    runtime = start(Settings())
    with one_at_a_time(runtime, "making"):
        make_waiting(runtime)


if __name__ == "__main__":
    main()
