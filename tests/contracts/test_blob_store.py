"""What every BlobStore must do, on local files and on a real SeaweedFS."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from storage.blobs import BlobStore
from storage.digest import sha256_hex
from storage.encrypt import EncryptedStore, KeyRing
from storage.errors import (
    BadKeyError,
    DigestMismatchError,
    KeyTakenError,
    MissingError,
    PinnedError,
    StorageError,
)
from storage.local_store import LocalStore
from storage.package import export_bag, read_inventory, verify_package, write_package
from storage.s3_store import S3Store
from tests.support.services import ACCESS, SECRET


@pytest.fixture(params=["local", "s3", "encrypted", "encrypted-s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """A store with nothing in it."""
    inner: BlobStore
    if request.param in {"local", "encrypted"}:
        inner = LocalStore(tmp_path / "store")
    else:
        inner = S3Store(
            request.getfixturevalue("seaweedfs"),
            f"t-{uuid4().hex[:12]}",
            ACCESS,
            SECRET,
            secure=False,
        )
    return (
        EncryptedStore(inner, KeyRing({"k1": b"1" * 32}, "k1"))
        if request.param.startswith("encrypted")
        else inner
    )


def test_what_was_put_is_read_back_with_its_digest(store: BlobStore) -> None:
    put = store.put_new("a/b.pdf", b"bytes", media_type="application/pdf")
    assert store.read("a/b.pdf") == b"bytes"
    assert store.stat("a/b.pdf") == put
    assert (put.size, put.sha256, put.media_type) == (5, sha256_hex(b"bytes"), "application/pdf")
    with store.open("a/b.pdf") as source:
        assert source.read() == b"bytes"


def test_the_same_bytes_again_are_success_and_other_bytes_are_refused_and_change_nothing(
    store: BlobStore,
) -> None:
    first = store.put_new("a", b"one")
    assert store.put_new("a", b"one") == first
    with pytest.raises(KeyTakenError):
        store.put_new("a", b"two")
    assert store.read("a") == b"one"


def test_of_writers_at_the_same_time_exactly_one_wins(store: BlobStore) -> None:
    def write(number: int) -> bool:
        try:
            store.put_new("race", b"%d" % number * 1000)
        except KeyTakenError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    assert won.count(True) == 1
    assert store.read("race") == b"%d" % won.index(True) * 1000


def test_reading_against_another_digest_fails(store: BlobStore) -> None:
    store.put_new("a", b"one")
    with pytest.raises(DigestMismatchError):
        store.read("a", sha256=sha256_hex(b"two"))
    with pytest.raises(DigestMismatchError), store.open("a", sha256=sha256_hex(b"two")) as source:
        source.read()


def test_a_missing_object_is_said_to_be_missing(store: BlobStore) -> None:
    assert store.stat("none") is None
    with pytest.raises(MissingError):
        store.read("none")


def test_a_list_gives_only_what_starts_with_the_prefix_in_order(store: BlobStore) -> None:
    for key in ("v/b/2", "v/b/1", "v/c", "w/1"):
        store.put_new(key, key.encode())
    assert [blob.key for blob in store.list("v/")] == ["v/b/1", "v/b/2", "v/c"]
    assert [blob.key for blob in store.list("v/b/")] == ["v/b/1", "v/b/2"]


def test_what_goes_while_a_list_is_read_is_left_out_and_stops_nobody(store: BlobStore) -> None:
    put = {key: store.put_new(key, key.encode()) for key in ("v/1", "v/2", "v/3")}
    listed = store.list("v/")
    assert next(listed).key == "v/1"
    store.discard("v/2", put["v/2"].version)
    assert [blob.key for blob in listed][-1] == "v/3"


def test_bytes_are_swapped_for_exactly_one_version_and_never_when_it_is_locked(
    store: BlobStore,
) -> None:
    first = store.put_new("a", b"one", media_type="text/plain")
    second = store.swap("a", first.version, b"two")
    assert (store.read("a"), second.media_type, store.stat("a")) == (b"two", "text/plain", second)
    with pytest.raises((BadKeyError, MissingError)):
        store.swap("a", first.version, b"three")
    store.pin("a", datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(PinnedError):
        store.swap("a", second.version, b"three")
    assert [(blob.key, store.read(blob.key)) for blob in store.list("")] == [("a", b"two")]


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a b", "档号", "a\n", ".meta/x", "a\x00"]
)
def test_a_key_that_could_mean_more_than_one_object_is_refused(store: BlobStore, key: str) -> None:
    with pytest.raises(BadKeyError):
        store.put_new(key, b"")


def test_only_the_exact_version_is_discarded(store: BlobStore) -> None:
    put = store.put_new("a/1", b"one")
    store.put_new("a/2", b"two")
    with pytest.raises((BadKeyError, MissingError)):
        store.discard("a/1", "")
    with pytest.raises((BadKeyError, MissingError)):
        store.discard("a", put.version)
    store.discard("a/1", put.version)
    assert [blob.key for blob in store.list("a/")] == ["a/2"]


def test_a_pinned_object_is_not_discarded(store: BlobStore) -> None:
    put = store.put_new("a", b"one")
    store.pin("a", datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(PinnedError):
        store.discard("a", put.version)
    assert store.read("a") == b"one"


def test_the_start_up_probe_passes_on_a_fit_store_and_leaves_nothing(store: BlobStore) -> None:
    store.probe()
    assert list(store.list("probe/")) == []


FILES = {"volume.pdf": b"%PDF-", "case.json": b"{}"}


def _write(store: BlobStore, **more: object) -> None:
    write_package(
        store,
        "volumes/J602/1/v1",
        FILES,
        [],
        code="X",
        version=1,
        previous=None,
        journal_head="0:0",
        made_at=datetime.now(UTC),
        **more,
    )  # type: ignore[arg-type]


def test_the_commit_record_comes_last_and_a_package_without_it_is_not_there(
    store: BlobStore,
) -> None:
    def stop() -> None:
        assert len(list(store.list("volumes/"))) == len(FILES) + 2
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _write(store, before_inventory=stop)
    assert read_inventory(store, "volumes/J602/1/v1") is None
    _write(store)
    inventory = read_inventory(store, "volumes/J602/1/v1")
    assert inventory is not None
    assert {entry.path for entry in inventory.objects} == {
        *FILES,
        "manifest-sha256.txt",
        "manifest-sm3.txt",
    }
    assert verify_package(store, "volumes/J602/1/v1") == []


def test_an_unlisted_object_is_found(store: BlobStore) -> None:
    _write(store)
    store.put_new("volumes/J602/1/v1/extra", b"x")
    assert [fault.kind for fault in verify_package(store, "volumes/J602/1/v1")] == ["UNLISTED"]


def test_an_exported_bag_is_valid_for_an_independent_reader(
    store: BlobStore, tmp_path: Path
) -> None:
    import bagit

    _write(store)
    folder = export_bag(store, "volumes/J602/1/v1", tmp_path / "out")
    assert bagit.Bag(str(folder)).is_valid()
    assert (folder / "data" / "volume.pdf").read_bytes() == FILES["volume.pdf"]


def test_every_flipped_byte_of_a_local_package_is_found(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    _write(store)
    for path in sorted((tmp_path / "volumes").rglob("*")):
        if path.is_file():
            whole = path.read_bytes()
            path.chmod(0o644)
            path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
            try:
                faults = verify_package(store, "volumes/J602/1/v1")
            except StorageError:
                faults = ["the commit record itself"]  # type: ignore[list-item]
            assert faults, path.name
            path.write_bytes(whole)
    assert verify_package(store, "volumes/J602/1/v1") == []


def test_a_list_goes_on_after_a_key_in_order_of_whole_keys(store: BlobStore) -> None:
    keys = ["a/b/c", "a/b/d", "a/c", "b", "volumes/x/1", "volumes/x/2", "volumes/y/1"]
    for key in keys:
        store.put_new(key, key.encode())
    assert [stat.key for stat in store.list("")] == keys
    for place, key in enumerate(keys):
        assert [stat.key for stat in store.list("", key)] == keys[place + 1 :]
    assert [stat.key for stat in store.list("a/", "a/b/d")] == ["a/c"]
    assert {"a", "volumes"} <= set(store.folders())
    assert list(store.strays()) == []
