"""Makes what waits, in a process of its own: a page starts it and the rows tell how far it is. `python -m api.web.making` is that process.

One at a time for each data folder; who comes second waits for the first and makes what it left. A killed one is followed by the next start.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from api.batch import make_waiting
from api.bootstrap import Runtime, start
from api.settings import Settings


def start_making(runtime: Runtime) -> None:
    """Begin, and do not wait. The process outlives the web server: numbers were reserved, so volumes are to be made."""
    logs = runtime.settings.data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / "making.log").open("ab") as out:
        subprocess.Popen(
            [sys.executable, "-m", "api.web.making"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={**os.environ, "YICE_DATA": str(runtime.settings.data.resolve()), "PYTHONPATH": str(Path(__file__).parents[2])},
        )


def main() -> None:
    """Wait for the turn, make all that waits, end."""
    runtime = start(Settings())
    with (runtime.settings.data / "making.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        make_waiting(runtime)


if __name__ == "__main__":
    main()
