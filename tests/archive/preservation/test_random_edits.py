"""Any one edit of a row or an object of a small archive is named by some check.

What is out of scope stands in `PASSING` and `UNWITNESSED`, and with its reasons in
docs/operations.md. `ATTACK_EDITS` says how many edits; `make attack` makes ten thousand.
"""

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from archive.administration.accounts import first_administrators
from archive.administration.passwords import fresh_secret
from archive.audit.anchors import anchor
from archive.database.base import Base
from archive.database.engine import writing
from archive.preservation.verify import committed, verify_holdings
from storage.package import verify_package
from tests.archive.preservation.test_reconcile import rechain
from tests.faults.worker import opened
from tests.support.holdings import ORGANISATIONS, Holdings

EDITS = int(os.environ.get("ATTACK_EDITS", "60"))

# Rows of work under way, of what may be made again, and of what nobody else witnesses.
PASSING = {
    "jobs",
    "index_feed",
    "period_runs",
    "duties",
    "presences",
    "sources",
    "uploads",
    "captured_files",
    "arrivals",
    "gathered_cases",
    "gathered_materials",
    "webhooks",
    "idempotent_answers",
    "daily_uses",
    "recognised_pages",
    "page_bands",
    "fixity_checks",
    "scrub_places",
    "replicas",
    "copy_orders",
    "deliveries",
}
UNWITNESSED = {
    "accounts": {"name", "officer_no", "failures", "locked_until", "must_change", "created_at"},
    "account_changes": {"reason", "proposed_at", "decided_at", "decision"},
    "configured": {"body", "note", "by", "at"},
    "logins": {"created_at", "expires_at"},
    "usage_requests": {
        "keeper",
        "purpose",
        "basis",
        "papers",
        "decided_at",
        "reason",
        "created_at",
    },
    "certified_copies": {"check_code", "items", "pages", "issued_by", "made_at", "version"},
    "page_orders": {"changed_by", "changed_at"},
    "volumes": {"reserved_at"},
    "volume_versions": {
        "lease_owner",
        "lease_token",
        "lease_until",
        "frozen_at",
        "stamped_until",
        "stamp_algorithm",
        "input_digest",
        "case_revision",
        "origin",
    },
    "steps": {"done_at", "input_digest", "result"},
}
WITNESSED = sorted(
    table.name for table in Base.metadata.sorted_tables if table.name not in {*PASSING, "journal"}
)


@dataclass
class Bench:
    """A sound archive, and the copy that edits are made in."""

    sound: Path
    copy: Path
    keys: Path

    def fresh(self) -> Holdings:
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.sound, self.copy)
        return opened(self.copy, self.keys)


@pytest.fixture(scope="module")
def bench(
    committed_folder: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    base = tmp_path_factory.mktemp("edits")
    shutil.copytree(committed_folder, base / "sound")
    archive = opened(base / "sound", keys)
    with writing(archive.engine) as session:
        first_administrators(session, ORGANISATIONS, [fresh_secret() for _ in range(3)])
    anchor(archive.engine, archive.store, archive.shop.sealer_for("J602"), "test")
    with archive.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    archive.engine.dispose()
    yield Bench(base / "sound", base / "copy", keys)
    shutil.rmtree(base)


def named(archive: Holdings) -> str | None:
    """The first fault that any check names; None for an archive that is sound to all of them."""
    for fault in verify_holdings(archive.engine, archive.store):
        return str(fault)
    for volume in committed(archive.engine):
        for damage in verify_package(archive.store, volume.prefix):
            return str(damage)
    return None


def mutated(value: Any, chance: random.Random, others: list[Any]) -> Any:
    """Another value: that of another row, else one that differs a little."""
    other = [candidate for candidate in others if candidate != value]
    if other and chance.random() < 0.5:
        return chance.choice(other)
    match value:
        case None:
            return "2026-01-01 00:00:00.000000"
        case int():
            return value + 1
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:]
        case _:
            place = chance.randrange(len(value)) if value else 0
            kept = str(value)
            return (
                kept[:place] + ("1" if kept[place : place + 1] != "1" else "2") + kept[place + 1 :]
            )


