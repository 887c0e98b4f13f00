"""Answers that take longer than a page may, kept for a minute: counts of tens of thousands of rows. The page says as at when."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

_SECONDS, _KEPT = 60.0, 200
T = TypeVar("T")


class Recent:
    """Answers that are good for a minute. Two who ask at once may both count; nobody waits for another's count."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        """Nothing is known yet."""
        self._seconds = seconds
        self._known: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer of a key, made now when there is none fresh."""
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
