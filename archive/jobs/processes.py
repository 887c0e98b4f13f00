"""How processes of ours are started: by these functions, never by `Popen` elsewhere.

Python puts the current folder first on its path for `python -m`, celery does so while it imports
its app, and multiprocessing does in what it spawns: an `api.py` or `celery.py` that lies where
somebody types a command would run in place of ours. Hence a safe path (`-P`), a working folder that
is not the caller's, and an environment that holds nothing but what is named here.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from threading import Thread
from time import sleep

CODE = Path(__file__).parents[2]
"""The folder that holds the packages."""
NOWHERE = Path("/")
"""The working folder of our processes: only the machine's administrator may put a file there."""
KEPT = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
    # How the network, the time-stamp authority and the database server are reached.
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("PGPASSFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"),
)
"""The variables of our own environment that a process of ours inherits."""
_SAFE = "PYTHONSAFEPATH"
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, prctl(2)
_LAST_SECONDS = 20.0
"""What a process has to end by itself once its parent is gone."""


def python_command(module: str, *words: str) -> list[str]:
    """Return the command that runs a module of ours, or one of our libraries, by name."""
    return [sys.executable, "-P", "-m", module, *words]


def start_process(
    command: Sequence[str],
    *,
    log: Path,
    outlives: bool,
    env: Mapping[str, str] | None = None,
    folder: Path = NOWHERE,
    user: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own; what it prints goes to the end of its log.

    It ends with us unless it `outlives` us. One that does not is started from the main thread only:
    the kernel ends it with the thread that started it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=folder,
            env=_environment() | dict(env or {}) | _code(),
            user=user,
            group=user,
            extra_groups=[] if user else None,
            start_new_session=True,
            preexec_fn=None  # noqa: PLW1509 - main thread only
            if outlives
            else partial(die_with_parent, os.getpid()),
        )
    if (
        outlives
    ):  # nobody else waits for it, and unwaited for it would stay in the table as a zombie
        Thread(target=process.wait, name="process-ended", daemon=True).start()
    return process


def start_confined(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a process that is fed through its input and answers through its output.

    It is for foreign files: it inherits nothing but a locale, no setting, no home, no address. It
    computes on one core, for there is one of it for each.
    """
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=NOWHERE,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"} | _code(),
    )


@contextmanager
def process_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Run a pool of at least one process; what it is given names files by absolute paths.

    Spawned, not forked: a lock that a thread of ours holds would stay locked in the child, and the
    threads of some libraries do not survive a fork. When the caller is interrupted, what is begun
    is done to its end and what waits is given up.
    """
    with safe_path():
        pool = ProcessPoolExecutor(max(1, workers), mp_context=_DEAF, initializer=_settle)
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        pool.shutdown()


class _DeafProcess(SpawnProcess):
    """A process that Ctrl-C does not reach, from its first instruction on.

    A terminal sends it to every process; one that is still importing would print where it was.
    """

    def start(self) -> None:
        """Start it with the signal blocked, as it inherits that."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _DeafContext(SpawnContext):
    """What a pool starts its processes with."""

    Process = _DeafProcess


_DEAF = _DeafContext()


@contextmanager
def safe_path() -> Iterator[None]:
    """Let what multiprocessing spawns meanwhile keep the current folder off its path."""
    before = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE]
        else:
            os.environ[_SAFE] = before


def run_tool(
    command: Sequence[str],
    *,
    seconds: float | None,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    """Run a program of the machine to its end; return its exit code and what it printed.

    It has no input, works in no folder of the caller's, and gets no variable but the inherited
    ones and `env`. Raises TimeoutExpired after so many seconds (None: it may last as long as it
    does), OSError when it can't be started.
    """
    return subprocess.run(  # noqa: S603 - our own command
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=NOWHERE,
        env=_environment() | dict(env or {}),
        timeout=seconds,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        check=False,
    )


def die_with_parent(parent: int) -> None:
    """End this child process when its parent, the process `parent`, ends, however that ends.

    For a process that the parent's main thread has just forked.
    """
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before the kernel knew
        os.kill(os.getpid(), signal.SIGTERM)


def end_with_spawner() -> None:
    """End this process, which multiprocessing spawned, when the one that spawned it ends."""
    spawner = parent_process()
    if spawner is not None:
        _end_when(spawner.sentinel)


class Lifeline:
    """A pipe that lasts as long as the process that made it; what it forks ends with it.

    The kernel's own signal (`die_with_parent`) tells of the end of a thread; workers of Celery are
    forked by a thread, too.
    """

    def __init__(self) -> None:
        """Make the pipe; programs that are started do not inherit it."""
        self._end, self._held = os.pipe()

    def hold(self) -> None:
        """End this forked process when the maker of the pipe ends."""
        os.close(self._held)
        _end_when(self._end)


def _end_when(sentinel: int) -> None:
    """End this process when the other end of a pipe is gone; it may end itself first."""

    def watch() -> None:
        wait([sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        sleep(_LAST_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    Thread(target=watch, name="ends-with-parent", daemon=True).start()


def _settle() -> None:
    """Leave the caller's folder, and end when the caller does."""
    end_with_spawner()
    os.chdir(NOWHERE)


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in KEPT if name in os.environ}


def _code() -> dict[str, str]:
    return {"PYTHONPATH": str(CODE), _SAFE: "1"}
