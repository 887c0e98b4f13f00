"""`yice doctor`: each lack is named with the command that mends it, and no secret is quoted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.monitoring.doctor import Diagnosis, Health, diagnose, is_fit
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from api.web.shell.served import STATIC

ROOT = Path(__file__).parents[3]
FILES = {name: path for name, (path, _) in STATIC.items()}
WORD = "geheim-7731"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("YICE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("YICE_DATA", str(tmp_path / "var"))
    # The JVM has a test of its own, below.
    monkeypatch.setattr("api.monitoring.doctor._CHECKS", _quick())


def _quick() -> dict[str, object]:
    from api.monitoring import doctor

    return {name: check for name, check in doctor._CHECKS.items() if name != "validator"}


def diagnosis_of(name: str, files: dict[str, Path] = FILES) -> Diagnosis:
    """The row of one part."""
    rows = diagnose(files)
    assert WORD not in "".join(row.message + row.next_step for row in rows)
    return next(row for row in rows if row.name == name)


def test_a_bare_machine_lacks_nothing_and_nothing_is_made_on_it(tmp_path: Path) -> None:
    rows = diagnose(FILES)
    assert [row for row in rows if row.state is Health.FAIL] == []
    assert is_fit(rows)
    assert list(tmp_path.iterdir()) == []


def test_an_installation_in_use_is_sound_and_lacks_its_index() -> None:
    start(Settings())
    rows = {row.name: row for row in diagnose(FILES)}
    assert rows["database"] == Diagnosis("database", Health.OK, "SQLite 可用，结构为最新")
    assert rows["store"].state is Health.OK
    assert (rows["index"].state, rows["index"].next_step) == (Health.NOTE, "yice reindex")
    assert rows["keys"].state is Health.OK


def test_every_row_that_is_not_well_says_what_to_do() -> None:
    assert [
        row.name for row in diagnose({}) if row.state is not Health.OK and not row.next_step
    ] == []


def test_a_missing_file_of_the_pages_is_named(tmp_path: Path) -> None:
    row = diagnosis_of("front-end", {"htmx.js": tmp_path / "htmx.min.js"})
    assert row.state is Health.FAIL
    assert "htmx.js" in row.message
    assert "make setup" in row.next_step


def test_a_wrong_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YICE_PORT", WORD)
    row = diagnosis_of("settings")
    assert (row.state, "YICE_PORT" in row.message) == (Health.FAIL, True)


def test_a_misspelt_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YICE_DATEBASE_URL", WORD)
    row = diagnosis_of("settings")
    assert (row.state, "YICE_DATEBASE_URL" in row.message) == (Health.NOTE, True)


def test_a_database_that_does_not_answer_is_told_without_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("YICE_DATABASE_URL", f"postgresql+psycopg://yice:{WORD}@127.0.0.1:9/y")
    row = diagnosis_of("database")
    assert (row.state, "DATABASE_UNAVAILABLE" in row.message) == (Health.FAIL, True)
    assert "YICE_DATABASE_URL" in row.next_step


def test_a_broker_that_does_not_answer_is_told_without_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("YICE_BROKER_URL", f"amqp://yice:{WORD}@127.0.0.1:9//")
    assert diagnosis_of("broker").state is Health.FAIL


def test_lost_column_keys_are_told_before_they_are_made_anew(tmp_path: Path) -> None:
    start(Settings())
    (tmp_path / "var/keys/columns.json").unlink()
    row = diagnosis_of("keys")
    assert row.state is Health.FAIL
    assert not (tmp_path / "var/keys/columns.json").exists()


def test_a_key_that_others_may_read_is_told(tmp_path: Path) -> None:
    start(Settings())
    (tmp_path / "var/keys/columns.json").chmod(0o644)
    row = diagnosis_of("keys")
    assert (row.state, row.next_step.startswith("chmod go= ")) == (Health.NOTE, True)


def test_a_database_of_an_older_schema_is_told(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/yice.db").touch()
    assert diagnosis_of("database").state is Health.FAIL


def test_clamd_that_does_not_answer_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("YICE_CLAMD", str(tmp_path / "clamd.ctl"))
    row = diagnosis_of("clamd")
    assert (row.state, "VIRUS_SCAN_DOWN" in row.message) == (Health.FAIL, True)


def test_real_seals_without_their_keys_or_a_time_stamp_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "seals").mkdir()
    monkeypatch.setenv("YICE_SEAL_FOLDER", str(tmp_path / "seals"))
    monkeypatch.setenv("YICE_SEAL_PASSPHRASE", WORD)
    rows = {row.name: row for row in diagnose(FILES)}
    assert (rows["seals"].state, "SEAL_CONFIG" in rows["seals"].message) == (Health.FAIL, True)
    assert (rows["timestamps"].state, rows["timestamps"].next_step) == (
        Health.FAIL,
        "请设置 YICE_TSA_URL。",
    )


def test_a_part_that_hangs_is_told_and_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from api.monitoring import doctor

    monkeypatch.setattr(doctor, "LIMIT_SECONDS", 0.2)
    row = doctor._within("store", lambda: time.sleep(30) or doctor._silent())
    assert (row.state, "没有应答" in row.message) == (Health.FAIL, True)


def test_the_command_starts_verapdf_ends_by_itself_and_says_by_its_code_what_it_found(
    tmp_path: Path,
) -> None:
    env = {**os.environ, "YICE_DATA": str(tmp_path / "var"), "PYTHONPATH": str(ROOT)}
    done = [
        subprocess.run(
            [sys.executable, "-m", "api.cli", "doctor", "--json"],
            cwd=tmp_path,
            env=env | settings,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        for settings in ({}, {"YICE_CLAMD": "127.0.0.1:9"})
    ]
    assert [run.returncode for run in done] == [0, 1]
    rows = {row["name"]: row for row in json.loads(done[0].stdout)}
    assert set(rows["validator"]) == {"name", "state", "message", "next_step"}
    assert rows["validator"]["state"] == "ok"
