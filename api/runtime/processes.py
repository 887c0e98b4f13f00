"""Child processes of ours: how workers are started, kept alive and ended."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from api.runtime.bootstrap import Runtime
from api.runtime.broker import VOLUME_QUEUES

CODE = Path(__file__).parents[2]
"""The folder that holds the packages."""
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, prctl(2)


@contextmanager
def own_workers(
    runtime: Runtime, concurrency: int, queues: tuple[str, ...] = VOLUME_QUEUES
) -> Iterator[Callable[[], None]]:
    """Run Celery workers on this machine, ended with us.

    Yields a function that starts the workers again when they were killed.
    """
    process = [_start_worker(runtime, concurrency, queues)]

    def keep_alive() -> None:
        if process[0].poll() is not None:
            process[0] = _start_worker(runtime, concurrency, queues)

    try:
        yield keep_alive
    finally:
        process[0].terminate()
        try:
            process[0].wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process[0].pid, signal.SIGKILL)


def _start_worker(
    runtime: Runtime, concurrency: int, queues: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    logs = runtime.settings.data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "api.jobs.worker:app",
        "worker",
        "--loglevel",
        "WARNING",
        "--concurrency",
        str(concurrency),
    ]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with (logs / "worker.log").open("ab") as out:
        return subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads yet, and no other way
            env={
                **os.environ,
                "YICE_DATA": str(runtime.settings.data.resolve()),
                "YICE_QUEUES": ",".join(queues),
                "PYTHONPATH": str(CODE),
            },
        )


def die_with_parent() -> None:
    """End this child process when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)
