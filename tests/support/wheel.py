"""The wheel and an environment of its own to install it in."""

import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout, as `make wheel` does."""
    done = subprocess.run(
        [sys.executable, "deploy/build_wheel.py", "--to", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.splitlines()[-1])


def install(wheel: Path, folder: Path) -> Path:
    """Make an empty environment, install the wheel alone, and return the folder of its commands.

    The dependencies are not installed again: a .pth names the packages of the environment that
    runs the tests. A .pth file inside that folder is not read in turn, so a checkout that is
    installed there for development is not seen.
    """
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)],
        check=True,
    )
    packages = next((folder / "lib").glob("python*/site-packages"))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return folder / "bin"


def wait_for(answers: Callable[[], bool], server: subprocess.Popen[bytes]) -> None:
    """Wait at most two minutes until a server answers, and fail when it ends before."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert server.poll() is None, "the server ended"
        try:
            if answers():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("the server does not answer")
