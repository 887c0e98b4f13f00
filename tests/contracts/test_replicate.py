"""Copies and mending between two stores, where one of them has bad bytes at the worst place."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.blobs import BlobStore
from storage.digest import sha256_hex
from storage.encrypt import EncryptedStore, KeyRing
from storage.errors import DigestMismatchError
from storage.local_store import LocalStore
from storage.package import write_package
from storage.replicate import copy_missing, copy_package, restore_object

DATA = b"bytes" * 1000
SHA = sha256_hex(DATA)
Open = Callable[[Path], BlobStore]


def sealed(folder: Path) -> BlobStore:
    return EncryptedStore(LocalStore(folder), KeyRing({"k": b"k" * 32}, "k"))


def flip(path: Path, at: int) -> None:
    path.chmod(0o640)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("kind", [LocalStore, sealed])
@pytest.mark.parametrize("at", [0, 10, 200, -1])
def test_an_object_is_mended_wherever_its_bytes_are_damaged(
    tmp_path: Path, kind: Open, at: int
) -> None:
    first, second = kind(tmp_path / "first"), kind(tmp_path / "second")
    for store in (first, second):
        store.put_new("a", DATA, media_type="application/pdf")
    flip(tmp_path / "first" / "a", at)
    with pytest.raises(DigestMismatchError):
        first.read("a", sha256=SHA)
    assert [blob.key for blob in first.list("")] == ["a"], "a list is not stopped by it"
    restore_object(first, second, "a", SHA, "application/pdf")
    assert first.read("a", sha256=SHA) == DATA
    known = first.stat("a")
    assert known is not None
    assert (known.sha256, known.media_type) == (SHA, "application/pdf")


@pytest.mark.parametrize("kind", [LocalStore, sealed])
def test_a_damaged_copy_of_a_package_that_is_not_registered_yet_is_made_anew(
    tmp_path: Path, kind: Open
) -> None:
    first, second = kind(tmp_path / "first"), kind(tmp_path / "second")
    at = datetime.now(UTC)
    package = write_package(
        first,
        "v/1/v1",
        {"volume.pdf": DATA},
        [],
        code="X",
        version=1,
        previous=None,
        journal_head="0:0",
        made_at=at,
    )
    second.put_new("v/1/v1/volume.pdf", DATA)  # copied, and killed before its row
    flip(tmp_path / "second" / "v" / "1" / "v1" / "volume.pdf", -1)
    copy_package(first, second, "v/1/v1", package.sha256)
    assert second.read("v/1/v1/volume.pdf", sha256=SHA) == DATA
    flip(tmp_path / "first" / "v" / "1" / "v1" / "volume.pdf", -1)
    copy_package(
        first, second, "v/1/v1", package.sha256
    )  # the copy holds: it is not made again from what is damaged
    assert second.read("v/1/v1/volume.pdf", sha256=SHA) == DATA


@pytest.mark.parametrize("kind", [LocalStore, sealed])
def test_one_damaged_object_does_not_stop_a_copy_of_all_and_one_that_goes_meanwhile_is_no_fault(
    tmp_path: Path, kind: Open
) -> None:
    class Busy(LocalStore):
        """Its first object goes when it is about to be copied, as a staged one does when its volume
        is committed.
        """

        def read(self, key: str, *, sha256: str | None = None) -> bytes:
            if key == "a" and (info := self.stat(key)):
                self.discard(key, info.version)
            return super().read(key, sha256=sha256)

    for key in "abc":
        Busy(tmp_path / "busy").put_new(key, DATA)
    target = kind(tmp_path / "target")
    assert copy_missing(Busy(tmp_path / "busy"), target, "") == 2
    source = kind(tmp_path / "source")
    for key in "def":
        source.put_new(key, DATA)
    flip(tmp_path / "source" / "d", -1)
    with pytest.raises(DigestMismatchError):
        copy_missing(source, target, "")
    assert [blob.key for blob in target.list("")] == ["b", "c", "e", "f"]
