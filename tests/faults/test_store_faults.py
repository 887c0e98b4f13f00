"""A store that fails, lies, stalls or is cut off: nothing is lost, doubled or believed, and the
next try goes on.
"""

import json
import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from storage.errors import DigestMismatchError, KeyTakenError, StorageError, StoreUnavailableError
from storage.package import verify_package, write_package
from storage.s3_store import S3Store
from tests.support.command_line import run_command
from tests.support.factories import make_bag
from tests.support.proxy import Fault, Proxy, proxied
from tests.support.services import ACCESS, SECRET

DATA = bytes(range(256)) * 4000
LOST_REQUESTS = [
    Fault.INTERNAL_ERROR,
    Fault.UNAVAILABLE,
    Fault.RESET_BEFORE,
    Fault.RESET_HALFWAY,
    Fault.RESET_AFTER,
    Fault.LOST_ANSWER_500,
]
BROKEN_READS = [
    Fault.INTERNAL_ERROR,
    Fault.UNAVAILABLE,
    Fault.RESET_BEFORE,
    Fault.RESET_AFTER,
    Fault.TRUNCATED,
    Fault.CORRUPT,
]


@pytest.fixture
def proxy(seaweedfs: str) -> Iterator[Proxy]:
    """Before the session's store; breaks nothing until it is armed."""
    with proxied(seaweedfs) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: Proxy) -> S3Store:
    """A bucket of its own, reached through the proxy."""
    return S3Store(proxy.address, f"f-{uuid4().hex[:12]}", ACCESS, SECRET, secure=False)


def versions(store: S3Store, key: str) -> int:
    """How many versions of the object the bucket holds."""
    return len(
        list(
            store._client.list_objects(bucket_name=store._bucket, prefix=key, include_version=True)
        )
    )


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
def test_a_broken_read_gives_the_true_bytes_or_a_storage_error_never_others(
    store: S3Store, proxy: Proxy, fault: Fault, times: int
) -> None:
    store.put_new("a", DATA)
    proxy.arm(fault, "GET", times)
    with suppress(StorageError):
        assert store.read("a") == DATA
    assert proxy.done, "nothing was broken"
    proxy.calm()
    assert store.read("a") == DATA


@pytest.mark.parametrize("fault", [Fault.CORRUPT, Fault.TRUNCATED])
def test_a_stream_that_is_changed_or_cut_is_found_at_its_end(
    store: S3Store, proxy: Proxy, fault: Fault
) -> None:
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
def test_an_object_that_cannot_be_asked_for_is_not_said_to_be_missing(
    store: S3Store, proxy: Proxy, fault: Fault
) -> None:
    store.put_new("a", DATA)
    proxy.arm(fault, "HEAD", 99)
    with pytest.raises(StorageError):
        store.stat("a")


def test_a_slow_store_is_waited_for(store: S3Store, proxy: Proxy) -> None:
    proxy.arm(Fault.SLOW, "PUT")
    store.put_new("a", DATA)
    assert proxy.done
    assert store.read("a") == DATA


def test_an_outage_while_a_package_is_checked_is_not_taken_for_damage(
    store: S3Store, proxy: Proxy
) -> None:
    made_at = datetime.now(UTC)
    write_package(
        store,
        "volumes/J602/1/v1",
        {"volume.pdf": b"%PDF-"},
        [],
        code="X",
        version=1,
        previous=None,
        journal_head="0:0",
        made_at=made_at,
    )
    proxy.choose = lambda method, path, _: (
        Fault.UNAVAILABLE if method == "GET" and path.endswith("volume.pdf") else None
    )
    with pytest.raises(StoreUnavailableError):
        verify_package(store, "volumes/J602/1/v1")
    proxy.calm()
    assert verify_package(store, "volumes/J602/1/v1") == []


def test_volumes_compiled_through_a_failing_store_are_whole_and_made_once(
    proxy: Proxy, tmp_path: Path
) -> None:
    bucket = f"f-{uuid4().hex[:12]}"
    settings = {
        "YICE_DATA": str(tmp_path / "var"),
        "YICE_S3_ENDPOINT": proxy.address,
        "YICE_S3_BUCKET": bucket,
        "YICE_S3_SECURE": "false",
    }
    secrets = {"YICE_S3_ACCESS_KEY": ACCESS, "YICE_S3_SECRET_KEY": SECRET}

    def yice(*words: str) -> subprocess.CompletedProcess[str]:
        return run_command(*words, **settings, **secrets)

    for number in range(1, 5):
        make_bag(tmp_path / "bags" / f"bag-{number}", case_no=f"150602010000-20260901-{number:06d}")
    assert yice("ingest", str(tmp_path / "bags")).returncode == 0
    dice = random.Random(7)
    proxy.choose = lambda method, _path, _number: (
        dice.choice(BROKEN_READS if method in {"GET", "HEAD"} else LOST_REQUESTS)
        if dice.random() < 0.2
        else None
    )
    for _ in range(2):
        broken = yice("compile", "--all")
        assert broken.returncode in {0, 1, 2}, broken.stderr
        assert "Traceback" not in broken.stderr
    assert len({fault for fault, _, _ in proxy.done}) > 5
    proxy.calm()
    assert yice("compile", "--all").returncode == 0
    assert [row["state"] for row in json.loads(yice("list", "--json").stdout)] == ["COMMITTED"] * 4
    assert json.loads(yice("verify", "--all", "--json").stdout) == {"volumes": 4, "faults": []}
    store = S3Store(proxy.upstream, bucket, ACCESS, SECRET, secure=False)
    keys = [entry.key for entry in store.list("volumes/")]
    assert len([key for key in keys if key.endswith("/inventory.json")]) == 4
    assert {versions(store, key) for key in keys} == {1}
