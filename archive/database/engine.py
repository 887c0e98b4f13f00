"""One engine for both databases; every dialect branch of the archive lives here."""

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
from sqlalchemy import Connection, Engine, create_engine, event, func, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

_JOURNAL_LOCK = 0x59494345  # any constant: "YICE"
_WAIT_SECONDS, _ASK_AGAIN_SECONDS = 60, 0.001
_gates: WeakKeyDictionary[Engine, RLock] = WeakKeyDictionary()


def connect(url: str) -> Engine:
    """Open an engine. SQLite gets WAL, full sync (a committed volume survives a power cut), foreign keys and write locks taken at BEGIN."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        # pysqlite's own BEGIN is deferred: two writers would then deadlock half-way, so we begin ourselves.
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
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Two nodes that start at once must not both migrate.
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": _JOURNAL_LOCK + 1}
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session whose work is committed at the end, or not at all."""
    with _turn(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Let those who write to SQLite do so one after the other: the threads of a process as they came, processes within a millisecond.

    SQLite has one writer, and whoever waits for it asks again in growing pauses, up to a tenth of a second: of two hundred that ask at once some
    wait for seconds while nobody writes. A courtesy, no lock: after its time is up, SQLite decides.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    gate = _gates.setdefault(engine, RLock())
    taken = gate.acquire(timeout=_WAIT_SECONDS)
    try:
        with _among_processes(engine.url.database):
            yield
    finally:
        if taken:
            gate.release()


@contextmanager
def _among_processes(database: str | None) -> Iterator[None]:
    """Hold the file beside a database that its writers hold by turns; it holds nothing itself."""
    turn = None
    with suppress(OSError):  # a full or a read-only disk is told by whoever writes
        turn = (
            os.open(f"{database}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if database not in (None, "", ":memory:")
            else None
        )
    if turn is None:
        yield
        return
    try:
        end = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < end:
            with suppress(BlockingIOError):
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(_ASK_AGAIN_SECONDS)
        yield
    finally:
        os.close(turn)  # and with it the lock


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that only reads; on SQLite it waits for no writer."""
    with Session(engine.execution_options(read_only=True), expire_on_commit=False) as session:
        yield session


def lock_journal(session: Session) -> None:
    """Hold the tail of the journal until the transaction ends. SQLite's write lock does the same."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _JOURNAL_LOCK})


def database_now(session: Session) -> datetime:
    """The database's clock, in UTC: leases of many machines are measured by one clock."""
    if session.get_bind().dialect.name == "postgresql":
        found: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return found.astimezone(UTC)
    return datetime.now(UTC)


def local_month(session: Session, column: Any) -> Any:  # noqa: ANN401 - any column of a time
    """The month of a time, `YYYY-MM`, in the archive's zone, which has had one offset since 1991."""
    if session.get_bind().dialect.name == "postgresql":
        return func.to_char(func.timezone("Asia/Shanghai", column), "YYYY-MM")
    return func.strftime("%Y-%m", column, "+8 hours")


def insert_absent(session: Session, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:  # noqa: ANN401 - any mapped class
    """Insert the rows that no unique key of the table holds yet; who comes second at the same time changes nothing."""
    if rows:
        insert = (
            postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        )
        session.execute(insert(table).on_conflict_do_nothing(), list(rows))


def append_only_triggers(dialect: str, table: str) -> list[str]:
    """The statements that make the database itself refuse UPDATE and DELETE on a table (R14)."""
    if dialect == "postgresql":
        return [
            f"CREATE FUNCTION {table}_append_only() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$ LANGUAGE plpgsql",
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_append_only()",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()",
        ]
    return [
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for act in ("UPDATE", "DELETE")
    ]


def as_rows(session: Session, statement: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any select
    """Rows of a select as plain dicts."""
    return [dict(row) for row in session.execute(statement).mappings()]
