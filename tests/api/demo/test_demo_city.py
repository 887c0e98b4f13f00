"""The fictional city: repeatable, complete, and its planted faults found while nothing sound is
refused.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.demo.build import ONE_DEFECT_IN, build_demo, write_case
from api.demo.defects import CONFLICT, DEFECTS
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import IntakeOutcome, Outcome, SourceKind
from ingest.intake.intake import IntakeRules, inspect_package
from ingest.package.bag import read_bag
from ingest.reading.virus import NO_SCANNER

CATALOGUE, ORGANISATIONS = load_catalogue(), load_organisations()
NOW = datetime(2026, 12, 1, tzinfo=UTC)
RULES = IntakeRules(CATALOGUE, ORGANISATIONS, scanner=NO_SCANNER, ocr=False)


def quiet(_: int) -> None:
    return None


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    def city(name: str, seed: int) -> dict[str, bytes]:
        build_demo(tmp_path / name, cases=12, seed=seed, progress=quiet, workers=2)
        return {
            path.relative_to(tmp_path / name).as_posix(): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }

    first = city("a", 1)
    assert city("b", 1) == first
    assert city("c", 2) != first


@pytest.mark.parametrize("turn", range(len(DEFECTS)), ids=[defect.kind for defect in DEFECTS])
def test_every_kind_of_fault_can_be_planted_and_is_found_under_its_code(
    turn: int, tmp_path: Path
) -> None:
    # A case that can't bear the kind whose turn it is takes the next one, so some kinds wait for a
    # later round.
    rounds = range(
        turn * ONE_DEFECT_IN + ONE_DEFECT_IN - 1,
        40 * ONE_DEFECT_IN * len(DEFECTS),
        ONE_DEFECT_IN * len(DEFECTS),
    )
    rows = next(
        rows
        for index in rounds
        if (rows := write_case(tmp_path, 1, index))[-1]["defect"] == DEFECTS[turn].kind
    )
    row = rows[-1]
    package = inspect_package(tmp_path / row["bag"], RULES, NOW)
    bag, submission = package.bag, package.submission
    if row["defect"] == CONFLICT or "other_case" in row:
        # Both packages are sound by themselves: only the archive that holds the first can tell.
        assert submission.outcome in (None, Outcome.NOTE)
        assert (
            bag.content_digest
            != inspect_package(tmp_path / rows[0]["bag"], RULES, NOW).bag.content_digest
        )
        return
    assert row["finding"] in {row.code for row in submission.findings}
    expected = Outcome.CONFIRM if row["expected"] == IntakeOutcome.CONFIRM else Outcome.REFUSE
    assert submission.outcome is expected
    # A planted fault must not be hidden among others that the maker of the city did not mean.
    graver = {row.code for row in submission.findings if row.outcome is Outcome.REFUSE}
    assert graver <= {row["finding"]}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city of as many cases as there are items."""
    out = tmp_path_factory.mktemp("city")
    build_demo(out, cases=102, seed=1, progress=quiet, workers=2)
    return out


def truth(city: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((city / "truth.json").read_text("utf-8"))["bags"]
    return rows


def test_no_sound_case_is_refused_or_doubted(city: Path) -> None:
    sound = [package["bag"] for package in truth(city) if package["defect"] is None]
    assert len(sound) > 90
    for bag in sound:
        submission = inspect_package(city / "bags" / bag, RULES, NOW).submission
        assert not {row.code for row in submission.findings if row.outcome is not Outcome.NOTE}, bag


def test_the_city_meets_every_item_source_district_format_and_rare_names(city: Path) -> None:
    payloads = [
        read_bag(city / "bags" / package["bag"]).payload
        for package in truth(city)
        if package["expected"] == "ACCEPTED"
    ]
    cases = [json.loads(payload["case.json"].read()) for payload in payloads]
    assert {package["item"] for package in truth(city)} == {
        item.code for item in CATALOGUE.demo_items
    }
    assert len(CATALOGUE.demo_items) == 102
    assert {material["source"] for case in cases for material in case["materials"]} == {
        str(source) for source in SourceKind
    }
    assert len({case["orgs"]["domicile"][:6] for case in cases}) == 9
    assert {path.rpartition(".")[2] for payload in payloads for path in payload} == {
        "pdf",
        "jpg",
        "png",
        "tif",
        "json",
    }
    assert any(package["rare_name"] for package in truth(city))
    assert {case["channel"] for case in cases} == {"WINDOW", "ONLINE"}


def test_the_truth_names_every_package_and_says_that_it_is_fiction(city: Path) -> None:
    assert "虚构" in json.loads((city / "truth.json").read_text("utf-8"))["notice"]
    assert {package["bag"] for package in truth(city)} == {
        path.name for path in (city / "bags").iterdir()
    }
    assert sum(package["defect"] is not None for package in truth(city)) == 102 // ONE_DEFECT_IN
