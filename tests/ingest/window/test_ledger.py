"""Terms held to a calendar that is not ours, for random starts, budgets and pauses."""

import os
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import chinese_calendar
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.reference.submission_terms import ClockKind, ClockUnit, SpanReason
from archive.reference.worktime import WorkCalendar, national_calendar
from ingest.window.ledger import Clock, Span, dates_of, lamp_of, overdue
from ingest.window.stated import stated_clock
from ingest.window.terms import Lamp

EXAMPLES = int(os.environ.get("WINDOW_EXAMPLES", "300"))
FIRST, LAST = date(2020, 1, 1), date(2026, 12, 31)
DAY = timedelta(days=1)


def calendar() -> WorkCalendar:
    """Ours for the years that it knows, the other one's days for those before."""
    ours = national_calendar()
    days = [FIRST + DAY * step for step in range((date(2025, 1, 1) - FIRST).days)]
    off = {day for day in days if not chinese_calendar.is_workday(day)}
    worked = {day for day in days if chinese_calendar.is_workday(day) and day.weekday() > 4}
    return WorkCalendar(
        ours.days_off | off, ours.make_up_days | worked, ours.announced | set(range(2020, 2025))
    )


CALENDAR = calendar()


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, 0, tzinfo=UTC)


def counted(start: date, budget: int, stops: list[tuple[date, date]], added: int) -> date:
    """The due day, told anew: walk day by day, and ask the other calendar."""
    day, left = start, budget + added
    while left:
        day += DAY
        stopped = any(began < day <= ended for began, ended in stops)
        if not stopped and chinese_calendar.is_workday(day):
            left -= 1
    return day


starts = st.dates(FIRST, date(2026, 3, 1))
pauses = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 25)), max_size=3)


@settings(max_examples=EXAMPLES, deadline=None)
@given(starts, st.integers(0, 30), pauses, st.integers(0, 10), st.integers(0, 20))
def test_the_due_day_is_that_of_an_independent_calendar(
    start: date, budget: int, spans: list[tuple[int, int]], added: int, begins: int
) -> None:
    at, stops = start, []
    for offset, length in spans:
        began = at + DAY * offset
        at = began + DAY * length
        stops.append((began, at))
    clock = Clock(ClockKind.PROMISE, ClockUnit.WORKING_DAY, budget, noon(start))
    for began, ended in stops:
        clock = clock.with_span(Span(noon(began), noon(ended), SpanReason.CORRECTION))
    without = dates_of(clock, CALENDAR)
    assert without is not None
    assert without.due == counted(start, budget, stops, 0)
    decided = start + DAY * begins
    if added and decided < without.due:
        clock = clock.with_span(Span(noon(decided), None, SpanReason.EXTENSION, added))
        dates = dates_of(clock, CALENDAR)
        assert dates is not None
        assert dates.due == counted(start, budget, stops, added)
        same_as_stated(clock, dates.due)


def same_as_stated(clock: Clock, due: date) -> None:
    """What the submission states comes to the same day, and its pauses do not overlap."""
    stated = stated_clock(clock, "test", (), CALENDAR)
    local = timedelta(hours=8)
    spans = sorted(
        (datetime.fromisoformat(span["from"]), datetime.fromisoformat(span["to"]))
        for span in stated["spans"]
    )
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    days = [
        ((began.astimezone(UTC) + local).date(), (ended.astimezone(UTC) + local).date())
        for began, ended in spans
    ]
    start = (clock.started.astimezone(UTC) + local).date()
    assert counted(start, clock.budget, days, 0) == due == date.fromisoformat(stated["due_on"])


@settings(max_examples=EXAMPLES, deadline=None)
@given(starts, st.integers(1, 10))
def test_a_term_of_days_ends_on_a_working_day(start: date, budget: int) -> None:
    dates = dates_of(Clock(ClockKind.FEEDBACK, ClockUnit.DAY, budget, noon(start)), CALENDAR)
    assert dates is not None
    due = start + DAY * budget
    while not chinese_calendar.is_workday(due):
        due += DAY
    assert dates.due == due


def test_a_lamp_is_yellow_from_eighty_percent_and_red_after_the_due_day() -> None:
    clock = Clock(ClockKind.PROMISE, ClockUnit.WORKING_DAY, 5, noon(date(2026, 3, 2)))
    lamps = [lamp_of(clock, noon(date(2026, 3, day))) for day in (5, 6, 9, 10)]
    assert lamps == [Lamp.NORMAL, Lamp.YELLOW, Lamp.YELLOW, Lamp.RED]


def test_a_year_whose_holidays_are_not_entered_makes_nobody_late() -> None:
    clock = Clock(ClockKind.PROMISE, ClockUnit.WORKING_DAY, 20, noon(date(2026, 12, 28)))
    dates = dates_of(clock)
    assert dates is not None
    assert dates.provisional
    after = noon(date(2027, 3, 1))
    assert lamp_of(clock, after) is Lamp.PROVISIONAL
    ended = Clock(clock.kind, clock.unit, clock.budget, clock.started, after)
    assert not overdue(ended)


def test_a_clock_that_stands_is_due_on_no_day() -> None:
    clock = Clock(ClockKind.PROMISE, ClockUnit.WORKING_DAY, 5, noon(date(2026, 3, 2)))
    stood = clock.with_span(Span(noon(date(2026, 3, 3)), None, SpanReason.CORRECTION))
    assert dates_of(stood) is None
    assert lamp_of(stood, noon(date(2026, 6, 1))) is Lamp.STOPPED
    assert lamp_of(stood.going_on(noon(date(2026, 6, 1))), noon(date(2026, 6, 2))) is Lamp.NORMAL
