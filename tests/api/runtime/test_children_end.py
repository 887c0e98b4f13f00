"""Whatever ends a process of ours, what it started ends with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from api.cluster.services import free_port
from tests.support.command_line import ROOT

POOL = """
import time
from archive.jobs.processes import process_pool
with process_pool(2) as pool:
    for _ in range(2):
        pool.submit(time.sleep, {seconds})
    time.sleep(3600)
"""
SANDBOX = """
from ingest.reading.sandbox import Child, Limits
from tests.resources.documents import endless_page_pdf
child, data = Child(Limits(cpu_seconds=3600, wall_seconds=3600)), endless_page_pdf()
{act}
"""
WORKERS = """
import time
from pathlib import Path
from api.runtime.bootstrap import start
from api.runtime.processes import own_workers
from api.runtime.settings import Settings
with own_workers(start(Settings(data=Path({data!r}))), 2):
    time.sleep(3600)
"""
END = pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])


def descendants(pid: int) -> set[int]:
    """The processes below this one that have not ended."""
    pids: set[int] = set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # it ended meanwhile
            for child in map(int, children.read_text().split()):
                pids |= {child} | descendants(child)
    return {child for child in pids if runs(child)}


def runs(pid: int) -> bool:
    """Nobody may wait for what lost its parent: a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def name_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def until(holds: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


@contextmanager
def started(*words: str, data: Path) -> Iterator["subprocess.Popen[bytes]"]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "YICE_DATA": str(data), "YICE_WEB_PROCESSES": "2"}
    process = subprocess.Popen(
        [sys.executable, *words], env=env, cwd=data, stdout=subprocess.DEVNULL
    )
    children: set[int] = set()
    try:
        yield process
    finally:
        children = descendants(process.pid)
        process.kill()
        process.wait()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def all_end(process: "subprocess.Popen[bytes]", count: int, end: signal.Signals) -> None:
    """Once this many processes were started, end their parent: none of them is left."""
    until(lambda: len(descendants(process.pid)) >= count or process.poll() is not None)
    children = descendants(process.pid)
    assert len(children) >= count
    process.send_signal(end)
    process.wait(timeout=120)
    until(lambda: not any(map(runs, children)))


@END
@pytest.mark.parametrize("seconds", [0, 3600], ids=["idle", "busy"])
def test_a_pool_ends_with_its_parent(tmp_path: Path, seconds: int, end: signal.Signals) -> None:
    with started("-c", POOL.format(seconds=seconds), data=tmp_path) as parent:
        all_end(parent, 3, end)  # two workers, and the tracker of multiprocessing


@END
@pytest.mark.parametrize(
    "act", ["import time; time.sleep(3600)", "child.run(len(data), [data])"], ids=["idle", "busy"]
)
def test_a_sandbox_ends_with_its_parent(tmp_path: Path, act: str, end: signal.Signals) -> None:
    with started("-c", SANDBOX.format(act=act), data=tmp_path) as parent:
        all_end(parent, 1, end)


@END
def test_workers_end_with_the_run_that_started_them(tmp_path: Path, end: signal.Signals) -> None:
    with started("-c", WORKERS.format(data=str(tmp_path)), data=tmp_path) as parent:
        all_end(parent, 3, end)  # the node and its two workers


def test_workers_end_with_their_node(tmp_path: Path) -> None:
    with started("-c", WORKERS.format(data=str(tmp_path)), data=tmp_path) as parent:
        until(lambda: len(descendants(parent.pid)) >= 3)
        (node,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        workers = descendants(int(node))
        assert workers
        os.kill(int(node), signal.SIGKILL)
        until(lambda: not any(map(runs, workers)))


def test_the_server_is_killed_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    words = ("-P", "-m", "api.cli", "serve", "--port", str(free_port()))
    with started(*words, data=tmp_path) as server:
        all_end(server, 4, signal.SIGKILL)  # two that answer, the follower, the tracker


def test_the_simulated_sources_leave_no_process_behind(tmp_path: Path) -> None:
    words = ("-P", "-m", "api.cli", "demo", "sources", "--cases", "200")
    with started(*words, "--port", str(free_port()), data=tmp_path) as sources:
        all_end(sources, 2, signal.SIGTERM)
