"""Spans of days as pages ask for them."""

from datetime import date, datetime

from archive.reference.local_time import LOCAL_TIME


def start_of(day: str) -> datetime | None:
    """Return the beginning of a day YYYY-MM-DD in local time; None for any other text."""
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        return None
    return datetime(parsed.year, parsed.month, parsed.day, tzinfo=LOCAL_TIME)
