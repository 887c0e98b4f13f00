"""A clock as the submission states it: its pauses as times that do not overlap. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from archive.reference.local_time import LOCAL_TIME
from archive.reference.submission_terms import ClockUnit
from archive.reference.worktime import WorkCalendar, due_with_pauses
from ingest.window.ledger import Clock, dates_of, local_day

_Pause = tuple[datetime, datetime, str]


def stated_clock(
    clock: Clock,
    calendar_name: str,
    alerts: Iterable[tuple[str, datetime]],
    calendar: WorkCalendar | None = None,
) -> dict[str, Any]:
    """Return a clock with what it came to, and the last alert of each rung.

    An extension that was not used up counts as far as it was: its due day is that of its pauses.
    Raises ValueError for one that stands: nobody can know its due day.
    """
    dates = dates_of(clock, calendar)
    if dates is None:
        raise ValueError("a clock that stands")
    rungs, pauses = dict(alerts), pauses_of(clock, calendar)
    due = due_with_pauses(
        local_day(clock.started),
        clock.budget,
        [(local_day(began), local_day(ended)) for began, ended, _ in pauses],
        workdays=clock.unit is ClockUnit.WORKING_DAY,
        calendar=calendar,
    )
    return {
        "kind": str(clock.kind),
        "unit": str(clock.unit),
        "budget": clock.budget,
        "calendar": calendar_name,
        "started_at": clock.started.isoformat(),
        "ended_at": clock.ended and clock.ended.isoformat(),
        "due_on": due.isoformat(),
        "spans": [
            {"from": began.isoformat(), "to": ended.isoformat(), "reason": reason}
            for began, ended, reason in pauses
        ],
        "alerts": [{"rung": rung, "at": at.isoformat()} for rung, at in rungs.items()],
    }


def pauses_of(clock: Clock, calendar: WorkCalendar | None = None) -> Sequence[_Pause]:
    """Return the pauses of a clock in order; an extension goes around what stopped it.

    What lies after the end of the clock is cut off.
    """
    dates = dates_of(clock, calendar)
    stops = [
        (span.began, span.ended, str(span.reason))
        for span in clock.spans
        if span.ended is not None and not span.days
    ]
    pauses = list(stops)
    extensions = [span for span in clock.spans if span.days]
    ends = [last for _, last in dates.pauses[len(stops) :]] if dates else []
    for span, last in zip(extensions, ends, strict=True):
        end = datetime.combine(last, time.max, LOCAL_TIME).replace(microsecond=0)
        for began, ended in _without(span.began, end, [(a, b) for a, b, _ in stops]):
            pauses.append((began, ended, str(span.reason)))
    cut = clock.ended
    kept = [
        (began, min(ended, cut) if cut else ended, reason)
        for began, ended, reason in pauses
        if cut is None or began < cut
    ]
    return sorted(kept)


def _without(
    began: datetime, ended: datetime, stops: Iterable[tuple[datetime, datetime]]
) -> Iterable[tuple[datetime, datetime]]:
    """Yield the parts of a time that lie in none of these others."""
    for first, last in sorted(stops):
        if last <= began or first >= ended:
            continue
        if began < first:
            yield began, first
        began = max(began, last)
    if ended - began > timedelta(0):
        yield began, ended
