"""An untouched original, and its key in the store."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OriginalObject:
    """An untouched original, already in the store under `blob_key(sha256)`."""

    material_no: int
    path: str
    sha256: str
    size: int
    media_type: str
    pages: int


def blob_key(sha256: str) -> str:
    """Return the key of an object in the store, by its content (volume.md)."""
    return f"blobs/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"
