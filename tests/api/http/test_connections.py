"""A connection that does not say what it wants is ended; one that does is kept."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request

from api.http.connections import TimedProtocol
from tests.support.postgres import free_port


class Hasty(TimedProtocol):
    """The same with less patience."""

    header_seconds, body_seconds = 0.5, 1.0


@contextmanager
def server() -> Iterator[int]:
    """A server that answers how many bytes it was sent."""
    app = FastAPI()

    @app.post("/")
    async def count(request: Request) -> int:
        return len(await request.body())

    port = free_port()
    running = uvicorn.Server(
        uvicorn.Config(app, port=port, http=Hasty, log_level="critical", timeout_keep_alive=60)
    )
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        while not running.started:
            time.sleep(0.02)
        yield port
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with server() as port:
        yield port


def ended(connection: socket.socket) -> bool:
    """Whether the server ends the connection, with no answer, before a minute has passed."""
    connection.settimeout(60)
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    ],
    ids=["nothing", "half a header", "half a body"],
)
def test_a_connection_that_says_half_of_what_it_wants_is_ended(port: int, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(begun)
        assert ended(connection)


def test_a_header_that_trickles_is_ended_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        until = time.monotonic() + 60
        with pytest.raises(OSError):  # noqa: PT011 - which of them depends on the moment
            while time.monotonic() < until:
                connection.sendall(b"X: y\r\n")
                time.sleep(0.1)


def test_a_connection_that_is_used_again_and_again_is_kept(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for _ in range(3):
            assert client.post("/", content=b"x" * 9).json() == 9
            time.sleep(0.7)
