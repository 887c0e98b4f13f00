"""The duties that a beat knocks for, on a real archive.

They are done once however many knock, and with the effect that they promise.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from api.jobs import duties
from api.jobs.batch import waiting
from api.jobs.duties import do_turn, rows
from api.runtime.bootstrap import Runtime
from api.runtime.broker import queue_lengths
from api.runtime.settings import Settings
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_jobs import DutyRow, PeriodRun
from archive.database.tables_volumes import VolumeVersion
from archive.jobs.duties import DUTIES
from archive.jobs.version_steps import LEASE
from archive.reference.vocabulary import JobKind
from storage.errors import StoreUnavailableError
from tests.support.holdings import Holdings, sound_case


@pytest.fixture
def runtime(archive: Holdings, keys: Path, tmp_path: Path) -> Runtime:
    """The archive as a node sees it, with a second store and the seals that all nodes share."""
    shutil.copytree(keys, archive.folder / "pki")
    return replace(
        archive.runtime, settings=Settings(data=archive.folder, replica_folder=tmp_path / "second")
    )


def acts(runtime: Runtime, act: str) -> int:
    with reading(runtime.engine) as session:
        return session.scalar(select(func.count()).where(JournalEntry.act == act)) or 0


def test_two_beats_knocking_for_everything_at_once_have_one_effect_each(runtime: Runtime) -> None:
    knocks = [name for name in DUTIES for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda name: (name, do_turn(runtime, name)), knocks))
    done = {name: result for name, result in ended if result is not None}
    assert set(done) == set(DUTIES)
    assert len([result for _, result in ended if result is not None]) == len(DUTIES)
    assert done["replicate"]["objects"] > 0
    assert (done["scrub"]["faults"], done["scrub"]["blind"]) == (0, False)
    assert acts(runtime, "ANCHOR") in {1, 2}, "the duty of the day, and the end of a period"
    assert {row["state"] for row in rows(runtime)} == {"DONE"}


def test_what_waits_is_sent_once_to_an_empty_queue_and_what_dead_workers_left_is_removed(
    runtime: Runtime, archive: Holdings
) -> None:
    archive.deliver("new", sound_case("150602010000-20260901-000009"))
    archive.freeze()
    with reading(runtime.engine) as session:
        old = session.scalars(
            select(VolumeVersion.id).where(VolumeVersion.state == "COMMITTED")
        ).first()
    archive.store.put_new(f"staging/{old}-1-late/volume.pdf", b"left behind")
    with writing(runtime.engine) as session:
        long_ago = datetime.now(UTC) - LEASE - timedelta(seconds=1)
        session.execute(
            update(VolumeVersion).where(VolumeVersion.id == old).values(committed_at=long_ago)
        )
    assert do_turn(runtime, "reconcile") == {"sent": 1, "removed": 1, "uploads": 0, "orphans": 0}
    assert (
        queue_lengths(runtime.settings)["compile"][0] == len(waiting(runtime, JobKind.COMPILE)) == 1
    )
    with writing(runtime.engine) as session:
        session.execute(update(DutyRow).values(turn=""))
    assert do_turn(runtime, "reconcile") == {"sent": 0, "removed": 0, "uploads": 0, "orphans": 0}


def test_late_cases_of_earlier_months_are_numbered_and_a_term_ends_when_all_of_it_is_made(
    runtime: Runtime, archive: Holdings
) -> None:
    # Completed in September, long before the month that is due now.
    archive.deliver("late", sound_case("150602010000-20260901-000008"))
    begun = do_turn(runtime, "period")
    assert begun is not None
    assert waiting(runtime, JobKind.COMPILE), "its number was reserved"
    with reading(runtime.engine) as session:
        assert (
            session.scalars(select(PeriodRun).where(PeriodRun.ended_at.is_not(None))).all() == []
        ), "it is still on its way"
    archive.make()
    late: dict[str, Any] = {"turn": "", "lease_until": None}
    with writing(runtime.engine) as session:
        session.execute(update(DutyRow).values(late))
    do_turn(runtime, "period")
    with reading(runtime.engine) as session:
        ended = session.scalars(select(PeriodRun).where(PeriodRun.ended_at.is_not(None))).all()
    assert [run.made for run in ended] == [4]
    assert ended[0].register is not None
    assert runtime.store.stat(ended[0].register) is not None


def test_a_duty_that_fails_is_on_its_row_by_code_and_the_others_are_done(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_runtime: Runtime) -> dict[str, Any]:
        raise StoreUnavailableError("对象存储没有答复：张三。")

    monkeypatch.setattr(duties, "DUTY_FUNCTIONS", {**duties.DUTY_FUNCTIONS, "replicate": away})
    with pytest.raises(StoreUnavailableError):
        do_turn(runtime, "replicate")
    turns = {row["name"]: row for row in rows(runtime)}
    assert (turns["replicate"]["state"], turns["replicate"]["error_code"]) == (
        "FAILED",
        "STORE_UNAVAILABLE",
    )
    assert "张三" not in str(turns)
    assert do_turn(runtime, "timestamp") == {"begun": 0, "sent": 0}
