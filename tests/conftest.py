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
    """A migrated, empty database: a file for SQLite, one of its own on the real PostgreSQL."""
    if request.param == "sqlite":
        database = connect(f"sqlite:///{tmp_path / 'yice.db'}")
        migrate(database)
        yield database
        database.dispose()
        return
    url = request.getfixturevalue("postgres_url")
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"t_{tmp_path.name.lower()}"[:50].replace("-", "_")
    with server.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    database = connect(url.rsplit("/", 1)[0] + f"/{name}")
    migrate(database)
    yield database
    database.dispose()
    server.dispose()
