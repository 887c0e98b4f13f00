"""Logs: JSON lines on the error stream, each one event with its request, job or duty.

Only what this project logs itself is written out. Of what a library logs, the template and the
place are kept and what was filled in is not, and of an error its classes and places: both may quote
a record, and a record never belongs in a log.
"""

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from api.runtime.failures import explain, places

if TYPE_CHECKING:  # a worker has no need of the web
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PACKAGES = ("api", "archive", "ingest", "search", "storage", "yice")
# The default is never changed in place.
_context: ContextVar[dict[str, str | int]] = ContextVar("context", default={})  # noqa: B039
_log = logging.getLogger("yice")


class JsonLines(logging.Formatter):
    """A formatter that writes a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON, without anything that a library filled in."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
        }
        if record.name.partition(".")[0] in _PACKAGES:
            line["event"] = record.getMessage()
        else:
            line["event"] = record.msg if record.args and isinstance(record.msg, str) else None
            line["place"] = f"{record.module}:{record.lineno}"
        line |= _context.get() | getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line |= {"code": explain(record.exc_info[1])[0], "error": places(record.exc_info[1])}
        return json.dumps(line, ensure_ascii=False, default=str)


def configure() -> None:
    """Send everything that this process logs to the error stream as JSON lines.

    Our own records are kept from INFO, those of libraries from WARNING.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.WARNING
    for name in _PACKAGES:
        logging.getLogger(name).setLevel(logging.INFO)
    # Their own handlers write plain text.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        other = logging.getLogger(name)
        other.handlers, other.propagate, other.level = [], True, logging.NOTSET


CONFIG: dict[str, object] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "api.runtime.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
"""For a process that answers a person at a terminal: of warnings and errors alone, the same lines.

Python prints what nobody handles with its whole trace, and an error of the database quotes rows.
"""


def log_event(event: str, **fields: str | float | bool | None) -> None:
    """Log one event of ours. Fields are numbers, codes and names, never the text of a record."""
    _log.info(event, extra={"fields": fields})


@contextmanager
def log_context(**fields: str | int) -> Iterator[None]:
    """Add these fields (a request, job or duty) to everything that is logged inside."""
    token = _context.set(_context.get() | fields)
    try:
        yield
    finally:
        _context.reset(token)


@contextmanager
def log_outcome(event: str, **fields: str | int) -> Iterator[None]:
    """Log how something ended and how many ms it took; an error passes on."""
    began = time.monotonic()
    with log_context(**fields):
        try:
            yield
        except BaseException as error:
            log_event(event, ok=False, code=explain(error)[0], ms=_since(began))
            raise
        log_event(event, ok=True, ms=_since(began))


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


class LoggedRequests:
    """Middleware that numbers each request and logs it.

    The answer bears the number, too. A request is logged by the pattern of its address: an address
    may name a volume.
    """

    def __init__(self, app: "ASGIApp") -> None:
        """Wrap an app."""
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer and log one request; what is no HTTP request is not logged."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number, began, status = uuid4().hex[:16], time.monotonic(), 500

        async def sending(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"request-id", number.encode())]
            await send(message)

        with log_context(request=number):
            try:
                await self._app(scope, receive, sending)
            finally:
                route = getattr(scope.get("route"), "path", None)
                log_event(
                    "request",
                    method=scope["method"],
                    route=route,
                    status=status,
                    ms=_since(began),
                )
