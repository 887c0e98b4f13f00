"""`yice serve` in several processes: one address, one count of requests.

Nothing is left behind however one of them ends.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.bench.answering import answering
from tests.support.browser import ROOT, serving


def parent_of(pid: int) -> int:
    """The process that started this one; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait at most five minutes: other loads may share the machine."""
    end = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_requests_are_counted_by_all_processes_together(tmp_path: Path) -> None:
    with serving(tmp_path, web_processes="3", rate_limit="50") as (server, address):
        wait_until(lambda: len(answering(server.pid)) == 3)
        # Each on a connection of its own, so that any process may get it; the public has a tenth.
        codes = [
            httpx.get(f"{address}/api/v1/checks/7KQM-2XWP-9RTA-H4ND-C8VE").status_code
            for _ in range(20)
        ]
    assert sorted(codes) == [404] * 5 + [429] * 15


def test_a_process_that_is_killed_is_replaced_and_the_others_answer(tmp_path: Path) -> None:
    with serving(tmp_path, web_processes="2") as (server, address):
        wait_until(lambda: len(answering(server.pid)) == 2)
        before = answering(server.pid)
        os.kill(min(before), signal.SIGKILL)
        assert httpx.get(f"{address}/healthz", timeout=120).status_code == 200
        wait_until(lambda: len(answering(server.pid) - {min(before)}) == 2)


def test_nothing_answers_any_more_when_the_server_was_killed(tmp_path: Path) -> None:
    with serving(tmp_path, web_processes="2") as (server, address):
        wait_until(lambda: len(answering(server.pid)) == 2)
        children = answering(server.pid)
        server.kill()
        server.wait()
        wait_until(lambda: all(parent_of(child) == 0 for child in children))
        try:
            httpx.get(f"{address}/healthz", timeout=5)
        except httpx.HTTPError:
            return
        raise AssertionError("somebody still answers")


def test_a_port_that_is_taken_is_told_with_the_next_step_before_anything_begins(
    tmp_path: Path,
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        env = {**os.environ, "YICE_DATA": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "api.cli", "serve", "--port", str(port)],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "PORT_IN_USE" in done.stderr
    assert "--port" in done.stderr
    assert "http://" not in done.stdout + done.stderr
    assert not (tmp_path / "logs" / "index.log").exists()
