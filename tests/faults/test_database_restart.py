"""PostgreSQL is killed in the middle of transactions, at each commit in turn.

Nothing is half done and the work goes on.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, event, func, select, text
from sqlalchemy.exc import DBAPIError

from api.cluster.services import Service, free_port, postgresql, postgresql_url
from archive.audit import journal
from archive.database.engine import connect, migrate, reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case
from tests.support.holdings import Holdings, holdings, sound_case


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Service, str]]:
    """A PostgreSQL that is ours to kill, with its syncs on."""
    folder = Path(tempfile.mkdtemp(prefix="yice-killed-"))
    folder.chmod(0o755)
    port = free_port()
    service = postgresql(folder, port, "x")
    try:
        yield service.start().wait(), postgresql_url(port, "x")
    finally:
        service.kill()
        shutil.rmtree(folder, ignore_errors=True)


def fresh(url: str, name: str, folder: Path, keys: Path) -> Holdings:
    """An archive on a database of its own."""
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    server.dispose()
    engine = connect(url.rsplit("/", 1)[0] + f"/{name}")
    migrate(engine)
    return holdings(folder, engine, keys)


def restart(service: Service) -> None:
    service.kill()
    service.start().wait()


def test_what_was_not_committed_when_the_server_died_never_was(
    server: tuple[Service, str], tmp_path: Path, keys: Path
) -> None:
    service, url = server
    archive = fresh(url, "uncommitted", tmp_path, keys)
    archive.deliver("one", sound_case("150602010000-20260901-000001"))
    with reading(archive.engine) as session:
        before = session.scalar(select(func.count()).select_from(JournalEntry))
    with pytest.raises(DBAPIError), writing(archive.engine) as session:
        journal.record(session, "test", "ACT", "lost")
        session.execute(text("UPDATE cases SET state = 'VOID'"))
        restart(service)
    with reading(archive.engine) as session:
        assert session.scalar(select(func.count()).select_from(JournalEntry)) == before
        assert session.scalars(select(Case.state)).all() == ["ACCEPTED"]
        assert journal.verify(session)[1] is None
    archive.engine.dispose()


@pytest.mark.parametrize("number", [2, 5, 8, 11])
def test_a_server_killed_at_any_commit_of_a_volume_leaves_one_that_is_finished_afterwards(
    number: int, server: tuple[Service, str], tmp_path: Path, keys: Path
) -> None:
    service, url = server
    archive = fresh(url, f"commit_{number}", tmp_path, keys)
    commits = 0

    @event.listens_for(archive.engine, "commit")
    def kill(_connection: Connection) -> None:
        nonlocal commits
        commits += 1
        if commits == number:
            restart(service)

    for _ in range(3):
        # Taken over, numbered and made: whatever was cut off is asked for again, as a person or a
        # message does.
        with suppress(DBAPIError):
            archive.deliver("one", sound_case("150602010000-20260901-000001"))
            archive.freeze()
            archive.make()
    assert commits > number, "the server was never killed"
    assert archive.versions() == [(1, "COMMITTED")]
    assert archive.faults() == []
    archive.engine.dispose()
