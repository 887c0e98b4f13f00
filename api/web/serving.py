"""`yice serve`: the desk on loopback, and beside it the process that keeps the search index up to date."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from api.app import create_app
from api.batch import die_with_parent
from api.bootstrap import Runtime

_SECONDS = 15


def serve_desk(runtime: Runtime, port: int) -> None:
    """Serve until told to stop."""
    app = create_app(runtime)
    with _follower(runtime):
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", proxy_headers=False)


@contextmanager
def _follower(runtime: Runtime) -> Iterator[None]:
    """`yice index follow`, ended with us. When another process follows already, this one ends by itself and nothing is lost."""
    logs = runtime.settings.data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "YICE_DATA": str(runtime.settings.data.resolve()), "PYTHONPATH": str(Path(__file__).parents[2])}
    with (logs / "index.log").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "index", "follow"],
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
