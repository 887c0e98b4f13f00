"""Any one edit of a row or an object of a small archive is named by some check.

What is out of scope stands in `PASSING` and `UNWITNESSED`, and with its reasons in
docs/operations.md. `ATTACK_EDITS` says how many edits; `make attack-edits` makes ten thousand.
"""

import itertools
import json
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, RowMapping, select
from sqlalchemy.exc import IntegrityError

from archive.accession.blind_index import remember
from archive.audit.anchors import anchor
from archive.database.base import Base
from archive.database.encryption import Keyring, attach_keys, new_keyring
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case, CaseRevision
from archive.preservation import verify
from archive.preservation.key_rotation import _write_again
from archive.preservation.reconcile import reconcile
from archive.preservation.verify import committed, verify_holdings
from storage.digest import sha256_hex
from tests.archive.preservation.test_reconcile import rechain
from tests.faults.worker import opened
from tests.support.holdings import Holdings
from tests.support.staffed import staff

Rows = Sequence[RowMapping]
EDITS = int(os.environ.get("ATTACK_EDITS", "60"))

# Rows of work under way, of what may be made again, and of what nobody else witnesses.
PASSING = {
    "jobs",
    "index_feed",
    "period_runs",
    "duties",
    "login_attempts",
    "presences",
    "sources",
    "uploads",
    "captured_files",
    "arrivals",
    "gathered_cases",
    "gathered_materials",
    "idempotent_answers",
    "daily_uses",
    "recognised_pages",
    "page_bands",
    "fixity_checks",
    "scrub_places",
    "replicas",
    "copy_orders",
    "print_orders",
    "kept_views",
    "saved_searches",
    "notices",
    "notice_readers",
    "shown_pages",
    # held to the acts by `yice window check`, or made of them again
    "window_cases",
    "window_clocks",
    "window_spans",
    "window_alerts",
    "window_flows",
    "window_officers",
}
UNWITNESSED = {
    "accounts": {"name", "officer_no", "failures", "locked_until", "must_change", "created_at"},
    "account_changes": {
        "wanted",  # holds a name; organisation and role in it are compared
        "reason",
        "proposed_at",
        "decided_at",
        "decision",
    },
    "configured": {"body", "note", "by", "at"},
    "logins": {"created_at", "expires_at", "used_at", "address"},
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
        "compiled_by",
    },
    "steps": {"done_at", "input_digest"},
    "deliveries": {"returned_at"},
    "check_acts": {"signatory", "at"},
    "window_grants": {"ended_by"},
    "window_registrations": {"owed_since", "failures", "not_before", "error_code"},
    "webhooks": {
        "cursor",
        "notice_cursor",
        "failures",
        "next_at",
        "created_at",
        "lease_owner",
        "lease_token",
        "lease_until",
    },
}
ENDING = {"logins"}  # a login that ends has no row any more, and whoever deletes it ends it
WITNESSED = sorted(
    table.name for table in Base.metadata.sorted_tables if table.name not in {*PASSING, "journal"}
)


@dataclass
class Bench:
    """A sound archive, the copy that edits are made in, and what an edit touched of its store."""

    sound: Path
    copy: Path
    archive: Holdings
    touched: set[Path] = field(default_factory=set)

    def fresh(self) -> Holdings:
        """The copy as it was: its database anew, and the objects that were touched."""
        self.archive.engine.dispose()
        for name in ("yice.db-wal", "yice.db-shm"):
            (self.copy / name).unlink(missing_ok=True)
        shutil.copyfile(self.sound / "yice.db", self.copy / "yice.db")
        for path in self.touched:
            place = self.copy / path
            place.unlink(missing_ok=True)
            if (self.sound / path).exists():
                shutil.copy2(self.sound / path, place)
        self.touched.clear()
        return self.archive

    def touch(self, path: Path) -> Path:
        """A path of the copy that is about to change."""
        self.touched.add(path.relative_to(self.copy))
        if path.exists():
            path.chmod(0o640)
        return path


def encrypt(archive: Holdings, ring: Keyring) -> None:
    """Encrypt the facts of cases, as an archive that yice opened has them from the beginning."""
    with reading(archive.engine) as session:
        plain = [
            (table, row_id, facts)
            for table in (Case, CaseRevision)
            for row_id, facts in session.execute(select(table.id, table.facts))
        ]
    attach_keys(archive.engine, ring)
    with writing(archive.engine) as session:
        for table, row_id, facts in plain:
            _write_again(session, table, row_id, facts)
        for case in session.scalars(select(Case)).all():
            remember(session, case)


