"""An HTTP proxy that breaks chosen requests on their way to a real server, as networks and
overloaded stores do.
"""

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Fault(Enum):
    """What may happen to one request."""

    INTERNAL_ERROR = "answers 500 and does nothing"
    UNAVAILABLE = "answers 503 and does nothing"
    RESET_BEFORE = "cuts the connection before the server has the request"
    RESET_HALFWAY = "cuts it when the server has half of the request's body"
    RESET_AFTER = "cuts it when the server has done the work and its answer is lost"
    LOST_ANSWER_500 = "lets the server do the work and answers 500"
    TRUNCATED = "cuts the answer's body in half"
    CORRUPT = "flips one bit of the answer's body"
    SLOW = "waits a second"


Choose = Callable[[str, str, int], Fault | None]


@dataclass
class Proxy:
    """A running proxy.

    `choose(method, path, number of the request)` says what to break, `done` what was broken.
    """

    upstream: str
    port: int = 0
    choose: Choose = lambda *_: None
    done: list[tuple[Fault, str, str]] = field(default_factory=list)
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def address(self) -> str:
        """host:port for the client."""
        return f"127.0.0.1:{self.port}"

    def arm(self, fault: Fault, method: str, times: int = 1) -> None:
        """Break the next `times` requests of this method, and forget what was broken before."""
        self.done.clear()

        def choose(asked: str, _path: str, _number: int) -> Fault | None:
            return fault if asked == method and len(self.done) < times else None

        self.choose = choose

    def calm(self) -> None:
        """Break nothing from now on."""
        self.choose = lambda *_: None

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Decide on one request, and remember."""
        with self.lock:
            self.count += 1
            fault = self.choose(method, path, self.count)
            if fault:
                self.done.append((fault, method, path))
            return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.fault_for(self.command, self.path)
        if fault is Fault.RESET_BEFORE:
            return self._reset()
        if fault in {Fault.INTERNAL_ERROR, Fault.UNAVAILABLE}:
            return self._answer(500 if fault is Fault.INTERNAL_ERROR else 503, [], b"")
        if fault is Fault.RESET_HALFWAY:
            self._half(body)
            return self._reset()
        if fault is Fault.SLOW:
            time.sleep(1)
        status, headers, answer = self._ask(body)
        if fault is Fault.RESET_AFTER:
            return self._reset()
        if fault is Fault.LOST_ANSWER_500:
            return self._answer(500, [], b"")
        if fault is Fault.CORRUPT and answer:
            answer = bytes([answer[0] ^ 1]) + answer[1:]
        return self._answer(
            status, headers, answer, sent=len(answer) // 2 if fault is Fault.TRUNCATED else None
        )

    # The names that http.server calls.
    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass  # noqa: N815

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        server = http.client.HTTPConnection(self.proxy.upstream, timeout=60)
        try:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for (
                name,
                value,
            ) in self.headers.items():  # with the client's Host, which its signature covers
                server.putheader(name, value)
            server.endheaders(body or None)
            answer = server.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            server.close()

    def _half(self, body: bytes) -> None:
        host, _, port = self.proxy.upstream.partition(":")
        with socket.create_connection((host, int(port))) as server:
            head = f"{self.command} {self.path} HTTP/1.1\r\n" + "".join(
                f"{name}: {value}\r\n" for name, value in self.headers.items()
            )
            server.sendall(head.encode() + b"\r\n" + body[: len(body) // 2])
            time.sleep(0.1)

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, sent: int | None = None
    ) -> None:
        self.send_response_only(status)
        length = next(
            (value for name, value in headers if name.lower() == "content-length"), str(len(body))
        )
        for name, value in headers:
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])
        if sent is not None:
            self.close_connection = True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def finish(self) -> None:
        """A connection that was cut has nothing to flush."""
        try:
            super().finish()
        except (OSError, ValueError):
            return


@contextmanager
def proxied(upstream: str) -> Iterator[Proxy]:
    """A proxy on a free port of loopback before host:port `upstream`."""
    proxy = Proxy(upstream)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
