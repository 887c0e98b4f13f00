"""A worker is killed at every named point, in every kind of version, and what a restart leaves is
what an undisturbed run makes.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from archive.database.engine import reading, writing
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import VolumeVersion
from archive.jobs.crashpoints import POINTS
from archive.preservation.verify import committed
from storage.package import read_inventory
from tests.faults.worker import opened, work
from tests.support.holdings import CASE_NO, Holdings, sound_case, supplement

KILLS = (
    *(("batch", point) for point in ("frozen-before-commit", "frozen-after-commit")),
    *(
        ("compile", point)
        for point in (
            "claimed",
            "compiled",
            "compiled-recorded",
            "signed-staged",
            "signed-recorded",
            "proved",
            "proved-recorded",
            "objects-written",
            "stored-recorded",
            "inventory-written",
            "committed-recorded",
        )
    ),
    # What a further version shares with the first is killed above; here stand the places that
    # differ, and the commit record.
    *(
        ("supplement", point)
        for point in (
            "supplement-frozen-before-commit",
            "signed-staged",
            "inventory-written",
            "committed-recorded",
        )
    ),
    *(
        ("timestamp", point)
        for point in (
            "timestamp-frozen-before-commit",
            "compiled-recorded",
            "timestamped",
            "signed-staged",
            "inventory-written",
        )
    ),
    *(
        ("renewal", point)
        for point in ("renewal-frozen-before-commit", "timestamped", "inventory-written")
    ),
)
"""Act and point of each test."""


class Worker:
    """The process that forks the workers to be killed."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, act: str, point: str, folder: Path, keys: Path) -> int:
        """Exit code of one worker that carries out an act and dies at a point."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{act}\t{point}\t{folder}\t{keys}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.process.kill()
    worker.process.wait()


def deliver(archive: Holdings, act: str) -> None:
    """What lies there before the act.

    Fresh cases; a committed one and its supplement; one that owes its time-stamps; one whose stamp
    ends soon.
    """
    archive.deliver("first", sound_case(CASE_NO))
    if act == "compile":
        return
    if act == "batch":
        archive.deliver("other", sound_case("150602010000-20260901-000002"))
    elif act == "supplement":
        work(archive, "compile")
        archive.deliver("second", supplement())
    elif act == "renewal":
        work(archive, "compile")
        with writing(archive.engine) as session:
            session.execute(
                update(VolumeVersion).values(stamped_until=datetime.now(UTC) + timedelta(days=30))
            )
    else:
        work(archive, "down")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> dict[str, Path]:
    """A folder for each act, copied for each kill."""
    folders = {}
    for act in ("batch", "compile", "supplement", "timestamp", "renewal"):
        folders[act] = tmp_path_factory.mktemp(act)
        archive = opened(folders[act], keys)
        deliver(archive, act)
        archive.engine.dispose()
    return folders


def state(archive: Holdings) -> list[tuple[str, int, int, tuple[str, ...], str | None]]:
    """All that must be the same after a kill: numbers, versions, pages, what each commit record
    lists, which one it follows.
    """
    versions = []
    for volume in committed(archive.engine):
        inventory = read_inventory(archive.store, volume.prefix)
        assert inventory is not None
        versions.append(
            (
                volume.code,
                volume.version,
                volume.pages,
                tuple(entry.path for entry in inventory.objects),
                inventory.previous and volume.previous,
            )
        )
    return versions


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, Path], keys: Path
) -> dict[str, list[tuple[str, int, int]]]:
    """Number, version and pages of what each act makes when nothing happens."""
    states = {}
    for act, folder in before.items():
        copy = tmp_path_factory.mktemp("undisturbed") / act
        shutil.copytree(folder, copy)
        archive = opened(copy, keys)
        work(archive, act)
        states[act] = [version[:3] for version in state(archive)]
        archive.engine.dispose()
    return states


def test_every_crash_point_is_killed_at_by_a_test() -> None:
    assert {point for _, point in KILLS} == set(POINTS)


@pytest.mark.parametrize(("act", "point"), KILLS)
def test_a_worker_killed_at_a_point_is_followed_by_one_that_goes_on(
    act: str,
    point: str,
    tmp_path: Path,
    worker: Worker,
    keys: Path,
    before: dict[str, Path],
    undisturbed: dict[str, list[tuple[str, int, int]]],
) -> None:
    folder = tmp_path / "var"
    shutil.copytree(before[act], folder)
    assert worker.run(act, point, folder, keys) == 137
    archive = opened(folder, keys)
    work(archive, act)
    after = state(archive)
    assert [version[:3] for version in after] == undisturbed[act]
    assert archive.faults() == []
    assert list(archive.store.list("staging/")) == []
    with reading(archive.engine) as session:
        assert set(session.scalars(select(Job.state))) == {"DONE"}
    work(archive, act)
    assert state(archive) == after
    archive.engine.dispose()


@pytest.mark.parametrize("point", ["signed-staged", "inventory-written"])
def test_a_worker_killed_again_while_it_recovers_loses_nothing(
    point: str,
    tmp_path: Path,
    worker: Worker,
    keys: Path,
    before: dict[str, Path],
    undisturbed: dict[str, list[tuple[str, int, int]]],
) -> None:
    folder = tmp_path / "var"
    shutil.copytree(before["compile"], folder)
    assert [
        worker.run("compile", armed, folder, keys)
        for armed in ("compiled", point, point, "committed-recorded")
    ][:2] == [137, 137]
    archive = opened(folder, keys)
    work(archive, "compile")
    assert [version[:3] for version in state(archive)] == undisturbed["compile"]
    assert archive.faults() == []
    archive.engine.dispose()
