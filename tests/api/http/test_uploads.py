"""Files captured at a window: sent in parts, and again where in doubt.

They are gathered under their case, and none of them is lost.
"""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.demo.source_world import _pdf, _sheet
from api.jobs import requested
from archive.administration.policy import Reader, Role
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_gathering import Arrival, CapturedFile
from archive.gathering.captured_materials import place_pending
from archive.gathering.captures import GIVEN_UP, captured_file, return_files
from archive.gathering.cases import close_case, collecting_rows, complete_cases, record_arrival
from archive.gathering.places import Place, places_by_path
from archive.gathering.placing import place_files
from archive.jobs.version_steps import LEASE
from archive.reference.errors import ConflictError
from ingest.captures import parts
from ingest.captures.uploads import MAX_FILE, sweep_parts
from ingest.sources.scans import captured_by
from tests.support.browser import ROOT
from tests.support.factories import page, sound_case
from tests.support.station import HOME, NEIGHBOUR, OTHER, StationClient

CASE = "150602010000-20260901-000801"
NOW = datetime(2026, 9, 2, tzinfo=UTC)
HOW = {
    "station": "前台一号",
    "operator": "060123",
    "dpi": 300,
    "captured_at": "2026-09-01T09:15:00+08:00",
}


@pytest.fixture(autouse=True)
def nobody_starts_a_puller(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows say what is asked; the process that answers is driven by the desk's own stories."""
    monkeypatch.setattr(requested, "start_module", lambda *_, **__: None)


def close(desk: StationClient, case_no: str = CASE) -> None:
    """The population system tells that the case is closed."""
    facts = sound_case(case_no)
    for material in facts["materials"]:
        material.pop("files", None)
    with writing(desk.runtime.engine) as session:
        notice = f"close-{case_no}"
        arrival = record_arrival(
            session,
            "t",
            source="forms",
            system="人口",
            notice=notice,
            sha256="0" * 64,
            size=1,
            outcome="TAKEN",
            at=NOW,
        )
        close_case(session, arrival, facts, at=NOW)


def announce(
    desk: StationClient,
    files: list[tuple[str, bytes, dict[str, Any] | None]],
    headers: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    rows = [
        {
            "name": name,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "material": where,
        }
        for name, data, where in files
    ]
    answer = desk.client.post(
        "/api/v1/uploads", json={**HOW, "files": rows}, headers=headers or desk.token()
    )
    assert answer.status_code == 201, answer.text
    return list(answer.json())


def test_an_organisation_may_not_announce_more_than_its_quota(desk: StationClient) -> None:
    def announced(files: int, start: int = 0) -> httpx.Response:
        rows = [
            {"name": f"{number}.jpg", "size": MAX_FILE, "sha256": f"{number:064x}"}
            for number in range(start, start + files)
        ]
        body = {**HOW, "files": rows}
        return desk.client.post("/api/v1/uploads", json=body, headers=desk.token(org=NEIGHBOUR))

    fitting = desk.runtime.settings.upload_quota // MAX_FILE
    refused = announced(fitting + 1)
    assert (refused.status_code, refused.json()["code"]) == (429, "UPLOAD_QUOTA")
    assert announced(fitting).status_code == 201
    assert announced(fitting).status_code == 201  # the same files again are no more files
    assert announced(1, start=fitting).status_code == 429


def send(
    desk: StationClient,
    data: bytes,
    where: dict[str, Any] | None = None,
    name: str = "1.jpg",
    headers: dict[str, str] | None = None,
) -> Any:
    headers = headers or desk.token()
    (upload,) = announce(desk, [(name, data, where)], headers)
    for number in range(upload["parts"]):
        if upload["state"] == "RECEIVING" and number not in upload["received"]:
            piece = data[number * upload["part_size"] :][: upload["part_size"]]
            assert (
                desk.client.put(
                    f"/api/v1/uploads/{upload['id']}/parts/{number}", content=piece, headers=headers
                ).status_code
                == 204
            )
    return desk.client.post(f"/api/v1/uploads/{upload['id']}/complete", headers=headers).json()


def codes(view: Any) -> list[str]:
    return [finding["code"] for finding in view["findings"]]


def at(no: int, position: int = 1, of: int = 1, case_no: str = CASE) -> dict[str, Any]:
    return {"case_no": case_no, "no": no, "type": "材料", "position": position, "of": of}


def missing(desk: StationClient, case_no: str = CASE) -> list[str]:
    with reading(desk.runtime.engine) as session:
        return next(
            (row["missing"] for row in collecting_rows(session) if row["case_no"] == case_no), []
        )


def test_a_file_goes_on_where_the_line_broke_and_the_same_twice_is_one(
    desk: StationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART", 20_000)
    close(desk)
    data, headers = page(801), desk.token()
    (upload,) = announce(desk, [("a.jpg", data, at(4))])
    path = f"/api/v1/uploads/{upload['id']}"
    assert upload["parts"] > 2
    assert (
        desk.client.put(f"{path}/parts/1", content=data[20_000:40_000], headers=headers).status_code
        == 204
    )
    assert (
        desk.client.put(f"{path}/parts/0", content=data[:100], headers=headers).status_code == 422
    )
    assert desk.client.post(f"{path}/complete", headers=headers).json()["code"] == "PARTS_MISSING"
    (again,) = announce(desk, [("a.jpg", data, at(4))])
    assert (again["id"], again["received"]) == (upload["id"], [1])
    done = send(desk, data, at(4))
    assert (done["id"], done["state"], done["pages"], done["findings"]) == (
        upload["id"],
        "PLACED",
        1,
        [],
    )
    assert send(desk, data, at(4)) == done
    assert desk.client.post(f"{path}/complete", headers=headers).json() == done
    assert list(desk.runtime.store.list("uploads/")) == []
    assert [material[:3] for material in missing(desk)] == ["005", "006"]
    assert desk.client.get(path, headers=desk.token(org=OTHER)).status_code == 404
    with reading(desk.runtime.engine) as session:
        arrivals = session.query(Arrival).filter(Arrival.notice == f"upload:{upload['id']}").all()
        assert [(arrival.source, arrival.outcome, arrival.size) for arrival in arrivals] == [
            ("scans", "TAKEN", len(data))
        ]


def test_wrong_bytes_never_keep_the_right_ones_out(desk: StationClient) -> None:
    data, headers = page(802), desk.token()
    (upload,) = announce(desk, [("a.jpg", data, at(4))])
    path = f"/api/v1/uploads/{upload['id']}"
    assert (
        desk.client.put(
            f"{path}/parts/0", content=bytes([data[0] ^ 1]) + data[1:], headers=headers
        ).status_code
        == 204
    )
    assert desk.client.post(f"{path}/complete", headers=headers).json()["code"] == "PARTS_MISSING"
    assert send(desk, data, at(4))["state"] in {"PENDING", "PLACED"}


def test_a_material_in_several_files_is_gathered_with_the_last_and_a_page_scanned_again(
    desk: StationClient,
) -> None:
    case_no = CASE[:-1] + "2"
    close(desk, case_no)
    first = send(desk, page(811), at(6, 2, 2, case_no))
    assert (first["state"], codes(first)) == ("PENDING", ["CAPTURE_INCOMPLETE"])
    assert send(desk, page(812), at(6, 1, 2, case_no))["state"] == "PLACED"
    for no in (4, 5):
        send(desk, page(810 + no), at(no, case_no=case_no))
    assert missing(desk, case_no) == []
    send(desk, page(813), at(6, 2, 2, case_no))  # a better scan of the second page alone
    with reading(desk.runtime.engine) as session:
        whole = next(
            case for case in complete_cases(session, 50) if case.facts["case_no"] == case_no
        )
    material = whole.facts["materials"][5]
    digests = [whole.files[name] for name in material["files"]]
    assert digests == [hashlib.sha256(page(number)).hexdigest() for number in (812, 813)]
    assert (
        material["captured_by"]
        == captured_by("前台一号", "060123", 300)
        == "060123（前台一号，300dpi）"
    )


def test_a_stack_splits_and_what_cannot_be_placed_waits_for_a_person(desk: StationClient) -> None:
    case_no, headers = CASE[:-1] + "3", desk.token()
    close(desk, case_no)
    stack = _pdf(
        [
            _sheet(f"YICE/1 CASE {case_no}")[1],
            _sheet("YICE/1 MATERIAL 4 出生医学证明")[1],
            page(821),
            page(822),
        ]
    )
    assert send(desk, stack, name="stack.pdf")["state"] == "PLACED"
    assert [material[:3] for material in missing(desk, case_no)] == ["005", "006"]
    loose, bare = send(desk, page(823)), send(desk, _pdf([page(824)]), name="2.pdf")
    assert [(view["state"], codes(view)) for view in (loose, bare)] == [
        ("UNPLACED", ["CAPTURE_UNPLACED"])
    ] * 2
    torn = send(desk, _pdf([page(825), _sheet(f"YICE/1 CASE {case_no}")[1]]), name="3.pdf")
    assert (torn["state"], codes(torn)) == ("UNPLACED", ["STACK_INVALID"])
    bad = send(desk, b"MZ not a scan")
    assert (bad["state"], codes(bad)) == ("UNPLACED", ["CAPTURE_UNREADABLE"])
    stranger = desk.token(org=OTHER)
    foreign = send(desk, page(826), at(5, case_no=case_no), headers=stranger)
    unknown = send(desk, page(828), at(5, case_no=case_no[:-1] + "9"), headers=stranger)
    # Whether there is such a case is told to nobody whose it is not: both are asked about alike.
    assert [(view["state"], codes(view)) for view in (foreign, unknown)] == [
        ("UNPLACED", ["CAPTURE_UNKNOWN_CASE"])
    ] * 2
    packaged = send(desk, page(827), at(5, case_no="150602010000-20260901-000001"))
    assert codes(packaged) == [
        "CAPTURE_BY_PACKAGE"
    ]  # the birth file of this archive came as a package
    with writing(desk.runtime.engine) as session:
        place_files(
            session,
            Reader("officer", Role.OFFICER, HOME),
            [loose["id"]],
            Place(case_no, 5, "母亲居民户口簿"),
            desk.runtime.organisations,
            wait=False,
            at=NOW,
        )
        return_files(
            session, "officer", [captured_file(session, HOME, bad["id"])], reason="重扫", at=NOW
        )
    assert [material[:3] for material in missing(desk, case_no)] == ["006"]
    assert (
        desk.client.get(f"/api/v1/uploads/{bad['id']}", headers=headers).json()["state"]
        == "RETURNED"
    )
    with reading(desk.runtime.engine) as session:
        acts = [
            entry.act
            for entry in session.query(JournalEntry).order_by(JournalEntry.seq.desc()).limit(2)
        ]
    assert acts == ["CAPTURE_RETURN", "CAPTURE_FILE"]


def test_a_case_that_is_closed_later_takes_what_waited_for_it(desk: StationClient) -> None:
    case_no = CASE[:-1] + "4"
    early = send(desk, page(831), None, name=f"{case_no}/004-出生医学证明-1.jpg")
    assert (early["state"], codes(early)) == ("PENDING", ["CAPTURE_NOT_CLOSED"])
    assert early["material"] == {
        "case_no": case_no,
        "no": 4,
        "type": "出生医学证明",
        "position": 1,
        "of": 1,
    }
    close(desk, case_no)
    with writing(desk.runtime.engine) as session:
        assert place_pending(session, desk.runtime.organisations, at=NOW) >= 1
    assert [material[:3] for material in missing(desk, case_no)] == ["005", "006"]


def test_names_of_folders_and_files_say_where_they_belong() -> None:
    a, b = "150602010000-20260901-000001", "150602010000-20260901-000002"
    paths = [
        f"扫描/{a}/004-出生医学证明/10.jpg",
        f"扫描/{a}/004-出生医学证明/2.jpg",
        f"{b}_006_非婚生育说明_1.tif",
        f"{b}/005 户口簿.pdf",
        "whatever.pdf",
        f"{a}.pdf",
    ]
    assert places_by_path(paths) == [
        Place(a, 4, "出生医学证明", 2, 2),
        Place(a, 4, "出生医学证明", 1, 2),
        Place(b, 6, "非婚生育说明"),
        Place(b, 5, "户口簿"),
        None,
        None,
    ]


def test_a_kill_between_store_and_row_loses_nothing(desk: StationClient, tmp_path: Path) -> None:
    """The process dies of itself at the named point; asked again, another one goes on."""
    data = page(841)
    headers = desk.token()
    (upload,) = announce(desk, [("a.jpg", data, at(4, case_no=CASE[:-1] + "5"))], headers)
    desk.client.put(f"/api/v1/uploads/{upload['id']}/parts/0", content=data, headers=headers)
    script = (
        "import sys; from pathlib import Path; from api.runtime.bootstrap import start; "
        "from api.runtime.settings import Settings;"
        "from ingest.captures.uploads import complete_capture; "
        "r = start(Settings(data=Path(sys.argv[1])));"
        "complete_capture(r.engine, r.store, r.organisations, 'x', sys.argv[2], sys.argv[3],"
        "scanner=r.intake_rules.scanner)"
    )
    command = [sys.executable, "-c", script, str(desk.runtime.settings.data), HOME, upload["id"]]
    env = {**os.environ, "YICE_CRASH_AT": "capture-stored", "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=env, cwd=tmp_path, check=False).returncode == 137
    assert desk.client.get(f"/api/v1/uploads/{upload['id']}", headers=headers).json()[
        "received"
    ] == [0]
    assert send(desk, data, at(4, case_no=CASE[:-1] + "5"))["state"] == "PENDING"


def test_what_is_gathered_cannot_be_returned(desk: StationClient) -> None:
    close(desk, CASE[:-1] + "6")
    done = send(desk, page(851), at(4, case_no=CASE[:-1] + "6"))
    assert done["state"] == "PLACED"
    with reading(desk.runtime.engine) as session, pytest.raises(ConflictError):
        return_files(
            session, "officer", [captured_file(session, HOME, done["id"])], reason="重扫", at=NOW
        )


def test_parts_that_nobody_will_put_together_are_swept_and_can_be_sent_again(
    desk: StationClient,
) -> None:
    data = b"\xff\xd8" + os.urandom(parts.PART)
    about = {"case_no": CASE, "no": 9, "type": "情况说明", "position": 1, "of": 1}
    fresh, old = announce(desk, [("a.jpg", data, about), ("b.jpg", data[::-1], None)])
    headers = desk.token()
    for upload, content in ((fresh, data), (old, data[::-1])):
        desk.client.put(
            f"/api/v1/uploads/{upload['id']}/parts/0",
            content=content[: parts.PART],
            headers=headers,
        )
    engine, store = desk.runtime.engine, desk.runtime.store
    with writing(engine) as session:
        session.get_one(CapturedFile, old["id"]).created_at -= GIVEN_UP
    assert sweep_parts(engine, store) == 1
    assert (parts.received_parts(store, fresh["id"]), parts.received_parts(store, old["id"])) == (
        [0],
        [],
    )
    assert desk.client.get(f"/api/v1/uploads/{old['id']}", headers=headers).json()["received"] == []
    with writing(
        engine
    ) as session:  # a kill between the commit that ends it and the removal of its parts
        session.get_one(CapturedFile, fresh["id"]).ended_at = (
            datetime.now(UTC) - LEASE - timedelta(seconds=1)
        )
    assert sweep_parts(engine, store) == 1
    assert parts.pending_uploads(store) & {fresh["id"], old["id"]} == set()
