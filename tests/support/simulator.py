"""The simulated outside systems on loopback, in a thread of the test, over a small world."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from api.demo.source_world import build_world
from api.demo.sources import World, create_sources
from tests.support.postgres import free_port


class Recorded:
    """Around the systems: each request's method, path and query as the system's log would show
    them.
    """

    def __init__(self, app: Any) -> None:
        self._app, self.requests = app, list[tuple[str, str, str]]()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.requests.append((scope["method"], scope["path"], scope["query_string"].decode()))
        await self._app(scope, receive, send)


@contextmanager
def simulated(world: World) -> Iterator[tuple[str, Recorded]]:
    """Base address, and what is asked of it."""
    port, app = free_port(), Recorded(create_sources(world))
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=port, log_level="critical", access_log=False, lifespan="off"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}", app
    finally:
        server.should_exit = True
        thread.join(10)


def small_world(folder: Path, cases: int, seed: int = 1) -> Path:
    build_world(folder, cases=cases, seed=seed, progress=lambda _: None, workers=2)
    return folder
