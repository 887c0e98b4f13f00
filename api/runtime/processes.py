"""Our processes on one data folder: workers and whatever a command or a page starts."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from api.runtime import failures
from api.runtime.bootstrap import Runtime
from api.runtime.broker import VOLUME_QUEUES
from archive.jobs.processes import python_command, start_process
from archive.reference.errors import ArchiveError

_TRIES = 3
_WELL_SECONDS = 60.0
"""A worker that ran for so long did start: its end is counted as the first again."""


class WorkerError(ArchiveError):
    """A worker ended three times soon after its start."""

    code = "WORKER_DOWN"

    def __init__(self, log: Path) -> None:
        """Name the log, which says why."""
        super().__init__(
            f"后台工作进程连续 {_TRIES} 次未能启动。",
            f"请查看日志 {log}，排除原因后再次运行，已完成的不会重做。",
        )


def log_of(runtime: Runtime, name: str) -> Path:
    """Return where a process of ours on this data folder writes what it prints."""
    return runtime.settings.data.absolute() / "logs" / f"{name}.log"


def start_module(
    runtime: Runtime,
    module: str,
    *words: str,
    log: str,
    outlives: bool,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a module of ours with the settings of this runtime; `log` is a name, not a path.

    It ends with us unless it `outlives` us.
    """
    return start_process(
        python_command(module, *words),
        log=log_of(runtime, log),
        outlives=outlives,
        env=runtime.settings.environment() | dict(env or {}),
    )


@contextmanager
def one_at_a_time(runtime: Runtime, name: str) -> Iterator[None]:
    """Wait until no process of this data folder does the same, and keep the next waiting.

    For a process that a page started: an error ends it with one line in its log.
    """
    with (runtime.settings.data / f"{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - nobody reads a traceback here
            failures.log(error, runtime.settings.data)
            sys.stderr.write(" ".join(failures.explain(error)) + "\n")
            sys.exit(2)


@contextmanager
def own_workers(
    runtime: Runtime, concurrency: int, queues: tuple[str, ...] = VOLUME_QUEUES
) -> Iterator[Callable[[], None]]:
    """Run Celery workers on this machine, ended with us.

    Yields a function that starts the workers again when they were killed. It raises WorkerError
    when they ended three times soon after their start.
    """
    workers = _Workers(runtime, concurrency, queues)
    try:
        yield workers.keep_alive
    finally:
        workers.end()


class _Workers:
    """The process of Celery workers, and how often it ended soon after its start."""

    def __init__(self, runtime: Runtime, concurrency: int, queues: tuple[str, ...]) -> None:
        self._runtime, self._concurrency, self._queues = runtime, concurrency, queues
        self._ends = 0
        self._started = time.monotonic()
        self._process = self._start()

    def keep_alive(self) -> None:
        if self._process.poll() is None:
            return
        soon = time.monotonic() - self._started < _WELL_SECONDS
        self._ends = self._ends + 1 if soon else 1
        if self._ends >= _TRIES:
            raise WorkerError(log_of(self._runtime, "worker"))
        self._started = time.monotonic()
        self._process = self._start()

    def end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)

    def _start(self) -> subprocess.Popen[bytes]:
        words = ["-A", "api.jobs.worker:app", "worker", "--loglevel", "WARNING"]
        words += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return start_module(
            self._runtime,
            "celery",
            *words,
            *("--concurrency", str(self._concurrency)),
            log="worker",
            outlives=False,
            env={"YICE_QUEUES": ",".join(self._queues)},
        )
