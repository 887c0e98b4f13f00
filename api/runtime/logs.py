"""Logs: JSON lines on the error stream, one event on each, with the request, job or duty that it belongs to.

Only what this project says itself is written out. Of what a library logs, the template and the place are kept and what was filled in is not,
and of an error its classes and places: both may quote a record, and a record never belongs in a log.
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

_ROOMS = ("api", "archive", "ingest", "search", "storage", "yice")
_about: ContextVar[dict[str, str | int]] = ContextVar("about", default={})  # noqa: B039 - never changed in place
_log = logging.getLogger("yice")


class JsonLines(logging.Formatter):
    """One JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record without anything that a library filled in."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
        }
        if record.name.partition(".")[0] in _ROOMS:
            line["event"] = record.getMessage()
        else:
            line["event"] = record.msg if record.args and isinstance(record.msg, str) else None
            line["place"] = f"{record.module}:{record.lineno}"
        line |= _about.get() | getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line |= {"code": explain(record.exc_info[1])[0], "error": places(record.exc_info[1])}
        return json.dumps(line, ensure_ascii=False, default=str)


def begin() -> None:
    """Send everything that this process logs to the error stream as JSON lines: our own from INFO, that of libraries from WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.WARNING
    for name in _ROOMS:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in (
        "uvicorn",
        "uvicorn.error",
        "uvicorn.access",
    ):  # their own handlers write plain text
        other = logging.getLogger(name)
        other.handlers, other.propagate, other.level = [], True, logging.NOTSET


def tell(event: str, **fields: str | float | bool | None) -> None:
    """Log one event of ours. Fields are numbers, codes and names of things, never what a record says."""
    _log.info(event, extra={"fields": fields})


@contextmanager
def about(**fields: str | int) -> Iterator[None]:
    """Everything that is logged inside belongs to this request, job or duty."""
    token = _about.set(_about.get() | fields)
    try:
        yield
    finally:
        _about.reset(token)


@contextmanager
def told(event: str, **fields: str | int) -> Iterator[None]:
    """Log how something ended and how long it took; an error passes on."""
    begin_at = time.monotonic()
    with about(**fields):
        try:
            yield
        except BaseException as error:
            tell(event, ok=False, code=explain(error)[0], ms=_since(begin_at))
            raise
        tell(event, ok=True, ms=_since(begin_at))


def _since(begin_at: float) -> int:
    return round((time.monotonic() - begin_at) * 1000)


class ToldRequests:
    """Middleware that gives a request a number, which its answer bears too, and logs it by the pattern of its address: an address may name a volume."""

    def __init__(self, app: "ASGIApp") -> None:
        """Around an app."""
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One request; of what is no request nothing is told."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number, begin_at, status = uuid4().hex[:16], time.monotonic(), 500

        async def sending(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"request-id", number.encode())]
            await send(message)

        with about(request=number):
            try:
                await self._app(scope, receive, sending)
            finally:
                route = getattr(scope.get("route"), "path", None)
                tell(
                    "request",
                    method=scope["method"],
                    route=route,
                    status=status,
                    ms=_since(begin_at),
                )
