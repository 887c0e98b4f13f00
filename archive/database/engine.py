"""The engine for both databases; every dialect branch of the archive is in this module."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, func, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

_JOURNAL_LOCK = 0x59494345  # any constant: "YICE"
_WAIT_SECONDS, _ASK_AGAIN_SECONDS = 60, 0.001
_write_locks: WeakKeyDictionary[Engine, RLock] = WeakKeyDictionary()


def connect(url: str) -> Engine:
    """Return an engine for a database address.

    SQLite gets WAL, full sync (a committed volume survives a power cut), foreign keys, and write
    locks taken at BEGIN.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        # pysqlite's own BEGIN is deferred: two writers would deadlock half-way. So its transaction
        # handling is turned off and `_begin` sends BEGIN IMMEDIATE.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={_WAIT_SECONDS * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(
            "BEGIN" if connection.get_execution_options().get("read_only") else "BEGIN IMMEDIATE"
        )

    return engine


def migrate(engine: Engine) -> None:
    """Bring the database to the newest schema; both databases run the same migrations."""
    config = _alembic_config()
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Two nodes that start at the same time must not both migrate.
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": _JOURNAL_LOCK + 1}
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_migrated(engine: Engine) -> bool:
    """Return whether the database has the newest schema; changes nothing."""
    head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    with engine.execution_options(read_only=True).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def schema_version(session: Session) -> str | None:
    """Return which schema the database has; raises where it has none."""
    version: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return version


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Open a session whose work is committed at the end, or not at all."""
    with (
        _in_writing_order(engine),
        Session(engine, expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


@contextmanager
def _in_writing_order(engine: Engine) -> Iterator[None]:
    """Queue the writers of SQLite, so that they write one after the other.

    Threads of a process write in the order in which they asked; processes follow each other within
    a millisecond. SQLite has one writer, and a connection that waits for it asks again in growing
    pauses, up to a tenth of a second: of two hundred that ask at the same time some wait for
    seconds while nobody writes. The queue is a courtesy, no lock: after its time is up, SQLite
    decides.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    lock = _write_locks.setdefault(engine, RLock())
    acquired = lock.acquire(timeout=_WAIT_SECONDS)
    try:
        with _queue_file_lock(engine.url.database):
            yield
    finally:
        if acquired:
            lock.release()


@contextmanager
def _queue_file_lock(database: str | None) -> Iterator[None]:
    """Hold the lock on the empty file next to a database that its writers lock in turn."""
    queue_file = None
    with suppress(OSError):  # a full or a read-only disk is reported by the write itself
        queue_file = (
            os.open(f"{database}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if database not in (None, "", ":memory:")
            else None
        )
    if queue_file is None:
        yield
        return
    try:
        end = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < end:
            with suppress(BlockingIOError):
                fcntl.flock(queue_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(_ASK_AGAIN_SECONDS)
        yield
    finally:
        os.close(queue_file)  # releases the lock, too


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open a session that only reads; on SQLite it waits for no writer."""
    with Session(engine.execution_options(read_only=True), expire_on_commit=False) as session:
        yield session


@contextmanager
def snapshot(engine: Engine) -> Iterator[Session]:
    """Open a session whose every query sees the same moment, as SQLite's reading ones do."""
    repeatable = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name != "sqlite" else {}
    with reading(engine.execution_options(**repeatable)) as session:
        yield session


def lock_journal(session: Session) -> None:
    """Lock the end of the journal until the transaction ends.

    On SQLite the write lock does the same.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _JOURNAL_LOCK})


def database_now(session: Session) -> datetime:
    """Return the time of the database's clock in UTC.

    Leases of many machines are measured by one clock.
    """
    if session.get_bind().dialect.name == "postgresql":
        now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return now.astimezone(UTC)
    return datetime.now(UTC)


def next_id(connection: Connection, table: str) -> int:
    """Return a primary key of a table that nobody else gets, before the row is written.

    SQLite has one writer, which counts on from the largest; rows of one flush are not there yet.
    """
    if connection.dialect.name == "postgresql":
        sequence = text("SELECT nextval(pg_get_serial_sequence(:table, 'id'))")
        return int(connection.execute(sequence, {"table": table}).scalar_one())
    largest = connection.exec_driver_sql(f"SELECT max(id) FROM {table}").scalar()  # noqa: S608
    given: dict[str, int] = connection.info.setdefault("yice_given_ids", {})
    given[table] = max(largest or 0, given.get(table, 0)) + 1
    return given[table]


def local_month(session: Session, column: Any) -> Any:  # noqa: ANN401 - any column of a time
    """Return an expression for the month of a time, `YYYY-MM`, in the archive's zone.

    The zone has had one offset since 1991.
    """
    if session.get_bind().dialect.name == "postgresql":
        return func.to_char(func.timezone("Asia/Shanghai", column), "YYYY-MM")
    return func.strftime("%Y-%m", column, "+8 hours")


def insert_absent(
    session: Session,
    table: Any,  # noqa: ANN401 - any mapped class
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Insert the rows that no unique key of the table holds yet.

    Of two sessions that insert the same row at the same time, the second changes nothing.
    """
    if rows:
        insert = (
            postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        )
        session.execute(insert(table).on_conflict_do_nothing(), list(rows))


def append_only_triggers(dialect: str, table: str) -> list[str]:
    """Return the statements that make the database refuse UPDATE and DELETE on a table (R14).

    On PostgreSQL also TRUNCATE.
    """
    if dialect == "postgresql":
        return [
            (
                f"CREATE FUNCTION {table}_append_only() RETURNS trigger AS $$ "
                f"BEGIN RAISE EXCEPTION '{table} is append-only'; END $$ LANGUAGE plpgsql"
            ),
            (
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION {table}_append_only()"
            ),
            (
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
            ),
        ]
    return [
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for act in ("UPDATE", "DELETE")
    ]
