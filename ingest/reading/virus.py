"""A virus scanner beside intake: clamd, spoken to in its INSTREAM protocol. When it is configured and does not answer, nothing passes."""

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
        """Say what to look at."""
        super().__init__(
            "病毒检测服务没有应答。", "请检查 YICE_CLAMD 和 clamd 服务；恢复后重新接收。"
        )


def scanned(bag: Bag, address: str) -> Iterator[Finding]:
    """What clamd says of each file of a package; an unreachable scanner refuses the package (guard.md)."""
    for name, file in bag.payload.items():
        place = "case.json" if name == "case.json" else "data"
        try:
            infected = signature(address, file.chunks())
        except ScannerDownError:
            yield finding("VIRUS_SCAN_DOWN", place)
            return
        if infected is not None:
            yield finding("VIRUS", place, what=infected)


def signature(address: str, chunks: Iterable[bytes]) -> str | None:
    """The name of the signature that matched, None for clean bytes. Raises ScannerDownError for no answer, a broken one, or an error of clamd."""
    try:
        with _connected(address) as link:
            link.sendall(b"zINSTREAM\0")
            for chunk in chunks:
                if chunk:
                    link.sendall(_LENGTH.pack(len(chunk)) + chunk)
            link.sendall(_LENGTH.pack(0))
            said = _answer(link)
    except OSError as error:
        raise ScannerDownError from error
    if said == "stream: OK":
        return None
    found = re.fullmatch(r"stream: (\S+) FOUND", said)
    if found is None:
        # Too large for its limit, out of memory, or no clamd at all: none of them says that the bytes are clean.
        raise ScannerDownError
    return found[1]


def ping(address: str) -> None:
    """Raise ScannerDownError unless clamd answers."""
    try:
        with _connected(address) as link:
            link.sendall(b"zPING\0")
            said = _answer(link)
    except OSError as error:
        raise ScannerDownError from error
    if said != "PONG":
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
    said = b""
    while not said.endswith(b"\0") and len(said) < _LONGEST_ANSWER:
        part = link.recv(_LONGEST_ANSWER)
        if not part:
            break
        said += part
    return said.rstrip(b"\0\n").decode("utf-8", "replace")
