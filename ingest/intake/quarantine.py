"""Keep a refused package whole, under its own digest, however large it is: it passes through in parts and never lies in memory as one."""

import hashlib
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from storage.blobs import BlobStore

PART_BYTES = 32 << 20
_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LINK = 0o120777 << 16


def quarantine(store: BlobStore, path: Path) -> str:
    """Put it under `quarantine/<sha256>/`, the same refused package twice is kept once; gives the prefix.

    One part is `package.zip`; of more, `package.zip.001` and so on joined in order are the package.
    """
    with tempfile.TemporaryFile(prefix="yice-quarantine-") as copy:
        # A copy first: the package may change while it is read, and the digest must be that of what is kept.
        held = cast("BinaryIO", copy)  # on this system it is one
        _copy(path, held)
        prefix = f"quarantine/{_digest(held)}"
        parts = max(1, -(-held.seek(0, os.SEEK_END) // PART_BYTES))
        held.seek(0)
        for number in range(1, parts + 1):
            name = "package.zip" if parts == 1 else f"package.zip.{number:03d}"
            store.put_new(f"{prefix}/{name}", held.read(PART_BYTES), media_type="application/zip")
    return prefix


def _digest(source: BinaryIO) -> str:
    source.seek(0)
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _copy(path: Path, out: BinaryIO) -> None:
    if not path.is_dir():
        out.writelines(_chunks(path))
        return
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for one in sorted(path.rglob("*")):
            _add(archive, one, one.relative_to(path).as_posix())


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    """Same folder same bytes; a link is kept as a link and never followed."""
    # A name that is no UTF-8 cannot stand in a zip: what it was is still told by the bytes of its escape.
    info = zipfile.ZipInfo(name.encode("utf-8", "backslashreplace").decode(), _EPOCH)
    if path.is_symlink():
        info.external_attr = _LINK
        archive.writestr(info, str(path.readlink()))
    elif path.is_file():
        with archive.open(info, "w", force_zip64=True) as member:
            for chunk in _chunks(path):
                member.write(chunk)


def _chunks(path: Path) -> Iterator[bytes]:
    """What lies there now; nothing when it is gone since, or is no plain file: then there is nothing to keep."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    with os.fdopen(handle, "rb") as source:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            while chunk := source.read(_CHUNK):
                yield chunk
