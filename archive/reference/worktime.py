"""Working days of the People's Republic (R34).

The yearly holiday notices are data (`data/holidays.json`).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

_DATA = Path(__file__).with_name("data") / "holidays.json"
_DAY = timedelta(days=1)
_SATURDAY = 5
_NOTICE_MONTH = 11
_LONGEST_TERM = 8000


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """A calendar: days off and make-up working days.

    `announced` are the years whose holiday notice is entered; in other years only weekends are
    free.
    """

    days_off: frozenset[date]
    make_up_days: frozenset[date]
    announced: frozenset[int]

    def is_workday(self, day: date) -> bool:
        """Return whether offices work on this day."""
        if day in self.make_up_days:
            return True
        return day.weekday() < _SATURDAY and day not in self.days_off


def load_calendar(path: Path = _DATA) -> WorkCalendar:
    """Return the calendar in a JSON file: years -> announced, holidays, workdays (ISO dates)."""
    years = json.loads(path.read_text("utf-8"))["years"]
    return WorkCalendar(
        days_off=frozenset(
            date.fromisoformat(day) for year in years.values() for day in year["holidays"]
        ),
        make_up_days=frozenset(
            date.fromisoformat(day) for year in years.values() for day in year["workdays"]
        ),
        announced=frozenset(int(number) for number, year in years.items() if year["announced"]),
    )


@cache
def national_calendar() -> WorkCalendar:
    """Return the calendar that ships with the archive."""
    return load_calendar()


def is_workday(day: date, calendar: WorkCalendar | None = None) -> bool:
    """Return whether offices work on this day."""
    return (calendar or national_calendar()).is_workday(day)


def holidays_known(first: date, last: date, calendar: WorkCalendar | None = None) -> bool:
    """Return whether every year from `first` to `last` has its holiday notice entered.

    If not, a count over them is provisional.
    """
    announced = (calendar or national_calendar()).announced
    return all(year in announced for year in range(first.year, last.year + 1))


@dataclass(frozen=True, slots=True)
class MissingHolidays:
    """A year whose holidays are not entered though they should be, and whether it has begun."""

    year: int
    begun: bool


def missing_holidays(day: date, calendar: WorkCalendar | None = None) -> MissingHolidays | None:
    """Return the first year that lacks its holiday notice on `day`; None when none is due.

    The State Council announces those of the next year around the beginning of November.
    """
    announced = (calendar or national_calendar()).announced
    if day.year not in announced:
        return MissingHolidays(day.year, begun=True)
    if day.month >= _NOTICE_MONTH and day.year + 1 not in announced:
        return MissingHolidays(day.year + 1, begun=False)
    return None


def add_workdays(day: date, count: int, calendar: WorkCalendar | None = None) -> date:
    """Return the `count`-th working day after `day`; raises ValueError below 0.

    The day itself does not count (民法典 §201), and 0 returns it.
    """
    if count < 0:
        raise ValueError("a negative number of working days")
    used = calendar or national_calendar()
    while count:
        day += _DAY
        count -= used.is_workday(day)
    return day


def workdays_left(day: date, due: date, calendar: WorkCalendar | None = None) -> int:
    """Return the working days from a day until a due day: 0 on it, below 0 when it is past."""
    used = calendar or national_calendar()
    first, last = sorted((day, due))
    days = sum(used.is_workday(first + _DAY * step) for step in range(1, (last - first).days + 1))
    return days if due >= day else -days


def due_on(
    received: date, limit_workdays: int | None, calendar: WorkCalendar | None = None
) -> date | None:
    """Return the last day of the promised time.

    A limit of 0 means on the spot (当场办结); None that the item states no limit.
    """
    return None if limit_workdays is None else add_workdays(received, limit_workdays, calendar)


def due_with_pauses(
    started: date,
    budget: int,
    pauses: Iterable[tuple[date, date]],
    *,
    workdays: bool,
    calendar: WorkCalendar | None = None,
) -> date:
    """Return the day on which a term runs out that stood still in between.

    Days after the first of a pause, up to its last, do not count. A term of plain days that ends
    on a day off ends on the next working day (民法典 §203). Raises ValueError when the pauses
    take more than twenty years.
    """
    used, spans, day = calendar or national_calendar(), tuple(pauses), started
    left = budget
    for _ in range(_LONGEST_TERM):
        if left <= 0:
            break
        day += _DAY
        paused = any(first < day <= last for first, last in spans)
        left -= not paused and (not workdays or used.is_workday(day))
    else:
        raise ValueError("a term of more than twenty years")
    while not workdays and not used.is_workday(day):
        day += _DAY
    return day
