"""An error has one code, one sentence and one status, whichever door it is met at."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.demo.accounts import make_demo_accounts
from api.http.problems import ProblemError, status_of
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from api.web.shell.page import RefusedError
from archive.administration.policy import Denial
from archive.reference.errors import ConflictError, NotFoundError
from archive.usage.looks import DeniedError
from search.errors import NoIndexError
from storage.errors import MissingError, StoreUnavailableError
from tests.support import station
from tests.support.station import LOOK, StationClient

ROOT = Path(__file__).parents[3]
SENTENCE = "检索索引尚未建立，或版本已更新。"


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    station.cheap_hashes()
    runtime = start(Settings(data=tmp_path))
    yield runtime
    runtime.engine.dispose()


def test_without_an_index_api_and_desk_answer_the_same_and_the_command_line_ends_with_2(
    runtime: Runtime,
) -> None:
    account = {account.login: account for account in make_demo_accounts(runtime)}[
        "demo-district-archivist"
    ]
    app = create_app(runtime)
    client = StationClient(runtime, TestClient(app))
    answer = client.client.post(
        "/api/v1/search", json={"query": "出生"}, headers={**client.token(), **LOOK}
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "NO_INDEX")
    assert answer.json()["title"] == SENTENCE

    desk = TestClient(app, follow_redirects=False)
    login = desk.post("/login", data={"login": account.login, "secret": account.secret})
    assert login.status_code == 303
    csrf = re.search(r'name="csrf"\s+value="(\w+)"', desk.get("/search").text)
    assert csrf
    page = desk.get(desk.post("/search", data={"csrf": csrf[1], "q": "出生"}).headers["location"])
    assert page.status_code == 503
    assert "NO_INDEX" in page.text
    assert SENTENCE in page.text

    done = subprocess.run(
        [sys.executable, "-P", "-m", "api.cli", "search", "出生"],
        env={**os.environ, "YICE_DATA": str(runtime.settings.data), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"NO_INDEX {SENTENCE}")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NoIndexError("", ""), 503),
        (StoreUnavailableError(""), 503),
        (MissingError(""), 500),
        (NotFoundError("", ""), 404),
        (ConflictError("", ""), 409),
        (ProblemError(413, "TOO_LARGE", "", ""), 413),
        (OSError(28, "no space"), 503),
        (ZeroDivisionError(), 500),
    ],
)
def test_the_table_knows_errors_of_every_package(error: Exception, status: int) -> None:
    assert status_of(error) == status


@pytest.mark.parametrize("denial", [denial for denial in Denial if denial is not Denial.NOT_HERE])
def test_a_refusal_has_one_status_at_pages_and_at_the_station_api(denial: Denial) -> None:
    assert status_of(RefusedError(denial)) == status_of(DeniedError(denial))
    assert status_of(DeniedError(Denial.NOT_HERE)) == 404
