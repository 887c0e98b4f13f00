"""Supplement, show, void and time-stamps through the command line, with Celery workers."""

import json
from pathlib import Path

from tests.functional.test_main_job import rows, yice
from tests.support.factories import make_bag
from tests.support.holdings import CASE_NO, sound_case, supplement


def test_a_case_and_its_two_supplements_become_three_versions_in_one_run(tmp_path: Path) -> None:
    data = tmp_path / "var"
    make_bag(tmp_path / "bags" / "a", case=sound_case(CASE_NO))
    for number in (1, 2):
        make_bag(tmp_path / "bags" / f"b{number}", case=supplement(number=number))
    assert {
        row["outcome"] for row in json.loads(yice(data, "ingest", str(tmp_path / "bags"), "--json"))
    } == {"ACCEPTED"}
    assert json.loads(yice(data, "compile", "--all", "--json")) == {
        "total": 3,
        "done": 3,
        "failed": 0,
        "failures": [],
        "known": [],
    }
    (volume,) = rows(data)
    assert (volume["version"], volume["state"]) == (3, "COMMITTED")
    shown = json.loads(yice(data, "show", volume["code"], "--json"))
    assert [(version["version"], version["state"]) for version in shown["versions"]] == [
        (n, "COMMITTED") for n in (1, 2, 3)
    ]
    assert {"补充说明"} < {item["title"] for item in shown["contents"]}
    assert "第 3 次送达" in yice(data, "show", volume["code"])
    assert json.loads(yice(data, "verify", "--all", "--json")) == {"volumes": 3, "faults": []}
    assert json.loads(yice(data, "timestamp", "--pending", "--json")) == {
        "total": 0,
        "done": 0,
        "failed": 0,
    }
    yice(data, "void", volume["code"], "--reason", "x", expect=2)
    yice(data, "export", volume["code"], "--to", str(tmp_path / "out"))
    (bag,) = (tmp_path / "out").iterdir()
    lines = (bag / "data" / "manifest-sm3.txt").read_text().splitlines()
    assert sorted(line.split("  ")[1] for line in lines if "originals/" in line) == sorted(
        path.relative_to(bag / "data").as_posix()
        for path in (bag / "data" / "originals").rglob("*")
        if path.is_file()
    )


def test_a_number_whose_worker_died_half_way_is_voided_with_what_it_had_written(
    tmp_path: Path,
) -> None:
    data = tmp_path / "var"
    make_bag(tmp_path / "bag")
    yice(data, "ingest", str(tmp_path / "bag"))
    yice(data, "compile", "--all", expect=137, crash_at="frozen-after-commit")
    (volume,) = rows(data)
    yice(data, "void", volume["code"], "--reason", "来源系统撤回")
    assert json.loads(yice(data, "list", "--void", "--json")) == [
        {"code": volume["code"], "reason": "来源系统撤回"}
    ]
    assert rows(data)[0]["state"] == "VOID"
    assert json.loads(yice(data, "compile", "--all", "--json"))["total"] == 0
    yice(data, "verify", "--all")
