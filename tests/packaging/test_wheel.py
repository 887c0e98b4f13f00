"""The wheel in an environment of its own: what it carries, and that demo and desk run from it.

Its dependencies are those of the environment that runs the tests (`tests/support/wheel.py`);
that they install from an index too is not shown here.
"""

import hashlib
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.cluster.services import free_port
from tests.support.wheel import ROOT, build_wheel, install, wait_for

pytestmark = pytest.mark.slow
KINDS = ("json", "csv", "typ", "html", "css", "js", "svg", "mako")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("alone") / "venv")


def environment(data: Path) -> dict[str, str]:
    """An environment in which nothing names the checkout."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "YICE_DATA": str(data)}


def test_the_wheel_carries_every_data_file_and_every_module(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "api", "archive", "ingest", "search", "storage"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    wanted = {name for name in listed if name.rpartition(".")[2] in (*KINDS, "py")}
    carried = set(zipfile.ZipFile(wheel).namelist())
    assert wanted - carried == set()
    assert {name for name in listed if (ROOT / name).is_file()} - carried == set()
    assert "api/web/static/vendor/htmx.min.js" in carried
    assert not [name for name in carried if name.startswith(("tests/", "deploy/", "docs/"))]


def test_the_demo_runs_from_the_wheel_in_an_empty_folder(commands: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(commands / "yice"), "demo", "run", "--cases", "6"],
        cwd=tmp_path,
        env=environment(tmp_path / "var"),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "与预埋缺陷不符" in done.stdout


@pytest.fixture(scope="module")
def address(commands: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The desk, served from the wheel in an empty folder."""
    folder, port = tmp_path_factory.mktemp("empty"), free_port()
    server = subprocess.Popen(
        [str(commands / "yice"), "serve", "--port", str(port)],
        cwd=folder,
        env=environment(folder / "var"),
    )
    try:
        root = f"http://127.0.0.1:{port}"
        wait_for(lambda: httpx.get(f"{root}/healthz", timeout=5).status_code == 200, server)
        yield root
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_login_page_its_style_and_htmx_come_from_the_wheel(address: str, wheel: Path) -> None:
    page = httpx.get(f"{address}/login", timeout=30)
    assert page.status_code == 200
    assert "一册" in page.text
    linked = {name.rpartition("/")[2]: name for name in re.findall(r'"(/static/[^"]+)"', page.text)}
    style = httpx.get(address + linked["desk.css"], timeout=30)
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    # The login page needs no script; every page behind it names this one by its digest.
    carried = zipfile.ZipFile(wheel).read("api/web/static/vendor/htmx.min.js")
    name = f"{address}/static/{hashlib.sha256(carried).hexdigest()[:12]}/htmx.js"
    script = httpx.get(name, timeout=30)
    assert script.status_code == 200
    assert script.content == carried


def test_the_doctor_of_the_wheel_finds_every_file_of_the_pages(
    commands: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [str(commands / "yice"), "doctor", "--json"],
        cwd=tmp_path,
        env=environment(tmp_path / "var"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"fail"' not in done.stdout
