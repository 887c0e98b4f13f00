"""The time zone of the archive, and times as they are printed."""

from datetime import datetime
from zoneinfo import ZoneInfo

LOCAL_TIME = ZoneInfo("Asia/Shanghai")


def local_time(at: datetime) -> str:
    """Minutes in local time, as people write it."""
    return at.astimezone(LOCAL_TIME).strftime("%Y-%m-%d %H:%M")


def local_date(at: datetime) -> str:
    """The day in local time."""
    return at.astimezone(LOCAL_TIME).strftime("%Y-%m-%d")
