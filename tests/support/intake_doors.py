"""What comes in by a door: packages, parts of files, and people who log in.

Joined to the visits of `tests.support.doors`, for the stories of
`tests/contracts/test_doors_coming_in.py`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from api.jobs.progress import NoProgress
from api.jobs.pull import submit_whole
from api.web.shell.page import COOKIE
from archive.administration.logins import csrf_token
from archive.administration.policy import Role
from archive.database.engine import writing
from archive.gathering.cases import (
    GatheredFile,
    GatheredPiece,
    add_piece,
    close_case,
    record_arrival,
)
from archive.reference.objects import blob_key
from tests.resources.bags import members, zip_of
from tests.support.doors import (
    API,
    CLI,
    DESK,
    Answer,
    Archive,
    DeskVisit,
    StationVisit,
    TerminalVisit,
    opened,
)
from tests.support.station import HOME

PULLED = "pulled"
HOW = {
    "station": "前台一号",
    "operator": "060123",
    "dpi": 300,
    "captured_at": "2026-09-01T09:15:00+08:00",
}


@contextmanager
def empty(folder: Path, **settings: Any) -> Iterator[Archive]:
    """An archive that holds nothing yet, with all its doors open."""
    with opened(folder, **settings) as served:
        yield served


def _outcome(taken: Mapping[str, Any]) -> Answer:
    codes = sorted({finding["code"] for finding in taken["findings"]})
    return Answer("OK", (taken["outcome"], taken["case_no"], codes))


def take(archive: Archive, door: str, bag: Path, org: str = HOME) -> Answer:
    """A package taken in by a door: its outcome, case and codes."""
    if door == CLI:
        return _taken_by_terminal(archive, bag)
    if door == API:
        return _taken_from_station(archive, bag, org)
    return _taken_from_sources(archive, bag)


def _taken_by_terminal(archive: Archive, bag: Path) -> Answer:
    # What the command prints; it ends with 1 when a package was refused.
    answer = TerminalVisit(archive)._run("ingest", str(bag), "--json")
    return _outcome(json.loads(answer.text)[0]) if answer.allowed else answer


def _taken_from_station(archive: Archive, bag: Path, org: str) -> Answer:
    visit = StationVisit(archive, Role.STATION_CLIENT, org, "HANDLE")
    data = zip_of(bag.parent / f"{bag.name}.zip", members(bag)).read_bytes()
    announced = {"name": bag.name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    row = visit._ask("/submissions", json=announced).json()
    path = f"/api/v1/submissions/{row['id']}"
    sent = archive.client.put(f"{path}/parts/0", content=data, headers=visit._headers)
    assert sent.status_code == 204, sent.text
    return _outcome(archive.client.post(f"{path}/complete", headers=visit._headers).json())


def _taken_from_sources(archive: Archive, bag: Path) -> Answer:
    """The same case as the sources tell it: closed, then its files one by one."""
    case, runtime = json.loads((bag / "data" / "case.json").read_text("utf-8")), archive.runtime
    now = datetime.now(UTC)
    files = {material["no"]: material.pop("files", []) for material in case["materials"]}
    with writing(runtime.engine) as session:
        arrival = record_arrival(
            session,
            "t",
            source="forms",
            system="人口",
            notice=bag.name,
            sha256=hashlib.sha256(bag.name.encode()).hexdigest(),
            size=1,
            outcome="TAKEN",
            at=now,
        )
        close_case(session, arrival, case, at=now)
        for no, paths in files.items():
            kept = []
            for path in paths:
                data = (bag / "data" / path).read_bytes()
                digest = hashlib.sha256(data).hexdigest()
                runtime.store.put_new(blob_key(digest), data)
                kept.append(GatheredFile(digest, path.rpartition(".")[2]))
            if kept:
                piece = GatheredPiece(case["case_no"], no, tuple(kept), {})
                add_piece(session, arrival, piece, at=now)
    (outcome,) = submit_whole(runtime, "t", NoProgress())
    return Answer("OK", (str(outcome), case["case_no"], []))


class Sender:
    """Someone who sends the parts of a captured file, at the station API or at the desk."""

    def __init__(self, archive: Archive, door: str) -> None:
        if door == API:
            station = StationVisit(archive, Role.STATION_CLIENT, HOME, "HANDLE")
            self._headers, self._root = station._headers, "/api/v1/uploads"
        else:
            carried = DeskVisit(archive, Role.OFFICER, HOME)._carried
            self._headers = {
                "Cookie": f"{COOKIE}={carried}",
                "X-CSRF": csrf_token(carried),
                "Accept": "application/json",
            }
            self._root = "/collecting/uploads"
        self._client = archive.client

    def announce(self, data: bytes) -> str:
        """Register a file; returns its address."""
        digest = hashlib.sha256(data).hexdigest()
        file = {"name": "1.jpg", "size": len(data), "sha256": digest}
        row = self._client.post(self._root, json={**HOW, "files": [file]}, headers=self._headers)
        return f"{self._root}/{row.json()[0]['id']}"

    def send(self, address: str, part: int, data: bytes) -> tuple[int, str]:
        """Send a part; returns status and code."""
        answer = self._client.put(f"{address}/parts/{part}", content=data, headers=self._headers)
        return self._status(answer)

    def complete(self, address: str) -> tuple[int, Any]:
        """Complete the file; returns status, and its state and codes or the code of a refusal."""
        answer = self._client.post(f"{address}/complete", headers=self._headers)
        if answer.status_code >= 400:
            return self._status(answer)
        row = answer.json()
        codes = [finding["code"] for finding in row["findings"]]
        return answer.status_code, (row["state"], codes)

    @staticmethod
    def _status(answer: httpx.Response) -> tuple[int, str]:
        return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else "OK"


def log_in(archive: Archive, door: str, login: str, secret: str) -> httpx.Response:
    """An attempt to log in: a person at the desk, a client at the token endpoint."""
    if door == DESK:
        form = {"login": login, "secret": secret}
        return archive.client.post("/login", data=form, follow_redirects=False)
    form = {"grant_type": "client_credentials", "client_id": login, "client_secret": secret}
    return archive.client.post("/api/v1/token", data=form)
