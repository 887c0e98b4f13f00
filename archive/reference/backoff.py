"""How long to wait before something that failed is tried again."""

from datetime import timedelta


def pause_after(failures: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """Return the pause after so many failures in a row: doubled each time, up to a longest.

    There is none without a failure.
    """
    if failures <= 0:
        return timedelta(0)
    doublings = failures - 1
    # As many doublings as this exceed the longest pause; many more would overflow a timedelta.
    if doublings >= (longest // max(first, timedelta.resolution)).bit_length():
        return longest
    return min(first * (1 << doublings), longest)
