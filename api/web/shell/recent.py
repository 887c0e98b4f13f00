"""A cache of counts of tens of thousands of rows, which would take longer than a page may.

Answers are kept for a minute; the page says as of when.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

_SECONDS, _KEPT = 60.0, 200
T = TypeVar("T")


class Recent:
    """Answers that are kept for a minute.

    Two requests at once may both compute an answer; neither waits for the other.
    """

    def __init__(self, seconds: float = _SECONDS) -> None:
        """Start empty; an answer is kept for `seconds`."""
        self._seconds = seconds
        self._known: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the answer of a key, computed now when there is none fresh."""
        with self._lock:
            at, value = self._known.get(key, (float("-inf"), None))
        if time.monotonic() - at > self._seconds:
            value = make()
            with self._lock:
                self._known[key] = (time.monotonic(), value)
                self._known.move_to_end(key)
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        answer: T = value
        return answer

    def drop(self, key: Hashable) -> None:
        """Forget the answer of a key."""
        with self._lock:
            self._known.pop(key, None)
