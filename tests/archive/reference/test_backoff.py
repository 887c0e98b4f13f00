"""The one formula for pauses after failures."""

from datetime import timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from archive.reference.backoff import pause_after

PAUSES = st.timedeltas(timedelta(milliseconds=1), timedelta(days=30))


@given(failures=st.integers(1, 10**6), first=PAUSES, longest=PAUSES)
def test_a_pause_is_doubled_with_each_failure_until_the_longest(
    failures: int, first: timedelta, longest: timedelta
) -> None:
    assume(first <= longest)
    pause = pause_after(failures, first=first, longest=longest)
    assert first <= pause <= longest
    after = pause_after(failures + 1, first=first, longest=longest)
    assert after == min(pause * 2, longest)


@given(first=PAUSES, longest=PAUSES)
def test_the_first_failure_has_the_first_pause_and_none_has_none(
    first: timedelta, longest: timedelta
) -> None:
    assert pause_after(0, first=first, longest=longest) == timedelta(0)
    assert pause_after(1, first=first, longest=longest) == min(first, longest)


def test_a_million_failures_do_not_overflow_and_nor_do_thirty_of_long_pauses() -> None:
    day = timedelta(days=1)
    for failures in range(1, 80):
        assert pause_after(failures, first=30 * day, longest=31 * day) <= 31 * day
    assert pause_after(10**6, first=timedelta(seconds=1), longest=day) == day
