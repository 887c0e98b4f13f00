"""The BlobStore protocol: bytes under keys, written once, verified while read."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol
from uuid import uuid4

from storage.errors import BadKeyError, KeyTakenError, StoreUnfitError

_KEY = re.compile(r"[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*")
_LONGEST = 900


@dataclass(frozen=True, slots=True)
class Stat:
    """What the store knows of one object: `size` in bytes, `sha256` in hex."""

    key: str
    size: int
    sha256: str
    version: str
    media_type: str


class BlobStore(Protocol):
    """The contract of every store, held by `tests/contracts/test_blob_store.py`.

    Keys are ASCII path parts joined by `/`. Objects are write-once: the same bytes again are
    success, other bytes raise KeyTakenError and change nothing, also when two write at the same
    time. What is read is verified against its digest: DigestMismatchError is raised at the latest
    at the end.
    """

    @property
    def locks(self) -> bool:
        """Whether a lock binds also who holds the store: files are their owner's."""
        ...

    def put_new(
        self,
        key: str,
        data: bytes,
        *,
        media_type: str = "application/octet-stream",
        retain_until: datetime | None = None,
    ) -> Stat:
        """Write an object once, durable on return."""
        ...

    def read(self, key: str, *, sha256: str | None = None) -> bytes:
        """Read the whole object, verified against a digest.

        The digest is `sha256`, or else the one that the object was stored under.
        """
        ...

    def open(self, key: str, *, sha256: str | None = None) -> AbstractContextManager[BinaryIO]:
        """Stream the object; the read that meets the end verifies it."""
        ...

    def stat(self, key: str) -> Stat | None:
        """Return what is known of the object, None when there is none."""
        ...

    def list(self, prefix: str, after: str = "") -> Iterator[Stat]:
        """Yield every object whose key starts with `prefix`, in order of key, after a key."""
        ...

    def folders(self) -> tuple[str, ...]:
        """Return the first parts of all keys, in order."""
        ...

    def strays(self) -> Iterator[str]:
        """Yield what lies in the store and is no object: files that nobody wrote through it."""
        ...

    def pin(self, key: str, until: datetime) -> None:
        """Lock the object against deletion until a time; a lock is never shortened."""
        ...

    def swap(self, key: str, version: str, data: bytes) -> Stat:
        """Replace exactly one version with other bytes, atomically.

        A reader meets the old bytes or the new. For sealing anew only. Raises BadKeyError when
        another version lies there, PinnedError for a locked one.
        """
        ...

    def discard(self, key: str, version: str) -> None:
        """Delete exactly one version of one object. Raises PinnedError for a locked one."""
        ...

    def probe(self) -> None:
        """Raise StoreUnfitError unless the store refuses to overwrite."""
        ...


def checked_key(key: str) -> str:
    """Return the key unchanged, or raise BadKeyError."""
    if (
        not _KEY.fullmatch(key)
        or len(key) > _LONGEST
        or any(part in {".", ".."} or part.startswith(".") for part in key.split("/"))
    ):
        raise BadKeyError("对象键不合规。")
    return key


def probe_write_once(store: BlobStore) -> None:
    """Write a probe and try to write over it; the start-up check of every store."""
    key = f"probe/{uuid4().hex}"
    first = store.put_new(key, b"first")
    try:
        store.put_new(key, b"second")
    except KeyTakenError:
        if store.read(key) == b"first":
            store.discard(key, first.version)
            return
    raise StoreUnfitError("该存储允许覆盖已写入的对象。")
