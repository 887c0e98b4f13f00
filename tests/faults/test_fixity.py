"""Objects that rot, vanish or can't be read: found, frozen, told, and mended from the second store
only with whole bytes.
"""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.database.tables_preservation import FixityCheck, Replica
from archive.database.tables_volumes import VolumeVersion
from archive.preservation.fixity import Budget, ScrubRun, scrub
from archive.preservation.replicas import replicate
from archive.reference.vocabulary import StoreRole
from storage.errors import DigestMismatchError
from storage.local_store import LocalStore
from tests.support.holdings import Holdings


def flip(path: Path) -> None:
    """One bit, as a bad sector does."""
    path.chmod(0o640)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def volume_file(archive: Holdings, name: str = "volume.pdf") -> Path:
    """A file of the volume that comes first in the store."""
    return min((archive.folder / "store" / "volumes").rglob(f"v1/{name}"))


def original(archive: Holdings) -> Path:
    return min(path for path in (archive.folder / "store" / "blobs").rglob("*") if path.is_file())


def second(archive: Holdings) -> LocalStore:
    return LocalStore(archive.folder / "second")


def run(
    archive: Holdings,
    other: LocalStore | None = None,
    which: str = StoreRole.FIRST,
    budget: Budget | None = None,
) -> ScrubRun:
    """Scrub one store with the help of the other."""
    if which == StoreRole.FIRST:
        return scrub(archive.engine, archive.store, other, "test", budget=budget)
    return scrub(
        archive.engine,
        second(archive),
        archive.store,
        "test",
        which=StoreRole.SECOND,
        budget=budget,
    )


def acts(archive: Holdings, act: str) -> list[JournalEntry]:
    with reading(archive.engine) as session:
        return list(session.scalars(select(JournalEntry).where(JournalEntry.act == act)))


def states(archive: Holdings) -> list[str]:
    return [state for _, state in archive.versions()]


def test_sound_holdings_match_and_every_cycle_finds_its_canaries(archive: Holdings) -> None:
    for cycle in (1, 2):
        scrubbed = run(archive)
        assert (
            scrubbed.cycle,
            scrubbed.complete,
            scrubbed.packages,
            scrubbed.faults,
            scrubbed.canaries,
        ) == (
            cycle,
            True,
            4,
            [],
            2,
        )
    with reading(archive.engine) as session:
        history = session.scalars(
            select(FixityCheck.outcome).where(FixityCheck.volume_version_id.is_not(None))
        ).all()
    assert history == ["MATCH"] * 8
    assert archive.faults() == []


def test_a_budget_stops_a_run_and_the_next_one_goes_on_where_it_stopped(archive: Holdings) -> None:
    runs = [run(archive, budget=Budget(bytes=1))]
    while not runs[-1].complete:
        runs.append(run(archive, budget=Budget(bytes=1)))
        assert len(runs) < 10
    assert {scrubbed.cycle for scrubbed in runs} == {1}
    assert sum(scrubbed.packages for scrubbed in runs) == 4
    assert sum(scrubbed.canaries for scrubbed in runs) == 2
    assert run(archive, budget=Budget(bytes=1)).cycle == 2


