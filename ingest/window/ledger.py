"""Clocks and the spans in which they stop: due day and lamp are functions of them.

A clock counts the days after the day it started. A day does not count where it lies in a span,
that is after the day on which the span began, up to the day on which it ended. An extension is a
span of as many counted days as it grants. Nothing here is stored; what rows say is held to it.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from archive.reference.local_time import LOCAL_TIME
from archive.reference.submission_terms import ClockKind, ClockUnit, SpanReason
from archive.reference.worktime import WorkCalendar, holidays_known, national_calendar
from ingest.window.terms import Lamp

_DAY = timedelta(days=1)
_LONGEST = 4000
_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Span:
    """Days that do not count; `ended` None while it lasts.

    Of an extension `days` says how many days it grants, and it has no end of its own.
    """

    began: datetime
    ended: datetime | None
    reason: SpanReason
    days: int = 0


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of a case, with the spans in which it stood."""

    kind: ClockKind
    unit: ClockUnit
    budget: int
    started: datetime
    ended: datetime | None = None
    spans: tuple[Span, ...] = ()
    yellow_share: int = 80

    def stopped(self) -> bool:
        """Return whether the clock stands now."""
        return any(span.ended is None and not span.days for span in self.spans)

    def with_span(self, span: Span) -> "Clock":
        """Return the clock with a further span."""
        return replace(self, spans=(*self.spans, span))

    def going_on(self, at: datetime) -> "Clock":
        """Return the clock with its open spans ended."""
        spans = tuple(
            replace(span, ended=at) if span.ended is None and not span.days else span
            for span in self.spans
        )
        return replace(self, spans=spans)


@dataclass(frozen=True, slots=True)
class Dates:
    """What a ledger comes to: the due day, and the day from which the lamp is yellow.

    `provisional`: holidays of a year in between are not entered, so that both may still move.
    `pauses` are the days that do not count, each from after its first day to its last.
    """

    due: date
    yellow: date
    provisional: bool
    pauses: tuple[tuple[date, date], ...]


def local_day(at: datetime) -> date:
    """Return the local day of a time."""
    return at.astimezone(LOCAL_TIME).date()


def dates_of(clock: Clock, calendar: WorkCalendar | None = None) -> Dates | None:
    """Return what a ledger comes to; None while the clock stands, for then nobody can know."""
    if clock.stopped():
        return None
    used = calendar or national_calendar()
    started = local_day(clock.started)
    pauses = [
        (local_day(span.began), local_day(span.ended))
        for span in clock.spans
        if span.ended is not None and not span.days
    ]
    for span in clock.spans:
        if span.days:
            began = local_day(span.began)
            pauses.append((began, _nth(began, span.days, clock.unit, pauses, used)))
    due = _nth(started, clock.budget, clock.unit, pauses, used)
    share = -(-clock.budget * clock.yellow_share // _PERCENT)
    yellow = _nth(started, share, clock.unit, pauses, used)
    if clock.unit is ClockUnit.DAY:
        due = _workday_from(due, used)
    known = holidays_known(started, due, used)
    return Dates(due, min(yellow, due), not known, tuple(pauses))


def _nth(
    day: date,
    count: int,
    unit: ClockUnit,
    pauses: Iterable[tuple[date, date]],
    calendar: WorkCalendar,
) -> date:
    """Return the `count`-th day after `day` that counts; 0 returns it."""
    pauses = tuple(pauses)
    for _ in range(_LONGEST):
        if not count:
            return day
        day += _DAY
        paused = any(began < day <= ended for began, ended in pauses)
        count -= not paused and (unit is ClockUnit.DAY or calendar.is_workday(day))
    raise ValueError("a term of more than ten years")


def _workday_from(day: date, calendar: WorkCalendar) -> date:
    """Return the day, or the next working day where it is none (民法典 §203)."""
    while not calendar.is_workday(day):
        day += _DAY
    return day


def lamp_of(clock: Clock, now: datetime, calendar: WorkCalendar | None = None) -> Lamp:
    """Return how a clock stands at a time.

    Nobody is called late by a day that holidays may still move.
    """
    if clock.ended is not None:
        return Lamp.ENDED
    dates = dates_of(clock, calendar)
    if dates is None:
        return Lamp.STOPPED
    today = local_day(now)
    if today > dates.due:
        return Lamp.PROVISIONAL if dates.provisional else Lamp.RED
    return Lamp.YELLOW if clock.budget and today >= dates.yellow else Lamp.NORMAL


def overdue(clock: Clock, calendar: WorkCalendar | None = None) -> bool:
    """Return whether a clock that ended, ended late; never by a provisional day."""
    dates = dates_of(clock, calendar)
    return (
        clock.ended is not None
        and dates is not None
        and not dates.provisional
        and local_day(clock.ended) > dates.due
    )


def calendar_version(calendar: WorkCalendar | None = None) -> str:
    """Return which calendar a day was counted by: its newest year, and a digest of its days."""
    used = calendar or national_calendar()
    days = [sorted(map(str, part)) for part in (used.days_off, used.make_up_days, used.announced)]
    digest = hashlib.sha256(json.dumps(days).encode()).hexdigest()
    return f"{max(used.announced, default=0)}-{digest[:12]}"
