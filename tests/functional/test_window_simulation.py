"""`yice window`: cases are played act by act, archived, compiled, and everything agrees."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import run_command

CASES = 8
KEYS = {"cases", "by_state", "volumes", "refused_acts", "alerts", "seal_uses", "unreconciled"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("window") / "var"


def yice(folder: Path, *words: str) -> str:
    answer = run_command(*words, data=folder)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_fresh_folder_simulates_cases_to_volumes_and_nothing_is_unreconciled(
    folder: Path,
) -> None:
    words = ("window", "simulate", "--cases", str(CASES), "--seed", "3", "--json")
    outcome = json.loads(yice(folder, *words))
    assert set(outcome) == KEYS
    assert outcome["cases"] == outcome["volumes"] == CASES == sum(outcome["by_state"].values())
    assert set(outcome["by_state"]) <= {"ISSUED", "NOT_ACCEPTED", "NOT_APPROVED", "WITHDRAWN"}
    assert outcome["seal_uses"] > CASES
    assert outcome["refused_acts"] > 0
    assert outcome["unreconciled"] == 0


def test_what_was_simulated_is_listed_shown_and_checked(folder: Path) -> None:
    assert json.loads(yice(folder, "window", "list", "--json")) == []
    rows = json.loads(yice(folder, "window", "list", "--step", "ARCHIVED", "--json"))
    assert len(rows) == CASES
    shown = json.loads(yice(folder, "window", "show", rows[0]["case_no"], "--json"))
    assert [act["seq"] for act in shown["acts"]] == list(range(1, shown["seq"] + 1))
    assert shown["acts"][-1]["act"] == "ARCHIVE_TOOK"
    assert all({"due_on", "spans", "alerts"} <= set(clock) for clock in shown["clocks"])
    assert json.loads(yice(folder, "window", "owed", "--json")) == []
    assert json.loads(yice(folder, "window", "check", "--json")) == []
    assert json.loads(yice(folder, "verify", "--all", "--json"))["faults"] == []
