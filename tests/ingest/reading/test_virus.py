"""With a virus scanner configured nothing passes unscanned: it speaks to a real server of clamd's
INSTREAM protocol on loopback.
"""

import socket
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import Outcome
from ingest.intake.intake import IntakeRules, inspect_package
from ingest.reading.virus import Clamd, ScannerDownError, ping, scan_bytes
from tests.support.clamd import EICAR, ClamdStandIn, clamd_server
from tests.support.factories import make_bag
from tests.support.postgres import free_port

NOW = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def clamd() -> Iterator[str]:
    with clamd_server() as address:
        yield address


def codes(path: Path, address: str) -> set[str]:
    rules = IntakeRules(load_catalogue(), load_organisations(), Clamd(address), ocr=False)
    submission = inspect_package(path, rules, NOW).submission
    assert submission.outcome in (None, Outcome.REFUSE)
    return {row.code for row in submission.findings}


def test_a_clean_package_passes(clamd: str, tmp_path: Path) -> None:
    assert codes(make_bag(tmp_path / "bag"), clamd) == set()


def test_an_infected_file_refuses_the_package_also_when_it_hides_in_an_image(
    clamd: str, tmp_path: Path
) -> None:
    from tests.support.factories import page

    assert "VIRUS" in codes(
        make_bag(tmp_path / "bag", files={"materials/006.jpg": page(6) + EICAR}), clamd
    )


def test_a_scanner_that_cannot_be_reached_refuses_the_package(tmp_path: Path) -> None:
    assert codes(make_bag(tmp_path / "bag"), f"127.0.0.1:{free_port()}") == {"VIRUS_SCAN_DOWN"}


def test_an_answer_that_does_not_say_clean_is_not_taken_for_clean(clamd: str) -> None:
    assert scan_bytes(clamd, [b"clean", b"", b"also clean"]) is None
    assert scan_bytes(clamd, [EICAR]) == "Eicar-Signature"
    with pytest.raises(ScannerDownError):
        scan_bytes(clamd, [b"\0" * (1 << 20)] * 3)


def _hang_up(server: socket.socket) -> None:
    server.accept()[0].close()


def test_a_server_that_hangs_up_is_a_scanner_that_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_hang_up, args=(server,), daemon=True).start()
        with pytest.raises(ScannerDownError):
            ping(f"127.0.0.1:{server.getsockname()[1]}")


def test_a_scanner_on_a_socket_of_the_machine_is_asked_too(tmp_path: Path) -> None:
    with socketserver.ThreadingUnixStreamServer(
        str(tmp_path / "clamd.sock"), ClamdStandIn
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ping(str(tmp_path / "clamd.sock"))
        assert scan_bytes(str(tmp_path / "clamd.sock"), [EICAR]) == "Eicar-Signature"
        server.shutdown()
