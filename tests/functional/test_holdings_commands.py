"""The commands that keep the holdings whole, as a person at the terminal uses them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from api.cli.main import app
from api.monitoring.metrics import exposition, registry_of
from archive.database.encryption import attach_keys, ensure_keyring
from archive.database.engine import writing
from archive.database.tables_volumes import VolumeVersion
from tests.faults.test_fixity import flip, volume_file
from tests.support.holdings import Holdings


@pytest.fixture
def desk(archive: Holdings, keys: Path, monkeypatch: pytest.MonkeyPatch) -> Holdings:
    """The command line on an archive of three volumes with a second store.

    Its seals are those of a PKI of all organisations.
    """
    monkeypatch.setenv("YICE_DATA", str(archive.folder))
    monkeypatch.setenv("YICE_REPLICA_FOLDER", str(archive.folder / "second"))
    trust = archive.folder.parent / "trust"
    trust.mkdir()
    (trust / "root.pem").write_bytes((keys / "root.pem").read_bytes())
    monkeypatch.setenv("YICE_TRUST_FOLDER", str(trust))
    # The archive was made without column keys, which the command line always has.
    attach_keys(archive.engine, ensure_keyring(archive.folder / "keys" / "columns.json"))
    CliRunner().invoke(app, ["keys", "reseal"], catch_exceptions=False)
    return archive


def yice(*words: str, expect: int = 0) -> Any:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == expect, done.output
    return json.loads(done.stdout)


def test_damage_is_shown_mended_and_then_gone(desk: Holdings) -> None:
    assert yice("replicate")["objects"] > 40
    flip(volume_file(desk))
    report = yice("scrub", "--budget", "1GB", expect=1)
    assert [fault["code"] for fault in report["faults"]] == ["CHANGED"]
    assert {"code", "subject", "message"} <= report["faults"][0].keys()
    assert report["mended"] == [report["faults"][0]["subject"]]
    again = yice("scrub")
    assert (again["cycle"], again["complete"], again["faults"]) == (2, True, [])
    assert yice("scrub", "--second")["faults"] == []


def test_keys_that_change_give_no_fault_and_facts_that_were_exchanged_do(desk: Holdings) -> None:
    for words in (("keys", "rotate"), ("keys", "rotate-blind"), ("account", "init")):
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert yice("verify", "--all") == {"volumes": 4, "faults": []}
    with desk.engine.connect() as connection:
        facts = "SELECT facts FROM case_revisions WHERE id ="
        connection.exec_driver_sql(
            f"UPDATE case_revisions SET facts = ({facts} 2) WHERE id = 1"  # noqa: S608
        )
        connection.commit()
    faults = yice("verify", "--all", expect=1)["faults"]
    assert "I14" in {fault["code"] for fault in faults}
    assert all(fault.keys() == {"code", "subject", "message"} for fault in faults)


def test_the_first_anchor_is_written_right_after_the_first_accounts(desk: Holdings) -> None:
    CliRunner().invoke(app, ["account", "init"], catch_exceptions=False)
    assert (desk.folder / "store" / "journal" / "checkpoint" / "000001" / "head.p7s").is_file()
    assert yice("journal", "anchor") is None, "nothing was journalled since"


def test_the_journal_is_anchored_proved_and_verified(desk: Holdings, tmp_path: Path) -> None:
    anchor = yice("journal", "anchor")
    assert anchor["checkpoint"] == 1
    assert yice("journal", "anchor") is None
    CliRunner().invoke(
        app, ["journal", "prove", "2", "--to", str(tmp_path / "proof")], catch_exceptions=False
    )
    assert {path.name for path in (tmp_path / "proof").iterdir()} == {
        "entry.txt",
        "proof.json",
        "head.json",
        "head.p7s",
        "head.tst",
    }
    assert yice("journal", "verify") == {
        "entries": anchor["size"] + 1,
        "fault": None,
        "anchors": [],
    }
    head = desk.folder / "store" / "journal" / "checkpoint" / "000001" / "head.json"
    flip(head)
    assert yice("journal", "verify", expect=1)["anchors"]


@pytest.mark.usefixtures("desk")
def test_a_rebuild_beside_the_running_archive_says_that_nothing_differs(tmp_path: Path) -> None:
    yice("journal", "anchor")
    counts = yice("rebuild", "--from-store", "--into", str(tmp_path / "anew"))
    assert (
        counts["volumes"],
        counts["versions"],
        counts["indexed"],
        counts["differences"],
        counts["faults"],
    ) == (3, 4, 3, [], [])
    assert yice("backup", "--to", str(tmp_path / "backup"))["versions"] == 4


def test_time_stamps_that_end_soon_are_renewed_in_bulk_and_the_row_says_until_when(
    desk: Holdings, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YICE_CRLS", str(keys / "root.crl"))
    with writing(desk.engine) as session:
        soon = datetime.now(UTC) + timedelta(days=30)
        session.execute(update(VolumeVersion).values(stamped_until=soon))
        session.execute(
            update(VolumeVersion).where(VolumeVersion.volume_id == 2).values(stamped_until=None)
        )
    assert yice("timestamp", "--renew", "--within", "10") == {
        "total": 0,
        "done": 0,
        "failed": 0,
        "learned": 1,
        "due": 0,
        "first_end": soon.isoformat(),
    }
    counts = yice("timestamp", "--renew")
    assert {**counts, "first_end": ""} == {
        "total": 2,
        "done": 2,
        "failed": 0,
        "learned": 0,
        "due": 0,
        "first_end": "",
    }
    assert counts["first_end"] > (soon + timedelta(days=3650)).isoformat()
    listed = {
        row["code"][-1]: (row["version"], row["stamped_until"] >= counts["first_end"])
        for row in yice("list")
    }
    assert listed == {"1": (3, True), "2": (1, True), "3": (2, True)}
    assert yice("timestamp", "--renew")["total"] == 0
    text = exposition(registry_of(desk.runtime)).decode()
    assert "yice_timestamps_due 0.0" in text
    assert "yice_timestamp_remaining_seconds -1.0" not in text
    assert yice("verify", "--all")["faults"] == []
