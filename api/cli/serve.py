"""`yice serve`: everything that one machine needs beside the command line: the HTTP door, the follower of the index, the reader of scans, the sender of webhooks."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from threading import Event, Thread
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.app import create_app, serve_many
from api.cli.terminal import screen
from api.http.limits import Limiter
from api.jobs.webhooks import send_until
from api.runtime.bootstrap import Runtime, start
from api.runtime.processes import CODE, die_with_parent
from api.runtime.settings import Settings
from archive.reference.errors import ArchiveError
from ingest.recognition.ocr import is_installed

_SECONDS = 15
_MOST_PROCESSES = 4
_SILENT_SECONDS = 60  # a process that computes on a busy machine is not stuck


def serve_here(runtime: Runtime, port: int | None) -> None:
    """Serve on loopback until interrupted."""
    port = port or runtime.settings.port
    _require_free(port)
    runtime = _with_address(runtime, port)
    with _beside(runtime, "index", "index", "follow"), _reader(runtime), _webhooks(runtime):
        screen.print(
            f"网页 http://127.0.0.1:{port}/ ，接口 http://127.0.0.1:{port}/api/v1 ，说明 http://127.0.0.1:{port}/openapi.json",
            soft_wrap=True,
        )
        _answer(
            runtime,
            port,
            runtime.settings.web_processes or min(os.cpu_count() or 1, _MOST_PROCESSES),
        )


class PortError(ArchiveError):
    """The port can't be listened on."""

    code = "PORT_IN_USE"

    def __init__(self, port: int) -> None:
        """Name the port."""
        super().__init__(
            f"端口 {port} 已被占用，或不允许使用。",
            "请结束占用它的程序，或用 --port 换一个端口（1024 以上）。",
        )


def _require_free(port: int) -> None:
    """Raise PortError before anything is started beside. Between this and the server's own turn somebody may still take it; then uvicorn says so."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            raise PortError(port) from None


def _answer(runtime: Runtime, port: int, processes: int) -> None:
    """Answer requests in as many processes, of which each can use one core; they share the port, and how often each client asked."""
    # No access log: addresses name volumes, and every look is journalled anyway.
    how: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "log_level": "warning",
        "access_log": False,
        "proxy_headers": False,
    }
    how["timeout_keep_alive"] = 60
    if processes == 1:
        app = create_app(runtime)
        serve_many()
        uvicorn.run(app, **how)
        return
    data = runtime.settings.data.resolve()
    (data / "cache").mkdir(mode=0o700, exist_ok=True)
    os.environ |= {"YICE_DATA": str(data), "YICE_PUBLIC_URL": runtime.settings.public_url}
    rates = os.environ.setdefault("YICE_RATE_FILE", str(data / "cache" / "rates.db"))
    Limiter(1, rates).take("")  # makes the file before several open it at once
    uvicorn.run(
        "api.serving:one_of_many",
        factory=True,
        workers=processes,
        timeout_worker_healthcheck=_SILENT_SECONDS,
        **how,
    )


def one_of_many() -> FastAPI:
    """The app in one of the processes; it ends with the one that started it, however that ended."""
    die_with_parent()
    app = create_app(start(Settings()))
    serve_many()
    return app


def _with_address(runtime: Runtime, port: int) -> Runtime:
    """In the demo the QR codes lead to this very server. Real seals print no address but the one that an operator gave."""
    settings = runtime.settings
    if settings.public_url or not settings.demo_seals:
        return runtime
    return replace(
        runtime, settings=settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}"})
    )


@contextmanager
def _webhooks(runtime: Runtime) -> Iterator[None]:
    stopped = Event()
    sender = Thread(target=send_until, args=(runtime, stopped), name="webhooks")
    sender.start()
    try:
        yield
    finally:
        stopped.set()
        sender.join()


def _reader(runtime: Runtime) -> AbstractContextManager[None]:
    """The reader of scans, where it is switched on and its engine is there; on many machines a beat sees to it."""
    here = runtime.settings.ocr and is_installed() and not runtime.settings.broker_url
    return _beside(runtime, "ocr", "ocr", "--follow") if here else nullcontext()


@contextmanager
def _beside(runtime: Runtime, log: str, *command: str) -> Iterator[None]:
    """A command of ours in a process of its own, ended with us. When another process follows already, this one ends by itself or finds nothing to do."""
    logs = runtime.settings.data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "YICE_DATA": str(runtime.settings.data.resolve()), "PYTHONPATH": str(CODE)}
    with (logs / f"{log}.log").open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "api.cli", *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=env,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads yet; the web server dies of its signal and runs no `finally`
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
