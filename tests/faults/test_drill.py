"""The short form of `make cluster-drill`; the long one is for a night."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.postgres import missing

BREAKS, KILLS = {"store", "broker", "tsa"}, 8


def test_cases_through_two_nodes_under_kills_and_outages_are_all_accounted_for() -> None:
    if not Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        missing("rabbitmq-server")
    command = [
        sys.executable,
        "-m",
        "tests.faults.drill",
        "--cases",
        "24",
        "--seconds",
        "60",
        "--json",
    ]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.stdout, done.stderr[-2000:]
    counted = json.loads(done.stdout)
    assert counted["clean"], counted
    assert counted["committed"] == counted["accepted"] > 18
    # A volume that got its time-stamps when the TSA was back has two versions: each has one commit
    # record, no more and no less.
    assert counted["commit_records"] == counted["versions"] >= counted["committed"]
    assert sum(counted["outcomes"].values()) == counted["bags"]
    assert set(counted["broken"]) == BREAKS, "something was never broken"
    assert sum(counted["killed"].values()) >= KILLS
    assert counted["broken_requests"] > 0
    assert counted["log_lines"] > 20
    assert counted["leaks"] == 0
