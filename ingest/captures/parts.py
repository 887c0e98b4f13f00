"""What comes in parts: each lies in the store until the whole is put together, so that any node takes any of them and a broken line costs one part."""

import hashlib
from pathlib import Path

from storage.blobs import BlobStore

PART = 4 * 1024 * 1024


_ALL = "uploads/"


def _prefix(upload: str) -> str:
    return f"{_ALL}{upload}/"


def part_count(size: int) -> int:
    """How many parts a file of this size is sent in."""
    return -(-size // PART)


def part_size(size: int, part: int) -> int:
    """How large part `part` (from 0) is: all but the last have `PART` bytes; below 1 there is no such part."""
    return min(PART, size - part * PART)


def keep_part(store: BlobStore, upload: str, part: int, data: bytes) -> None:
    """Keep a part. The same again is kept once; raises when other bytes lie in its place."""
    store.put_new(f"{_prefix(upload)}{part:06d}", data)


def parts_held(store: BlobStore, upload: str) -> list[int]:
    """The parts that have come."""
    return [int(one.key.rpartition("/")[2]) for one in store.list(_prefix(upload))]


def put_together(store: BlobStore, upload: str, path: Path, *, size: int, sha256: str) -> bool:
    """Write the whole to `path`; False while parts are missing, or when the digest is another."""
    digest = hashlib.sha256()
    held = list(store.list(_prefix(upload)))
    if sum(one.size for one in held) != size:
        return False
    with path.open("wb") as out:
        for one in held:
            data = store.read(one.key)
            digest.update(data)
            out.write(data)
    return digest.hexdigest() == sha256


def uploads_held(store: BlobStore) -> set[str]:
    """The uploads of which parts lie in the store."""
    return {one.key.removeprefix(_ALL).partition("/")[0] for one in store.list(_ALL)}


def discard_parts(store: BlobStore, upload: str) -> None:
    """The parts have served, or are to be sent anew."""
    for one in list(store.list(_prefix(upload))):
        store.discard(one.key, one.version)