@pytest.fixture(scope="module")
def bench(
    committed_folder: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    base = tmp_path_factory.mktemp("edits")
    shutil.copytree(committed_folder, base / "sound")
    archive = opened(base / "sound", keys)
    ring = new_keyring()
    encrypt(archive, ring)
    staff(archive)
    anchor(archive.engine, archive.store, archive.shop.sealer_for("J602"), "test")
    with archive.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    archive.engine.dispose()
    shutil.copytree(base / "sound", base / "copy")
    bench = Bench(base / "sound", base / "copy", opened(base / "copy", keys))
    attach_keys(bench.archive.engine, ring)
    yield bench
    bench.archive.engine.dispose()
    shutil.rmtree(base)


def named(archive: Holdings) -> str | None:
    """The first fault that any check names; None for an archive that is sound to all of them."""
    for fault in itertools.chain(
        reconcile(archive.engine, archive.store),
        verify_holdings(archive.engine, archive.store, archive.shop.trust),
    ):
        return str(fault)
    for volume in committed(archive.engine):
        if isinstance(faults := verify._read(archive.store, volume), list):
            return str(faults)
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
            text = str(value)
            if text[10:11] == " " and text[4:5] == "-":
                place = 3  # a time: any other mark between day and hour reads the same
            return (
                text[:place] + ("1" if text[place : place + 1] != "1" else "2") + text[place + 1 :]
            )


def edit_row(_bench: Bench, archive: Holdings, chance: random.Random) -> str | None:
    """Change, exchange, copy or delete a row, as somebody does whom no constraint stops.

    None: there is nothing to edit, or the database itself refuses.
    """
    name = chance.choice(WITNESSED)
    with archive.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        query = f"SELECT rowid AS edited_row, * FROM {name}"  # noqa: S608 - a table of the schema
        rows = connection.exec_driver_sql(query).mappings().all()
        if not rows:
            return None
        try:
            kind = chance.choice((delete_row, change_row, change_row, exchange_rows, copy_row))
            return kind(connection, name, rows, chance)
        except IntegrityError:
            return None


def edited_columns(name: str) -> list[str]:
    left_out = UNWITNESSED.get(name, set()) | {"id"}
    return [
        column.name for column in Base.metadata.tables[name].columns if column.name not in left_out
    ]


def delete_row(connection: Connection, name: str, rows: Rows, chance: random.Random) -> str | None:
    if name in ENDING:
        return None
    at = chance.choice(rows)["edited_row"]
    connection.exec_driver_sql(f"DELETE FROM {name} WHERE rowid = ?", (at,))  # noqa: S608
    return f"delete {name} {at}"


def change_row(connection: Connection, name: str, rows: Rows, chance: random.Random) -> str | None:
    row = chance.choice(rows)
    column = chance.choice(edited_columns(name))
    value = mutated(row[column], chance, [other[column] for other in rows])
    put(connection, name, column, value, row["edited_row"])
    shown = f"{str(row[column])[:60]} -> {str(value)[:60]}"
    return f"{name}.{column} {row['edited_row']}: {shown}"


def exchange_rows(
    connection: Connection, name: str, rows: Rows, chance: random.Random
) -> str | None:
    """Exchange a value between two rows."""
    if len(rows) < 2:
        return None
    left, right = chance.sample(rows, 2)
    column = chance.choice(edited_columns(name))
    if left[column] == right[column]:
        return None
    put(connection, name, column, right[column], left["edited_row"])
    put(connection, name, column, left[column], right["edited_row"])
    return f"exchange {name}.{column} {left['edited_row']} {right['edited_row']}"


def copy_row(connection: Connection, name: str, rows: Rows, chance: random.Random) -> str | None:
    """Insert a row like another, with an identifier of its own."""
    row = dict(chance.choice(rows))
    at = row.pop("edited_row")
    if "id" in row:
        row["id"] = max(other["id"] for other in rows) + 1
    names, marks = ", ".join(f'"{column}"' for column in row), ", ".join("?" * len(row))
    statement = f"INSERT INTO {name} ({names}) VALUES ({marks})"  # noqa: S608
    connection.exec_driver_sql(statement, tuple(row.values()))
    return f"copy {name} {at}"


def put(connection: Connection, name: str, column: str, value: object, at: int) -> None:
    statement = f'UPDATE {name} SET "{column}" = ? WHERE rowid = ?'  # noqa: S608
    connection.exec_driver_sql(statement, (value, at))


def edit_journal(_bench: Bench, archive: Holdings, chance: random.Random) -> str | None:
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


def edit_object(bench: Bench, archive: Holdings, chance: random.Random) -> str | None:
    """Flip a bit, delete, exchange, cut or add an object; or forge its note with it."""
    root = archive.folder / "store"
    files = sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and not path.relative_to(root).as_posix().startswith(".")
    )
    path = bench.touch(chance.choice(files))
    kind = chance.choice(("flip", "delete", "exchange", "cut", "add", "forge", "note"))
    data = bytearray(path.read_bytes())
    notes = list((root / ".meta" / path.relative_to(root).parent).glob(f"{path.name}.*.json"))
    match kind:
        case "flip":
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            path.write_bytes(data)
        case "delete":
            path.unlink()
        case "exchange":
            other = chance.choice([file for file in files if file != path])
            if other.read_bytes() == bytes(data):
                return None
            path.write_bytes(other.read_bytes())
            bench.touch(other).write_bytes(data)
        case "cut":
            path.write_bytes(data[: len(data) // 2])
        case "forge":
            data[chance.randrange(len(data))] ^= 1
            path.write_bytes(data)
            digest = sha256_hex(bytes(data))
            for note in notes:
                forged = {**json.loads(bench.touch(note).read_text()), "sha256": digest}
                note.unlink()
                name = f"{path.name}.{digest}.json"
                bench.touch(note.with_name(name)).write_text(json.dumps(forged))
        case "note":
            for note in notes:
                bench.touch(note).unlink()
        case _:
            bench.touch(path.with_name(f"{path.name}.bak")).write_bytes(b"foreign")
    return f"{kind} {path.relative_to(root).as_posix()}"


def test_the_archive_that_is_edited_is_sound(bench: Bench) -> None:
    assert named(bench.fresh()) is None


def test_every_edit_at_random_is_named_by_some_check(bench: Bench) -> None:
    chance = random.Random(15)
    unseen, count = [], 0
    while count < EDITS:
        archive = bench.fresh()
        edit = chance.choices((edit_row, edit_journal, edit_object), (6, 1, 2))[0]
        done = edit(bench, archive, chance)
        if done is not None:
            count += 1
            if named(archive) is None:
                unseen.append(done)
    assert not unseen, "\n".join(unseen)


def test_every_table_is_witnessed_or_named_as_passing() -> None:
    tables = {table.name for table in Base.metadata.sorted_tables}
    assert tables >= PASSING | UNWITNESSED.keys()
