"""A case that is whole becomes a submission package like any other: one format, one door (submission.md)."""

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, select

from archive.database.engine import reading, writing
from archive.database.tables_cases import Delivery
from archive.gathering.cases import CompleteCase, mark_submitted
from archive.jobs.crashpoints import reach
from archive.reference.objects import blob_key
from archive.reference.vocabulary import IntakeOutcome
from storage.blobs import BlobStore


def write_package(store: BlobStore, folder: Path, whole: CompleteCase) -> Path:
    """Write the bag of a whole case; the same case gives the same bytes. An unfinished one of an earlier run is written anew."""
    bag = folder / whole.bag
    shutil.rmtree(bag, ignore_errors=True)
    (bag / "data" / "materials").mkdir(parents=True)
    facts = json.dumps(whole.facts, ensure_ascii=False, indent=1, sort_keys=True).encode()
    (bag / "data" / "case.json").write_bytes(facts)
    digests = {"data/case.json": hashlib.sha256(facts).hexdigest()}
    for path, digest in whole.files.items():
        (bag / "data" / path).write_bytes(store.read(blob_key(digest), sha256=digest))
        digests[f"data/{path}"] = digest
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "manifest-sha256.txt": _manifest(digests),
    }
    tags["tagmanifest-sha256.txt"] = _manifest(
        {name: hashlib.sha256(data).hexdigest() for name, data in tags.items()}
    )
    for name, data in tags.items():
        (bag / name).write_bytes(data)
    reach("packed")
    return bag


def _manifest(digests: dict[str, str]) -> bytes:
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()


def answered_before(engine: Engine, whole: CompleteCase) -> IntakeOutcome | None:
    """What the door said to this package when a kill came before we wrote it down; None when it was not handed in yet."""
    with reading(engine) as session:
        said = session.scalars(
            select(Delivery.outcome).where(Delivery.bag == whole.bag).order_by(Delivery.id)
        ).first()
    return IntakeOutcome(said) if said else None


def settle(
    engine: Engine, actor: str, whole: CompleteCase, outcome: IntakeOutcome, *, package: Path
) -> None:
    """Write down what the door said; the package has served, its originals lie in the archive or in quarantine."""
    reach("received")
    with writing(engine) as session:
        mark_submitted(session, actor, whole, outcome, at=datetime.now(UTC))
    shutil.rmtree(package, ignore_errors=True)