def edit_row(archive: Holdings, chance: random.Random) -> str | None:
    """Change or delete a row, as somebody does whom no constraint stops; None: nothing to edit."""
    name = chance.choice(WITNESSED)
    table = Base.metadata.tables[name]
    with archive.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        query = f"SELECT rowid AS edited_row, * FROM {name}"  # noqa: S608 - a table of the schema
        rows = connection.exec_driver_sql(query).mappings().all()
        if not rows:
            return None
        row = chance.choice(rows)
        at = row["edited_row"]
        if chance.random() < 0.25:
            connection.exec_driver_sql(f"DELETE FROM {name} WHERE rowid = ?", (at,))  # noqa: S608
            return f"delete {name} {at}"
        columns = [
            column.name
            for column in table.columns
            if column.name not in UNWITNESSED.get(name, set()) | {"id"}
        ]
        column = chance.choice(columns)
        value = mutated(row[column], chance, [other[column] for other in rows])
        statement = f"UPDATE {name} SET {column} = ? WHERE rowid = ?"  # noqa: S608
        try:
            connection.exec_driver_sql(statement, (value, at))
        except IntegrityError:
            return None  # two rows with one key: the database itself refuses
        return f"{name}.{column} {at}: {str(row[column])[:60]} -> {str(value)[:60]}"


def edit_journal(archive: Holdings, chance: random.Random) -> str | None:
    """Change, delete, reorder, insert or cut anchored entries, and mend the chain."""
    kind = chance.choice(("change", "delete", "swap", "insert", "cut"))

    def change(entries: list[list[str]]) -> None:
        place = chance.randrange(len(entries) - 2)
        match kind:
            case "change":
                entries[place][chance.randrange(5)] += "1"
            case "delete":
                del entries[place]
            case "swap":
                entries[place], entries[place + 1] = entries[place + 1], entries[place]
            case "insert":
                entries.insert(place, list(entries[place]))
            case _:
                del entries[place + 1 :]

    rechain(archive, change)
    return f"journal {kind}"


def edit_object(archive: Holdings, chance: random.Random) -> str | None:
    """Flip a bit, delete, exchange or add an object."""
    root = archive.folder / "store"
    files = sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and not path.relative_to(root).as_posix().startswith(".")
    )
    path = chance.choice(files)
    path.chmod(0o640)
    kind = chance.choice(("flip", "delete", "exchange", "add"))
    key = path.relative_to(root).as_posix()
    match kind:
        case "flip":
            data = bytearray(path.read_bytes())
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            path.write_bytes(data)
        case "delete":
            path.unlink()
        case "exchange":
            other = chance.choice([file for file in files if file != path])
            if other.read_bytes() == path.read_bytes():
                return None
            other.chmod(0o640)
            bytes_of_path, bytes_of_other = path.read_bytes(), other.read_bytes()
            path.write_bytes(bytes_of_other)
            other.write_bytes(bytes_of_path)
        case _:
            path.with_name(f"{path.name}.bak").write_bytes(b"foreign")
    return f"{kind} {key}"


def test_the_archive_that_is_edited_is_sound(bench: Bench) -> None:
    archive = bench.fresh()
    assert named(archive) is None
    archive.engine.dispose()


def test_every_edit_at_random_is_named_by_some_check(bench: Bench) -> None:
    chance = random.Random(15)  # noqa: S311 - edits, no secrets
    unseen, made = [], 0
    while made < EDITS:
        archive = bench.fresh()
        edit = chance.choices((edit_row, edit_journal, edit_object), (6, 1, 2))[0]
        done = edit(archive, chance)
        if done is not None:
            made += 1
            if named(archive) is None:
                unseen.append(done)
        archive.engine.dispose()
    assert unseen == []


def test_every_table_is_witnessed_or_named_as_passing() -> None:
    tables = {table.name for table in Base.metadata.sorted_tables}
    assert tables >= PASSING | UNWITNESSED.keys()
