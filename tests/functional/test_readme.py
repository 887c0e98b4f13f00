"""Every command that the README shows works right after a fresh `make demo`, in its order."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
TITLE = "## After `make demo`"


def shown() -> list[str]:
    """The commands of the block, without their comments."""
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(rf"{re.escape(TITLE)}.*?```sh\n(.*?)```", text, re.DOTALL)
    assert block
    return [re.sub(r"\s+#.*", "", line) for line in block[1].splitlines() if line.strip()]


def run(folder: Path, line: str) -> str:
    """Run a line as a user types it in a folder; `yice` is the command line of this checkout."""
    command, *words = shlex.split(line)
    assert command == "yice", line
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", *words],
        cwd=folder,
        env={**os.environ, "YICE_DATA": str(folder / "var"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_command_of_the_readme_works_after_a_fresh_demo(tmp_path: Path) -> None:
    run(tmp_path, "yice demo run --cases 24 --seed 1")
    volumes: list[dict[str, Any]] = json.loads(run(tmp_path, "yice list --json"))
    waiting: list[dict[str, Any]] = json.loads(run(tmp_path, "yice list --waiting --json"))
    values = {"CODE": volumes[0]["code"], "CASE": waiting[0]["case_no"]}
    outputs = {}
    for line in shown():
        words = [values.get(word, word) for word in shlex.split(line)]
        outputs[line] = run(tmp_path, shlex.join(words))
    assert len(outputs) >= 12
    assert volumes[0]["code"] in outputs["yice show CODE"]
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert any((tmp_path / "out").rglob("manifest-sha256.txt"))
    assert len(json.loads(run(tmp_path, "yice list --json"))) == len(volumes) + 1


def test_the_readme_names_the_command_of_ci() -> None:
    assert "`make test`" in (ROOT / "README.md").read_text("utf-8")
    assert "exec make test" in (ROOT / ".ci/run").read_text("utf-8")
