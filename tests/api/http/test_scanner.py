"""With a virus scanner set nothing comes in unscanned, by whichever door."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.jobs import requested
from tests.resources.bags import members, zip_of
from tests.support import station
from tests.support.clamd import EICAR, clamd_server
from tests.support.factories import make_bag, page
from tests.support.postgres import free_port
from tests.support.station import StationClient, moved_case

CASE = "150602010000-20260901-000901"
INFECTED = {"materials/006.jpg": page(6) + EICAR}


@pytest.fixture(autouse=True)
def nobody_starts_a_puller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requested, "start_module", lambda *_, **__: None)


@pytest.fixture(scope="module")
def scanned(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StationClient]:
    with (
        clamd_server() as address,
        station.desk(
            built, tmp_path_factory.mktemp("scanned"), rate_limit=100_000, clamd=address
        ) as opened,
    ):
        yield opened


def sent(client: StationClient, bag: Path, folder: Path) -> Any:
    """A package sent by the station API, and what became of it."""
    data = zip_of(folder / "bag.zip", members(bag)).read_bytes()
    announced = {"name": bag.name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    headers = client.token()
    row = client.client.post("/api/v1/submissions", json=announced, headers=headers).json()
    path = f"/api/v1/submissions/{row['id']}"
    client.client.put(f"{path}/parts/0", content=data, headers=headers)
    return client.client.post(f"{path}/complete", headers=headers).json()


def captured(client: StationClient, data: bytes) -> tuple[str, dict[str, str]]:
    """A captured file whose parts are all there, and the headers of its sender."""
    headers = client.token()
    digest = hashlib.sha256(data).hexdigest()
    place = {"case_no": CASE[:-1] + "9", "no": 6, "type": "情况说明"}
    asked = {
        "station": "前台一号",
        "operator": "060123",
        "dpi": 300,
        "captured_at": "2026-09-01T09:15:00+08:00",
        "files": [{"name": "1.jpg", "size": len(data), "sha256": digest, "material": place}],
    }
    (row,) = client.client.post("/api/v1/uploads", json=asked, headers=headers).json()
    path = f"/api/v1/uploads/{row['id']}"
    assert client.client.put(f"{path}/parts/0", content=data, headers=headers).status_code == 204
    return path, headers


def test_an_infected_package_of_the_station_api_is_refused_and_a_sound_one_taken(
    scanned: StationClient, tmp_path: Path
) -> None:
    infected = make_bag(tmp_path / "infected", case=moved_case(CASE), files=INFECTED)
    refused = sent(scanned, infected, tmp_path)
    assert (refused["state"], refused["outcome"]) == ("DONE", "REFUSED")
    assert "VIRUS" in {finding["code"] for finding in refused["findings"]}
    sound = sent(scanned, make_bag(tmp_path / "sound", case=moved_case(CASE)), tmp_path)
    assert sound["outcome"] in {"ACCEPTED", "CONFIRM"}


def test_an_infected_capture_is_gathered_under_no_case_and_shown_by_no_page(
    scanned: StationClient,
) -> None:
    path, headers = captured(scanned, page(61) + EICAR)
    row = scanned.client.post(f"{path}/complete", headers=headers).json()
    assert (row["state"], row["pages"]) == ("UNPLACED", None)
    assert [finding["code"] for finding in row["findings"]] == ["VIRUS"]
    path, headers = captured(scanned, page(62))
    assert (
        scanned.client.post(f"{path}/complete", headers=headers).json()["findings"][0]["code"]
        == "CAPTURE_NOT_CLOSED"
    )


def test_a_capture_waits_with_its_parts_while_the_scanner_is_down(
    built: Path, tmp_path: Path
) -> None:
    down = f"127.0.0.1:{free_port()}"
    with station.desk(built, tmp_path / "down", rate_limit=100_000, clamd=down) as client:
        path, headers = captured(client, page(63))
        answer = client.client.post(f"{path}/complete", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "VIRUS_SCAN_DOWN")
        assert client.client.get(path, headers=headers).json()["received"] == [0]


@pytest.mark.parametrize("kind", ["submissions", "uploads"])
def test_a_part_that_the_file_does_not_have_is_refused_at_both_doors_alike(
    scanned: StationClient, kind: str
) -> None:
    """A file of exactly one part has no second, empty one."""
    headers, size = scanned.token(), 4 * 1024 * 1024
    if kind == "submissions":
        asked: Any = {"name": "whole", "size": size, "sha256": "1" * 64}
        row = scanned.client.post(f"/api/v1/{kind}", json=asked, headers=headers).json()
    else:
        asked = {
            "station": "前台一号",
            "operator": "060123",
            "dpi": 300,
            "captured_at": "2026-09-01T09:15:00+08:00",
            "files": [{"name": "1.jpg", "size": size, "sha256": "1" * 64}],
        }
        (row,) = scanned.client.post(f"/api/v1/{kind}", json=asked, headers=headers).json()
    path = f"/api/v1/{kind}/{row['id']}"
    empty = scanned.client.put(f"{path}/parts/1", content=b"", headers=headers)
    assert (empty.status_code, empty.json()["code"]) == (422, "BAD_PART_SIZE")
    long = scanned.client.put(f"{path}/parts/0", content=b"x" * (size + 1), headers=headers)
    assert (long.status_code, long.json()["code"]) == (413, "BAD_PART_SIZE")
    short = scanned.client.put(f"{path}/parts/0", content=b"x", headers=headers)
    assert (short.status_code, short.json()["code"]) == (422, "BAD_PART_SIZE")
    assert scanned.client.get(path, headers=headers).json()["received"] == []
