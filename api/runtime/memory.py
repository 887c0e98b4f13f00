"""What a long-lived process does once about its memory, before it begins to work."""

import ctypes
import gc
from functools import cache

_ARENA_MAX = -8  # M_ARENA_MAX, mallopt(3)
_THRESHOLDS = (
    20_000,
    20,
    50,
)  # one signed PDF read by pyHanko is some ten thousand objects: not a reason to look for garbage ten times


@cache
def settle() -> None:
    """Keep the garbage collector away from what stays for ever: modules, catalogue, settings.

    A volume's proof makes the JVM collect, and JPype then makes Python collect all: over 200,000 lasting objects that is 60 ms each time, a quarter
    of a volume's cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


def share_one_heap() -> None:
    """Let the threads of a process that makes one volume at a time share one heap: each heap of its own keeps what its busiest moment took."""
    # glibc's own call; another C library has no such heaps.
    limit = getattr(ctypes.CDLL(None), "mallopt", None)
    if limit is not None:
        limit(_ARENA_MAX, 1)
