"""A store that fails, lies, stalls or is cut off: nothing is lost, doubled or believed, and the next try goes on."""

from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from storage.errors import DigestMismatchError, KeyTakenError, StorageError
from storage.s3_store import S3Store
from tests.proxy import Fault, Proxy, proxied
from tests.services import ACCESS, SECRET, seaweedfs

__all__ = ["seaweedfs"]

DATA = bytes(range(256)) * 4000
LOST_REQUESTS = [Fault.INTERNAL_ERROR, Fault.UNAVAILABLE, Fault.RESET_BEFORE, Fault.RESET_HALFWAY, Fault.RESET_AFTER, Fault.LOST_ANSWER_500]
BROKEN_READS = [Fault.INTERNAL_ERROR, Fault.UNAVAILABLE, Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.TRUNCATED, Fault.CORRUPT]


@pytest.fixture
def proxy(seaweedfs: str) -> Iterator[Proxy]:
    """Before the session's store; breaks nothing until it is armed."""
    with proxied(seaweedfs) as made:
        yield made


@pytest.fixture
def store(proxy: Proxy) -> S3Store:
    """A bucket of its own, reached through the proxy."""
    return S3Store(proxy.address, f"f-{uuid4().hex[:12]}", ACCESS, SECRET, secure=False)


def versions(store: S3Store, key: str) -> int:
    """How many versions of the object the bucket holds."""
    return len(list(store._client.list_objects(bucket_name=store._bucket, prefix=key, include_version=True)))


@pytest.mark.parametrize("times", [1, 99])
@pytest.mark.parametrize("fault", LOST_REQUESTS)
def test_a_write_that_fails_is_told_or_done_and_the_next_one_makes_it_whole_once(
    store: S3Store, proxy: Proxy, fault: Fault, times: int
) -> None:
    proxy.arm(fault, "PUT", times)
    with suppress(StorageError):
        store.put_new("a", DATA)
        assert store.read("a") == DATA, "it said that it was written"
    assert proxy.done, "nothing was broken"
    proxy.calm()
    store.put_new("a", DATA)
    assert store.read("a") == DATA
    assert versions(store, "a") == 1
    with pytest.raises(KeyTakenError):
        store.put_new("a", b"other")


@pytest.mark.parametrize("times", [1, 99])
@pytest.mark.parametrize("fault", BROKEN_READS)
def test_a_broken_read_gives_the_true_bytes_or_a_storage_error_never_others(store: S3Store, proxy: Proxy, fault: Fault, times: int) -> None:
    store.put_new("a", DATA)
    proxy.arm(fault, "GET", times)
    with suppress(StorageError):
        assert store.read("a") == DATA
    assert proxy.done, "nothing was broken"
    proxy.calm()
    assert store.read("a") == DATA


@pytest.mark.parametrize("fault", [Fault.CORRUPT, Fault.TRUNCATED])
def test_a_stream_that_is_changed_or_cut_is_found_at_its_end(store: S3Store, proxy: Proxy, fault: Fault) -> None:
    store.put_new("a", DATA)
    proxy.arm(fault, "GET", 99)
    with pytest.raises(StorageError), store.open("a") as source:
        while source.read(65536):
            pass


def test_a_flipped_bit_on_the_way_is_a_digest_mismatch(store: S3Store, proxy: Proxy) -> None:
    store.put_new("a", DATA)
    proxy.arm(Fault.CORRUPT, "GET", 99)
    with pytest.raises(DigestMismatchError):
        store.read("a")


@pytest.mark.parametrize("fault", [Fault.INTERNAL_ERROR, Fault.UNAVAILABLE, Fault.RESET_BEFORE])
def test_an_object_that_cannot_be_asked_for_is_not_said_to_be_missing(store: S3Store, proxy: Proxy, fault: Fault) -> None:
    store.put_new("a", DATA)
    proxy.arm(fault, "HEAD", 99)
    with pytest.raises(StorageError):
        store.stat("a")


def test_a_slow_store_is_waited_for(store: S3Store, proxy: Proxy) -> None:
    proxy.arm(Fault.SLOW, "PUT")
    store.put_new("a", DATA)
    assert proxy.done
    assert store.read("a") == DATA
