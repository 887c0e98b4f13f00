"""Requests to pull: one process is started for many, and what came meanwhile is not missed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from archive.database.engine import connect, migrate, reading, writing
from archive.database.tables_jobs import Job
from archive.gathering.pull_requests import GATHERED, _request, end_request, next_request
from archive.reference.vocabulary import JobState


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


def request(engine: Engine) -> bool:
    with writing(engine) as session:
        return _request(session, GATHERED)


def taken(engine: Engine) -> Job:
    with reading(engine) as session:
        job = next_request(session)
    assert job is not None
    return job


def end(engine: Engine, job: Job) -> None:
    with writing(engine) as session:
        end_request(session, job, JobState.DONE, None, None)


def state(engine: Engine) -> str:
    with reading(engine) as session:
        return session.scalars(select(Job.state)).one()


def test_a_process_is_started_once_while_it_is_on_its_way_and_again_after_its_end(
    engine: Engine,
) -> None:
    assert request(engine)
    assert not request(engine)
    end(engine, taken(engine))
    assert state(engine) == JobState.DONE
    assert request(engine)


def test_a_process_of_which_nothing_was_heard_for_two_minutes_is_started_again(
    engine: Engine,
) -> None:
    assert request(engine)
    with writing(engine) as session:
        session.execute(update(Job).values(lease_until=datetime.now(UTC) - timedelta(seconds=1)))
    assert request(engine)


def test_a_request_that_was_made_again_meanwhile_is_not_ended_by_the_earlier_one(
    engine: Engine,
) -> None:
    request(engine)
    job = taken(engine)
    assert not request(engine)
    end(engine, job)
    assert state(engine) == JobState.WAITING
    end(engine, taken(engine))
    assert state(engine) == JobState.DONE
