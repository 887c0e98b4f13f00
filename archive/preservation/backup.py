"""A backup of the database while it is in use, and its restoration.

SQLite's online backup or PostgreSQL's pg_dump copies the database; the store is copied object by
object. The database is copied first: it then never names an object that the copy of the store
lacks.
"""

import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

from sqlalchemy import Engine, func, select

from archive.audit import journal
from archive.database.base import Base
from archive.database.engine import migrate, reading
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.processes import run_tool
from archive.reference.errors import ArchiveError, ConflictError, NotFoundError
from archive.reference.vocabulary import VolumeState
from storage.blobs import BlobStore
from storage.digest import sha256_hex
from storage.replicate import copy_missing

_RECORD = "backup.json"
_TOOLS = Path("/usr/lib/postgresql")


class BackupError(ArchiveError):
    """A copy could not be made, is not whole, or does not fit the database."""

    code = "BACKUP_FAILED"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds: which file, its digest, and where the journal stood."""

    made_at: str
    dialect: str
    file: str
    sha256: str
    journal_head: str
    volumes: int
    versions: int
    objects: int


def back_up(engine: Engine, store: BlobStore, folder: Path, target: BlobStore | None) -> Backup:
    """Copy the database into `folder`, and every object that `target` lacks into it.

    The record is written last: without it there is no backup.
    """
    folder.mkdir(parents=True)
    dialect = engine.dialect.name
    path = folder / ("yice.db" if dialect == "sqlite" else "yice.dump")
    # Read before the copy: what the copy holds is this or later, never less.
    with reading(engine) as session:
        head = journal.head(session)
        volumes = session.scalar(select(func.count()).select_from(Volume)) or 0
        versions = (
            session.scalar(select(func.count()).where(VolumeVersion.state == VolumeState.COMMITTED))
            or 0
        )
    (_from_sqlite if dialect == "sqlite" else _from_postgresql)(engine, path)
    copied = copy_missing(store, target, "") if target is not None else 0
    backup = Backup(
        datetime.now(UTC).isoformat(timespec="seconds"),
        dialect,
        path.name,
        sha256_hex(path.read_bytes()),
        head,
        volumes,
        versions,
        copied,
    )
    (folder / _RECORD).write_text(json.dumps(asdict(backup), indent=1) + "\n")
    return backup


def restore(engine: Engine, store: BlobStore, folder: Path, source: BlobStore | None) -> Backup:
    """Restore a backup into an empty database, and into the store what it lacks.

    Nothing that is there is overwritten. Raises ConflictError for a database that holds anything,
    BackupError for a copy that is not whole or of another kind of database.
    """
    try:
        backup = Backup(**json.loads((folder / _RECORD).read_text()))
    except (OSError, ValueError, TypeError):
        raise NotFoundError("这里没有完整的备份。", "请指明 yice backup 所写的文件夹。") from None
    if backup.dialect != engine.dialect.name:
        raise BackupError(
            "备份来自另一种数据库。", "请配置同一种数据库，或用 yice rebuild --from-store 重建。"
        )
    path = folder / backup.file
    if sha256_hex(path.read_bytes()) != backup.sha256:
        raise BackupError("备份文件与其摘要不符。", "请换用另一份备份。")
    with engine.connect() as connection:
        if any(
            connection.execute(select(table).limit(1)).first()
            for table in Base.metadata.sorted_tables
        ):
            raise ConflictError("目标数据库不是空的。", "恢复只能写入空数据库。")
    (_to_sqlite if backup.dialect == "sqlite" else _to_postgresql)(engine, path)
    migrate(engine)
    if source is not None:
        copy_missing(source, store, "")
    with reading(engine) as session:
        _, broken = journal.verify(session)
        restored = [
            f"{entry.seq}:{entry.digest}"
            for entry in journal.entries(session, int(backup.journal_head.split(":")[0]) - 1)
        ]
    if broken is not None or (
        backup.journal_head not in restored and not backup.journal_head.startswith("0:")
    ):
        raise BackupError("恢复的数据库中审计日志不完整。", "请换用另一份备份。")
    return backup


def _from_sqlite(engine: Engine, path: Path) -> None:
    """Copy page by page beside the writers; the copy is one moment's."""
    source, target = sqlite3.connect(str(engine.url.database)), sqlite3.connect(path)
    try:
        source.backup(target)
        # A copy is one file and must not need a log beside it.
        target.execute("PRAGMA journal_mode=DELETE")
        if target.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise BackupError("数据库副本未通过完整性检查。", "请检查磁盘后重试。")
    finally:
        source.close()
        target.close()


def _to_sqlite(engine: Engine, path: Path) -> None:
    engine.dispose()
    source, target = (
        sqlite3.connect(f"file:{path}?mode=ro", uri=True),
        sqlite3.connect(str(engine.url.database)),
    )
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()


def _from_postgresql(engine: Engine, path: Path) -> None:
    _run(engine, "pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={path}")


def _to_postgresql(engine: Engine, path: Path) -> None:
    engine.dispose()
    _run(
        engine,
        "pg_restore",
        "--exit-on-error",
        "--single-transaction",
        "--clean",
        "--if-exists",
        "--no-owner",
        "--no-acl",
        str(path),
    )


def _run(engine: Engine, tool: str, *words: str) -> None:
    """Run one of PostgreSQL's own tools.

    The password goes by the environment: everybody on the machine can read arguments.
    """
    installed = sorted(_TOOLS.glob(f"*/bin/{tool}"), key=lambda path: int(path.parts[-3]))
    program = str(installed[-1]) if installed else which(tool)
    if program is None:
        raise BackupError(f"没有安装 {tool}。", "请运行 apt-get install postgresql-client。")
    url = engine.url
    place = [
        f"--host={url.host}",
        f"--port={url.port or 5432}",
        f"--username={url.username}",
        f"--dbname={url.database}",
    ]
    command, secret = [program, *place, "--no-password", *words], {"PGPASSWORD": url.password or ""}
    done = run_tool(command, seconds=None, env=secret)
    if done.returncode:
        raise BackupError(
            f"{tool} 失败（{done.returncode}）。", "请检查数据库服务、版本和磁盘空间后重试。"
        )
