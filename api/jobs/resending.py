"""When messages of which nothing was heard are sent again."""

import time


def is_due(sent_at: float | None, on_the_way: int, *, shortest: float) -> bool:
    """Return whether to send messages (again) that were sent at a time of the monotonic clock.

    A message may get lost; one too many finds its work done or leased. A long queue is given a
    second more for each message: to send it again while it is worked off makes it only longer.
    """
    return sent_at is None or time.monotonic() - sent_at > shortest + on_the_way
