"""The systemd units name commands that exist, settings that exist, and hold what they run down."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from api.cli.main import app
from api.cluster.nodes import BEAT, KINDS, WORKER
from api.runtime.settings import QUEUES, Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
KNOWN = {f"YICE_{name.upper()}" for name in Settings.model_fields} | {"YICE_SECRETS"}
HARDENED = {
    "User": "yice",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "ReadWritePaths": "/var/lib/yice",
    "EnvironmentFile": "/etc/yice/yice.env",
    "UMask": "0077",
    "CapabilityBoundingSet": "",
}


def parsed(path: Path) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(path.read_text("utf-8"))
    return unit


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_exists_with_options_that_exist(path: Path) -> None:
    program, *words = shlex.split(parsed(path)["Service"]["ExecStart"])
    if program == "/opt/yice/bin/yice":
        command = get_command(app)
        while words and not words[0].startswith("-"):
            command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
        options = {name for option in command.params for name in option.opts}
        assert {word for word in words if word.startswith("-")} <= options
        return
    assert program == "/opt/yice/bin/python"
    node = BEAT if "beat" in path.name else WORKER
    assert words[: len(node)] == list(node)
    assert set(words[len(node) :: 2]) <= {"--concurrency", "--hostname"}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_confined_bounded_and_started_again(path: Path) -> None:
    service = parsed(path)["Service"]
    assert {name: service.get(name) for name in HARDENED} == HARDENED
    assert re.fullmatch(r"\d+[MG]", service["MemoryMax"])
    if service["Type"] != "oneshot":
        assert service["Restart"] == "on-failure"


def test_the_settings_named_by_units_and_their_file_exist() -> None:
    named = {
        name
        for path in FOLDER.iterdir()
        for name in re.findall(r"YICE_[A-Z0-9_]+", path.read_text("utf-8"))
    }
    assert named <= KNOWN
    file = (FOLDER / "yice.env").read_text("utf-8")
    for line in file.splitlines():
        assert re.fullmatch(r"#? ?.*|(YICE_[A-Z0-9_]+|LANG)=\S*", line), line


def test_every_queue_is_served_by_a_unit_and_the_index_by_the_web_node() -> None:
    served = [
        queue
        for path in UNITS
        for name, _, value in [parsed(path)["Service"].get("Environment", "").partition("=")]
        if name == "YICE_QUEUES"
        for queue in value.split(",")
    ]
    assert sorted([*served, "index"]) == sorted(QUEUES)
    assert {queue for kind in KINDS for queue in kind.queues} == set(QUEUES)


def test_every_timer_has_its_service() -> None:
    for timer in FOLDER.glob("*.timer"):
        assert timer.with_suffix(".service").is_file()
        assert parsed(timer)["Install"]["WantedBy"] == "timers.target"


def test_every_unit_is_named_for_operators() -> None:
    page = (ROOT / "docs" / "operators.md").read_text("utf-8")
    assert {path.name for path in UNITS if f"`{path.stem}`" not in page} == set()


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and not os.environ.get("CI"),
    reason="systemd-analyze is not installed: apt-get install systemd",
)
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    # Commands of the installation are not on this machine; one that is takes their place.
    for path in [*UNITS, *FOLDER.glob("*.timer")]:
        text = path.read_text("utf-8")
        text = re.sub(r"/opt/yice/bin/\w+", "/usr/bin/env", text)
        (tmp_path / path.name).write_text(text, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "yice" in line]
    assert (done.returncode, complaints) == (0, [])
