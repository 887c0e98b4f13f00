"""Encryption at rest: any BlobStore behind AES-256-GCM.

Each object has a fresh key of its own, wrapped by a key that has a name and can be rotated.

An object is stored as one header line of JSON (the key's name, the wrapped object key, and sealed
size and digest) and the sealed bytes. The store alone gives away sizes and names of keys, and no
content: a digest in the open would confirm a guess.
"""

import io
import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.blobs import BlobStore, Stat, probe_write_once
from storage.digest import sha256_hex, verified
from storage.errors import (
    BadKeyError,
    DigestMismatchError,
    KeyTakenError,
    MissingError,
    PinnedError,
    StorageError,
)

SPEC = "yice-sealed/1"
_KEY_BYTES, _NONCE_BYTES, _LONGEST_HEAD = 32, 12, 4096


class KeyUnknownError(StorageError):
    """The object is sealed under a key that was not given."""

    code = "KEY_UNKNOWN"
    action = "请把该名称的密钥放回密钥文件夹；没有它，对象无法读取。"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys by name, and the name of the one that seals new objects.

    An older key stays as long as anything is sealed under it.
    """

    keys: Mapping[str, bytes]
    current: str

    def __post_init__(self) -> None:
        if self.current not in self.keys or any(
            len(key) != _KEY_BYTES for key in self.keys.values()
        ):
            raise KeyUnknownError("加密密钥缺失或长度不是 32 字节。")

    def wrap(self, object_key: bytes, bound: bytes) -> tuple[str, bytes]:
        """Seal an object's key under the current key; `bound` ties it to its place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return self.current, nonce + AESGCM(self.keys[self.current]).encrypt(
            nonce, object_key, bound
        )

    def unwrap(self, name: str, wrapped: bytes, bound: bytes) -> bytes:
        """Open an object's key.

        Raises KeyUnknownError, or DigestMismatchError when the key was changed or moved.
        """
        if name not in self.keys:
            raise KeyUnknownError(f"没有名为 {name} 的加密密钥。")
        try:
            return AESGCM(self.keys[name]).decrypt(
                wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], bound
            )
        except (InvalidTag, ValueError):
            raise DigestMismatchError("对象的加密密钥被改变。") from None


class Resealed(NamedTuple):
    """The counts of a resealing: objects sealed anew, and locked ones.

    A locked object keeps its key until the lock ends.
    """

    done: int
    locked: int


