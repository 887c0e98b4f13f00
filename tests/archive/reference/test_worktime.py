from datetime import date, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.reference.worktime import (
    MissingHolidays,
    WorkCalendar,
    add_workdays,
    due_on,
    holidays_known,
    is_workday,
    missing_holidays,
    workdays_between,
)

DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))


@given(st.dates(date(2025, 1, 1), date(2026, 12, 31)))
def test_the_calendar_agrees_with_the_published_one(day: date) -> None:
    assert is_workday(day) == chinese_calendar.is_workday(day)


def test_make_up_days_work_and_holidays_on_weekdays_do_not() -> None:
    assert is_workday(date(2026, 2, 14))
    assert not is_workday(date(2026, 2, 16))
    assert is_workday(date(2026, 10, 10))
    assert not is_workday(date(2026, 10, 7))


def test_a_year_without_notice_has_only_weekends_and_says_so() -> None:
    assert is_workday(date(2027, 10, 1))
    assert not is_workday(date(2027, 10, 2))
    assert holidays_known(date(2025, 1, 1), date(2026, 12, 31))
    assert not holidays_known(date(2026, 12, 31), date(2027, 1, 1))


def test_the_next_years_holidays_are_missed_from_november_on_and_this_years_always() -> None:
    known = WorkCalendar(frozenset(), frozenset(), frozenset({2026}))
    assert missing_holidays(date(2026, 10, 31), known) is None
    assert missing_holidays(date(2026, 11, 1), known) == MissingHolidays(2027, begun=False)
    assert missing_holidays(date(2027, 1, 1), known) == MissingHolidays(2027, begun=True)
    both = WorkCalendar(frozenset(), frozenset(), frozenset({2026, 2027}))
    assert missing_holidays(date(2026, 12, 31), both) is None


@given(DAYS, st.integers(0, 60))
def test_adding_and_counting_are_inverse(day: date, count: int) -> None:
    assert workdays_between(day, add_workdays(day, count)) == count


@given(DAYS, st.integers(1, 60))
def test_the_last_day_is_a_working_day(day: date, count: int) -> None:
    assert is_workday(add_workdays(day, count))


@given(DAYS, DAYS, DAYS)
def test_counts_add_up(first: date, middle: date, last: date) -> None:
    assert workdays_between(first, middle) + workdays_between(middle, last) == workdays_between(
        first, last
    )


@given(DAYS, st.integers(0, 30), st.integers(0, 30))
def test_a_later_start_never_ends_earlier(day: date, count: int, later: int) -> None:
    assert add_workdays(day, count) <= add_workdays(day + timedelta(days=later), count)


def test_the_promised_time_steps_over_the_national_day() -> None:
    assert due_on(date(2026, 9, 30), 3) == date(2026, 10, 10)
    assert due_on(date(2026, 9, 30), 0) == date(2026, 9, 30)
    assert due_on(date(2026, 9, 30), None) is None
    with pytest.raises(ValueError, match="negative"):
        add_workdays(date(2026, 9, 30), -1)


def test_another_calendar_can_be_given() -> None:
    closed = WorkCalendar(frozenset({date(2026, 11, 24)}), frozenset(), frozenset({2026}))
    assert add_workdays(date(2026, 11, 23), 1, closed) == date(2026, 11, 25)
