"""Digests: SHA-256 and SM3 of bytes, and a reader that verifies what passes through it."""

import hashlib
import io
from typing import BinaryIO

from storage.errors import DigestMismatchError


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of the bytes in hex."""
    return hashlib.sha256(data).hexdigest()


def sm3_hex(data: bytes) -> str:
    """Return the SM3 (GB/T 32905) of the bytes in hex."""
    return hashlib.new("sm3", data).hexdigest()


def verified(data: bytes, sha256: str, key: str) -> bytes:
    """Return the bytes when they have the digest, else raise DigestMismatchError."""
    if sha256_hex(data) != sha256:
        raise DigestMismatchError(f"对象内容与登记的摘要不符：{key}。")
    return data


class VerifyingReader(io.RawIOBase):
    """A stream that verifies the digest of another while it is read.

    The read that meets the end raises DigestMismatchError when the whole has another digest.
    """

    def __init__(self, source: BinaryIO, sha256: str, key: str) -> None:
        """Wrap `source`, expected to hold bytes of digest `sha256`."""
        super().__init__()
        self._source, self._expected, self._key, self._digest = (
            source,
            sha256,
            key,
            hashlib.sha256(),
        )

    def readable(self) -> bool:
        """Return True always."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Read on into the buffer, and verify at the end."""
        data = self._source.read(len(buffer))
        if not data:
            if self._digest.hexdigest() != self._expected:
                raise DigestMismatchError(f"对象内容与登记的摘要不符：{self._key}。")
            return 0
        self._digest.update(data)
        buffer[: len(data)] = data
        return len(data)
