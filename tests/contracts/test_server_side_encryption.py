"""A store that is told to encrypt does, or the archive does not start on it."""

from typing import Any
from uuid import uuid4

import pytest

from storage.errors import StoreUnavailableError, StoreUnfitError
from storage.s3_store import S3Store
from tests.support.services import ACCESS, SECRET, serve_seaweedfs


def bucket(endpoint: str, kind: type[S3Store] = S3Store, sse: str = "AES256") -> S3Store:
    return kind(endpoint, f"e-{uuid4().hex[:12]}", ACCESS, SECRET, secure=False, sse=sse)


def encryption_of(store: S3Store, key: str) -> str | None:
    return (
        store._client.stat_object(bucket_name=store._bucket, object_name=key).metadata or {}
    ).get("x-amz-server-side-encryption")


def test_what_is_written_is_encrypted_by_the_store_and_read_back_as_it_was(seaweedfs: str) -> None:
    store = bucket(seaweedfs)
    store.probe()
    assert list(store.list("probe/")) == []
    known = store.put_new("a/b", b"bytes" * 1000, media_type="application/pdf")
    assert encryption_of(store, "a/b") == "AES256"
    assert store.read("a/b") == b"bytes" * 1000
    assert store.put_new("a/b", b"bytes" * 1000) == known, (
        "the same bytes again are success, encrypted or not"
    )
    plain = bucket(seaweedfs, sse="")
    plain.put_new("a/b", b"bytes")
    assert encryption_of(plain, "a/b") is None


def test_a_store_that_cannot_encrypt_stops_the_start() -> None:
    with serve_seaweedfs(encrypting=False) as endpoint:
        with pytest.raises(StoreUnavailableError):
            bucket(endpoint).probe()
        bucket(endpoint, sse="").probe()


def test_a_store_that_takes_the_word_and_keeps_the_bytes_open_is_unfit(seaweedfs: str) -> None:
    class Deaf(S3Store):
        """As a store behind a gateway that knows no encryption: the header is lost on the way."""

        def _put(self, *asked: Any) -> Any:
            self._sse, wanted = "", self._sse
            try:
                return super()._put(*asked)
            finally:
                self._sse = wanted

    with pytest.raises(StoreUnfitError):
        bucket(seaweedfs, Deaf).probe()
