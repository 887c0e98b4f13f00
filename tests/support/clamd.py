"""A server of clamd's INSTREAM protocol on loopback, which knows EICAR and nothing else."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# The test file that every scanner knows, put together here so that no scanner takes this one for
# it.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
LIMIT = 2 << 20


class ClamdStandIn(socketserver.StreamRequestHandler):
    """clamd as its manual describes it: z-commands end in NUL, chunks bear their length, a stream
    past its limit is an error.
    """

    def handle(self) -> None:
        command = b""
        while not command.endswith(b"\0"):
            command += self.rfile.read(1)
        if command == b"zPING\0":
            self.wfile.write(b"PONG\0")
        elif command == b"zINSTREAM\0":
            self.wfile.write(self._scan())

    def _scan(self) -> bytes:
        data = b""
        while size := struct.unpack(">I", self.rfile.read(4))[0]:
            data += self.rfile.read(size)
            if len(data) > LIMIT:
                return b"INSTREAM size limit exceeded. ERROR\0"
        return b"stream: Eicar-Signature FOUND\0" if EICAR in data else b"stream: OK\0"


@contextmanager
def clamd_server() -> Iterator[str]:
    """The address of a running scanner."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), ClamdStandIn) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
