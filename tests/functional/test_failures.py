"""Whatever goes wrong, the person gets one Chinese line with a code, and exit code 2.

There is no traceback; the log gets the place and no text.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.main import get_command

from api.cli.main import app
from api.runtime import failures
from tests.support.command_line import ROOT, run_command
from tests.support.factories import make_bag, sound_case
from tests.support.postgres import free_port


def run(data: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return run_command(*words, data=data, **more)


def one_line(done: "subprocess.CompletedProcess[str]", code: str) -> None:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"{code} ")
    assert "请" in lines[0]


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one_line(run(tmp_path / "file" / "var", "ingest", str(tmp_path)), "NOT_A_FOLDER")


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    one_line(run(tmp_path, "list", YICE_PORT="abc"), "SETTINGS_INVALID")


def test_a_database_that_is_away_is_one_line_and_the_log_names_the_place_only(
    tmp_path: Path,
) -> None:
    url = f"postgresql+psycopg://someone:secret@127.0.0.1:{free_port()}/yice"
    one_line(run(tmp_path, "list", YICE_DATABASE_URL=url), "DATABASE_UNAVAILABLE")
    log = (tmp_path / "logs" / "yice.log").read_text()
    assert "sqlalchemy.exc.OperationalError" in log
    assert "archive/database/engine.py" in log
    assert "secret" not in log


def test_a_store_that_is_away_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as away:
        away.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{away.getsockname()[1]}"
        keys = {"YICE_S3_ACCESS_KEY": "a", "YICE_S3_SECRET_KEY": "b"}
        done = run(
            tmp_path, "ingest", ".", YICE_S3_ENDPOINT=endpoint, YICE_S3_SECURE="false", **keys
        )
    one_line(done, "STORE_UNAVAILABLE")


def test_a_broker_that_is_away_is_one_line_and_the_next_run_makes_the_volume(
    tmp_path: Path,
) -> None:
    make_bag(tmp_path / "bag")
    assert run(tmp_path / "var", "ingest", str(tmp_path / "bag")).returncode == 0
    done = run(
        tmp_path / "var",
        "compile",
        "--all",
        YICE_BROKER_URL=f"amqp://guest@127.0.0.1:{free_port()}//",
    )
    assert done.returncode == 2
    assert "BROKER_UNAVAILABLE" in done.stderr
    assert "Traceback" not in done.stderr
    assert run(tmp_path / "var", "compile", "--all").returncode == 0


def test_an_unforeseen_error_is_told_and_logged_without_its_text(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        f"{1 / 0}测某 150602199001010016"
    caught.value.args = ("测某 150602199001010016",)
    code, sentence = failures.explain(caught.value)
    path = failures.log(caught.value, tmp_path)
    assert (code, "测某" in sentence) == ("UNEXPECTED", False)
    assert path is not None
    text = path.read_text()
    assert "ZeroDivisionError" in text
    assert "test_failures.py" in text
    assert "150602199001010016" not in text
    assert "测某" not in text


def test_ctrl_c_says_that_it_can_be_run_again_and_so_it_can(tmp_path: Path) -> None:
    for number in range(1, 5):
        case_no = f"150602010000-20260901-{number:06d}"
        make_bag(tmp_path / "bags" / f"bag-{number}", case=sound_case(case_no))
    data = tmp_path / "var"
    assert run(data, "ingest", str(tmp_path / "bags")).returncode == 0
    env = {**os.environ, "YICE_DATA": str(data), "PYTHONPATH": str(ROOT)}
    # Whoever runs the tests in the background has told his children not to hear of interrupts.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "api.cli", "compile", "--all"]
    process = subprocess.Popen(
        command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    threading.Thread(target=_interrupt_when_busy, args=(process, data), daemon=True).start()
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 130, errors
    assert "可再次运行" in errors
    assert "Traceback" not in errors
    assert run(data, "compile", "--all").returncode == 0
    assert run(data, "verify", "--all").returncode == 0


def _interrupt_when_busy(process: "subprocess.Popen[str]", data: Path) -> None:
    while process.poll() is None and not list((data / "store").glob("volumes/**/inventory.json")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    "words",
    [(name,) for name in sorted(get_command(app).commands) if name != "journal"]
    + [("journal", "verify")],
)  # type: ignore[attr-defined]
def test_the_help_of_every_command_shows_an_example_on_a_line_of_its_own(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    lines = [
        line.strip()
        for line in run(tmp_path / "var", *words, "--help", COLUMNS="100").stdout.splitlines()
    ]
    assert "例：" in lines
    assert any(line.startswith(f"yice {' '.join(words)}") for line in lines)
    assert not (tmp_path / "var").exists()
