"""Memory settings of a long-lived process, made once before it begins to work."""

import ctypes
import gc
from functools import cache

_ARENA_MAX = -8  # M_ARENA_MAX, mallopt(3)
# One signed PDF read by pyHanko is some ten thousand objects: no reason to collect ten times.
_THRESHOLDS = (20_000, 20, 50)


@cache
def tune_garbage_collector() -> None:
    """Keep the garbage collector away from what stays for ever: modules, catalogue, settings.

    A volume's proof makes the JVM collect, and JPype then makes Python collect all: over 200,000
    lasting objects that is 60 ms each time, a quarter of a volume's cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


def share_one_heap() -> None:
    """Let the threads of a process that makes one volume at a time share one heap.

    A heap for each thread would keep what that thread's busiest moment took.
    """
    # glibc's own call; another C library has no such heaps.
    limit = getattr(ctypes.CDLL(None), "mallopt", None)
    if limit is not None:
        limit(_ARENA_MAX, 1)
