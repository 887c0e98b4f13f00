"""Times and days as they come in: ISO 8601 in its extended format, and nothing else.

A number, a text of digits or a time without offset means another time to another reader, so
none of them is guessed at (pydantic takes digits for seconds since 1970).
"""

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

FIRST_YEAR, LAST_YEAR = 1900, 2200
MOMENT_FORM = "须为带时区的 ISO 8601 时间，形如 2026-09-01T09:00:00+08:00"
DAY_FORM = "须为 ISO 8601 日期，形如 2026-09-01"
_YEARS = f"年份须在 {FIRST_YEAR} 至 {LAST_YEAR} 之间"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?P<hour>[0-9]{2}):[0-9]{2}(?::(?P<second>[0-9]{2})"
    r"(?:[.,][0-9]{1,9})?)?(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})"
)
_MIDNIGHT, _LEAP = "24", "60"


def _as_moment(value: object) -> object:
    """Return the time that a text of ISO 8601 states, or a datetime as it is.

    An hour 24 and a second 60 are of ISO 8601, but no clock of ours can hold them, and a guess
    would move the day. An offset of -00:00 says that the offset is not known. Raises
    PydanticCustomError.
    """
    if isinstance(value, datetime):
        return value
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or match["offset"] == "-00:00":
        raise PydanticCustomError("moment", MOMENT_FORM)
    if match["hour"] == _MIDNIGHT:
        raise PydanticCustomError("moment", "24 时请写作次日 00:00，" + MOMENT_FORM)
    if match["second"] == _LEAP:
        raise PydanticCustomError("moment", "闰秒请写作 59 秒，" + MOMENT_FORM)
    try:
        return datetime.fromisoformat(match[0].replace(",", "."))
    except ValueError:
        raise PydanticCustomError("moment", MOMENT_FORM) from None


def _as_day(value: object) -> object:
    """Return the day that a text of ISO 8601 states, or a date as it is.

    Raises PydanticCustomError.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise PydanticCustomError("day", DAY_FORM)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("day", DAY_FORM) from None


def _within_calendar(at: AwareDatetime) -> AwareDatetime:
    # At the ends of the calendar a conversion between time zones overflows.
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise PydanticCustomError("year", _YEARS)
    return at


Moment = Annotated[AwareDatetime, BeforeValidator(_as_moment), AfterValidator(_within_calendar)]
"""A time with its offset, of the years that the archive knows."""
Day = Annotated[date, BeforeValidator(_as_day)]
"""A day of the local calendar."""
