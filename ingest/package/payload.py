"""The files of a bag, read one at a time when they are needed.

The bytes are never others than those that were inspected.
"""

import hashlib
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from ingest.errors import PackageChangedError

_CHUNK = 1 << 20
_UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """A file of a bag, in a folder or in a zip (`member`).

    Instances are small: a gigabyte of payload crosses between processes as a list of these.
    """

    container: Path
    name: str
    size: int
    member: str | None = None
    sha256: str = field(default="", compare=False)

    def chunks(self) -> Iterator[bytes]:
        """Yield the current bytes in chunks of at most 1 MiB.

        Raises PackageChangedError when the file is gone or does not have the announced size.
        """
        left, source = self.size, self._zipped() if self.member is not None else self._plain()
        while True:
            try:
                chunk = next(source, b"")
            except _UNREADABLE as error:
                raise PackageChangedError from error
            left -= len(chunk)
            if left < 0 or (left and not chunk):
                raise PackageChangedError
            if not chunk:
                return
            yield chunk

    def read(self) -> bytes:
        """Return the bytes that were inspected.

        Raises PackageChangedError when the file holds other bytes now.
        """
        data = b"".join(self.chunks())
        if self.sha256 and hashlib.sha256(data).hexdigest() != self.sha256:
            raise PackageChangedError
        return data

    def _plain(self) -> Iterator[bytes]:
        # A link put in place after the walk is not followed, and a pipe does not block.
        handle = os.open(
            self.container / self.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
        with os.fdopen(handle, "rb") as source:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise PackageChangedError
            while chunk := source.read(_CHUNK):
                yield chunk

    def _zipped(self) -> Iterator[bytes]:
        about = self.container.stat()
        archive = _opened(self.container, os.getpid(), about.st_mtime_ns, about.st_size)
        with archive.open(self.member or "") as source:
            while chunk := source.read(_CHUNK):
                yield chunk


@lru_cache(maxsize=1)
def _opened(path: Path, _process: int, _changed: int, _size: int) -> zipfile.ZipFile:
    """Return the open zip; the zip that was read last stays open.

    Parsing the directory again for each member would cost the square of their number. There is
    one open zip for each process, since a fork shares the position in the file.
    """
    return zipfile.ZipFile(path)
