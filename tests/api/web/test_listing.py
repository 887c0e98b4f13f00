"""What a list of the desk reads in an address."""

import pytest
from fastapi import Request

from api.web.shell.listing import Column, Listing, Shape, listed
from archive.database.listing import ListPart
from archive.reference.organisations import load_organisations

ORGANISATIONS = load_organisations()
SHAPE = Shape((Column("编号", "no"),), day="办结", station="单位")


def asked(query: str) -> Listing:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/volumes",
        "query_string": query.encode(),
        "headers": [],
    }
    return listed(Request(scope), ORGANISATIONS, SHAPE)


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("since=2026-13-01", "日期应写作"),
        ("until=gestern", "日期应写作"),
        ("since=2026-09-02&until=2026-09-01", "早于"),
        ("until=9999-12-31", "年份应在"),
        ("since=0001-01-01", "年份应在"),
    ],
)
def test_a_span_that_is_none_is_told_at_its_field_and_what_was_typed_stays(
    query: str, fault: str
) -> None:
    listing = asked(query)
    assert listing.status == 422
    assert listing.wanted.nothing
    assert [text for text in listing.faults.values() if fault in text]
    assert all(f"{word}={listing.typed[word]}" in query for word in listing.faults)


@pytest.mark.parametrize("page", ["0", "-3", "x", "٣", "999999999999"])
def test_a_page_that_is_no_number_is_the_first(page: str) -> None:
    assert asked(f"page={page}").page == 1


def test_behind_the_last_page_one_is_led_to_it() -> None:
    listing = asked("page=40").with_part(ListPart((), 230))
    assert listing.beyond
    assert listing.previous.endswith("page=3")
    assert listing.next == ""
    assert not asked("page=3").with_part(ListPart((), 230)).beyond
