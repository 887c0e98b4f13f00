"""A refused package is kept whole, also when it is larger than memory should hold or changes while
it is taken over.
"""

import hashlib
import io
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from archive.database.engine import connect, migrate, reading
from archive.database.tables_cases import Delivery
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.intake import IntakeRules, Received, inspect_package, receive
from ingest.intake.quarantine import PART_BYTES, quarantine
from ingest.reading.virus import NO_SCANNER
from storage.local_store import LocalStore
from tests.support.factories import make_bag, page

NOW = datetime(2026, 10, 1, tzinfo=UTC)
RULES = IntakeRules(load_catalogue(), load_organisations(), scanner=NO_SCANNER, ocr=False)


@pytest.fixture
def archive(tmp_path: Path) -> tuple[Engine, LocalStore]:
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)
    return engine, LocalStore(tmp_path / "store")


def test_a_package_larger_than_a_part_is_kept_in_parts_that_join_to_its_bytes(
    tmp_path: Path,
) -> None:
    package = tmp_path / "large.zip"
    with package.open("wb") as out:
        for number in range(70):
            out.write(bytes([number]) * (1 << 20))
    store = LocalStore(tmp_path / "store")
    tracemalloc.start()
    prefix = quarantine(store, package)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    parts = [store.read(blob.key) for blob in store.list(prefix)]
    assert len(parts) == 3
    assert hashlib.sha256(b"".join(parts)).hexdigest() == prefix.rpartition("/")[2]
    assert peak < 2 * PART_BYTES + (8 << 20)


def test_a_folder_is_kept_as_a_zip_with_its_links_as_links_and_the_same_bytes_each_time(
    tmp_path: Path,
) -> None:
    bag = make_bag(tmp_path / "bag")
    (bag / "data" / "link").symlink_to("/etc/hostname")
    store = LocalStore(tmp_path / "store")
    prefix = quarantine(store, bag)
    assert quarantine(store, bag) == prefix
    with zipfile.ZipFile(io.BytesIO(store.read(f"{prefix}/package.zip"))) as kept:
        assert kept.read("data/materials/004.jpg") == page(4)
        assert kept.read("data/link") == b"/etc/hostname"
        assert kept.testzip() is None


def test_a_package_that_changes_before_it_is_taken_over_is_refused_and_its_neighbour_taken(
    tmp_path: Path, archive: tuple[Engine, LocalStore]
) -> None:
    paths = [
        make_bag(tmp_path / name, case_no=f"150602010000-20260901-00000{name}")
        for name in ("1", "2")
    ]
    inspected = [inspect_package(path, RULES, NOW) for path in paths]
    (paths[0] / "data" / "materials" / "005.jpg").write_bytes(page(77))
    engine, store = archive
    received: list[Received] = [
        receive(engine, store, "test", package, sender=None, rules=RULES) for package in inspected
    ]
    assert [package.outcome for package in received] == [
        IntakeOutcome.REFUSED,
        IntakeOutcome.ACCEPTED,
    ]
    assert {row.code for row in received[0].findings} == {"BAG_INVALID"}
    with reading(engine) as session:
        prefix = session.scalars(
            select(Delivery.quarantine_prefix).where(Delivery.bag == "1")
        ).one()
    with zipfile.ZipFile(io.BytesIO(store.read(f"{prefix}/package.zip"))) as kept:
        assert kept.read("data/materials/005.jpg") == page(77)


def test_a_package_that_is_gone_when_it_is_taken_over_is_refused_and_told(
    tmp_path: Path, archive: tuple[Engine, LocalStore]
) -> None:
    path = make_bag(tmp_path / "gone")
    package = inspect_package(path, RULES, NOW)
    path.rename(tmp_path / "elsewhere")
    assert (
        receive(*archive, "test", package, sender=None, rules=RULES).outcome
        is IntakeOutcome.REFUSED
    )
