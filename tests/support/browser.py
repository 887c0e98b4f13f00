"""A real Chromium (Debian's package) for the tests of the desk, and a real server beside it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright

from api.cluster.services import free_port
from tests.support.postgres import missing

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
MILLISECONDS = 120_000
"""How long a page may take: only a fault takes so long, and other loads may share the machine."""
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, without a window."""
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def needs_chromium() -> None:
    """Skip what asks for a browser where none is installed; in CI a missing one is a fault."""
    if CHROMIUM is None:
        missing("chromium")


def wait_until_it_answers(server: subprocess.Popen[bytes], url: str) -> None:
    """Wait for a server of ours; three minutes, because other loads may share the machine."""
    end = time.monotonic() + 180
    while True:
        try:
            httpx.get(url, timeout=30)
        except httpx.HTTPError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < end, f"no answer from {url}"
            time.sleep(0.1)
        else:
            return


def compile_all(page: Page, count: int) -> None:
    """On 组卷: choose all that fit, see their numbers, and give them."""
    page.locator("input[name=all]").check()
    page.locator("input[name=count]").fill(str(count))
    page.get_by_role("button", name=f"赋予 {count} 个档号并组卷").click()
    page.wait_for_url("**/jobs")


@contextmanager
def served(data: Path, **settings: str) -> Iterator[str]:
    """The web server on a data folder, with settings as `YICE_…` names in lower case.

    Yields its address.
    """
    with serving(data, **settings) as (_, address):
        yield address


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """As `served`; yields its process too."""
    port = free_port()
    command = [sys.executable, "-m", "api.cli", "serve", "--port", str(port)]
    env = {**os.environ, "YICE_DATA": str(data), "PYTHONPATH": str(ROOT)} | {
        f"YICE_{name.upper()}": value for name, value in settings.items()
    }
    server = subprocess.Popen(command, env=env, cwd=data)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(server, f"{address}/healthz")
        yield server, address
    finally:
        server.terminate()
        server.wait(timeout=120)
