"""Spans of days as pages ask for them."""

from datetime import date, datetime

from archive.reference.local_time import LOCAL_TIME


def start_of(day: str) -> datetime | None:
    """The beginning of a day on the clock of the place; None for what is no day."""
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        return None
    return datetime(parsed.year, parsed.month, parsed.day, tzinfo=LOCAL_TIME)
