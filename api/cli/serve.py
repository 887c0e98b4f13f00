"""`yice serve`: everything that one machine needs beside the command line.

The HTTP app, the follower of the index, the reader of scans, the sender of webhooks.
"""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from threading import Event, Thread
from typing import Annotated, Any

import typer
import uvicorn
from fastapi import FastAPI

from api.app import create_app, prepare_server
from api.cli.archive import begin_archive
from api.cli.terminal import screen
from api.http.connections import TimedProtocol
from api.http.limits import Limiter
from api.jobs.webhooks import send_until
from api.runtime import logs
from api.runtime.bootstrap import Runtime, start
from api.runtime.processes import start_module
from api.runtime.settings import Settings
from archive.jobs.processes import NOWHERE, end_with_spawner, safe_path
from archive.reference.errors import ArchiveError
from ingest.recognition.ocr import is_installed

_SECONDS = 15
_MOST_PROCESSES = 4
_SILENT_SECONDS = 60  # a process that computes on a busy machine is not stuck


def serve(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="端口，默认 8000 或 YICE_PORT")
    ] = None,
    *,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="前有本机的 TLS 代理：客户地址和 https 以其报头为准"),
    ] = False,
) -> None:
    """Serve pages and the station API."""
    serve_locally(begin_archive(), port, behind_proxy=behind_proxy)


def serve_locally(runtime: Runtime, port: int | None, *, behind_proxy: bool = False) -> None:
    """Serve on loopback until interrupted.

    Behind a proxy of this machine, addresses of clients and https are taken from its headers.
    """
    port = port or runtime.settings.port
    _require_free(port)
    runtime = _with_address(runtime, port)
    with _companion(runtime, "index", "index", "follow"), _reader(runtime), _webhooks(runtime):
        root = f"http://127.0.0.1:{port}"
        screen.print(
            f"网页 {root}/ ，接口 {root}/api/v1 ，说明 {root}/openapi.json",
            soft_wrap=True,
        )
        _answer(
            runtime,
            port,
            runtime.settings.web_processes or min(os.cpu_count() or 1, _MOST_PROCESSES),
            behind_proxy=behind_proxy,
        )


class PortError(ArchiveError):
    """A port that can't be listened on."""

    code = "PORT_IN_USE"

    def __init__(self, port: int) -> None:
        """Name the port."""
        super().__init__(
            f"端口 {port} 已被占用，或不允许使用。",
            "请结束占用它的程序，或用 --port 换一个端口（1024 以上）。",
        )


def _require_free(port: int) -> None:
    """Raise PortError when the port is taken, before any other process is started.

    Another program may still take it before the server does; then uvicorn reports it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            raise PortError(port) from None


def _answer(runtime: Runtime, port: int, processes: int, *, behind_proxy: bool) -> None:
    """Answer requests in this many processes, of which each can use one core.

    They share the port, and the counts of each client's requests.
    """
    # No access log: addresses name volumes, and every read is journalled anyway.
    options: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "log_level": "warning",
        "access_log": False,
        "proxy_headers": behind_proxy,
        "forwarded_allow_ips": "127.0.0.1",
        "timeout_keep_alive": 60,
        "http": TimedProtocol,
        "log_config": logs.CONFIG,
    }
    if processes == 1:
        app = create_app(runtime)
        prepare_server()
        uvicorn.run(app, **options)
        return
    data = runtime.settings.data
    (data / "cache").mkdir(mode=0o700, exist_ok=True)
    os.environ |= runtime.settings.environment()
    rates = os.environ.setdefault("YICE_RATE_FILE", str(data / "cache" / "rates.db"))
    Limiter(1, rates).take("")  # makes the file before several open it at once
    with safe_path():
        uvicorn.run(
            "api.cli.serve:one_of_many",
            factory=True,
            workers=processes,
            timeout_worker_healthcheck=_SILENT_SECONDS,
            **options,
        )


def one_of_many() -> FastAPI:
    """Return the app of one of several processes, which ends when its parent does."""
    end_with_spawner()
    os.chdir(NOWHERE)
    app = create_app(start(Settings()))
    prepare_server()
    return app


def _with_address(runtime: Runtime, port: int) -> Runtime:
    """Return a runtime whose QR codes lead to this server, in the demo only.

    Real seals print no address but the one that an operator gave.
    """
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
    """Start the reader of scans, where it is switched on and its engine is installed.

    On many machines a beat does this.
    """
    wanted = runtime.settings.ocr and is_installed() and not runtime.settings.broker_url
    return _companion(runtime, "ocr", "ocr", "--follow") if wanted else nullcontext()


@contextmanager
def _companion(runtime: Runtime, log: str, *command: str) -> Iterator[None]:
    """Run a command of ours in a process of its own, ended with us.

    When another process does the same already, this one ends by itself or finds nothing to do.
    """
    # The web server dies of its signal and runs no `finally`; this process ends with it.
    process = start_module(runtime, "api.cli", *command, log=log, outlives=False)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
