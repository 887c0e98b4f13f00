"""Four outside systems in trouble, pullers killed at any moment.

The holdings are those of an undisturbed run.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, func, select

from archive.database.encryption import attach_keys, ensure_keyring
from archive.database.engine import connect, reading
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, CaseRevision, Component, Delivery
from archive.database.tables_gathering import Arrival
from archive.jobs.crashpoints import PULL_POINTS
from archive.reference.vocabulary import IntakeOutcome
from tests.functional.test_main_job import yice
from tests.support.command_line import ROOT, run_command
from tests.support.postgres import free_port
from tests.support.simulator import small_world

CASES, SEED = 15, 6
TROUBLE = {
    "slow": 0.05,
    "error": 0.15,
    "truncated": 0.15,
    "duplicate": 0.3,
    "disorder": 0.5,
    "expired": 0.1,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_world(tmp_path_factory.mktemp("world"), CASES, SEED)


class City:
    """One data folder and its outside systems, run as a user runs them."""

    def __init__(self, data: Path, world: Path) -> None:
        self.data, self.world, self.port = data, world, free_port()
        data.mkdir()
        (data / f"demo-sources-{CASES}-{SEED}").symlink_to(world)
        self._systems: subprocess.Popen[bytes] | None = None

    def start(self, faults: dict[str, float]) -> None:
        words = [
            "demo",
            "sources",
            "--cases",
            str(CASES),
            "--seed",
            str(SEED),
            "--port",
            str(self.port),
        ]
        words += [word for kind, share in faults.items() for word in ("--fault", f"{kind}={share}")]
        self._systems = subprocess.Popen(
            [sys.executable, "-m", "api.cli", *words],
            env={**os.environ, "YICE_DATA": str(self.data), "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(1200):
            try:
                requests.get(f"http://127.0.0.1:{self.port}/control", timeout=30)
            except requests.ConnectionError:
                time.sleep(0.1)
            else:
                return
        pytest.fail("the simulator did not start")

    def stop(self) -> None:
        if self._systems:
            self._systems.kill()
            self._systems.wait()

    def tell(self, what: str, body: dict[str, float] | None = None) -> Any:
        return requests.post(
            f"http://127.0.0.1:{self.port}/control/{what}", json=body, timeout=30
        ).json()

    def settings(self) -> dict[str, str]:
        lines = (self.data / "sources.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def pull(self, *words: str, crash_at: str = "", kill_after: float | None = None) -> int:
        crash = {"YICE_CRASH_AT": crash_at}
        try:
            return run_command(
                "pull",
                *words,
                data=self.data,
                timeout=kill_after or 600,
                **crash,
                **self.settings(),
            ).returncode
        except subprocess.TimeoutExpired:
            assert kill_after is not None
            return -signal.SIGKILL

    def pull_until_quiet(self) -> None:
        for _ in range(12):
            if (
                self.pull() == 0
                and not self.collecting()
                and not list((self.data / "scans").glob("*.json"))
            ):
                return
            time.sleep(1)
        pytest.fail(f"still gathering: {self.collecting()}")

    def collecting(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(yice(self.data, "list", "--collecting", "--json"))
        return rows

    def engine(self) -> Engine:
        """The rows with the keys of this data folder: the facts of cases are encrypted."""
        return attach_keys(
            connect(f"sqlite:///{self.data / 'yice.db'}"),
            ensure_keyring(self.data / "keys" / "columns.json"),
        )

    def holdings(self) -> dict[str, Any]:
        """All that the archive holds, without the times at which it came."""
        with reading(self.engine()) as session:
            revisions = [
                (case, revision.revision, revision.state, revision.facts)
                for case, revision in session.execute(
                    select(Case.case_no, CaseRevision)
                    .join(Case, Case.id == CaseRevision.case_id)
                    .order_by(Case.case_no, CaseRevision.revision)
                )
            ]
            columns = (
                Case.case_no,
                Component.revision,
                Component.material_no,
                Component.path,
                Component.sha256,
            )
            objects = [
                tuple(row)
                for row in session.execute(
                    select(*columns).join(Case, Case.id == Component.case_id).order_by(*columns[:4])
                )
            ]
            answers = [
                (delivery.case_no, delivery.outcome, delivery.findings)
                for delivery in session.scalars(
                    select(Delivery).where(Delivery.outcome != IntakeOutcome.DUPLICATE)
                )
            ]
            evidence = [
                tuple(row)
                for row in session.execute(
                    select(Arrival.source, Arrival.sha256).where(Arrival.outcome == "TAKEN")
                )
            ]
        return {
            "revisions": [
                (case, number, state, _timeless(facts)) for case, number, state, facts in revisions
            ],
            "objects": objects,
            "answers": sorted(
                (case, outcome, sorted({finding["code"] for finding in findings}))
                for case, outcome, findings in answers
            ),
            "evidence": sorted(evidence),
        }


def _timeless(facts: dict[str, Any]) -> dict[str, Any]:
    for material in facts["materials"]:
        if material["source_ref"]:
            material["source_ref"].pop("fetched_at")
            material["source_ref"]["id"] = material["source_ref"]["id"].removeprefix("again-")
    return facts


@contextmanager
def city(data: Path, world: Path, faults: dict[str, float]) -> Iterator[City]:
    town = City(data, world)
    try:
        town.start(faults)
        yield town
    finally:
        town.stop()


@pytest.fixture(scope="module")
def undisturbed(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with city(tmp_path_factory.mktemp("calm") / "var", world, {}) as town:
        town.pull_until_quiet()
        assert town.tell("late")["files"] > 0
        town.pull_until_quiet()
        yield town


def test_every_case_of_the_four_systems_is_accounted_for_as_it_was_planted(
    undisturbed: City, world: Path
) -> None:
    truth = json.loads((world / "truth.json").read_text())["cases"]
    answers = undisturbed.holdings()["answers"]
    for row in truth:
        codes = {
            code
            for case, outcome, findings in answers
            if case == row["case_no"] and outcome == row["expected"]
            for code in findings
        }
        assert row["finding"] is None or row["finding"] in codes, row
    first = [outcome for case, outcome, _ in answers]
    late = sum(row["late"] for row in truth)
    assert late > 0
    assert len(first) == len(truth) + late


def test_no_number_of_a_person_stands_in_plain_in_the_database(
    undisturbed: City, world: Path
) -> None:
    events = json.loads((world / "events.json").read_text())
    numbers = {
        person["id_number"]
        for event in events
        for person in (event["case"]["applicant"], *event["case"]["subjects"])
    }
    assert len(numbers) >= CASES
    stored = b"".join(path.read_bytes() for path in undisturbed.data.glob("yice.db*"))
    assert [number for number in numbers if number.encode() in stored] == []


def test_late_material_makes_a_second_revision_and_no_other_case_gets_one(
    undisturbed: City, world: Path
) -> None:
    late = {
        row["case_no"]
        for row in json.loads((world / "truth.json").read_text())["cases"]
        if row["late"]
    }
    assert {
        case for case, number, _, _ in undisturbed.holdings()["revisions"] if number == 2
    } == late


def test_each_fetch_leaves_its_evidence_in_the_facts_and_in_the_journal(undisturbed: City) -> None:
    for _, _, _, facts in undisturbed.holdings()["revisions"]:
        for material in facts["materials"]:
            if material["files"]:
                assert set(material["source_ref"]) == {"system", "id", "sha256", "signature"}
                assert len(material["source_ref"]["sha256"]) == 64
    signatures = {
        material["source_ref"]["signature"]
        for _, _, _, facts in undisturbed.holdings()["revisions"]
        for material in facts["materials"]
        if material["source_ref"]
    }
    assert {"VALID", "NONE"} <= signatures
    with reading(undisturbed.engine()) as session:
        fetches = session.scalar(
            select(func.count()).select_from(JournalEntry).where(JournalEntry.act == "FETCH")
        )
        assert fetches == session.scalar(select(func.count()).select_from(Arrival))
    assert json.loads(yice(undisturbed.data, "journal", "verify", "--json"))["fault"] is None


def test_after_kills_and_faults_of_every_kind_the_holdings_are_those_of_a_calm_run(
    undisturbed: City, world: Path, tmp_path: Path
) -> None:
    chance = random.Random(7)
    with city(tmp_path / "var", world, {}) as town:
        for point in PULL_POINTS:
            assert town.pull(crash_at=point) == 137, point
        town.tell("faults", TROUBLE)
        for turn in range(6):
            town.pull(kill_after=chance.uniform(1.5, 5))
            if turn % 3 == 1:
                town.stop()
                town.start(TROUBLE)
        town.tell("faults", {})
        town.pull_until_quiet()
        town.tell("faults", TROUBLE)
        town.tell("late")
        town.pull(kill_after=2.5)
        town.tell("faults", {})
        town.pull_until_quiet()
        assert town.holdings() == undisturbed.holdings()


def test_a_source_that_is_down_is_shown_with_its_error_and_does_not_keep_the_others_back(
    world: Path, tmp_path: Path
) -> None:
    with city(tmp_path / "var", world, {}) as town:
        settings = {
            **town.settings(),
            "YICE_CERT_URL": f"http://127.0.0.1:{free_port()}/certificates",
        }
        (town.data / "sources.env").write_text(
            "".join(f"{key}={value}\n" for key, value in settings.items())
        )
        assert town.pull() == 1
        status = {
            row["source"]: row for row in json.loads(yice(town.data, "pull", "--status", "--json"))
        }
        assert (status["certificates"]["health"], status["certificates"]["error_code"]) == (
            "DOWN",
            "SOURCE_UNAVAILABLE",
        )
        assert "127.0.0.1" not in status["certificates"]["error"]
        assert status["certificates"]["next_try"] is not None
        assert [status[name]["health"] for name in ("forms", "scans", "portal")] == ["OK"] * 3
        waiting = town.collecting()
        assert waiting
        assert all(row["missing"] for row in waiting)
