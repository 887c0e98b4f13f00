"""kill -9 at ten moments of a run of sixty cases: afterwards the holdings are those of a run that
nobody disturbed.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from api.demo.build import build_demo
from tests.functional.test_main_job import rows, yice
from tests.support.command_line import ROOT

CASES, KILLS = 60, 10


def processes_below(pid: int) -> list[int]:
    """The living descendants of a process, from /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    pids, look = [], [pid]
    while look:
        children = parents.get(look.pop(), [])
        pids += children
        look += children
    return pids


def start(data: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "YICE_DATA": str(data), "PYTHONPATH": str(ROOT), "YICE_WORKERS": "2"}
    command = [sys.executable, "-m", "api.cli", "compile", "--all"]
    return subprocess.Popen(
        command,
        env=env,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def holdings(data: Path) -> list[dict[str, Any]]:
    """What the archive holds, but for what a signature makes different each time."""
    versions = []
    for row in rows(data):
        inventory = list(
            (data / "store" / "volumes").glob(
                f"*/{row['series']}/{row['year']}/*/v{row['version']}/inventory.json"
            )
        )
        mine = [path for path in inventory if json.loads(path.read_bytes())["code"] == row["code"]]
        shown = (
            json.loads(yice(data, "show", row["code"], "--json"))
            if len(versions) % 10 == 0
            else {"contents": None}
        )
        versions.append(
            {
                key: row[key]
                for key in ("code", "case_no", "state", "version", "pages", "completed_at")
            }
            | {"inventories": len(mine), "contents": shown["contents"]}
        )
    return versions


def test_ten_kills_in_a_run_of_sixty_cases_change_nothing_in_the_end(tmp_path: Path) -> None:
    build_demo(tmp_path / "city", cases=CASES, seed=7, progress=lambda _: None, workers=2)
    yice(tmp_path / "calm", "ingest", str(tmp_path / "city" / "bags"), expect=1)
    shutil.copytree(tmp_path / "calm", tmp_path / "torn")
    yice(tmp_path / "calm", "compile", "--all")

    random, killed = Random(7), []
    run = start(tmp_path / "torn")
    while len(killed) < KILLS:
        time.sleep(random.uniform(1.5, 5.0))
        if run.poll() is not None:
            run = start(tmp_path / "torn")
            continue
        below = processes_below(run.pid)
        if not below:
            continue
        # Mostly a worker's child in the middle of a volume; twice the whole run, as when the
        # machine goes down.
        everything = len(killed) % 5 == 4
        for pid in [run.pid, *below] if everything else [below[-1]]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        killed.append("all" if everything else "worker")
        if everything:
            run.wait()
    run.wait(timeout=1200)
    yice(tmp_path / "torn", "compile", "--all")

    calm = holdings(tmp_path / "calm")
    assert len(calm) > CASES * 0.85
    assert {row["state"] for row in calm} == {"COMMITTED"}
    assert {row["inventories"] for row in calm} == {1}
    assert holdings(tmp_path / "torn") == calm
    yice(tmp_path / "torn", "verify", "--all")
