"""Every object of the bucket is read by some check, also those in no package."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from archive.preservation.bucket import bucket_faults
from archive.preservation.fixity import Budget, scrub
from storage.local_store import LocalStore
from tests.support.holdings import Holdings

BESIDE = {
    "deliveries": b'{"spec": "delivery/1"}',
    "quarantine": b"PK refused",
    "registers": b"%PDF register",
    "fixity": b'{"spec": "fixity/1", "looks": []}',
    "copies": b"%PDF copy",
    "journal": b"{}",
    "uploads": b"a part",
}


def put(archive: Holdings, prefix: str) -> Path:
    """An object of this prefix, as a store holds it."""
    key = f"{prefix}/kept-object"
    archive.store.put_new(key, BESIDE[prefix])
    return archive.folder / "store" / key


def flip(path: Path) -> None:
    path.chmod(0o640)
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def lose_note(path: Path) -> None:
    store = next(parent for parent in path.parents if parent.name == "store")
    for note in (store / ".meta" / path.relative_to(store).parent).glob(f"{path.name}.*"):
        note.unlink()


def damage_note(path: Path) -> None:
    store = next(parent for parent in path.parents if parent.name == "store")
    for note in (store / ".meta" / path.relative_to(store).parent).glob(f"{path.name}.*"):
        note.chmod(0o640)
        note.write_bytes(b"?" + note.read_bytes()[1:])


def subjects(archive: Holdings) -> set[str]:
    return {fault.subject for fault in bucket_faults(archive.engine, archive.store)}


@pytest.fixture
def accession(archive: Holdings) -> Path:
    return min((archive.folder / "store" / "accessions").rglob("*.json"))


@pytest.mark.parametrize("prefix", BESIDE)
def test_one_flipped_bit_is_named_under_every_prefix(archive: Holdings, prefix: str) -> None:
    path = put(archive, prefix)
    assert f"{prefix}/kept-object" not in subjects(archive)
    flip(path)
    assert f"{prefix}/kept-object" in subjects(archive)


def test_a_flipped_bit_beside_the_packages_is_named_by_the_scrub(archive: Holdings) -> None:
    flip(put(archive, "deliveries"))
    run = scrub(archive.engine, archive.store, None, "test")
    (fault,) = run.faults
    assert (fault["code"], fault["subject"]) == ("CHANGED", "deliveries/kept-object")
    assert fault["message"]
    assert run.others_complete
    assert json.dumps(run.public())


def test_a_scrub_within_a_budget_comes_to_every_object_and_goes_on_where_it_stopped(
    archive: Holdings,
) -> None:
    for prefix in BESIDE:
        flip(put(archive, prefix))
    named: set[str] = set()
    complete, rounds = False, 0
    while not complete:
        run = scrub(archive.engine, archive.store, None, "test", budget=Budget(bytes=1))
        assert run.others, "each run reads some of them"
        named |= {fault["subject"] for fault in run.faults}
        complete, rounds = run.others_complete, rounds + 1
        assert rounds < 200
    assert named == {f"{prefix}/kept-object" for prefix in BESIDE}


def test_a_note_without_its_object_is_named_and_one_just_written_is_not(
    archive: Holdings,
) -> None:
    path = put(archive, "fixity")
    path.unlink()
    assert "fixity/kept-object" in subjects(archive)


@pytest.mark.parametrize("harm", [lose_note, damage_note])
def test_an_object_without_its_note_is_named(
    archive: Holdings, accession: Path, harm: Callable[[Path], None]
) -> None:
    harm(accession)
    assert accession.relative_to(archive.folder / "store").as_posix() in subjects(archive)


def test_a_foreign_file_among_the_volumes_is_named_without_a_note(archive: Holdings) -> None:
    folder = min((archive.folder / "store" / "volumes").rglob("volume.pdf")).parent
    (folder / "volume.pdf.bak").write_bytes(b"foreign")
    faults = list(bucket_faults(archive.engine, archive.store))
    assert [(fault.invariant, Path(fault.subject).name) for fault in faults] == [
        ("I8", "volume.pdf.bak")
    ]


def test_a_record_put_in_the_place_of_another_is_named(archive: Holdings, accession: Path) -> None:
    store = LocalStore(archive.folder / "store")
    key = accession.relative_to(archive.folder / "store").as_posix()
    known = store.stat(key)
    assert known is not None
    store.swap(key, known.version, b"{}")
    assert key in subjects(archive)
