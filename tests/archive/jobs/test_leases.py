"""A lease is alike on every table that has one.

It is taken once, fenced by its token, and freed again.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from archive.database.base import Base
from archive.database.engine import connect, migrate, reading, writing
from archive.database.leased import Leased
from archive.database.tables_exchange import Webhook
from archive.database.tables_jobs import DutyRow, Job
from archive.database.tables_printing import PrintOrder
from archive.database.tables_recognition import RecognisedPage
from archive.database.tables_usage import CopyOrder
from archive.database.tables_volumes import VolumeVersion
from archive.jobs.leases import Lease, claim, fence_off, free_gone, keep, owners, release, write
from archive.reference.vocabulary import DutyState, JobKind, JobState

MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)
# A row of each kind that needs no others; versions and orders have tests with their volumes.
ROWS: list[tuple[type[Any], dict[str, Any], int | str]] = [
    (DutyRow, {"name": "anchor", "result": {}}, "anchor"),
    (Job, {"id": 1, "kind": JobKind.PULL, "state": JobState.WAITING, "created_at": NOW}, 1),
    (RecognisedPage, {"id": 1, "sha256": "0" * 64, "page": 1}, 1),
]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)
    with writing(engine) as session:
        for table, values, _ in ROWS:
            session.add(table(**values))
    yield engine
    engine.dispose()


def take(engine: Engine, table: type[Leased], key: int | str, owner: str) -> Lease[Any] | None:
    with writing(engine) as session:
        return claim(session, table, key, owner, length=MINUTE)


def run_out(engine: Engine, table: type[Leased]) -> None:
    with writing(engine) as session:
        session.execute(update(table).values(lease_until=datetime.now(UTC) - MINUTE))


def test_every_table_with_a_lease_has_it_by_the_same_columns() -> None:
    leased = {
        mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Leased)
    }
    assert leased == {
        VolumeVersion,
        CopyOrder,
        PrintOrder,
        RecognisedPage,
        DutyRow,
        Job,
        Webhook,
    }
    with_columns = {
        mapper.class_
        for mapper in Base.registry.mappers
        if any("lease" in column.key for column in mapper.columns)
    }
    assert with_columns == leased


@pytest.mark.parametrize(("table", "values", "key"), ROWS)
def test_of_many_who_claim_at_once_one_has_the_row(
    engine: Engine, table: type[Leased], values: dict[str, Any], key: int | str
) -> None:
    del values
    with ThreadPoolExecutor(4) as pool:
        leases = list(pool.map(lambda n: take(engine, table, key, f"host:{n}:1"), range(4)))
    assert sum(lease is not None for lease in leases) == 1


@pytest.mark.parametrize(("table", "values", "key"), ROWS)
def test_who_lost_the_lease_writes_nothing_and_ends_nothing(
    engine: Engine, table: type[Leased], values: dict[str, Any], key: int | str
) -> None:
    del values
    late = take(engine, table, key, "one:1:1")
    assert late is not None
    assert take(engine, table, key, "two:2:2") is None
    run_out(engine, table)
    lease = take(engine, table, key, "two:2:2")
    assert lease is not None
    with writing(engine) as session:
        assert not keep(session, late, length=MINUTE)
        assert not write(session, late, lease_until=None)
        assert not release(session, late)
        assert owners(session, table) == {"two:2:2"}
        assert keep(session, lease, length=MINUTE)
        assert release(session, lease)
        assert owners(session, table) == set()
    assert take(engine, table, key, "one:1:1") is not None


def test_the_owner_itself_may_claim_again_and_its_earlier_token_is_void(engine: Engine) -> None:
    first = take(engine, RecognisedPage, 1, "one:1:1")
    again = take(engine, RecognisedPage, 1, "one:1:1")
    assert first is not None
    assert again is not None
    with writing(engine) as session:
        assert not write(session, first, engine="none")
        assert write(session, again, engine="none")


def test_further_conditions_and_columns_go_with_the_claim(engine: Engine) -> None:
    with writing(engine) as session:
        running = DutyRow.state == DutyState.RUNNING
        assert claim(session, DutyRow, "anchor", "one:1:1", running, length=MINUTE) is None
        assert claim(session, DutyRow, "anchor", "one:1:1", length=MINUTE, state=DutyState.RUNNING)
    with reading(engine) as session:
        assert session.get_one(DutyRow, "anchor").state == DutyState.RUNNING


def test_only_the_rows_of_owners_that_are_gone_are_freed(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(RecognisedPage(id=2, sha256="1" * 64, page=1))
    take(engine, RecognisedPage, 1, "gone:1:1")
    take(engine, RecognisedPage, 2, "alive:2:2")
    with writing(engine) as session:
        free_gone(session, RecognisedPage, lambda owner: owner.startswith("gone"))
        assert owners(session, RecognisedPage) == {"alive:2:2"}
    assert take(engine, RecognisedPage, 1, "other:3:3") is not None


def test_a_row_that_is_fenced_off_takes_nothing_more_from_its_worker(engine: Engine) -> None:
    lease = take(engine, RecognisedPage, 1, "one:1:1")
    assert lease is not None
    with writing(engine) as session:
        fence_off(session.get_one(RecognisedPage, 1))
    with writing(engine) as session:
        assert not write(session, lease, engine="none")
