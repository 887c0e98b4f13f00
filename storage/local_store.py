"""Files as a BlobStore: temporary name, fsync, hard link.

A link never overwrites, so one of two writers wins.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from storage.blobs import Stat, checked_key, probe_write_once
from storage.digest import VerifyingReader, sha256_hex, verified
from storage.errors import BadKeyError, KeyTakenError, MissingError, PinnedError

_META, _TEMP = ".meta", ".tmp"
_SWAPS = 5
_BEGUN_SECONDS = 86_400.0
"""A file that was begun so long ago has no writer any more."""
_SETTLED_SECONDS = 2.0
"""How long after its note an object is there, or was never to come."""
_DIGEST_JSON = 64 + len(".json")


class LocalStore:
    """A BlobStore of files under `root`, with the notes about them in `.meta`."""

    def __init__(self, root: Path) -> None:
        """Open the folder, or make it."""
        self._root = root
        for name in (_META, _TEMP):
            (root / name).mkdir(parents=True, exist_ok=True)
        _sweep(root / _TEMP)

    @property
    def locks(self) -> bool:
        """Return False: whoever writes the folder writes the lock."""
        return False

    def put_new(
        self,
        key: str,
        data: bytes,
        *,
        media_type: str = "application/octet-stream",
        retain_until: datetime | None = None,
    ) -> Stat:
        """Write an object once.

        The note of what it is goes first, so that no object is ever without one.
        """
        path, digest = self._path(key), sha256_hex(data)
        note = {"sha256": digest, "size": len(data), "media_type": media_type}
        if not path.exists():
            self._link(self._note_of(key, digest), json.dumps(note).encode())
            self._link(path, data)
        else:
            # The writer that linked it may not have synced yet, and this write too must be
            # durable on return.
            _sync(path.parent)
        if path.read_bytes() != data:
            raise KeyTakenError(f"对象已存在且内容不同：{key}。")
        if retain_until:
            self.pin(key, retain_until)
        return Stat(key, len(data), digest, digest, media_type)

    def read(self, key: str, *, sha256: str | None = None) -> bytes:
        """Read the whole object, verified."""
        data = self._bytes(key)
        if sha256:
            return verified(data, sha256, key)
        for _ in range(_SWAPS):
            # Bytes and note are two files: when the object was swapped between reading them, read
            # again.
            if sha256_hex(data) == (known := self._known(key)).sha256:
                return data
            data = self._bytes(key)
        return verified(data, known.sha256, key)

    def _bytes(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            raise MissingError(f"对象缺失：{key}。") from None

    @contextmanager
    def open(self, key: str, *, sha256: str | None = None) -> Iterator[BinaryIO]:
        """Yield the object as a stream, verified at its end."""
        expected = sha256 or self._known(key).sha256
        with self._path(key).open("rb") as source:
            yield cast("BinaryIO", VerifyingReader(source, expected, key))

    def stat(self, key: str) -> Stat | None:
        """Return what is known of the object, None when there is none."""
        return self._known(key) if self._path(key).is_file() else None

    def list(self, prefix: str, after: str = "") -> Iterator[Stat]:
        """Yield every object under the prefix, in order of key."""
        folder = prefix.rpartition("/")[0]
        for key in _walk(self._root, folder, after):
            if key.startswith(prefix) and not key.startswith("."):
                with suppress(MissingError):  # gone since the folder was read
                    yield self._known(key)

    def folders(self) -> tuple[str, ...]:
        """Return the first parts of all keys, in order."""
        names = os.listdir(self._root)  # noqa: PTH208 - names as text
        return tuple(sorted(name for name in names if not name.startswith(".")))

    def strays(self) -> Iterator[str]:
        """Yield files without a note that says what they are, and what has a note and no file."""
        alone = [
            name
            for name in _walk(self._root, _META)
            if not (self._root / _noted_key(name)).is_file()
        ]
        for key in _walk(self._root, ""):
            if key.startswith((f"{_META}/", f"{_TEMP}/")):
                continue
            try:
                self._known(key)
            except (MissingError, BadKeyError):
                if (self._root / key).is_file():  # not gone since
                    yield key
        yield from self._without_object(alone)

    def _without_object(self, notes: Sequence[str]) -> Iterator[str]:
        """Yield the notes that still have no object.

        A note comes before its bytes and goes after them: a fresh one is looked at again.
        """
        for name in notes:
            with suppress(FileNotFoundError):
                age = time.time() - (self._root / name).stat().st_mtime
                time.sleep(min(max(_SETTLED_SECONDS - age, 0.0), _SETTLED_SECONDS))
                key = _noted_key(name)
                if (self._root / name).is_file() and not (self._root / key).is_file():
                    yield key

    def pin(self, key: str, until: datetime) -> None:
        """Lock the object until a time."""
        self._known(key)
        lock = self._lock(key)
        if lock.exists() and datetime.fromisoformat(lock.read_text()) >= until:
            return
        self._write(lock, until.isoformat().encode(), os.replace)

    def swap(self, key: str, version: str, data: bytes) -> Stat:
        """Replace one version with other bytes.

        The note of the new bytes comes first, then they take the name: until the old note goes,
        the digest of the bytes says which note is theirs.
        """
        known, digest = self._free(key, version), sha256_hex(data)
        note = {"sha256": digest, "size": len(data), "media_type": known.media_type}
        self._link(self._note_of(key, digest), json.dumps(note).encode())
        self._write(self._path(key), data, os.replace)
        if digest != version:
            self._note_of(key, version).unlink(missing_ok=True)
        return self._known(key)

    def discard(self, key: str, version: str) -> None:
        """Delete exactly this object."""
        self._free(key, version)
        path = self._path(key)
        path.unlink()
        # The name is gone for good before its note goes: after a power cut an object must not come
        # back without one.
        _sync(path.parent)
        self._note_of(key, version).unlink(missing_ok=True)

    def _free(self, key: str, version: str) -> Stat:
        """Return what lies there, when it is this version and not locked."""
        known = self._known(key)
        if known.version != version:
            raise BadKeyError(f"没有这个版本：{key}。")
        lock = self._lock(key)
        if lock.exists() and datetime.fromisoformat(lock.read_text()) > datetime.now(UTC):
            raise PinnedError(f"对象在锁定期内：{key}。")
        return known

    def probe(self) -> None:
        """Raise StoreUnfitError unless overwriting is refused."""
        probe_write_once(self)

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _note_of(self, key: str, digest: str) -> Path:
        # Named by the digest: the note of a writer that lost says nothing of the bytes that won.
        return self._root / _META / f"{checked_key(key)}.{digest}.json"

    def _lock(self, key: str) -> Path:
        return self._root / _META / f"{checked_key(key)}.lock"

    def _known(self, key: str) -> Stat:
        for _ in range(_SWAPS):
            # A note that went while it was read: the object was swapped, or is gone.
            with suppress(FileNotFoundError):
                return self._noted(key)
        raise MissingError(f"对象缺失：{key}。")

    def _noted(self, key: str) -> Stat:
        path = self._path(key)
        folder, start = self._note_of(key, "x").parent, f"{path.name}."
        try:
            # Names as text: a path for each, or a pattern, costs as much as hashing the object.
            names = os.listdir(folder)  # noqa: PTH208
            notes = sorted(
                folder / name
                for name in names
                if name.startswith(start) and len(name) == len(start) + _DIGEST_JSON
            )
        except FileNotFoundError:
            notes = []
        if not path.is_file() or not notes:
            raise MissingError(f"对象缺失：{key}。")
        if len(notes) > 1:
            # Two wrote at once: the digest of the bytes says which note is theirs; changed bytes
            # match none and fail when read.
            digest = sha256_hex(path.read_bytes())
            notes = [path for path in notes if digest in path.name] or notes
        try:
            note = json.loads(notes[0].read_text())
            size, digest, media_type = path.stat().st_size, note["sha256"], note["media_type"]
        except (ValueError, KeyError, TypeError):
            raise MissingError(f"对象的说明已损坏：{key}。") from None
        return Stat(key, size, digest, digest, media_type)

    def _link(self, path: Path, data: bytes) -> None:
        with suppress(FileExistsError):
            self._write(path, data, os.link)

    def _write(self, path: Path, data: bytes, put: Callable[[str, Path], None]) -> None:
        """Write a file that is whole and on the disk before it has its name."""
        self._make_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=self._root / _TEMP)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            Path(name).chmod(0o400)
            put(name, path)
            _sync(path.parent)
        finally:
            Path(name).unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync(folder.parent)


def _noted_key(name: str) -> str:
    """Return the key of which a file in the folder of notes says something."""
    key = name.removeprefix(f"{_META}/")
    return key.removesuffix(".lock") if key.endswith(".lock") else key[: -_DIGEST_JSON - 1]


def _walk(root: Path, folder: str, after: str = "") -> Iterator[str]:
    """Yield the names of files below a folder that come after a name, in order, by folder.

    A folder sorts as its name with a slash: `a-b/c` comes before `a/b`, as in a list of keys.
    """
    try:
        with os.scandir(root / folder) as entries:
            names = sorted(
                f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                for entry in entries
            )
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        path = f"{folder}/{name}" if folder else name
        if name.endswith("/"):
            if path >= after[: len(path)]:
                yield from _walk(root, path.removesuffix("/"), after)
        elif path > after:
            yield path


def _sweep(folder: Path) -> None:
    """Delete what writers that were killed had begun: it never got a name."""
    oldest = time.time() - _BEGUN_SECONDS
    for path in folder.iterdir():
        with suppress(OSError):  # another process sweeps too, or its writer is at work
            if path.stat().st_mtime < oldest:
                path.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
