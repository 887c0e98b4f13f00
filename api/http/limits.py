"""How many requests a minute a client or an address may make.

Written by hand, because the library for this, `limits` (5.8), shares its counts between processes
only through a server (Redis, Memcached, MongoDB); what it keeps without one, each process has for
itself. It has no token bucket either, whose wait is what Retry-After says.
"""

import sqlite3
import time
from collections.abc import Callable
from functools import cached_property
from threading import Lock

from fastapi import Request

from api.http.problems import ProblemError

_REMEMBERED = 10_000
_WAIT_SECONDS = 10
_BUCKET = "SELECT level, last FROM bucket WHERE caller = ?"
_FILL = "INSERT OR REPLACE INTO bucket VALUES (?, ?, ?)"
_ANONYMOUS_SHARE = 10


class Limiter:
    """A token bucket for each caller: `a_minute` requests a minute, as many at once at most.

    The processes of a node share the buckets in an SQLite file; without a file (`at` empty) they
    are kept in memory. Each node counts by itself.
    """

    def __init__(
        self, a_minute: int, at: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Open no file yet: a connection opened here would not survive a fork."""
        self._a_minute, self._at, self._clock = a_minute, at, clock
        self._lock = Lock()
        self._taken = 0

    @cached_property
    def _buckets(self) -> sqlite3.Connection:
        buckets = sqlite3.connect(
            self._at or ":memory:",
            timeout=_WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        # What is lost with the machine is of no use after a minute.
        buckets.execute("PRAGMA synchronous=OFF")
        buckets.execute("PRAGMA journal_mode=WAL")
        buckets.execute(
            "CREATE TABLE IF NOT EXISTS bucket (caller TEXT PRIMARY KEY, level REAL NOT NULL, "
            "last REAL NOT NULL) WITHOUT ROWID"
        )
        return buckets

    def take(self, caller: str) -> float:
        """Count one request; return 0, or how many seconds to wait for the next."""
        with self._lock:
            self._buckets.execute("BEGIN IMMEDIATE")
            with self._buckets:
                now = self._clock()
                level, last = self._buckets.execute(_BUCKET, (caller,)).fetchone() or (
                    float(self._a_minute),
                    now,
                )
                # A file from before the machine was restarted may hold a later time: that bucket
                # is full by now.
                level = min(
                    float(self._a_minute),
                    level + (now - last if now >= last else 60) * self._a_minute / 60,
                )
                wait = 0.0 if level >= 1 else (1 - level) * 60 / self._a_minute
                self._buckets.execute(_FILL, (caller, level if wait else level - 1, now))
                self._taken += 1
                if self._taken % _REMEMBERED == 0:
                    # After a minute a bucket is full again, as is that of an unknown caller.
                    self._buckets.execute(
                        "DELETE FROM bucket WHERE last NOT BETWEEN ? AND ?", (now - 60, now)
                    )
            return wait


def limited(limiter: Limiter, caller: str) -> None:
    """Raise the 429 problem when the caller asks too often."""
    wait = limiter.take(caller)
    if wait:
        raise ProblemError(
            429,
            "TOO_MANY_REQUESTS",
            "请求过于频繁。",
            "请按 Retry-After 稍后重试。",
            {"Retry-After": str(int(wait) + 1)},
        )


def host_of(request: Request) -> str:
    """Return the address that a request comes from; "" when it is not known."""
    return request.client.host if request.client else ""


def address_of(request: Request) -> str:
    """Return the name under which requests from this address are counted."""
    return f"address:{host_of(request)}"


async def anyone(request: Request) -> None:
    """Limit the public to a tenth of a client's rate for each address."""
    limited(request.app.state.station.anonymous, address_of(request))


def limiters(a_minute: int, at: str) -> tuple[Limiter, Limiter]:
    """Return the limiters of clients and of the public.

    Both may be in one file: the name of a client has no colon; `person:` of the desk, `address:`
    and `login:` of the public have one.
    """
    return Limiter(a_minute, at), Limiter(max(1, a_minute // _ANONYMOUS_SHARE), at)
