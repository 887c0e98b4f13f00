"""What sealing adds to the contract: the store alone tells nothing, nothing changed or moved is
believed, and keys can be rotated.
"""

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from storage.blobs import BlobStore
from storage.digest import sha256_hex
from storage.encrypt import EncryptedStore, KeyRing, KeyUnknownError, load_ring
from storage.errors import DigestMismatchError, PinnedError
from storage.local_store import LocalStore
from storage.s3_store import S3Store
from tests.support.services import ACCESS
from tests.support.services import SECRET as S3_SECRET

SECRET = "居民户口簿".encode() * 50
OLD, NEW = (
    KeyRing({"2025": b"a" * 32}, "2025"),
    KeyRing({"2025": b"a" * 32, "2026": b"b" * 32}, "2026"),
)


def objects(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_neither_the_bytes_nor_their_digest_lie_open_anywhere(tmp_path: Path) -> None:
    EncryptedStore(LocalStore(tmp_path), OLD).put_new("a/b", SECRET)
    everything = b"".join(path.read_bytes() + path.name.encode() for path in objects(tmp_path))
    assert SECRET[:15] not in everything
    assert sha256_hex(SECRET).encode() not in everything


def test_the_same_bytes_are_sealed_another_way_under_each_key_of_the_store(tmp_path: Path) -> None:
    store = EncryptedStore(LocalStore(tmp_path), OLD)
    store.put_new("a", SECRET)
    store.put_new("b", SECRET)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()
    assert store.read("a") == store.read("b") == SECRET


def test_every_changed_byte_is_found_even_when_the_store_vouches_for_it(tmp_path: Path) -> None:
    EncryptedStore(LocalStore(tmp_path / "whole"), OLD).put_new("a", SECRET[:30])
    sealed = (tmp_path / "whole" / "a").read_bytes()
    for at in range(len(sealed)):
        changed = LocalStore(tmp_path / f"changed-{at}")
        changed.put_new("a", sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        with pytest.raises((DigestMismatchError, KeyUnknownError)):
            EncryptedStore(changed, OLD).read("a")


def test_a_sealed_object_moved_under_another_key_does_not_open(tmp_path: Path) -> None:
    inner = LocalStore(tmp_path)
    store = EncryptedStore(inner, OLD)
    store.put_new("volumes/1", SECRET)
    inner.put_new("volumes/2", inner.read("volumes/1"))
    with pytest.raises(DigestMismatchError):
        store.read("volumes/2")


def test_an_object_that_was_never_sealed_is_not_taken_for_one_of_ours(tmp_path: Path) -> None:
    inner = LocalStore(tmp_path)
    inner.put_new("a", b"planted")
    with pytest.raises(DigestMismatchError):
        EncryptedStore(inner, OLD).read("a")


def test_a_new_key_seals_what_is_new_and_the_old_one_opens_what_is_old_until_it_is_sealed_again(
    tmp_path: Path,
) -> None:
    inner = LocalStore(tmp_path)
    EncryptedStore(inner, OLD).put_new("old", SECRET, media_type="application/pdf")
    store = EncryptedStore(inner, NEW)
    store.put_new("new", SECRET)
    assert (store.key_name("old"), store.key_name("new")) == ("2025", "2026")
    assert store.put_new("old", SECRET).size == len(SECRET), (
        "the same bytes are the same object under any key"
    )
    assert [store.reseal("old"), store.reseal("old"), store.reseal("new")] == [True, False, False]
    alone = EncryptedStore(inner, KeyRing({"2026": b"b" * 32}, "2026"))
    assert alone.read("old") == SECRET
    known = alone.stat("old")
    assert known is not None
    assert (known.media_type, known.sha256, known.size) == (
        "application/pdf",
        sha256_hex(SECRET),
        len(SECRET),
    )


def test_without_its_key_an_object_is_said_to_need_it_and_a_locked_one_keeps_it(
    tmp_path: Path,
) -> None:
    inner = LocalStore(tmp_path)
    EncryptedStore(inner, OLD).put_new(
        "a", SECRET, retain_until=datetime.now(UTC) + timedelta(days=1)
    )
    with pytest.raises(KeyUnknownError):
        EncryptedStore(inner, KeyRing({"2026": b"b" * 32}, "2026")).read("a")
    with pytest.raises(PinnedError):
        EncryptedStore(inner, NEW).reseal("a")
    assert EncryptedStore(inner, NEW).read("a") == SECRET


def test_a_ring_needs_its_current_key_and_keys_of_full_length(tmp_path: Path) -> None:
    (tmp_path / "2026.key").write_bytes(b"k" * 32)
    assert load_ring(tmp_path, "2026").current == "2026"
    with pytest.raises(KeyUnknownError):
        load_ring(tmp_path, "2027")
    (tmp_path / "short.key").write_bytes(b"k" * 16)
    with pytest.raises(KeyUnknownError):
        load_ring(tmp_path, "2026")


@pytest.fixture(params=["files", "s3"])
def inner(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "files":
        return LocalStore(tmp_path)
    return S3Store(
        request.getfixturevalue("seaweedfs"),
        f"r-{uuid4().hex[:12]}",
        ACCESS,
        S3_SECRET,
        secure=False,
    )


def test_keys_are_rotated_while_others_read_and_write_and_nobody_meets_a_gap(
    inner: BlobStore,
) -> None:
    before, after = EncryptedStore(inner, OLD), EncryptedStore(inner, NEW)
    kept = {f"v/{number}": SECRET + b"%d" % number for number in range(12)}
    for key, data in kept.items():
        before.put_new(key, data)
    inner.pin("v/3", datetime.now(UTC) + timedelta(days=1))
    stop, met = threading.Event(), Counter[str]()

    def read() -> None:
        while not stop.is_set():
            for key, data in kept.items():
                assert after.read(key) == data
                assert after.put_new(key, data).size == len(data)
                met["read"] += 1

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            blob = after.put_new(f"staging/{number}", SECRET)
            after.discard(blob.key, blob.version)

    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(read), pool.submit(write)]
        try:
            rotated = [
                task.result()
                for task in [pool.submit(after.reseal_all), pool.submit(after.reseal_all)]
            ]
        finally:
            stop.set()
        for process in busy:
            process.result()
    assert met["read"]
    assert sum(report.done for report in rotated) >= 11
    assert [report.locked for report in rotated] == [1, 1]
    assert {key: after.key_name(key) for key in kept} == {
        key: "2025" if key == "v/3" else "2026" for key in kept
    }
    assert {blob.key for blob in after.list("v/")} == set(kept)
    assert after.reseal_all() == (0, 1)


@pytest.mark.parametrize("point", ["noted", "replaced"])
def test_a_rotation_killed_at_any_point_leaves_whole_objects_and_the_next_one_finishes(
    tmp_path: Path, point: str
) -> None:
    kept = {f"v/{number}": SECRET + b"%d" % number for number in range(3)}
    for key, data in kept.items():
        EncryptedStore(LocalStore(tmp_path), OLD).put_new(key, data)
    program = f"""
import os, sys
from pathlib import Path
from storage.encrypt import EncryptedStore, KeyRing
from storage.local_store import LocalStore
true, seen = os.replace, []
def killed(*words):
    seen.append(words)
    if len(seen) < 2: return true(*words)
    if {point!r} == "replaced": true(*words)
    os._exit(137)
os.replace = killed
ring = KeyRing({{"2025": b"a" * 32, "2026": b"b" * 32}}, "2026")
EncryptedStore(LocalStore(Path(sys.argv[1])), ring).reseal_all()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == 137
    after = EncryptedStore(LocalStore(tmp_path), NEW)
    assert {key: after.read(key) for key in kept} == kept
    assert {blob.key: blob.size for blob in after.list("")} == {
        key: len(data) for key, data in kept.items()
    }
    after.reseal_all()
    assert {after.key_name(key) for key in kept} == {"2026"}
    assert {key: after.read(key) for key in kept} == kept
