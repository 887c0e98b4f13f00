"""`make bench-growth`: what one case costs with nothing held and with 20,000 volumes held: intake, numbering and each step of a volume, in CPU time.

The volumes held are rows and commit records copied from one that was really made, so that they cost minutes and not hours; those measured are real.
"""

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, Engine, func, insert, select

from api import bootstrap
from api.settings import Settings
from archive.arrangement import FilingRule
from archive.codes import ArchivalCode, storage_prefix
from archive.compile import volume
from archive.db import reading, writing
from archive.models import (
    Base,
    Case,
    CaseRevision,
    Component,
    Delivery,
    IndexFeed,
    Job,
    JournalEntry,
    NumberCounter,
    Step,
    Volume,
    VolumeVersion,
)
from archive.numbering import freeze, unnumbered
from archive.vocabulary import SignatureLevel
from ingest.intake import inspect_package, receive
from tests.bench.bare import Clock
from tests.bench.cases import write_bag
from tests.bench.volumes import _instrument

_CHUNK, _STEPS = 1000, ("sheets", "build", "sign", "prove", "store")
_COPIED = (Case, CaseRevision, Component, Volume, VolumeVersion, Step, Job, Delivery)


def measure(held: int, sample: int, data: Path) -> dict[str, Any]:
    """Make `sample` cases with nothing held, and as many with `held` volumes held."""
    runtime = bootstrap.start(Settings(data=data, signature_level=SignatureLevel.B_LTA))
    clock = Clock()
    _instrument(clock, {"data": ""})
    shop = bootstrap.open_workshop(runtime)
    _made(runtime, shop, data, 0, 3, clock)  # starts the JVM and loads fonts
    first = _made(runtime, shop, data, 3, sample, clock)
    begun = time.perf_counter()
    seed(runtime.engine, data / "store", held)
    seconds = time.perf_counter() - begun
    last = _made(runtime, shop, data, 3 + sample, sample, clock)
    with reading(runtime.engine) as session:
        count = session.scalar(select(func.count()).where(VolumeVersion.state == "COMMITTED"))
    total = {name: sum(one.values()) for name, one in (("first", first), ("last", last))}
    return {
        "held": count,
        "sample": sample,
        "seed_seconds": round(seconds, 1),
        "cpu_ms_first": {name: round(value, 1) for name, value in first.items()},
        "cpu_ms_last": {name: round(value, 1) for name, value in last.items()},
        "ratio": round(total["last"] / total["first"], 3),
    }


def _made(runtime: bootstrap.Runtime, shop: volume.Workshop, data: Path, start: int, count: int, clock: Clock) -> dict[str, float]:
    """CPU milliseconds a case, by step."""
    now, spent = datetime.now(UTC), {"intake": 0.0, "number": 0.0}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        before = time.process_time()
        yield
        spent[name] += time.process_time() - before

    for number in range(start, start + count):
        path = write_bag(data / "bags", number)
        with timed("intake"):
            bag, submission = inspect_package(path, runtime.catalogue, runtime.organisations, now)
            receive(runtime.engine, runtime.store, "bench", path, bag, submission, now=now)
        shutil.rmtree(path)
    same = {"catalogue": runtime.catalogue, "organisations": runtime.organisations, "rule": FilingRule.RECEIVING_PLACE}
    with timed("number"), writing(runtime.engine) as session:
        freeze(session, "bench", unnumbered(session), **same, at=now)
    with reading(runtime.engine) as session:
        todo = list(session.scalars(select(VolumeVersion.id).where(VolumeVersion.state == "FROZEN").order_by(VolumeVersion.id)))
    clock.seconds.clear()
    each = []
    for version_id in todo:
        before = time.process_time()
        volume.make_volume(shop, version_id)
        each.append(time.process_time() - before)
    # A median for the whole: one collection of garbage is not growth.
    whole = statistics.median(each) * 1000
    steps = {name: clock.seconds.get(name, 0.0) * 1000 / count for name in _STEPS}
    steps["build"] -= steps["sheets"]  # the one calls the other
    return {name: value * 1000 / count for name, value in spent.items()} | steps | {"rest": max(0.0, whole - sum(steps.values()))}


