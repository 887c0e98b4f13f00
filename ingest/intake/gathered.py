"""Packages of gathered cases.

A complete case becomes a submission package like any other, so that there is one format and
one intake (submission.md).
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from archive.database.engine import reading, writing
from archive.database.tables_cases import Delivery
from archive.gathering.cases import CompleteCase, mark_submitted
from archive.jobs.crashpoints import reach
from archive.reference.objects import blob_key
from archive.reference.vocabulary import IntakeOutcome
from storage.blobs import BlobStore


def write_package(store: BlobStore, folder: Path, whole: CompleteCase) -> Path:
    """Write the bag of a complete case, and return its path.

    The same case gives the same bytes. An unfinished bag of an earlier run is written again.
    """
    files = (
        (path, store.read(blob_key(digest), sha256=digest)) for path, digest in whole.files.items()
    )
    bag = write_bag(folder / whole.bag, whole.facts, files)
    reach("packed")
    return bag


def write_bag(bag: Path, facts: Mapping[str, Any], files: Iterable[tuple[str, bytes]]) -> Path:
    """Write the bag of a case with its files, by path in it, and return its path."""
    shutil.rmtree(bag, ignore_errors=True)
    (bag / "data").mkdir(parents=True)
    text = json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True).encode()
    (bag / "data" / "case.json").write_bytes(text)
    digests = {"data/case.json": hashlib.sha256(text).hexdigest()}
    for path, data in files:
        place = bag / "data" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        digests[f"data/{path}"] = hashlib.sha256(data).hexdigest()
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "manifest-sha256.txt": _manifest(digests),
    }
    tags["tagmanifest-sha256.txt"] = _manifest(
        {name: hashlib.sha256(data).hexdigest() for name, data in tags.items()}
    )
    for name, data in tags.items():
        (bag / name).write_bytes(data)
    return bag


def _manifest(digests: dict[str, str]) -> bytes:
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()


def earlier_outcome(engine: Engine, whole: CompleteCase) -> IntakeOutcome | None:
    """Return the outcome of an earlier intake of this package, None without one.

    There is one when a kill came before the outcome was recorded on the case.
    """
    with reading(engine) as session:
        outcome = session.scalars(
            select(Delivery.outcome).where(Delivery.bag == whole.bag).order_by(Delivery.id)
        ).first()
    return IntakeOutcome(outcome) if outcome else None


def record_outcome(
    engine: Engine, actor: str, whole: CompleteCase, outcome: IntakeOutcome, *, package: Path
) -> None:
    """Record the outcome of intake on the case, and remove the package.

    The originals lie in the archive or in quarantine by then.
    """
    reach("received")
    with writing(engine) as session:
        mark_submitted(session, actor, whole, outcome, at=datetime.now(UTC))
    shutil.rmtree(package, ignore_errors=True)
