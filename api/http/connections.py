"""How long a connection may take to say what it wants.

uvicorn waits for ever for the end of a request (its own limit, keep-alive, begins after the first
answer): 900 connections that sent half a header were kept, and each took a file handle. The front
(deploy/nginx) cuts them too; this holds where there is none. Named to uvicorn as `--http`.
"""

import asyncio
from asyncio.events import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class TimedProtocol(HttpToolsProtocol):
    """HTTP/1.1 of uvicorn, with an end to the time that headers and bodies take."""

    header_seconds = 20.0
    body_seconds = 300.0
    """Enough for 16 MB over half a megabit a second."""
    _timer: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Await the first request from now on."""
        super().connection_made(transport)
        self._await(self.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing any more."""
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Await the headers of a request, also of one that follows another."""
        super().on_message_begin()
        self._await(self.header_seconds)

    def on_headers_complete(self) -> None:
        """Await the body, which is empty for most."""
        super().on_headers_complete()
        self._await(self.body_seconds)

    def on_message_complete(self) -> None:
        """Await nothing: the request is here, the answer takes what it takes."""
        self._arrived()
        super().on_message_complete()

    def _await(self, seconds: float) -> None:
        self._arrived()
        self._timer = self.loop.call_later(seconds, self._cut)

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()
