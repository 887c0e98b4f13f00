"""The command line as a user runs it: a process of its own, its exit code, and what it printed."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parents[2]


def run_command(
    *words: str, data: Path | None = None, timeout: float = 600, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run `yice` with these words, on a data folder, with further variables of the environment."""
    folder = {} if data is None else {"YICE_DATA": str(data)}
    env = {**os.environ, "PYTHONPATH": str(ROOT), **folder, **settings}
    out_end, in_end = os.pipe()
    with (
        TemporaryFile("w+") as out,
        TemporaryFile("w+") as err,
        os.fdopen(out_end) as status,
    ):
        with _LOCK:
            _order(words, env, (out.fileno(), err.fileno(), in_end))
        os.close(in_end)
        pid = int(status.readline())
        if not select.select([status], [], [], timeout)[0]:
            os.kill(pid, signal.SIGKILL)
            status.readline()  # it is gone
            raise subprocess.TimeoutExpired(words, timeout)
        code = int(status.readline())
        for stream in (out, err):
            stream.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


_LOCK = threading.Lock()


def _order(words: tuple[str, ...], env: Mapping[str, str], handles: tuple[int, ...]) -> None:
    order = json.dumps({"words": words, "env": env, "cwd": str(ROOT)})
    socket.send_fds(_server(), [order.encode()], handles)


@cache
def _server() -> socket.socket:
    """Start the process that forks; it ends when our end of the line is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.command_server", str(theirs.fileno())],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
