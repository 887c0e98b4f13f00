"""The drill: everything is gone but the backup and the keys.

Afterwards every volume proves and the work goes on.
"""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from archive.audit import journal
from archive.database.engine import connect, migrate, reading, writing
from archive.preservation.backup import BackupError, back_up, restore
from archive.preservation.verify import committed
from archive.reference.errors import ConflictError
from storage.local_store import LocalStore
from tests.functional.test_main_job import yice
from tests.support.factories import make_bag
from tests.support.holdings import Holdings, holdings


def rows(data: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(yice(data, "list", "--json"))
    return listed


def test_after_the_data_folder_is_lost_a_backup_and_the_keys_bring_everything_back(
    tmp_path: Path,
) -> None:
    data = tmp_path / "var"
    for number in (1, 2):
        make_bag(tmp_path / "bags" / f"{number}", case_no=f"150602010000-20260901-{number:06d}")
    yice(data, "ingest", str(tmp_path / "bags"))
    yice(data, "compile", "--all")
    before = rows(data)
    backup = json.loads(
        yice(data, "backup", "--to", str(tmp_path / "backup"), "--with-store", "--json")
    )
    for folder in ("pki", "keys"):
        shutil.copytree(data / folder, tmp_path / "kept" / folder)
    shutil.rmtree(data)

    shutil.copytree(tmp_path / "kept", data)
    yice(data, "restore", backup["folder"])
    assert rows(data) == before
    yice(data, "verify", "--all")
    make_bag(tmp_path / "more" / "3", case_no="150602010000-20260901-000003")
    yice(data, "ingest", str(tmp_path / "more"))
    yice(data, "compile", "--all")
    assert [row["code"][-6:] for row in rows(data)] == ["000001", "000002", "000003"]
    yice(data, "restore", backup["folder"], expect=2)


def test_a_backup_taken_while_others_write_is_one_moment_of_the_database(
    engine: Engine, tmp_path: Path
) -> None:
    stop, store = threading.Event(), LocalStore(tmp_path / "store")

    def write() -> None:
        while not stop.is_set():
            with writing(engine) as session:
                journal.record(session, "test", "ACT", "one")
                journal.record(session, "test", "ACT", "two")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while _entries(engine) < 20:
            pass
        backup = back_up(engine, store, tmp_path / "backup", None)
    finally:
        stop.set()
        writer.join()
    assert _entries(engine) > int(backup.journal_head.split(":")[0])
    fresh = _empty(engine, tmp_path)
    restore(fresh, store, tmp_path / "backup", None)
    with reading(fresh) as session:
        good, fault = journal.verify(session)
    assert fault is None
    assert good % 2 == 0, "half a transaction"
    with pytest.raises(ConflictError):
        restore(fresh, store, tmp_path / "backup", None)
    fresh.dispose()


def _entries(engine: Engine) -> int:
    with reading(engine) as session:
        return int(journal.head(session).split(":")[0])


def _empty(engine: Engine, tmp_path: Path) -> Engine:
    if engine.dialect.name == "sqlite":
        fresh = connect(f"sqlite:///{tmp_path / 'fresh.db'}")
    else:
        server = create_engine(engine.url, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS restored WITH (FORCE)"))
            connection.execute(text("CREATE DATABASE restored"))
        server.dispose()
        fresh = connect(engine.url.set(database="restored").render_as_string(hide_password=False))
    migrate(fresh)
    return fresh


def test_a_damaged_or_half_written_backup_is_refused(archive: Holdings, tmp_path: Path) -> None:
    back_up(archive.engine, archive.store, tmp_path / "backup", None)
    fresh = connect(f"sqlite:///{tmp_path / 'fresh.db'}")
    migrate(fresh)
    record = (tmp_path / "backup" / "backup.json").read_bytes()
    (tmp_path / "backup" / "backup.json").unlink()
    with pytest.raises(Exception, match="没有完整的备份"):
        restore(fresh, archive.store, tmp_path / "backup", None)
    (tmp_path / "backup" / "backup.json").write_bytes(record)
    copy = tmp_path / "backup" / "yice.db"
    whole = bytearray(copy.read_bytes())
    whole[len(whole) // 2] ^= 1
    copy.write_bytes(whole)
    with pytest.raises(BackupError):
        restore(fresh, archive.store, tmp_path / "backup", None)
    fresh.dispose()


def test_what_is_gone_from_the_store_comes_back_from_the_copy_of_the_store(
    archive: Holdings, tmp_path: Path, keys: Path
) -> None:
    backup = back_up(
        archive.engine, archive.store, tmp_path / "backup", LocalStore(tmp_path / "copies")
    )
    assert backup.objects == len(list(archive.store.list("")))
    fresh = connect(f"sqlite:///{tmp_path / 'fresh.db'}")
    migrate(fresh)
    restored = holdings(tmp_path / "restored", fresh, keys)
    restore(fresh, restored.store, tmp_path / "backup", LocalStore(tmp_path / "copies"))
    assert len(list(committed(fresh))) == backup.versions == 4
    assert restored.faults() == []
    fresh.dispose()
