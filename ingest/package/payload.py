"""The files of a bag as they lie: read when they are asked for, never all at once, and never other bytes than those that were inspected."""

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
    """One member of a bag, in a folder or in a zip (`member`). Small: a gigabyte of payload crosses between processes as a list of these."""

    container: Path
    name: str
    size: int
    member: str | None = None
    sha256: str = field(default="", compare=False)

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they lie there now, bounded by the size that was announced; raises PackageChangedError when it is another or gone."""
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
        """The bytes that were inspected; raises PackageChangedError when others lie there now."""
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
    """The zip that was read last stays open: to parse its directory for each member would cost the square of their number.

    One for each process, since a fork shares the position in the file.
    """
    return zipfile.ZipFile(path)
