"""A disk that is full or read-only stops the work with a clear word, loses nothing, and the next
run goes on.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

IN_A_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def on_a_disk(kind: str, folder: Path, keys: Path) -> dict[str, Any]:
    """What happened on a disk of this kind."""
    command = [
        *IN_A_NAMESPACE,
        sys.executable,
        "-m",
        "tests.faults.disk",
        str(folder),
        str(keys),
        kind,
    ]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_disk_that_fills_up_at_any_step_loses_nothing_and_the_work_goes_on_afterwards(
    tmp_path: Path, keys: Path
) -> None:
    result = on_a_disk("full", tmp_path / "disk", keys)
    *full, last = result["said"]
    assert set(full) <= {"DISK_FULL", "DATABASE_UNAVAILABLE", "well"}
    assert full[0] != "well"
    assert len(set(full) - {"well"}) >= 1
    assert last == "well"
    assert (result["held"], result["faults"], result["left"]) == (
        ["000001", "000002", "000003"],
        [],
        [],
    )


@pytest.mark.parametrize("kind", ["read-only"])
def test_a_disk_that_turns_read_only_is_named_and_nothing_is_lost(
    kind: str, tmp_path: Path, keys: Path
) -> None:
    result = on_a_disk(kind, tmp_path / "disk", keys)
    assert result["said"][0] in {"DISK_READ_ONLY", "DATABASE_UNAVAILABLE"}
    assert result["said"][1] == "well"
    assert (result["held"], result["faults"], result["left"]) == (
        ["000001", "000002", "000003"],
        [],
        [],
    )
