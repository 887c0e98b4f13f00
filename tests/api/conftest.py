"""Fixtures of the station API: one built archive for the session, a copy of it for each module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import station
from tests.support.shared import made_once
from tests.support.station import StationClient


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    station.cheap_hashes()
    return made_once(tmp_path_factory, "station", station.build)


@pytest.fixture(scope="module")
def desk(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StationClient]:
    with station.desk(
        built, tmp_path_factory.mktemp("desk"), rate_limit=100_000, webhook_hosts="127.0.0.1:9999"
    ) as client:
        yield client
