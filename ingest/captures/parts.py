"""Files that are sent in parts of 4 MiB.

Each part lies in the store until the file is joined, so that any node takes any part, and a
broken connection costs one part.
"""

import hashlib
from pathlib import Path

from storage.blobs import BlobStore

PART = 4 * 1024 * 1024


_ALL = "uploads/"


def _prefix(upload: str) -> str:
    return f"{_ALL}{upload}/"


def part_count(size: int) -> int:
    """Return how many parts a file of this size is sent in."""
    return -(-size // PART)


def part_size(size: int, part: int) -> int:
    """Return the size of part `part` (from 0) in bytes.

    All parts but the last have `PART` bytes. A result below 1 means that there is no such part.
    """
    return min(PART, size - part * PART)


def store_part(store: BlobStore, upload: str, part: int, data: bytes) -> None:
    """Store a part.

    The same part sent again is stored once. Raises when other bytes are stored in its place.
    """
    store.put_new(f"{_prefix(upload)}{part:06d}", data)


def received_parts(store: BlobStore, upload: str) -> list[int]:
    """Return the numbers of the parts that have arrived."""
    return [int(part.key.rpartition("/")[2]) for part in store.list(_prefix(upload))]


def join_parts(store: BlobStore, upload: str, path: Path, *, size: int, sha256: str) -> bool:
    """Write the joined parts to `path`, and return whether they are the announced file.

    Returns False while parts are missing, and when the digest differs.
    """
    digest = hashlib.sha256()
    parts = list(store.list(_prefix(upload)))
    if sum(part.size for part in parts) != size:
        return False
    with path.open("wb") as out:
        for part in parts:
            data = store.read(part.key)
            digest.update(data)
            out.write(data)
    return digest.hexdigest() == sha256


def pending_uploads(store: BlobStore) -> set[str]:
    """Return the uploads of which parts are in the store."""
    return {part.key.removeprefix(_ALL).partition("/")[0] for part in store.list(_ALL)}


def discard_parts(store: BlobStore, upload: str) -> None:
    """Remove the parts of an upload, after it was joined or before it is sent again."""
    for part in list(store.list(_prefix(upload))):
        store.discard(part.key, part.version)
