"""The commands that keep the holdings whole, as a person at the terminal uses them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from tests.faults.archives import archive, committed_folder, keys
from tests.faults.test_fixity import flip, volume_file
from tests.holdings import Holdings

__all__ = ["archive", "committed_folder", "keys"]


@pytest.fixture
def desk(archive: Holdings, keys: Path, monkeypatch: pytest.MonkeyPatch) -> Holdings:
    """The command line on an archive of three volumes with a second store; its seals are those of a PKI of all organisations."""
    monkeypatch.setenv("YICE_DATA", str(archive.folder))
    monkeypatch.setenv("YICE_REPLICA_FOLDER", str(archive.folder / "second"))
    monkeypatch.setenv("YICE_TRUST_FOLDER", str(keys.parent / "trust"))
    (keys.parent / "trust").mkdir(exist_ok=True)
    (keys.parent / "trust" / "root.pem").write_bytes((keys / "root.pem").read_bytes())
    return archive


def yice(*words: str, expect: int = 0) -> Any:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == expect, done.output
    return json.loads(done.stdout)


def test_damage_is_shown_mended_and_then_gone(desk: Holdings) -> None:
    assert yice("replicate")["objects"] > 40
    flip(volume_file(desk))
    found = yice("scrub", "--budget", "1GB", expect=1)
    assert [one["outcome"] for one in found["faults"]] == ["CHANGED"]
    assert found["mended"] == [found["faults"][0]["subject"]]
    again = yice("scrub")
    assert (again["cycle"], again["complete"], again["faults"]) == (2, True, [])
    assert yice("scrub", "--second")["faults"] == []


def test_the_journal_is_anchored_proved_and_verified(desk: Holdings, tmp_path: Path) -> None:
    made = yice("journal", "anchor")
    assert made["checkpoint"] == 1
    assert yice("journal", "anchor") is None
    CliRunner().invoke(app, ["journal", "prove", "2", "--to", str(tmp_path / "proof")], catch_exceptions=False)
    assert {one.name for one in (tmp_path / "proof").iterdir()} == {"entry.txt", "proof.json", "head.json", "head.p7s", "head.tst"}
    assert yice("journal", "verify") == {"entries": made["size"] + 1, "fault": None, "anchors": []}
    head = desk.folder / "store" / "journal" / "checkpoint" / "000001" / "head.json"
    flip(head)
    assert yice("journal", "verify", expect=1)["anchors"]


@pytest.mark.usefixtures("desk")
def test_a_rebuild_beside_the_running_archive_says_that_nothing_differs(tmp_path: Path) -> None:
    yice("journal", "anchor")
    made = yice("rebuild", "--from-store", "--into", str(tmp_path / "anew"))
    assert (made["volumes"], made["versions"], made["indexed"], made["differences"], made["faults"]) == (3, 4, 3, [], [])
    assert yice("backup", "--to", str(tmp_path / "backup"))["versions"] == 4
