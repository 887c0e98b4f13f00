"""When a call to a source is made again: as the system asks, not too often, and never for ever."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from archive.database.engine import connect, migrate, reading, writing
from archive.gathering.source_health import health_rows, record_failure
from ingest.sources.http import Caller
from ingest.sources.protocol import SourceError

NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)
Answer = tuple[int, dict[str, str], bytes]
WELL: Answer = (200, {}, b'{"well": true}')


class Server:
    """A system that gives the answers it was told, one after the other, the last for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [WELL]
        self.asked: list[float] = []
        system = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                system.asked.append(time.monotonic())
                status, headers, body = (
                    system.answers.pop(0) if len(system.answers) > 1 else system.answers[0]
                )
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    system = Server()
    yield system
    system.close()


def call(server: Server) -> dict[str, Any]:
    return Caller(server.base, rate=1000).json("GET", "/x")


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_that_a_busy_system_asks_for_is_kept(server: Server, status: int) -> None:
    server.answers = [(status, {"Retry-After": "1"}, b""), WELL]
    assert call(server) == {"well": True}
    first, second = server.asked
    assert second - first >= 1


def test_a_system_that_asks_for_a_long_pause_is_left_in_peace_and_not_asked_again_in_this_round(
    server: Server,
) -> None:
    server.answers = [(503, {"Retry-After": "600"}, b"")]
    with pytest.raises(SourceError) as caught:
        call(server)
    assert len(server.asked) == 1
    assert (caught.value.code, caught.value.retry_after) == (
        "SOURCE_UNAVAILABLE",
        timedelta(seconds=600),
    )


def test_a_pause_that_cannot_be_read_is_none(server: Server) -> None:
    server.answers = [(503, {"Retry-After": "soon"}, b""), WELL]
    assert call(server) == {"well": True}


def test_a_system_that_stays_down_is_asked_seven_times_and_no_more(server: Server) -> None:
    server.answers = [(500, {}, b"")]
    with pytest.raises(SourceError):
        call(server)
    assert len(server.asked) == 7


@pytest.mark.parametrize(
    "broken", [(200, {"Content-Length": "99"}, b'{"well"'), (200, {}, b"no json")]
)
def test_a_body_that_breaks_off_counts_as_a_try_like_a_status(
    server: Server, broken: Answer
) -> None:
    server.answers = [broken, (500, {}, b""), WELL]
    assert call(server) == {"well": True}
    assert len(server.asked) == 3


def test_a_client_error_is_not_tried_again(server: Server) -> None:
    server.answers = [(403, {}, b"{}")]
    with pytest.raises(SourceError) as caught:
        call(server)
    assert (caught.value.code, len(server.asked)) == ("SOURCE_REFUSED", 1)


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        (timedelta(0), timedelta(seconds=2)),
        (timedelta(minutes=10), timedelta(minutes=10)),
        (timedelta(days=9), timedelta(hours=1)),
    ],
)
def test_the_next_round_begins_no_sooner_than_the_source_asked_for_and_within_an_hour(
    tmp_path: Path, asked: timedelta, pause: timedelta
) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)
    with writing(engine) as session:
        record_failure(session, "forms", code="X", message="x", at=NOW, not_sooner=asked)
    with reading(engine) as session:
        (row,) = health_rows(session, ("forms",))
    assert row["next_try"] == (NOW + pause).isoformat(timespec="seconds")