def seed(engine: Engine, store: Path, count: int) -> None:
    """Copy the newest case `count` times: its rows under new numbers, and its commit record."""
    with reading(engine) as session:
        version = session.scalars(select(VolumeVersion).where(VolumeVersion.state == "COMMITTED").order_by(VolumeVersion.id.desc())).first()
        assert version is not None
        vol = session.get_one(Volume, version.volume_id)
        counter = session.scalars(select(NumberCounter).filter_by(fonds=vol.fonds, series=vol.series, year=vol.year, term=vol.term)).one()
        highest = {table: session.scalar(select(func.max(table.id))) or 0 for table in (*_COPIED, IndexFeed)}
        rows = {
            table: [_values(one) for one in session.scalars(select(table).filter_by(**key))]
            for table, key in (
                (Case, {"id": vol.case_id}),
                (CaseRevision, {"case_id": vol.case_id}),
                (Component, {"case_id": vol.case_id}),
                (Volume, {"id": vol.id}),
                (VolumeVersion, {"id": version.id}),
                (Step, {"volume_version_id": version.id}),
                (Job, {"subject": str(version.id)}),
            )
        }
        tail = _values(session.scalars(select(JournalEntry).order_by(JournalEntry.seq.desc()).limit(1)).one())
    record = (store / storage_prefix(ArchivalCode.parse(vol.code), 1) / "inventory.json").read_bytes()
    for begin in range(0, count, _CHUNK):
        with engine.begin() as connection:
            _chunk(connection, rows, highest, counter.last, tail, range(begin, min(count, begin + _CHUNK)))
        for number in range(begin, min(count, begin + _CHUNK)):
            code = ArchivalCode.parse(f"{vol.code[:-6]}{counter.last + 1 + number:06d}")
            path = store / storage_prefix(code, 1) / "inventory.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(record)
    with writing(engine) as session:
        key = (counter.fonds, counter.series, counter.year, counter.term)
        session.get_one(NumberCounter, key).last = counter.last + count


def _values(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs}


def _chunk(
    connection: Connection, rows: dict[Any, list[dict[str, Any]]], highest: dict[Any, int], last: int, tail: dict[str, Any], numbers: range
) -> None:
    for table, templates in rows.items():
        made = []
        for number in numbers:
            moved = {
                "case_id": highest[Case] + 1 + number,
                "volume_id": highest[Volume] + 1 + number,
                "volume_version_id": highest[VolumeVersion] + 1 + number,
            }
            for at, one in enumerate(templates):
                copy = one | {name: value for name, value in moved.items() if name in one}
                copy["id"] = highest[table] + 1 + number * len(templates) + at
                if table is Case:
                    copy |= {"case_no": f"{one['case_no'][:-6]}S{number:06d}", "content_digest": f"{number:064x}"}
                if table is Volume:
                    copy |= {"number": last + 1 + number, "code": f"{one['code'][:-6]}{last + 1 + number:06d}"}
                    copy["completed_at"] = one["completed_at"] + timedelta(seconds=number)
                if table is Job:
                    copy["subject"] = str(moved["volume_version_id"])
                made.append(copy)
        connection.execute(insert(table), made)
    first = tail["seq"] + 1 + numbers.start * 7
    connection.execute(insert(JournalEntry), [tail | {"seq": first + at} for at in range(7 * len(numbers))])
    feed = [
        {"id": highest[IndexFeed] + 1 + number, "volume_id": highest[Volume] + 1 + number, "at": datetime.now(UTC)} for number in numbers
    ]
    connection.execute(insert(IndexFeed), feed)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--held", type=int, default=20_000)
    words.add_argument("--sample", type=int, default=100)
    words.add_argument("--out", type=Path, default=Path("bench-results"))
    given = words.parse_args()
    given.out.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=given.out) as folder:
        found = measure(given.held, given.sample, Path(folder))
    (given.out / "growth.json").write_text(json.dumps(found, indent=1) + "\n")
    table = Table("CPU 毫秒／件", "空库", f"已有 {found['held']} 册", title=f"各 {found['sample']} 件，比值 {found['ratio']}")
    for name, value in found["cpu_ms_first"].items():
        table.add_row(name, f"{value:.1f}", f"{found['cpu_ms_last'][name]:.1f}")
    Console().print(table)
    sys.exit(0)


if __name__ == "__main__":
    main()
