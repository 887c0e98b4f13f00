import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_jobs import IndexFeed
from archive.database.tables_volumes import Volume
from archive.jobs import feed
from search import tree as ask
from search.errors import NoIndexError, WriterBusyError
from search.follow import Source, catch_up, check, follow, rebuild
from search.index import Request, SearchIndex
from search.index_folder import IndexFolder, IndexReader
from search.query import parse
from storage.blobs import BlobStore
from storage.local_store import LocalStore
from tests.support.archive_rows import add_version, add_volume, fill
from tests.support.corpus import CITY, WORDS
from tests.support.factories import HOME

ALL = frozenset({CITY})


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def source(engine: Engine, store: BlobStore) -> Source:
    return Source(engine, store, WORDS.catalogue, WORDS.organisations)


@pytest.fixture(params=["tantivy", "whoosh"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> IndexFolder:
    return IndexFolder(tmp_path / "search", request.param)


@pytest.fixture
def index(source: Source, shelf: IndexFolder) -> SearchIndex:
    """The current index, built from an empty archive."""
    rebuild(source, shelf)
    return shelf.open()


def total(index: SearchIndex | IndexReader, typed: str = "") -> int:
    return index.search(Request(parse(typed, WORDS), ALL)).total


def holds(index: IndexReader, volumes: int) -> bool:
    return total(index) == volumes


def until(true: Callable[[], bool]) -> float:
    """Wait at most two minutes, because other loads may share the machine; return the seconds."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < 120
        time.sleep(0.05)
    return time.monotonic() - started


def test_a_committed_volume_is_found_by_its_facts_and_its_pages(
    source: Source, index: SearchIndex
) -> None:
    fill(
        source.engine,
        source.store,
        1,
        1,
        pages=("first page of 150602199001010016", "", "third page 13800000000"),
        name="王小明",
    )
    assert catch_up(source, index) == 1
    assert catch_up(source, index) == 0
    by_facts = index.search(
        Request(parse("姓名:王小 单位:交通 卷目:出生 J602-ZY·HJ·CS", WORDS), frozenset({HOME}))
    ).hits
    assert [(hit.page, hit.names) for hit in by_facts] == [(0, ("王*明",))]
    assert [
        (hit.page, hit.pages) for hit in index.search(Request(parse("page", WORDS), ALL)).hits
    ] == [(1, (1, 3))]
    assert total(index, "王小明") == 1


def test_no_number_of_a_page_is_in_any_file_of_the_index(
    source: Source, index: SearchIndex, shelf: IndexFolder
) -> None:
    secret, phone = "150602199001010016", "13800000000"
    fill(
        source.engine,
        source.store,
        1,
        1,
        pages=(f"number {secret}", f"phone {phone}", "150602 19900101 0016"),
    )
    catch_up(source, index)
    assert total(index, '"number 150602"') == 1
    assert index.search(Request(ask.Text("19900101"), ALL)).total == 0
    for file in (path for path in shelf.root.rglob("*") if path.is_file()):
        assert secret.encode() not in file.read_bytes()
        assert phone.encode() not in file.read_bytes()


def test_a_change_that_is_rolled_back_is_never_announced(source: Source) -> None:
    with pytest.raises(ZeroDivisionError), writing(source.engine) as session:
        add_volume(session, source.store, 1)
        _ = 1 / 0
    with reading(source.engine) as session:
        assert feed.after(session, 0, 10) == []
        assert session.scalars(select(Volume)).all() == []


def test_a_change_committed_later_never_gets_a_smaller_place_in_the_feed(source: Source) -> None:
    first, other = fill(source.engine, source.store, 1, 2, announce=False)
    announced, second_began, second_done = threading.Event(), threading.Event(), threading.Event()

    def second() -> None:
        announced.wait(10)
        second_began.set()
        with writing(source.engine) as session:
            feed.announce(session, other)
        second_done.set()

    thread = threading.Thread(target=second)
    thread.start()
    with writing(source.engine) as session:
        feed.announce(session, first)
        announced.set()
        second_began.wait(10)
        # The second change waits for the first: were it committed now, a reader could step over the
        # first one for good.
        assert not second_done.wait(0.5)
    thread.join(10)
    with reading(source.engine) as session:
        assert [
            row.volume_id for row in session.scalars(select(IndexFeed).order_by(IndexFeed.id))
        ] == [first, other]


def test_a_new_version_takes_the_place_of_the_old_and_a_void_volume_goes(
    source: Source, index: SearchIndex
) -> None:
    (volume_id,) = fill(source.engine, source.store, 1, 1, pages=("old words",))
    catch_up(source, index)
    with writing(source.engine) as session:
        add_version(session, source.store, session.get_one(Volume, volume_id), 2, ("new words",))
        feed.announce(session, volume_id)
    catch_up(source, index)
    assert (total(index, "old"), total(index, '"new words"')) == (0, 1)
    with writing(source.engine) as session:
        session.get_one(Volume, volume_id).void_reason = "重号"
        feed.announce(session, volume_id)
    catch_up(source, index)
    assert total(index) == 0
    assert check(source, index).faults == ()


def test_a_volume_whose_bytes_are_gone_is_still_found_by_its_facts(
    source: Source, index: SearchIndex, tmp_path: Path
) -> None:
    fill(source.engine, source.store, 1, 1, name="王小明")
    shutil.rmtree(tmp_path / "store")
    catch_up(source, index)
    assert total(index, "姓名:王小明") == 1


def test_a_volume_whose_facts_cannot_be_read_stops_no_other_and_is_named_by_the_check(
    source: Source, index: SearchIndex
) -> None:
    broken, _ = fill(source.engine, source.store, 1, 2)
    with writing(source.engine) as session:
        session.get_one(Case, session.get_one(Volume, broken).case_id).facts = {"spec": "unknown"}
    catch_up(source, index)
    assert total(index) == 1
    assert [(fault.kind, int(fault.code[-6:])) for fault in check(source, index).faults] == [
        ("MISSING", 1)
    ]


def test_the_follower_waits_for_a_store_that_is_away_and_then_goes_on(
    source: Source, shelf: IndexFolder, caplog: pytest.LogCaptureFixture
) -> None:
    rebuild(source, shelf)
    fill(source.engine, source.store, 1, 1)
    away, stopped = threading.Event(), threading.Event()
    away.set()

    class Away:
        """The store, while its machine cannot be reached."""

        def read(self, key: str, *, sha256: str | None = None) -> bytes:
            if away.is_set():
                raise ConnectionError
            return source.store.read(key, sha256=sha256)

    follower = threading.Thread(
        target=follow, args=(replace(source, store=Away()), shelf, stopped.is_set)
    )  # type: ignore[arg-type]
    follower.start()
    try:
        until(lambda: "index follower waits" in caplog.text)
        assert total(IndexReader(shelf)) == 0
        away.clear()
        until(lambda: total(IndexReader(shelf)) == 1)
    finally:
        stopped.set()
        follower.join(120)


def test_the_follower_shows_a_change_within_five_seconds_and_is_alone(
    source: Source, shelf: IndexFolder
) -> None:
    stopped = threading.Event()
    follower = threading.Thread(target=follow, args=(source, shelf, stopped.is_set))
    follower.start()
    try:
        until(lambda: shelf.current() is not None)
        reader = IndexReader(shelf)
        with pytest.raises(WriterBusyError):
            follow(source, shelf, lambda: True)
        seconds = []
        for number in (1, 2, 3):
            fill(source.engine, source.store, number, number)
            seconds.append(until(partial(holds, reader, number)))
        assert min(seconds) < 5, "the others may have waited for the machine"
    finally:
        stopped.set()
        follower.join(120)


def test_searching_goes_on_while_the_index_is_built_anew_and_no_change_is_lost(
    source: Source, shelf: IndexFolder
) -> None:
    fill(source.engine, source.store, 1, 20)
    rebuild(source, shelf)
    reader, first = IndexReader(shelf), shelf.current()
    seen: list[int] = []
    stopped = threading.Event()
    follower = threading.Thread(target=follow, args=(source, shelf, stopped.is_set))
    building = threading.Thread(target=lambda: [rebuild(source, shelf) for _ in range(3)])
    follower.start()
    building.start()
    try:
        number = 20
        while building.is_alive():
            number += 1
            fill(source.engine, source.store, number, number)
            seen.append(total(reader))
        building.join()
        until(lambda: total(reader) == number)
    finally:
        stopped.set()
        follower.join(120)
    assert shelf.current() != first
    assert min(seen) >= 20
    assert check(source, reader.index()).faults == ()


def test_check_names_what_is_missing_surplus_and_stale(source: Source, index: SearchIndex) -> None:
    ids = fill(source.engine, source.store, 1, 5)
    catch_up(source, index)
    assert check(source, index) == type(check(source, index))(5, 0, ())
    with writing(source.engine) as session:
        waiting = add_volume(session, source.store, 6)
        session.get_one(Volume, ids[1]).void_reason = "未告知"
        add_version(session, source.store, session.get_one(Volume, ids[2]), 2, ("x",))
    index.replace(ids[0], None)
    index.commit(index.stats().cursor)
    report = check(source, index)
    assert {(fault.kind, int(fault.code[-6:])) for fault in report.faults} == {
        ("MISSING", 1),
        ("SURPLUS", 2),
        ("STALE", 3),
    }
    assert report.behind == 1
    assert waiting not in ids


def test_without_an_index_or_with_one_of_another_engine_the_next_step_is_told(
    tmp_path: Path, source: Source
) -> None:
    with pytest.raises(NoIndexError, match="yice reindex"):
        IndexReader(IndexFolder(tmp_path / "search")).index()
    rebuild(source, IndexFolder(tmp_path / "search", "whoosh"))
    with pytest.raises(NoIndexError, match="yice reindex"):
        IndexReader(IndexFolder(tmp_path / "search", "tantivy")).index()


def test_a_deleted_index_is_built_anew_by_the_follower_and_finds_the_same(
    source: Source, shelf: IndexFolder
) -> None:
    for number in (1, 2):
        fill(source.engine, source.store, number, 1, pages=(f"page of {number}",), name="王小明")
    rebuild(source, shelf)
    before = total(IndexReader(shelf), "王小明")
    shutil.rmtree(shelf.root)
    with pytest.raises(NoIndexError, match="yice reindex"):
        IndexReader(shelf).index()
    rounds = iter((False, False, True))
    follow(source, shelf, lambda: next(rounds, True))
    assert total(IndexReader(shelf), "王小明") == before > 0
    assert check(source, shelf.open()).faults == ()


def test_old_generations_are_cleared_away(source: Source, shelf: IndexFolder) -> None:
    for _ in range(5):
        rebuild(source, shelf)
    assert len([path for path in shelf.root.iterdir() if path.is_dir()]) <= 3
    assert shelf.current() is not None


_FOLLOWER = """
import sys
from pathlib import Path
from archive.database.engine import connect
from search.follow import Source, follow
from search.index_folder import IndexFolder
from storage.local_store import LocalStore
from tests.support.corpus import WORDS
engine, store = connect(sys.argv[1]), LocalStore(Path(sys.argv[2]))
source = Source(engine, store, WORDS.catalogue, WORDS.organisations)
follow(source, IndexFolder(Path(sys.argv[3]), sys.argv[4]), lambda: False)
"""


def test_a_follower_killed_again_and_again_loses_nothing(
    source: Source, shelf: IndexFolder, tmp_path: Path
) -> None:
    rebuild(source, shelf)
    url = source.engine.url.render_as_string(hide_password=False)
    words = [
        sys.executable,
        "-c",
        _FOLLOWER,
        url,
        str(tmp_path / "store"),
        str(shelf.root),
        shelf.engine,
    ]
    number = 0
    for pause in (0.0, 0.1, 0.25, 0.4):
        follower = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
        before = shelf.open().stats().cursor
        while shelf.open().stats().cursor == before:
            number += 1
            fill(source.engine, source.store, number, number)
        time.sleep(pause)
        fill(source.engine, source.store, number + 1, number + 5)
        number += 5
        os.kill(follower.pid, signal.SIGKILL)
        follower.wait()
    index = shelf.open()
    while catch_up(source, index):
        pass
    assert total(index) == number
    assert check(source, index).faults == ()
