"""The time zone of the archive, and times as they are printed."""

from datetime import datetime
from zoneinfo import ZoneInfo

LOCAL_TIME = ZoneInfo("Asia/Shanghai")


def local_time(at: datetime) -> str:
    """Return a time in the local zone, to the minute, such as 2026-01-31 09:05."""
    return at.astimezone(LOCAL_TIME).strftime("%Y-%m-%d %H:%M")


def local_date(at: datetime) -> str:
    """Return the local day of a time, such as 2026-01-31."""
    return at.astimezone(LOCAL_TIME).strftime("%Y-%m-%d")
