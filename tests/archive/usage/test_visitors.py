"""Who came for a record: held to the document, masked wherever it is listed."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.reference.citizen_id import check_digit
from archive.usage.visitors import (
    BadVisitorError,
    DocumentKind,
    Visitor,
    checked,
    masked,
    visitor_of,
)

TODAY = date(2026, 11, 27)
NUMBER = "15060219900101001" + check_digit("15060219900101001")


def visitor(**changed: object) -> Visitor:
    values = {"name": "王小明", "document": DocumentKind.CITIZEN_ID, "number": NUMBER}
    return Visitor(**{**values, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": "王"}, "name"),
        ({"name": "王" * 51}, "name"),
        ({"number": NUMBER[:17] + ("1" if NUMBER[17] != "1" else "2")}, "number"),
        ({"number": "150602900101001"}, "number"),
        ({"document": DocumentKind.PASSPORT, "number": "E1"}, "number"),
        ({"phone": "电话"}, "phone"),
        ({"agent": "李" * 51}, "agent"),
    ],
)
def test_what_no_document_says_is_refused_at_its_field_without_repeating_it(
    changed: dict[str, object], field: str
) -> None:
    with pytest.raises(BadVisitorError) as refused:
        checked(visitor(**changed), TODAY)
    assert refused.value.field == f"visitor:{field}"
    assert NUMBER[6:14] not in str(refused.value)


def test_a_number_typed_with_spaces_and_a_small_x_is_the_number_on_the_card() -> None:
    first = "15060219900101000"
    typed = next(n for n in range(1000) if check_digit(f"{int(first) + n:017d}") == "X")
    number = f"{int(first) + typed:017d}x"
    assert checked(visitor(number=f" {number[:6]} {number[6:]} "), TODAY).number == number.upper()


@given(
    name=st.text("王李张阿古拉·", min_size=2, max_size=20).filter(
        lambda name: len(name.strip()) > 1
    ),
    number=st.from_regex(r"[A-Z][0-9]{7,9}", fullmatch=True),
    phone=st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
)
def test_a_list_shows_neither_name_nor_number_nor_telephone_whole(
    name: str, number: str, phone: str
) -> None:
    came = visitor(name=name, document=DocumentKind.PASSPORT, number=number, phone=phone)
    shown = masked(came)
    assert shown.name != came.name
    assert shown.number != number
    assert phone not in shown.phone
    assert visitor_of(came.row()) == came
