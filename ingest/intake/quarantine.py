"""Quarantine of refused packages.

A refused package is kept whole under its own digest. It is copied in parts, so that a package
of any size never lies in memory as a whole.
"""

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
    """Store a refused package under `quarantine/<sha256>/`, and return that prefix.

    The same refused package is stored once. A package in one part is `package.zip`; of more parts,
    `package.zip.001` and so on joined in order are the package.
    """
    with tempfile.TemporaryFile(prefix="yice-quarantine-") as copy:
        # Copied first: the package may change while it is read, and the digest must be that of the
        # bytes that are kept.
        package = cast("BinaryIO", copy)  # its type on this system
        _copy(path, package)
        prefix = f"quarantine/{_digest(package)}"
        parts = max(1, -(-package.seek(0, os.SEEK_END) // PART_BYTES))
        package.seek(0)
        for number in range(1, parts + 1):
            name = "package.zip" if parts == 1 else f"package.zip.{number:03d}"
            store.put_new(
                f"{prefix}/{name}", package.read(PART_BYTES), media_type="application/zip"
            )
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
        for member in sorted(path.rglob("*")):
            _add(archive, member, member.relative_to(path).as_posix())


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    """Add a file or a link to the zip.

    The same folder gives the same bytes. A link is kept as a link and never followed.
    """
    # A name that is not UTF-8 cannot stand in a zip: its bytes are kept as escapes.
    info = zipfile.ZipInfo(name.encode("utf-8", "backslashreplace").decode(), _EPOCH)
    if path.is_symlink():
        info.external_attr = _LINK
        archive.writestr(info, str(path.readlink()))
    elif path.is_file():
        with archive.open(info, "w", force_zip64=True) as member:
            for chunk in _chunks(path):
                member.write(chunk)


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the current bytes of a file in chunks of at most 1 MiB.

    Yields nothing when the file is gone or is no plain file: then there is nothing to keep.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    with os.fdopen(handle, "rb") as source:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            while chunk := source.read(_CHUNK):
                yield chunk
