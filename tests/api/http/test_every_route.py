"""Every address that there is, asked by everyone: nothing foreign, and no fault of the server."""

import pytest

from archive.administration.policy import Role
from tests.attack.asking import (
    ask_by_odd_numbers,
    ask_for_others,
    belongings,
    send_odd_values,
)
from tests.support.station import HOME, OTHER, OTHER_DISTRICT, StationClient


@pytest.fixture(scope="module")
def known(desk: StationClient) -> dict[str, str]:
    return belongings(desk)


def test_every_page_answers_for_a_foreign_record_as_for_none(
    desk: StationClient, known: dict[str, str]
) -> None:
    report = ask_for_others(desk, known, people=True, places=(OTHER, OTHER_DISTRICT))
    assert report.through == []
    assert report.tried > 200


def test_a_number_beyond_every_column_is_no_fault_of_the_server(
    desk: StationClient, known: dict[str, str]
) -> None:
    report = ask_by_odd_numbers(desk, known, (str(2**63), "9" * 25, "-1"))
    assert report.through == []
    assert report.tried > 200


def test_a_field_that_no_column_takes_is_no_fault_of_the_server(
    desk: StationClient, known: dict[str, str]
) -> None:
    report = send_odd_values(desk, known, ((Role.ARCHIVIST, HOME),))
    assert report.through == []
    assert report.tried > 200
