"""`yice serve`: everything that one machine needs beside the command line: the HTTP door, the follower of the index, the sender of webhooks."""

import os
import subprocess
import sys
from threading import Event, Thread

import uvicorn

from api.app import create_app
from api.bootstrap import Runtime
from api.terminal import screen
from api.webhooks import send_until


def serve_here(runtime: Runtime, port: int | None) -> None:
    """Serve on loopback until interrupted. The index has a writer process of its own; it steps back when another one follows already."""
    port = port or runtime.settings.port
    stopped = Event()
    follower = subprocess.Popen([sys.executable, "-m", "api.cli", "index", "follow"], env=os.environ.copy(), stderr=subprocess.DEVNULL)
    sender = Thread(target=send_until, args=(runtime, stopped), name="webhooks")
    sender.start()
    screen.print(f"网页 http://127.0.0.1:{port}/ ，接口 http://127.0.0.1:{port}/api/v1 ，说明 http://127.0.0.1:{port}/openapi.json")
    try:
        # No access log: addresses name volumes, and every look is journalled anyway.
        uvicorn.run(create_app(runtime), host="127.0.0.1", port=port, log_level="warning", access_log=False)
    finally:
        stopped.set()
        follower.terminate()
        follower.wait()
        sender.join()
