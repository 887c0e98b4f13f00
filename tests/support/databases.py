"""Databases with the newest schema and nothing in them: copies of one that was migrated once."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine, NullPool, create_engine, text

from archive.database.engine import connect, migrate

_TEMPLATE = "yice_template"


@cache
def _migrated_file() -> bytes:
    with TemporaryDirectory(prefix="yice-template-") as folder:
        engine = connect(f"sqlite:///{folder}/yice.db")
        migrate(engine)
        engine.dispose()  # the last connection writes its log back into the file
        return Path(folder, "yice.db").read_bytes()


def sqlite_database(path: Path) -> Engine:
    """Return an engine on the SQLite database at `path`, which is made if it is not there."""
    if not path.exists():
        path.write_bytes(_migrated_file())
    return connect(f"sqlite:///{path}")


@contextmanager
def postgres_database(server_url: str, name: str) -> Iterator[Engine]:
    """Yield an engine on a database of a PostgreSQL server; it is dropped at the end."""
    _run(server_url, f'CREATE DATABASE "{name}" TEMPLATE {_template(server_url)}')
    engine = connect(_beside(server_url, name))
    try:
        yield engine
    finally:
        engine.dispose()
        _run(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@cache
def _template(server_url: str) -> str:
    _run(server_url, f"CREATE DATABASE {_TEMPLATE}")
    engine = connect(_beside(server_url, _TEMPLATE))
    migrate(engine)
    engine.dispose()  # a database that somebody is connected to is no template
    return _TEMPLATE


def _beside(server_url: str, name: str) -> str:
    return f"{server_url.rsplit('/', 1)[0]}/{name}"


def _run(server_url: str, statement: str) -> None:
    server = _server(server_url)
    with server.connect() as connection:
        connection.execute(text(statement))


@cache
def _server(server_url: str) -> Engine:
    return create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
