"""Virus scanning of packages and captured files by clamd, over its INSTREAM protocol.

When a scanner is configured and does not answer, no package passes.
"""

import re
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

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


class Scanner(Protocol):
    """A scanner of foreign bytes. Every way in states one, if only that there is none."""

    def infection(self, chunks: Iterable[bytes]) -> str | None:
        """Return the name of what infects the bytes, None for clean ones.

        Raises ScannerDownError.
        """

    def require_answer(self) -> None:
        """Raise ScannerDownError unless the scanner answers."""


@dataclass(frozen=True, slots=True)
class NoScanner:
    """No scanner: the operator set none, so nothing is scanned."""

    def infection(self, chunks: Iterable[bytes]) -> str | None:
        """Return None without reading the bytes."""
        del chunks
        return None
        return None

    def require_answer(self) -> None:
        """Return: nobody is asked."""


@dataclass(frozen=True, slots=True)
class Clamd:
    """The clamd at `address`: host:port, or the path of a socket."""

    address: str

    def infection(self, chunks: Iterable[bytes]) -> str | None:
        """Return the name of the signature that matched, None for clean bytes.

        Raises ScannerDownError for no answer, a broken one, or an error of clamd.
        """
        return scan_bytes(self.address, chunks)

    def require_answer(self) -> None:
        """Raise ScannerDownError unless clamd answers."""
        ping(self.address)


NO_SCANNER = NoScanner()


def scanner_at(address: str) -> Scanner:
    """Return the scanner that the setting names; NO_SCANNER for an empty one."""
    return Clamd(address) if address else NO_SCANNER


def virus_findings(bag: Bag, scanner: Scanner) -> Iterator[Finding]:
    """Yield a finding for each infected file of a package (guard.md).

    An unreachable scanner gives one finding that refuses the package.
    """
    for name, file in bag.payload.items():
        place = "case.json" if name == "case.json" else "data"
        try:
            infected = scanner.infection(file.chunks())
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
        try:
            link.connect(address)
        except OSError:
            link.close()
            raise
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