class EncryptedStore:
    """A BlobStore that seals every object before it reaches the store behind it.

    Digests and sizes are those of the open bytes.
    """

    def __init__(self, inner: BlobStore, ring: KeyRing) -> None:
        """Seal what goes into `inner`, open what comes from it."""
        self._inner, self._ring = inner, ring

    @property
    def locks(self) -> bool:
        """Return whether the store behind locks objects."""
        return self._inner.locks

    def put_new(
        self,
        key: str,
        data: bytes,
        *,
        media_type: str = "application/octet-stream",
        retain_until: datetime | None = None,
    ) -> Stat:
        """Write an object once.

        Sealing the same bytes twice gives different ones, so an object that lies there already is
        opened and compared.
        """
        if self._inner.stat(key) is None:
            # Another writer may be first; whether it wrote the same is seen below.
            with suppress(KeyTakenError):
                self._inner.put_new(key, self._sealed(key, data), media_type=media_type)
        known = self._same(key, data)
        if retain_until:
            self._inner.pin(key, retain_until)
        return known

    def _same(self, key: str, data: bytes) -> Stat:
        if self.read(key) != data:
            raise KeyTakenError(f"对象已存在且内容不同：{key}。")
        return self._known(key)

    def read(self, key: str, *, sha256: str | None = None) -> bytes:
        """Read the whole object, opened and verified.

        It is verified against the digest that was sealed in, and against `sha256`.
        """
        line, newline, sealed = self._inner.read(key).partition(b"\n")
        data = self._open(key, line + newline, sealed)
        return verified(data, sha256, key) if sha256 else data

    @contextmanager
    def open(self, key: str, *, sha256: str | None = None) -> Iterator[BinaryIO]:
        """Yield the object as a stream of opened bytes.

        GCM proves the whole or nothing, so the whole is opened before the first byte is given.
        """
        yield io.BytesIO(self.read(key, sha256=sha256))

    def stat(self, key: str) -> Stat | None:
        """Return what is known of the object, None when there is none.

        Of an object whose header is damaged the digest is empty, but the version is known, so
        that it can be mended.
        """
        known = self._inner.stat(key)
        return None if known is None else self._stat_of(known)

    def list(self, prefix: str, after: str = "") -> Iterator[Stat]:
        """Yield every object under the prefix, in order of key, after a key."""
        for sealed in self._inner.list(prefix, after):
            with suppress(MissingError):  # gone since
                yield self._stat_of(sealed)

    def folders(self) -> tuple[str, ...]:
        """Return the first parts of all keys; names are not encrypted."""
        return self._inner.folders()

    def strays(self) -> Iterator[str]:
        """Yield what lies in the store behind and is no object."""
        return self._inner.strays()

    def pin(self, key: str, until: datetime) -> None:
        """Lock the object until a time."""
        self._inner.pin(key, until)

    def discard(self, key: str, version: str) -> None:
        """Delete exactly this version."""
        self._inner.discard(key, version)

    def probe(self) -> None:
        """Raise StoreUnfitError unless overwriting is refused."""
        self._inner.probe()
        probe_write_once(self)

    def key_name(self, key: str) -> str:
        """Return the name of the key that an object is sealed under."""
        return _head(self._line(key), key)["key"]

    def reseal(self, key: str) -> bool:
        """Seal an object under the current key; return False when it already is.

        The object is swapped atomically, and opened before it takes the place of the old: a
        reader meanwhile, and a kill at any point, finds a whole object. Raises PinnedError for a
        locked object, which keeps its key.
        """
        if self.key_name(key) == self._ring.current:
            return False
        sealed = self._inner.stat(key)
        if sealed is None:
            raise MissingError(f"对象缺失：{key}。")
        data = self.read(key)
        self.swap(key, sealed.version, data)
        self.read(key, sha256=sha256_hex(data))
        return True

    def reseal_all(self) -> Resealed:
        """Seal every object that is under another key anew; return the counts.

        An object that went meanwhile, or is sealed anew by another process at the same time, is
        left out.
        """
        done = locked = 0
        for sealed in list(self._inner.list("")):
            try:
                done += self.reseal(sealed.key)
            except PinnedError:
                locked += 1
            except (MissingError, BadKeyError):
                continue
        return Resealed(done, locked)

    def swap(self, key: str, version: str, data: bytes) -> Stat:
        """Replace one version with other bytes, sealed under the current key."""
        fresh = self._sealed(key, data)
        line, newline, sealed = fresh.partition(b"\n")
        if self._open(key, line + newline, sealed) != data:
            raise DigestMismatchError(f"重新密封的对象打不开：{key}。")
        self._inner.swap(key, version, fresh)
        return self._known(key)

    def _sealed(self, key: str, data: bytes) -> bytes:
        object_key, bound = secrets.token_bytes(_KEY_BYTES), key.encode()
        name, wrapped = self._ring.wrap(object_key, bound)
        about = json.dumps({"sha256": sha256_hex(data), "size": len(data)}).encode()
        head = {
            "spec": SPEC,
            "key": name,
            "wrapped": _text(wrapped),
            "about": _text(_seal(object_key, about, b"about " + bound)),
        }
        line = json.dumps(head, sort_keys=True).encode() + b"\n"
        return line + _seal(object_key, data, line)

    def _line(self, key: str) -> bytes:
        """Return the header line alone, at a cost that does not grow with the object."""
        line = b""
        with self._inner.open(key) as source:
            while (
                b"\n" not in line
                and len(line) < _LONGEST_HEAD
                and (more := source.read(_LONGEST_HEAD))
            ):
                line += more
        return line.partition(b"\n")[0] + b"\n"

    def _object_key(self, key: str, line: bytes) -> bytes:
        head = _head(line, key)
        return self._ring.unwrap(head["key"], _bytes(head["wrapped"], key), key.encode())

    def _open(self, key: str, line: bytes, sealed: bytes) -> bytes:
        return _unseal(self._object_key(key, line), sealed, line, key)

    def _stat_of(self, sealed: Stat) -> Stat:
        try:
            return self._known(sealed.key)
        except DigestMismatchError:
            return replace(sealed, sha256="")

    def _known(self, key: str) -> Stat:
        sealed = self._inner.stat(key)
        if sealed is None:
            raise MissingError(f"对象缺失：{key}。")
        line = self._line(key)
        about = _bytes(_head(line, key)["about"], key)
        opened = json.loads(
            _unseal(self._object_key(key, line), about, b"about " + key.encode(), key)
        )
        return replace(sealed, size=opened["size"], sha256=opened["sha256"])


def _head(line: bytes, key: str) -> dict[str, str]:
    try:
        head: dict[str, str] = json.loads(line)
        if head["spec"] == SPEC and head.keys() == {"spec", "key", "wrapped", "about"}:
            return head
    except (ValueError, KeyError, TypeError):
        pass
    raise DigestMismatchError(f"对象不是密封的，或已被改变：{key}。")


def _seal(object_key: bytes, data: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(object_key).encrypt(nonce, data, bound)


def _unseal(object_key: bytes, sealed: bytes, bound: bytes, key: str) -> bytes:
    try:
        return AESGCM(object_key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound)
    except (InvalidTag, ValueError):
        raise DigestMismatchError(f"对象内容被改变：{key}。") from None


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _bytes(text: str, key: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise DigestMismatchError(f"对象不是密封的，或已被改变：{key}。") from None


def load_ring(folder: Path, current: str) -> KeyRing:
    """Load every `<name>.key` of a folder into a ring.

    Each is 32 bytes, as `openssl rand -out 2026.key 32` writes them.
    """
    return KeyRing({path.stem: path.read_bytes() for path in sorted(folder.glob("*.key"))}, current)
