"""Whose turn it is: taken once by however many beats knock, tried again after a failure, and free
again when its worker is gone.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update

from archive.database.engine import reading, writing
from archive.database.tables_jobs import DutyRow
from archive.jobs.duties import DUTIES, end_turn, take_turn, turn_of
from archive.jobs.leases import Lease, free_gone, owners
from archive.reference.local_time import LOCAL_TIME

ANCHOR = DUTIES["anchor"]


def take(engine: Engine, owner: str = "one:1:1") -> Lease[str] | None:
    with writing(engine) as session:
        return take_turn(session, ANCHOR, owner)


def end(engine: Engine, turn: Lease[str], error_code: str | None = None) -> bool:
    with writing(engine) as session:
        return end_turn(session, turn, {"size": 1}, error_code=error_code)


def set_row(engine: Engine, **values: object) -> None:
    with writing(engine) as session:
        session.execute(update(DutyRow).values(**values))


def row(engine: Engine) -> DutyRow:
    with reading(engine) as session:
        return session.scalars(select(DutyRow)).one()


def test_of_many_who_knock_at_once_one_takes_the_turn_and_after_it_nobody_does(
    engine: Engine,
) -> None:
    with ThreadPoolExecutor(6) as pool:
        taken = [
            turn
            for turn in pool.map(lambda number: take(engine, f"host:{number}:1"), range(6))
            if turn
        ]
    assert len(taken) == 1
    assert take(engine) is None
    assert end(engine, taken[0])
    assert take(engine) is None
    assert (row(engine).state, row(engine).result, row(engine).done_at is not None) == (
        "DONE",
        {"size": 1},
        True,
    )


def test_a_failed_turn_is_tried_again_after_a_pause_that_grows_and_a_good_one_forgets_it(
    engine: Engine,
) -> None:
    pauses = []
    for _ in range(3):
        turn = take(engine)
        assert turn is not None
        assert end(engine, turn, "STORE_UNAVAILABLE")
        failed = row(engine)
        assert failed.ended_at is not None
        assert failed.not_before is not None
        pauses.append((failed.not_before - failed.ended_at) / timedelta(minutes=1))
        assert take(engine) is None, "too early"
        set_row(engine, not_before=datetime.now(UTC) - timedelta(seconds=5))
    assert pauses == [1, 2, 4]
    turn = take(engine)
    assert turn is not None
    end(engine, turn)
    assert (row(engine).failures, row(engine).error_code) == (0, None)


def test_who_lost_the_lease_ends_nothing_and_the_next_one_does(engine: Engine) -> None:
    first = take(engine)
    assert first is not None
    turn = row(engine).turn
    assert take(engine, "two:2:2") is None
    set_row(engine, lease_until=datetime.now(UTC) - timedelta(seconds=5))
    second = take(engine, "two:2:2")
    assert second is not None
    assert row(engine).turn == turn
    assert not end(engine, first)
    assert end(engine, second)


def test_a_worker_that_is_known_to_be_gone_frees_its_turn_and_only_that(engine: Engine) -> None:
    first = take(engine)
    set_row(engine, lease_until=datetime.now(UTC) - timedelta(seconds=5))
    second = take(engine, "two:2:2")
    with writing(engine) as session:
        free_gone(session, DutyRow, lambda owner: owner == "one:1:1")
        assert owners(session, DutyRow) == {"two:2:2"}
    assert take(engine) is None
    with writing(engine) as session:
        free_gone(session, DutyRow, lambda owner: owner == "two:2:2")
    third = take(engine)
    assert None not in (first, second, third)


def test_not_even_the_worker_itself_takes_a_turn_twice(engine: Engine) -> None:
    assert take(engine) is not None
    assert take(engine) is None


@pytest.mark.parametrize(
    ("name", "at", "turn"),
    [
        ("anchor", (23, 59), "2026-11-24T00:00"),
        ("scrub", (23, 59), "2026-11-24T23:00"),
        ("reconcile", (0, 1), "2026-11-24T00:01"),
    ],
)
def test_a_turn_is_a_day_an_hour_or_a_minute_of_local_time(
    name: str, at: tuple[int, int], turn: str
) -> None:
    local = datetime(2026, 11, 24, *at, 30, tzinfo=LOCAL_TIME)
    assert turn_of(DUTIES[name], local.astimezone(UTC)) == turn
    assert turn_of(DUTIES[name], local + timedelta(days=1)) > turn


def test_a_new_day_is_a_new_turn_and_an_old_clock_is_none(engine: Engine) -> None:
    turn = take(engine)
    assert turn is not None
    end(engine, turn)
    set_row(engine, turn="2026-01-01T00:00")
    again = take(engine)
    assert again is not None
    end(engine, again)
    set_row(engine, turn="2999-01-01T00:00")
    assert take(engine) is None