@pytest.mark.parametrize("outcome", ["CHANGED", "MISSING", "UNREADABLE"])
@pytest.mark.parametrize("name", ["volume.pdf", "inventory.json", "original"])
def test_damage_is_named_freezes_the_volume_and_is_mended_from_the_second_store(
    archive: Holdings, outcome: str, name: str
) -> None:
    replicate(archive.engine, archive.store, second(archive), "test")
    path = original(archive) if name == "original" else volume_file(archive, name)
    whole = path.read_bytes()
    if outcome == "CHANGED":
        flip(path)
    else:
        path.unlink()
    if outcome == "UNREADABLE":
        path.mkdir()  # reading it is an error of the file system, as of a disk that fails
    alone = run(archive)
    assert {fault["outcome"] for fault in alone.faults} == {outcome}
    assert alone.mended == []
    touched = len(alone.frozen)
    assert touched == (4 if name == "original" else 1), (
        "an original that several volumes share is the loss of each"
    )
    assert states(archive).count("QUARANTINED") == touched
    assert {json.loads(entry.detail)["reason"] for entry in acts(archive, "ALARM")} == {"fixity"}
    assert [fault.invariant for fault in archive.faults()].count("I1") == touched

    if outcome == "UNREADABLE":
        path.rmdir()  # the disk was changed for a new one
    helped = run(archive, second(archive))
    assert sorted(helped.mended) == sorted(alone.frozen)
    assert path.read_bytes() == whole
    assert set(states(archive)) == {"COMMITTED"}
    assert len(acts(archive, "MENDED")) == touched
    assert archive.faults() == []


def test_a_damaged_copy_never_mends_a_damaged_object(archive: Holdings) -> None:
    replicate(archive.engine, archive.store, second(archive), "test")
    flip(volume_file(archive))
    damaged = volume_file(archive).read_bytes()
    flip(archive.folder / "second" / volume_file(archive).relative_to(archive.folder / "store"))
    scrubbed = run(archive, second(archive))
    assert len(scrubbed.frozen) == 1
    assert scrubbed.mended == []
    assert volume_file(archive).read_bytes() == damaged, "what is damaged may be all there is"
    assert not scrubbed.complete or states(archive).count("QUARANTINED") == 1


def test_damage_in_the_second_store_alarms_and_is_mended_but_freezes_nothing(
    archive: Holdings,
) -> None:
    replicate(archive.engine, archive.store, second(archive), "test")
    path = archive.folder / "second" / volume_file(archive).relative_to(archive.folder / "store")
    whole = path.read_bytes()
    flip(path)
    scrubbed = run(archive, which=StoreRole.SECOND)
    assert [fault["outcome"] for fault in scrubbed.faults] == ["CHANGED"]
    assert (len(scrubbed.mended), scrubbed.frozen, set(states(archive))) == (1, [], {"COMMITTED"})
    assert path.read_bytes() == whole
    assert len(acts(archive, "ALARM")) == 1


def test_replication_copies_once_and_a_copy_is_a_whole_archive(archive: Holdings) -> None:
    from storage.package import verify_package

    first = replicate(archive.engine, archive.store, second(archive), "test")
    again = replicate(archive.engine, archive.store, second(archive), "test")
    assert first.objects > 20
    assert again.objects == 0
    with reading(archive.engine) as session:
        assert len(session.scalars(select(Replica)).all()) == 4
        heads = session.scalars(select(VolumeVersion.inventory_sha256)).all()
    prefixes = [
        entry.key.rpartition("/")[0]
        for entry in second(archive).list("volumes/")
        if entry.key.endswith("inventory.json")
    ]
    assert len(prefixes) == len(heads) == 4
    assert [verify_package(second(archive), prefix) for prefix in prefixes] == [[]] * 4


def test_a_store_whose_reads_do_not_notice_wrong_bytes_is_called_blind(archive: Holdings) -> None:
    class Trusting(LocalStore):
        """What a broken build or a cache that answers for the disk would be."""

        def read(self, key: str, *, sha256: str | None = None) -> bytes:
            del sha256
            return super().read(key)

    scrubbed = scrub(archive.engine, Trusting(archive.folder / "store"), None, "test")
    assert (scrubbed.blind, scrubbed.complete, scrubbed.faults) == (True, False, [])
    assert json.loads(acts(archive, "ALARM")[-1].detail)["reason"] == "canary not found"


def test_one_damaged_volume_does_not_leave_the_later_ones_without_a_copy(archive: Holdings) -> None:
    flip(volume_file(archive))
    with pytest.raises(DigestMismatchError):
        replicate(archive.engine, archive.store, second(archive), "test")
    with reading(archive.engine) as session:
        assert len(session.scalars(select(Replica)).all()) == 3
