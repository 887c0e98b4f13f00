"""How fast the holdings are looked after: a scrub beside the bare hash of the same bytes, a rebuild
from the bucket, and finding what is due for renewal.

`make bench-holdings`; JSON in `bench-results/holdings.json`. Rates are per second of CPU of this
process: the bytes lie in the page cache, and neither a disk nor another program on the machine is
measured.
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, insert, select

from archive.administration.filing_units import FilingRule
from archive.database.engine import connect, migrate, reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.preservation.comparison import differences
from archive.preservation.fixity import scrub
from archive.preservation.rebuild import rebuild
from archive.preservation.renewal import freeze_renewals, outlook
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.objects import blob_key
from archive.signing.validation import Stamp
from storage.blobs import BlobStore
from storage.digest import sha256_hex
from storage.encrypt import EncryptedStore, KeyRing
from storage.local_store import LocalStore
from storage.package import SharedObject, write_package
from storage.s3_store import S3Store
from tests.archive.arrangement.test_numbering import START, accept, number_all
from tests.faults.worker import opened, work
from tests.support.holdings import CATALOGUE, ORGANISATIONS, sound_case
from tests.support.services import ACCESS, SECRET, serve_seaweedfs

_PDF, _ORIGINALS, _ORIGINAL, _RECORD = 600_000, 8, 80_000, 4_000
"""Bytes of a volume of ten pages: its PDF, its originals, its records."""
_KEPT = 3
"""Versions of each volume in the search for what is due."""


def database(folder: Path) -> Engine:
    engine = connect(f"sqlite:///{folder / 'yice.db'}")
    migrate(engine)
    return engine


def filled(engine: Engine, store: BlobStore, packages: int) -> list[SharedObject]:
    """Committed packages of invented bytes, as large as those of real volumes; gives back every
    object of them.
    """
    for number in range(packages):
        accept(engine, number + 1, START + timedelta(minutes=number))
    number_all(engine)
    everything: list[SharedObject] = []
    with writing(engine) as session:
        for volume, version in session.execute(
            select(Volume, VolumeVersion).join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        ):
            blobs = [os.urandom(_ORIGINAL) for _ in range(_ORIGINALS)]
            shared = [
                SharedObject(
                    f"originals/{at}",
                    blob_key(sha256_hex(blob)),
                    sha256_hex(blob),
                    len(blob),
                    "image/jpeg",
                )
                for at, blob in enumerate(blobs)
            ]
            for shared_object, data in zip(shared, blobs, strict=True):
                store.put_new(shared_object.key, data)
            files = {
                "volume.pdf": os.urandom(_PDF),
                "case.json": os.urandom(_RECORD),
                "inspection.json": os.urandom(_RECORD),
            }
            prefix = storage_prefix(ArchivalCode.parse(volume.code), 1)
            package = write_package(
                store,
                prefix,
                files,
                shared,
                code=volume.code,
                version=1,
                previous=None,
                journal_head="0:0",
                made_at=datetime.now(UTC),
            )
            version.state, version.inventory_sha256 = "COMMITTED", package.sha256
            everything += package.objects
    return everything


def scrubbed(store: BlobStore, folder: Path, packages: int) -> dict[str, float]:
    """MB for each second of CPU of a whole cycle, and of reading and hashing the same objects with
    nothing around it.
    """
    engine = database(folder)
    objects = filled(engine, store, packages)
    begin = time.process_time()
    run = scrub(engine, store, None, "bench")
    seconds = time.process_time() - begin
    assert run.complete
    assert not run.faults
    size = sum(blob.size for blob in objects)
    result = {"mb": size / 1e6, "scrub_mb_per_second": run.bytes / 1e6 / seconds}
    if isinstance(store, LocalStore):
        begin = time.process_time()
        for blob in objects:
            hashlib.sha256((folder / "store" / blob.key).read_bytes()).hexdigest()
        result["bare_mb_per_second"] = size / 1e6 / (time.process_time() - begin)
    engine.dispose()
    return result


def rebuilt(folder: Path, volumes: int) -> dict[str, float]:
    """Volumes per second of a database made anew from a bucket of real volumes."""
    archive = opened(folder, folder / "pki")
    for number in range(1, volumes + 1):
        case_no = f"150602010000-20260901-{number:06d}"
        archive.deliver(case_no, sound_case(case_no))
    work(archive, "compile")
    anew = folder / "anew"
    anew.mkdir()
    engine = database(anew)
    begin = time.process_time()
    rebuilt = rebuild(
        engine,
        archive.store,
        "bench",
        catalogue=CATALOGUE,
        organisations=ORGANISATIONS,
        rule=FilingRule.RECEIVING_PLACE,
    )
    seconds = time.process_time() - begin
    assert rebuilt.faults == differences(archive.engine, engine) == []
    engine.dispose()
    archive.engine.dispose()
    return {"volumes": volumes, "volumes_per_second": volumes / seconds}


def due(folder: Path, volumes: int) -> dict[str, float]:
    """Milliseconds to find what is due among many volumes that were renewed twice, and to begin the
    first five hundred.
    """
    engine, now = database(folder), datetime.now(UTC)
    accept(engine, 1, START)
    with reading(engine) as session:
        case = session.scalars(select(Case)).one()
        columns = {column.key: getattr(case, column.key) for column in Case.__table__.columns}
    numbers = range(2, volumes + 2)
    place = {
        "fonds": "J602",
        "series": "CS",
        "year": 2026,
        "term": "Y",
        "filing_org": "150602010000",
        "completed_at": START,
        "late": False,
    }
    plain = {
        "case_revision": 1,
        "state": "COMMITTED",
        "input_digest": "0",
        "frozen_at": now,
        "lease_token": 0,
        "lta_pending": False,
    }
    with writing(engine) as session:
        session.execute(insert(Case), [{**columns, "id": n, "case_no": f"C{n}"} for n in numbers])
        rows = [
            {
                **place,
                "id": n,
                "case_id": n,
                "number": n,
                "code": f"J602-ZY·HJ·CS·2026·Y-{n:06d}",
                "reserved_at": now,
            }
            for n in numbers
        ]
        session.execute(insert(Volume), rows)
        for number in range(1, _KEPT + 1):
            # Older versions ended long ago; of the newest ones, one in ten ends soon.
            ends = [
                now + timedelta(days=30 if n % 10 == 0 else 900) if number == _KEPT else now
                for n in numbers
            ]
            stamped = {
                "version": number,
                "origin": "RENEWAL",
                "stamp_algorithm": "rsa2048-sha256",
                **plain,
            }
            session.execute(
                insert(VolumeVersion),
                [
                    {**stamped, "volume_id": n, "stamped_until": end}
                    for n, end in zip(numbers, ends, strict=True)
                ],
            )
    before, good_for = (
        now + timedelta(days=180),
        Stamp(now + timedelta(days=3650), "rsa2048-sha256"),
    )
    with reading(engine) as session:
        begin = time.process_time()
        due = outlook(session, before, {})
        looked = time.process_time() - begin
    assert due.due == volumes // 10
    with writing(engine) as session:
        begin = time.process_time()
        begun = freeze_renewals(
            session, "bench", before=before, now_good_for=good_for, ends={}, at=now
        )
        frozen = time.process_time() - begin
    engine.dispose()
    return {
        "volumes": volumes,
        "outlook_ms": looked * 1e3,
        "begun": begun,
        "begin_ms": frozen * 1e3,
    }


def measure(packages: int, volumes: int, rows: int, out: Path) -> dict[str, Any]:
    def alone(part: Callable[[Path], dict[str, float]]) -> dict[str, float]:
        with TemporaryDirectory(dir=out) as folder:
            return part(Path(folder))

    ring = KeyRing({"bench": b"k" * 32}, "bench")
    with serve_seaweedfs() as endpoint:
        return {
            "scrub_files": alone(
                lambda folder: scrubbed(LocalStore(folder / "store"), folder, packages)
            ),
            "scrub_sealed_files": alone(
                lambda folder: scrubbed(
                    EncryptedStore(LocalStore(folder / "store"), ring), folder, packages
                )
            ),
            "scrub_s3": alone(
                lambda folder: scrubbed(
                    S3Store(endpoint, "bench", ACCESS, SECRET, secure=False), folder, packages
                )
            ),
            "rebuild": alone(lambda folder: rebuilt(folder, volumes)),
            "renewals_due": alone(lambda folder: due(folder, rows)),
        }


def lines(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    bare = figures["scrub_files"]["bare_mb_per_second"]
    yield "SHA-256 裸读", f"{bare:.0f} MB/s"
    for name, title in (
        ("scrub_files", "巡检：文件"),
        ("scrub_sealed_files", "巡检：加密文件"),
        ("scrub_s3", "巡检：SeaweedFS"),
    ):
        rate = figures[name]["scrub_mb_per_second"]
        yield title, f"{rate:.0f} MB/s（裸读的 {rate / bare:.0%}）"
    yield "重建", f"{figures['rebuild']['volumes_per_second']:.1f} 册/秒"
    ahead = figures["renewals_due"]
    yield (
        f"{ahead['volumes']} 册中查找待续期",
        f"{ahead['outlook_ms']:.0f} ms；开始 {ahead['begun']} 册 {ahead['begin_ms']:.0f} ms",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=150)
    parser.add_argument("--volumes", type=int, default=12)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--out", type=Path, default=Path("bench-results"))
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    figures = measure(options.packages, options.volumes, options.rows, options.out)
    (options.out / "holdings.json").write_text(json.dumps(figures, indent=1) + "\n")
    table = Table("保管", "测得")
    for row in lines(figures):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
