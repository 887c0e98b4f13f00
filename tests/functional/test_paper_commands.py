"""`yice paper`: lists and stocktakes as scripts read them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.paper.codes import PaperCodeKind, paper_code
from tests.support.command_line import run_command
from tests.support.paper import furnish, keeper

FIELDS = {"id", "code", "case_no", "pages", "kind", "place", "box", "state"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "var"


def test_a_place_is_counted_from_a_file_of_scans(data: Path, tmp_path: Path) -> None:
    runtime = start(Settings(data=data))
    room = furnish(runtime.engine, keeper(), items=4, waiting=1)
    runtime.engine.dispose()
    listed = run_command("paper", "list", "--json", data=data)
    rows = json.loads(listed.stdout)
    assert [set(row) for row in rows] == [FIELDS] * 4
    assert rows[0] | {"case_no": ""} == {
        "id": room.items[0],
        "code": "J602-ZY·HJ·CS·2026·Y-000001",
        "case_no": "",
        "pages": 3,
        "kind": "COPY",
        "place": "库1 · 第1列 · 第1节 · 第1层",
        "box": "CS-2026-01",
        "state": "IN_BOX",
    }
    waiting = json.loads(run_command("paper", "list", "--waiting", "--json", data=data).stdout)
    assert [row["code"] for row in waiting] == ["J602-ZY·HJ·CS·2026·Y-000005"]
    scans = tmp_path / "scans.txt"
    codes = [
        paper_code(PaperCodeKind.PLACE, room.shelves[0]),
        paper_code(PaperCodeKind.BOX, room.boxes[0]),
        paper_code(PaperCodeKind.ITEM, room.items[0]),
        "J602-ZY.HJ.CS.2026.Y-000002",
        "23000000000000",
    ]
    scans.write_text("\n".join(codes), "utf-8")
    place = paper_code(PaperCodeKind.PLACE, room.room)
    counted = run_command("paper", "stocktake", place, "--scans", str(scans), "--json", data=data)
    answer = json.loads(counted.stdout)
    assert counted.returncode == 1
    assert [row["verdict"] for row in answer["verdicts"]] == [
        "CHOSEN",
        "PRESENT",
        "PRESENT",
        "MISPLACED",
        "REFUSED",
    ]
    assert answer["result"]["counts"] == {"PRESENT": 1, "MISPLACED": 1, "ABSENT": 2}
    assert answer["stocktake"] == f"PD{datetime.now(UTC).year}-000001"
    gone = run_command("paper", "stocktake", "999", "--scans", str(scans), data=data)
    assert gone.returncode == 2
    assert "没有这个库位" in gone.stderr
