"""Fixtures that many rooms share; each imports what it needs, so that a small test starts fast."""

import gc
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.postgres import postgres_url
from tests.support.shared import made_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from sqlalchemy import Engine

    from tests.support.holdings import Holdings
    from tests.support.rabbitmq import Broker

__all__ = ["postgres_url"]
SLOW = ("faults", "functional")
"""The folders whose tests start whole processes and real services; `make check` leaves them out."""
CLOSING = ("archive", "ingest", "search", "api", "contracts")
"""The folders whose tests close each file and socket: one that is left open fails there."""
LONGEST = (
    "faults/test_drill.py",
    "faults/test_sources_drill.py",
    "faults/test_kill.py",
    "faults/test_crash_points.py",
    "functional/test_pull.py",
    "functional/test_window.py",
    "functional/test_desk.py",
    "functional/test_use.py",
    "functional/test_distributed.py",
    "faults/test_model.py",
    "functional/test_main_job.py",
)


def pytest_configure() -> None:
    """Keep the settings of whoever runs the tests out, and let each command have one worker."""
    for name in [name for name in os.environ if name.startswith("YICE_")]:
        if name != "YICE_SCHEMA_EXAMPLES":  # how many requests the schema's test sends
            del os.environ[name]
    # A second one starts a second JVM, and xdist uses the other core; who tests two says so.
    os.environ["YICE_WORKERS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow ones, and let the longest files begin first."""
    for item in items:
        folder = item.path.relative_to(item.config.rootpath).parts[1]
        if folder in SLOW:
            item.add_marker(pytest.mark.slow)
        if folder not in CLOSING:
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    """Longest first, so that at the end of a run no worker waits for the other."""
    name = item.path.relative_to(item.config.rootpath / "tests").as_posix()
    if name in LONGEST:
        return LONGEST.index(name)
    return len(LONGEST) + (name.partition("/")[0] not in SLOW)


@pytest.fixture(autouse=True, scope="module")
def _what_a_file_leaves_open_is_told_of_no_other(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect the garbage of a file whose tests do not close everything, without a word."""
    yield
    if request.path.relative_to(request.config.rootpath).parts[1] not in CLOSING:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[Engine]":
    """An empty database: a file for SQLite, a database of its own on the real PostgreSQL."""
    from tests.support.databases import postgres_database, sqlite_database

    if request.param == "sqlite":
        database = sqlite_database(tmp_path / "yice.db")
        yield database
        database.dispose()
        return
    url = request.getfixturevalue("postgres_url")
    name = re.sub(r"\W", "_", f"t_{tmp_path.name.lower()}")[:50]
    with postgres_database(url, name) as resource:
        yield resource


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration PKI of every organisation: making keys is slow."""
    from tests.support.archives import make_keys

    return made_once(tmp_path_factory, "keys", make_keys) / "pki"


@pytest.fixture(scope="session")
def committed_folder(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Path:
    """Three volumes, the first of them in two versions; not to be changed."""
    from tests.support.archives import commit_three

    return made_once(tmp_path_factory, "committed", lambda folder: commit_three(folder, keys))


@pytest.fixture
def archive(committed_folder: Path, keys: Path, tmp_path: Path) -> "Iterator[Holdings]":
    """A copy of the three volumes to break."""
    from tests.support.archives import copied

    with copied(committed_folder, tmp_path / "var", keys) as resource:
        yield resource


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[str]:
    """The worker's S3 store, which can encrypt; each test has a bucket of its own."""
    from tests.support.services import serve_seaweedfs

    with serve_seaweedfs() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def broker() -> "Iterator[Broker]":
    """The worker's RabbitMQ."""
    from tests.support.rabbitmq import serve_rabbitmq

    with serve_rabbitmq() as resource:
        yield resource


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One Chromium for a module.

    No longer: its driver leaves an event loop running, in which nothing else can sign.
    """
    from tests.support.browser import chromium, needs_chromium

    needs_chromium()
    with chromium() as resource:
        yield resource
