"""The archival package: objects under one prefix, listed by manifests and an inventory.

`inventory.json` is the commit record and is written last.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from storage.blobs import BlobStore
from storage.digest import sha256_hex, sm3_hex
from storage.errors import (
    DigestMismatchError,
    MissingError,
    PinnedError,
    StorageError,
    StoreUnavailableError,
)

INVENTORY = "inventory.json"
SPEC = "volume-inventory/1"
_MEDIA = {
    ".pdf": "application/pdf",
    ".json": "application/json",
    ".xml": "application/xml",
    ".txt": "text/plain",
}


@dataclass(frozen=True, slots=True)
class SharedObject:
    """An object of the package that lies elsewhere in the store, by its content."""

    path: str
    key: str
    sha256: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """The commit record of a package.

    `sha256` is its own digest; `objects` are all the objects of the package, by full key.
    """

    code: str
    version: int
    previous: str | None
    journal_head: str
    made_at: str
    objects: tuple[SharedObject, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class PackageFault:
    """A fault of a package: MISSING, CHANGED, UNREADABLE or UNLISTED."""

    kind: str
    path: str


def write_package(
    store: BlobStore,
    prefix: str,
    files: Mapping[str, bytes],
    shared: Sequence[SharedObject],
    *,
    code: str,
    version: int,
    previous: str | None,
    journal_head: str,
    made_at: datetime,
    before_inventory: Callable[[], None] = lambda: None,
) -> Inventory:
    """Write all files, read each back, and last the commit record.

    Raises KeyTakenError when other bytes lie there already, MissingError or DigestMismatchError
    for a shared object that is not whole.
    """
    listed = {path: sha256_hex(data) for path, data in files.items()} | {
        item.path: item.sha256 for item in shared
    }
    # Reading the shared ones for their SM3 is also the proof that they are there and whole.
    listed_sm3 = {path: sm3_hex(data) for path, data in files.items()}
    listed_sm3 |= {item.path: sm3_hex(store.read(item.key, sha256=item.sha256)) for item in shared}
    manifests = {
        "manifest-sha256.txt": _manifest(listed),
        "manifest-sm3.txt": _manifest(listed_sm3),
    }
    objects = list(shared)
    for path, data in {**files, **manifests}.items():
        media_type = _MEDIA.get(Path(path).suffix, "application/octet-stream")
        digest = listed.get(path) or sha256_hex(data)
        store.put_new(f"{prefix}/{path}", data, media_type=media_type)
        store.read(f"{prefix}/{path}", sha256=digest)
        objects.append(SharedObject(path, f"{prefix}/{path}", digest, len(data), media_type))
    before_inventory()
    record = {
        "spec": SPEC,
        "code": code,
        "version": version,
        "previous": previous,
        "journal_head": journal_head,
        "made_at": made_at.isoformat(),
        "objects": [asdict(item) for item in sorted(objects, key=lambda item: item.path)],
    }
    text = (json.dumps(record, ensure_ascii=False, indent=1) + "\n").encode()
    store.put_new(f"{prefix}/{INVENTORY}", text, media_type="application/json")
    return parse_inventory(store.read(f"{prefix}/{INVENTORY}", sha256=sha256_hex(text)))


def _manifest(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()


def read_inventory(store: BlobStore, prefix: str) -> Inventory | None:
    """Return the commit record, or None when the package was never committed."""
    key = f"{prefix}/{INVENTORY}"
    return parse_inventory(store.read(key)) if store.stat(key) else None


def parse_inventory(text: bytes) -> Inventory:
    """Parse a commit record; raise DigestMismatchError for bytes that are none."""
    try:
        record = json.loads(text)
        objects = tuple(SharedObject(**entry) for entry in record["objects"])
        return Inventory(
            record["code"],
            record["version"],
            record["previous"],
            record["journal_head"],
            record["made_at"],
            objects,
            sha256_hex(text),
        )
    except (ValueError, KeyError, TypeError):
        raise DigestMismatchError("归档记录 inventory.json 无法读取。") from None


def verify_package(store: BlobStore, prefix: str) -> list[PackageFault]:
    """Check every listed object against its digest, and look for unlisted objects."""
    inventory = read_inventory(store, prefix)
    if inventory is None:
        return [PackageFault("MISSING", INVENTORY)]
    faults = [fault for item in inventory.objects if (fault := _fault(store, item)) is not None]
    known = {item.key for item in inventory.objects} | {f"{prefix}/{INVENTORY}"}
    return faults + [
        PackageFault("UNLISTED", stat.key)
        for stat in store.list(f"{prefix}/")
        if stat.key not in known
    ]


def _fault(store: BlobStore, item: SharedObject) -> PackageFault | None:
    try:
        store.read(item.key, sha256=item.sha256)
    except MissingError:
        return PackageFault("MISSING", item.path)
    except DigestMismatchError:
        return PackageFault("CHANGED", item.path)
    except StoreUnavailableError:
        raise  # says nothing of the object; a package must not be judged by an outage
    except (StorageError, OSError):
        return PackageFault("UNREADABLE", item.path)
    return None


def discard_uncommitted(store: BlobStore, prefix: str) -> None:
    """Remove the objects of a package that was never committed.

    Raises PinnedError when it was committed: a commit record makes it permanent.
    """
    stats = list(store.list(f"{prefix}/"))
    if any(stat.key == f"{prefix}/{INVENTORY}" for stat in stats):
        raise PinnedError("该册已有归档记录，不得清除。")
    for stat in stats:
        store.discard(stat.key, stat.version)


def export_bag(store: BlobStore, prefix: str, to: Path) -> Path:
    """Write the package as a BagIt bag (RFC 8493) under `to`; return its folder.

    The folder is named by the key of the package; it is complete or not there.
    """
    inventory = read_inventory(store, prefix)
    if inventory is None:
        raise MissingError("该册尚未归档，没有归档记录。")
    name = "-".join(prefix.split("/")[1:])
    to.mkdir(parents=True, exist_ok=True)
    target, fresh = to / name, to / f".{name}.{uuid4().hex[:8]}"
    try:
        lines = []
        files = {item.path: store.read(item.key, sha256=item.sha256) for item in inventory.objects}
        for path, data in {
            **files,
            INVENTORY: store.read(f"{prefix}/{INVENTORY}", sha256=inventory.sha256),
        }.items():
            out = fresh / "data" / path
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(data)
            lines.append(f"{sha256_hex(data)}  data/{path}\n")
        tags = {
            "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "bag-info.txt": f"External-Identifier: {inventory.code}\nBag-Software-Agent: Yice\n",
            "manifest-sha256.txt": "".join(sorted(lines)),
        }
        for path, text in tags.items():
            (fresh / path).write_text(text, "utf-8")
        (fresh / "tagmanifest-sha256.txt").write_text(
            "".join(f"{sha256_hex(text.encode())}  {path}\n" for path, text in tags.items()),
            "utf-8",
        )
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target
