"""What is to be printed is checked before anything is read: nothing, wrong spans, foreign units."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.administration.policy import Reader, Role
from archive.printing.choice import (
    MOST_TICKED,
    BadPrintError,
    PrintChoice,
    check_choice,
    check_span,
    choice_of,
)
from archive.reference.organisations import load_organisations
from archive.reference.print_terms import PrintKind
from archive.reference.vocabulary import Series
from archive.usage.looks import DeniedError

TODAY = date(2026, 11, 27)
HOME, NEIGHBOUR = "150602010000", "150602020000"
ORGANISATIONS = load_organisations()
ARCHIVIST = Reader("a", Role.ARCHIVIST, HOME)
REGISTER = (PrintKind.REGISTER,)


def check(choice: PrintChoice, reader: Reader = ARCHIVIST) -> None:
    check_choice(reader, choice, ORGANISATIONS, TODAY)


@pytest.mark.parametrize(
    "choice",
    [
        PrintChoice((), year=2026),
        PrintChoice(REGISTER),
        PrintChoice((PrintKind.YEAR,)),
        PrintChoice((*REGISTER, PrintKind.USES)),
        PrintChoice(REGISTER, year=1948),
        PrintChoice(REGISTER, year=2027),
        PrintChoice(REGISTER, since=date(2026, 9, 2), until=date(2026, 9, 1)),
        PrintChoice(REGISTER, until=date(2026, 11, 28)),
        PrintChoice(REGISTER, since=date(2027, 1, 1)),
        PrintChoice(REGISTER, since=date(2010, 1, 1), until=date(2026, 1, 1)),
        PrintChoice(REGISTER, codes=tuple(str(at) for at in range(MOST_TICKED + 1))),
    ],
)
def test_what_can_not_be_printed_is_refused_with_a_next_step(choice: PrintChoice) -> None:
    with pytest.raises(BadPrintError) as refused:
        check(choice)
    assert refused.value.message.endswith("。")
    assert refused.value.action.startswith("请")


@pytest.mark.parametrize("station", [NEIGHBOUR, "150699999999", "x"])
def test_a_foreign_station_and_one_that_is_none_read_alike(station: str) -> None:
    with pytest.raises(DeniedError) as refused:
        check(PrintChoice(REGISTER, station=station))
    assert refused.value.code == "NOT_HERE"


def test_a_register_of_use_needs_no_volumes() -> None:
    check(PrintChoice((PrintKind.USES,)))


@given(
    st.dates(date(1990, 1, 1), TODAY),
    st.dates(date(1990, 1, 1), TODAY),
)
def test_a_span_is_refused_exactly_when_it_runs_backwards_or_too_long(
    since: date, until: date
) -> None:
    bad = since > until or until - since > timedelta(days=3660)
    try:
        check_span(since, until, TODAY)
    except BadPrintError:
        assert bad
    else:
        assert not bad


@given(
    st.lists(st.sampled_from(list(PrintKind)), min_size=1, unique=True),
    st.lists(st.text(max_size=20), max_size=3),
    st.sampled_from([None, *Series]),
    st.one_of(st.none(), st.dates()),
)
def test_an_order_keeps_its_choice(
    kinds: list[PrintKind], codes: list[str], series: Series | None, day: date | None
) -> None:
    choice = PrintChoice(tuple(kinds), tuple(codes), HOME, series, 2026, day, day)
    assert choice_of(choice.public()) == choice
