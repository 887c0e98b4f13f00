"""A real RFC 3161 server on loopback, with the faults that a time-stamping authority may have."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from asn1crypto import core, tsp
from pyhanko.sign.timestamps import DummyTimeStamper, TimeStamper


class Fault(StrEnum):
    """What goes wrong; `SOUND` is nothing."""

    SOUND = "sound"
    SLOW = "slow"
    ERROR_500 = "error-500"
    WRONG_IMPRINT = "wrong-imprint"
    WRONG_NONCE = "wrong-nonce"
    BROKEN_SIGNATURE = "broken-signature"
    REFUSED = "refused"
    GARBAGE = "garbage"


class Refusal(core.Sequence):
    _fields: ClassVar = [("status", tsp.PKIStatusInfo)]


@dataclass
class Tsa:
    """The server: what it stamps with, what is wrong with it, how often it was asked.

    `login` is user:password.
    """

    stamper: DummyTimeStamper
    fault: Fault = Fault.SOUND
    login: str = ""
    url: str = ""
    asked: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def reply(self, query: bytes) -> tuple[int, bytes]:
        request = tsp.TimeStampReq.load(query)
        if self.fault is Fault.SLOW:
            self.released.wait(5)
        if self.fault is Fault.ERROR_500:
            return 500, b"down for repair"
        if self.fault is Fault.GARBAGE:
            return 200, b"\x30\x03garbage"
        if self.fault is Fault.REFUSED:
            # RFC 3161 §2.4.2: no token comes with a rejection; asn1crypto's own type would insist
            # on one.
            return 200, Refusal({"status": tsp.PKIStatusInfo({"status": "rejection"})}).dump()
        if self.fault is Fault.WRONG_IMPRINT:
            request["message_imprint"]["hashed_message"] = bytes(32)
        if self.fault is Fault.WRONG_NONCE:
            request["nonce"] = 1
        response = self.stamper.request_tsa_response(request)
        if self.fault is Fault.BROKEN_SIGNATURE:
            info = response["time_stamp_token"]["content"]["signer_infos"][0]
            info["signature"] = bytes(len(info["signature"].native))
        return 200, bytes(response.dump())


@contextmanager
def serve_tsa(stamper: TimeStamper, fault: Fault = Fault.SOUND, login: str = "") -> Iterator[Tsa]:
    """Run until the block ends."""
    assert isinstance(stamper, DummyTimeStamper)
    tsa = Tsa(stamper, fault, login)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            tsa.asked += 1
            query = self.rfile.read(int(self.headers["Content-Length"]))
            expected = "Basic " + base64.b64encode(tsa.login.encode()).decode()
            status, body = (
                (401, b"")
                if tsa.login and self.headers.get("Authorization") != expected
                else tsa.reply(query)
            )
            try:
                self.send_response(status)
                self.send_header(
                    "Content-Type", "application/timestamp-reply" if status == 200 else "text/plain"
                )
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # the client gave up waiting

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tsa.url = f"http://127.0.0.1:{server.server_port}/tsa"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield tsa
    finally:
        tsa.released.set()
        server.shutdown()
        server.server_close()
