"""Two workers with one case in hand, clocks that jump, leases that run out under a living worker:
one volume comes of it.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

import archive.database.engine
from api.jobs.batch import void_number
from archive.compile.context import CompileContext
from archive.compile.volume import make_volume
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.reconcile import orphans, tidy
from archive.jobs.version_steps import LEASE, claim_version
from archive.reference.errors import LeaseLostError
from archive.signing.seal import Sealer
from storage.blobs import Stat
from storage.errors import StorageError
from storage.local_store import LocalStore
from tests.faults.test_crash_points import Worker
from tests.faults.worker import opened, work
from tests.support.filing import FILER
from tests.support.holdings import Holdings, sound_case


@pytest.fixture
def one_case(tmp_path: Path, keys: Path) -> Holdings:
    """One case with its number, not yet made."""
    archive = opened(tmp_path, keys)
    archive.deliver("one", sound_case("150602010000-20260901-000001"))
    archive.freeze()
    return archive


def assert_made_once(archive: Holdings) -> None:
    assert archive.versions() == [(1, "COMMITTED")]
    assert archive.faults() == []
    with reading(archive.engine) as session:
        assert session.scalar(select(func.count()).where(JournalEntry.act == "COMMITTED")) == 1
        assert set(session.scalars(select(Job.state))) == {"DONE"}


def version_id(archive: Holdings) -> int:
    with reading(archive.engine) as session:
        return session.scalars(select(VolumeVersion.id)).one()


def test_two_nodes_at_once_on_one_case_make_one_volume(one_case: Holdings, keys: Path) -> None:
    workers = [Worker(), Worker()]
    try:
        with ThreadPoolExecutor(2) as pool:
            ended = list(
                pool.map(
                    lambda worker: worker.run("compile", "none", one_case.folder, keys), workers
                )
            )
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
    assert 0 in ended
    work(one_case, "compile")
    assert_made_once(one_case)


def overtaken(archive: Holdings, other: CompileContext) -> CompileContext:
    """A workshop whose lease runs out while its seal is in hand, and whose case another worker then
    makes whole.
    """

    def sealer_for(fonds: str) -> Sealer:
        with writing(archive.engine) as session:
            session.execute(
                update(VolumeVersion).values(lease_until=datetime.now(UTC) - timedelta(seconds=1))
            )
        assert make_volume(other, version_id(archive)) is not None
        return archive.shop.sealer_for(fonds)

    return replace(archive.shop, sealer_for=sealer_for)


def test_a_worker_that_lives_on_after_its_lease_changes_nothing_of_what_the_next_one_made(
    one_case: Holdings,
) -> None:
    other = replace(one_case.shop, owner="elsewhere:1:1")
    # What it still does is refused, or finds that all is done; either way it is told, not recorded.
    with suppress(LeaseLostError, StorageError):
        make_volume(overtaken(one_case, other), version_id(one_case))
    assert_made_once(one_case)
    with reading(one_case.engine) as session:
        assert (
            session.scalars(select(JournalEntry.actor).where(JournalEntry.act == "COMMITTED")).one()
            == "elsewhere:1:1"
        )


def test_what_it_left_in_staging_is_tidied_up_after_a_lease_and_nothing_else_is(
    one_case: Holdings,
) -> None:
    with suppress(LeaseLostError, StorageError):
        make_volume(
            overtaken(one_case, replace(one_case.shop, owner="elsewhere:1:1")), version_id(one_case)
        )
    late = f"staging/{version_id(one_case)}-1-late/volume.pdf"
    one_case.store.put_new(late, b"written by a worker that did not know")
    one_case.store.put_new(
        "staging/999-1-x/volume.pdf", b"of a version that this database does not know"
    )
    assert orphans(one_case.engine, one_case.store) == [], "it may still be in use"
    with writing(one_case.engine) as session:
        session.execute(
            update(VolumeVersion).values(
                committed_at=datetime.now(UTC) - LEASE - timedelta(seconds=1)
            )
        )
    before = {entry.key for entry in one_case.store.list("")}
    assert tidy(one_case.engine, one_case.store) >= 1
    assert {entry.key for entry in one_case.store.list("staging/")} == {
        "staging/999-1-x/volume.pdf"
    }
    assert {key for key in before if not key.startswith("staging/")} <= {
        entry.key for entry in one_case.store.list("")
    }


class Clock(datetime):
    """The machine's clock, `off` from the true one."""

    off = timedelta()

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.off  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [timedelta(days=-1), timedelta(days=1), timedelta(days=400)])
def test_a_clock_that_jumps_in_the_middle_of_a_volume_loses_and_doubles_nothing(
    one_case: Holdings, step: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive.database.engine, "datetime", Clock)
    monkeypatch.setattr(Clock, "off", timedelta())
    tried: list[object] = []

    def sealer_for(fonds: str) -> Sealer:
        Clock.off = step
        with writing(one_case.engine) as session:
            tried.append(claim_version(session, version_id(one_case), "elsewhere:1:1"))
        return one_case.shop.sealer_for(fonds)

    with suppress(LeaseLostError):
        make_volume(replace(one_case.shop, sealer_for=sealer_for), version_id(one_case))
    assert (tried == [None]) is (step < timedelta()), (
        "a lease is as long as the database's clock says, no shorter"
    )
    make_volume(replace(one_case.shop, owner="elsewhere:1:1"), version_id(one_case))
    assert_made_once(one_case)


def test_what_a_slow_worker_writes_under_a_number_that_was_given_up_is_cleared_after_a_lease(
    one_case: Holdings,
) -> None:
    class Slow(LocalStore):
        """Its worker stands still before the first object of the package, for longer than its
        lease; the number is given up meanwhile.
        """

        def put_new(self, key: str, data: bytes, **more: Any) -> Stat:
            if key.startswith("volumes/") and one_case.versions() != [(1, "VOID")]:
                with writing(one_case.engine) as session:
                    session.execute(
                        update(VolumeVersion).values(
                            lease_until=datetime.now(UTC) - timedelta(seconds=1)
                        )
                    )
                    code = session.scalars(select(Volume.code)).one()
                void_number(one_case.runtime, FILER, code=code, reason="撤回")
            return super().put_new(key, data, **more)

    with pytest.raises(LeaseLostError):
        make_volume(
            replace(one_case.shop, store=Slow(one_case.folder / "store")), version_id(one_case)
        )
    assert {fault.invariant for fault in one_case.faults()} == {"I8"}
    tidy(one_case.engine, one_case.store)
    assert {fault.invariant for fault in one_case.faults()} == {"I8"}, "it may still be writing"
    with writing(one_case.engine) as session:
        session.execute(
            update(Job).values(ended_at=datetime.now(UTC) - LEASE - timedelta(seconds=1))
        )
    tidy(one_case.engine, one_case.store)
    assert one_case.faults() == []
