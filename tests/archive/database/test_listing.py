"""Pages of lists: narrowed by local days and stations, in an order that loses no row."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from archive.database.engine import reading, writing
from archive.database.listing import ListWanted, QueryList, RowList
from archive.database.tables_desk import Notice

NOTICES = QueryList(
    Notice.id,
    {"number": Notice.id, "kind": Notice.kind, "both": (Notice.topic, Notice.kind)},
    "-number",
    day=Notice.at,
    stations=(Notice.org,),
)
BEGIN = datetime(2026, 3, 1, 15, 59, tzinfo=UTC)
"""A minute before midnight where the archive is."""


@pytest.fixture(autouse=True)
def notices(engine: Engine) -> None:
    with writing(engine) as session:
        for number in range(25):
            session.add(
                Notice(
                    kind=f"K{number % 3}",
                    topic=f"T{number % 2}",
                    subject=str(number),
                    org=f"15060{number % 5}",
                    at=BEGIN + timedelta(minutes=number),
                )
            )


def subjects(engine: Engine, **wanted: object) -> tuple[list[int], int]:
    with reading(engine) as session:
        part = NOTICES.part(session, select(Notice), ListWanted(**wanted))  # type: ignore[arg-type]
        return [int(row.subject) for row in part.rows], part.total


@pytest.mark.parametrize("sort", ["", "number", "-number", "kind", "-kind", "both", "-both"])
def test_the_pages_of_any_order_have_every_row_once(engine: Engine, sort: str) -> None:
    pages = [subjects(engine, sort=sort, offset=start, limit=7) for start in range(0, 28, 7)]
    rows = [row for page, _ in pages for row in page]
    assert sorted(rows) == list(range(25))
    assert {total for _, total in pages} == {25}
    turned = sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"
    if sort:
        assert subjects(engine, sort=turned)[0] == rows[::-1]


def test_an_order_that_is_none_is_the_usual_one(engine: Engine) -> None:
    assert subjects(engine, sort="subject")[0] == list(range(24, -1, -1))


def test_days_are_those_of_the_archive_and_both_ends_belong_to_the_span(engine: Engine) -> None:
    first, second = date(2026, 3, 1), date(2026, 3, 2)
    assert subjects(engine, until=first) == ([0], 1)
    assert subjects(engine, since=second)[1] == 24
    assert subjects(engine, since=first, until=second)[1] == 25
    assert subjects(engine, since=date(2026, 3, 3)) == ([], 0)


def test_stations_narrow_and_a_faulty_request_shows_nothing(engine: Engine) -> None:
    rows, total = subjects(engine, stations=frozenset({"150601", "150602"}), sort="number")
    assert (rows, total) == ([1, 2, 6, 7, 11, 12, 16, 17, 21, 22], 10)
    assert subjects(engine, nothing=True) == ([], 0)


def test_rows_that_are_already_read_are_listed_alike() -> None:
    rows = [
        {"name": "乙", "at": BEGIN, "places": ["1"]},
        {"name": None, "at": BEGIN + timedelta(hours=1), "places": ["2", "1"]},
        {"name": "甲", "at": None, "places": [None]},
    ]
    listing: RowList[dict[str, object]] = RowList(
        {"name": lambda row: row["name"]},
        day=lambda row: row["at"],  # type: ignore[arg-type,return-value]
        stations=lambda row: row["places"],  # type: ignore[arg-type,return-value]
    )

    def names(**wanted: object) -> list[object]:
        part = listing.part(rows, ListWanted(**wanted))  # type: ignore[arg-type]
        return [row["name"] for row in part.rows]

    assert names() == ["乙", None, "甲"]
    assert names(sort="name") == [None, "乙", "甲"]
    assert names(sort="-name") == ["甲", "乙", None]
    assert names(since=date(2026, 3, 2)) == [None]
    assert names(stations=frozenset({"1"})) == ["乙", None]
    assert names(offset=1, limit=1) == [None]
    assert names(nothing=True) == []
