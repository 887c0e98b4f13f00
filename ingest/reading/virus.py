"""Virus scanning of packages by clamd, over its INSTREAM protocol.

When a scanner is configured and does not answer, no package passes.
"""

import re
import socket
import struct
from collections.abc import Iterable, Iterator

from archive.reference.findings import Finding, finding
from ingest.errors import IngestError
from ingest.package.bag import Bag

_TIMEOUT, _LONGEST_ANSWER = 60.0, 4096
_LENGTH = struct.Struct(">I")


class ScannerDownError(IngestError):
    """The scanner is configured and does not answer."""

    code = "VIRUS_SCAN_DOWN"

    def __init__(self) -> None:
        """Set the message, which says what to check."""
        super().__init__(
            "病毒检测服务没有应答。", "请检查 YICE_CLAMD 和 clamd 服务；恢复后重新接收。"
        )


def virus_findings(bag: Bag, address: str) -> Iterator[Finding]:
    """Yield a finding for each infected file of a package (guard.md).

    An unreachable scanner gives one finding that refuses the package.
    """
    for name, file in bag.payload.items():
        place = "case.json" if name == "case.json" else "data"
        try:
            infected = scan_bytes(address, file.chunks())
        except ScannerDownError:
            yield finding("VIRUS_SCAN_DOWN", place)
            return
        if infected is not None:
            yield finding("VIRUS", place, what=infected)


def scan_bytes(address: str, chunks: Iterable[bytes]) -> str | None:
    """Return the name of the signature that matched, None for clean bytes.

    Raises ScannerDownError for no answer, a broken one, or an error of clamd.
    """
    try:
        with _connected(address) as link:
            link.sendall(b"zINSTREAM\0")
            for chunk in chunks:
                if chunk:
                    link.sendall(_LENGTH.pack(len(chunk)) + chunk)
            link.sendall(_LENGTH.pack(0))
            answer = _answer(link)
    except OSError as error:
        raise ScannerDownError from error
    if answer == "stream: OK":
        return None
    match = re.fullmatch(r"stream: (\S+) FOUND", answer)
    if match is None:
        # Too large for its limit, out of memory, or no clamd at all: nothing says that the bytes
        # are clean.
        raise ScannerDownError
    return match[1]


def ping(address: str) -> None:
    """Raise ScannerDownError unless clamd answers."""
    try:
        with _connected(address) as link:
            link.sendall(b"zPING\0")
            answer = _answer(link)
    except OSError as error:
        raise ScannerDownError from error
    if answer != "PONG":
        raise ScannerDownError


def _connected(address: str) -> socket.socket:
    if "/" in address:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(_TIMEOUT)
        link.connect(address)
        return link
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise ScannerDownError
    return socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT)


def _answer(link: socket.socket) -> str:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
        part = link.recv(_LONGEST_ANSWER)
        if not part:
            break
        answer += part
    return answer.rstrip(b"\0\n").decode("utf-8", "replace")
