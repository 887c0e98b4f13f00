"""Fixtures shared by all tests: an engine on each database, migrated, with nothing in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from archive.database.engine import connect, migrate
from tests.support.postgres import postgres_url

__all__ = ["postgres_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated, empty database: a file for SQLite, a database of its own on the real PostgreSQL."""
    if request.param == "sqlite":
        made = connect(f"sqlite:///{tmp_path / 'yice.db'}")
        migrate(made)
        yield made
        made.dispose()
        return
    url = request.getfixturevalue("postgres_url")
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"t_{tmp_path.name.lower()}"[:50].replace("-", "_")
    with server.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    made = connect(url.rsplit("/", 1)[0] + f"/{name}")
    migrate(made)
    yield made
    made.dispose()
    server.dispose()
