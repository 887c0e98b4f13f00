"""A full disk is a full disk wherever it is noticed, and never the fault of what was read."""

import errno
import os
import resource
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kombu.exceptions import ChannelError
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import OperationalError

from api.runtime.failures import explain
from archive.database.engine import writing
from archive.database.tables_jobs import Job
from archive.jobs.version_steps import fail_job
from archive.reference.errors import ConflictError
from archive.reference.vocabulary import JobKind, JobState
from ingest.package.bag import read_bag
from storage.local_store import LocalStore
from tests.support.databases import sqlite_database
from tests.support.factories import make_bag


def raised(cause: BaseException) -> ChannelError:
    """An error that a library raised of another one."""
    error = ChannelError("cannot write")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_by_whichever_library_it_was_noticed(number: int) -> None:
    full = OSError(number, os.strerror(number))
    for error in (full, raised(full), raised(raised(full))):
        code, sentence = explain(error)
        assert (code, "磁盘空间不足" in sentence) == ("DISK_FULL", True)


def test_an_error_of_ours_is_still_named_by_its_own_code() -> None:
    assert explain(ConflictError("已有。", "请核对。"))[0] == "CONFLICT"
    assert explain(raised(OSError(errno.ENOENT, "no such file")))[0] == "UNEXPECTED"


def test_a_database_that_finds_no_room_says_that_the_disk_is_full(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'small.db'}")
    with pytest.raises(OperationalError) as full, engine.begin() as connection:
        connection.execute(text("PRAGMA max_page_count = 3"))
        connection.execute(text("CREATE TABLE kept (data BLOB)"))
        for _ in range(20):
            connection.execute(text("INSERT INTO kept VALUES (randomblob(4000))"))
    engine.dispose()
    assert explain(full.value)[0] == "DISK_FULL"


def test_a_volume_that_found_no_room_fails_by_the_disk_and_not_by_itself(tmp_path: Path) -> None:
    engine = sqlite_database(tmp_path / "rows.db")
    with writing(engine) as session:
        session.add(
            Job(
                kind=JobKind.COMPILE,
                version_id=1,
                state=JobState.WAITING,
                created_at=datetime(2026, 9, 1, tzinfo=UTC),
            )
        )
        fail_job(session, 1, raised(OSError(errno.ENOSPC, "no space")))
        job = session.scalars(select(Job)).one()
        assert (job.error_code, "磁盘" in (job.error or "")) == ("DISK_FULL", True)
    engine.dispose()


def test_a_package_is_not_refused_because_this_process_has_too_many_files_open(
    tmp_path: Path,
) -> None:
    folder = make_bag(tmp_path / "bag")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            read_bag(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert read_bag(folder).findings == ()


def test_what_a_killed_writer_began_is_swept_and_what_a_writer_has_at_hand_is_not(
    tmp_path: Path,
) -> None:
    LocalStore(tmp_path)
    begun, left = tmp_path / ".tmp" / "begun", tmp_path / ".tmp" / "left"
    for path in (begun, left):
        path.write_bytes(b"half")
    long_ago = time.time() - 2 * 86_400
    os.utime(left, (long_ago, long_ago))
    LocalStore(tmp_path)
    assert (begun.exists(), left.exists()) == (True, False)
