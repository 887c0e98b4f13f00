"""Writing to SQLite from many threads of one process, and from several processes."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from archive.database import engine as database
from archive.database.engine import connect, reading, writing
from tests.support.browser import ROOT


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = connect(f"sqlite:///{tmp_path / 'turns.db'}")
    with writing(engine) as session:
        session.execute(text("CREATE TABLE turns (n INTEGER)"))
    return engine


def write(engine: Engine, number: int) -> None:
    with writing(engine) as session:
        session.execute(text("INSERT INTO turns VALUES (:n)"), {"n": number})


def count(engine: Engine) -> int | None:
    with reading(engine) as session:
        return session.scalar(text("SELECT count(DISTINCT n) FROM turns"))


def test_what_many_threads_write_at_once_is_all_there(engine: Engine) -> None:
    with ThreadPoolExecutor(64) as many:
        list(many.map(lambda number: write(engine, number), range(640)))
    assert count(engine) == 640


def test_a_thread_begins_no_write_while_another_of_its_process_writes(engine: Engine) -> None:
    begun = threading.Event()

    def second() -> None:
        with writing(engine):
            begun.set()

    other = threading.Thread(target=second)
    with writing(engine):
        other.start()
        assert not begun.wait(0.3)
    assert begun.wait(10)
    other.join()


def test_a_failed_write_gives_its_turn_back(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(engine):
        raise ZeroDivisionError
    with ThreadPoolExecutor(1) as other:
        other.submit(write, engine, 1).result(10)
    assert count(engine) == 1


def test_after_the_longest_wait_sqlite_decides_and_not_the_turn(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_WAIT_SECONDS", 0.1)
    with (
        writing(engine),
        ThreadPoolExecutor(1) as other,
    ):  # it has its turn and has written nothing yet
        other.submit(write, engine, 2).result(10)
    assert count(engine) == 1


def test_a_process_waits_for_the_turn_of_another_also_when_that_one_is_killed(
    engine: Engine,
) -> None:
    threads = [
        "import sys",
        "from archive.database.engine import connect, writing",
        "with writing(connect(sys.argv[1])):",
        "    print('in', flush=True)",
        "    sys.stdin.read()",
    ]
    other = subprocess.Popen(
        [sys.executable, "-c", "\n".join(threads), str(engine.url)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"in\n"
    with ThreadPoolExecutor(1) as waiting:
        asked = waiting.submit(write, engine, 3)
        with pytest.raises(TimeoutError):
            asked.result(0.3)
        other.kill()
        asked.result(10)
    other.communicate()
    assert count(engine) == 1
