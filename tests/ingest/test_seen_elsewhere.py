"""A page that was handed in with another case waits for a person (R31)."""

import io
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image
from sqlalchemy import Engine

from archive.db import connect, migrate
from archive.organisations import load_organisations
from archive.service_items import load_catalogue
from archive.vocabulary import IntakeOutcome
from ingest.intake import Received, inspect_package, receive
from storage.local_store import LocalStore
from tests.factories import make_bag, page, sound_case

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def deliver(engine: Engine, folder: Path, number: int, scanned: bytes, *, supplement: bool = False) -> Received:
    case = sound_case(f"150602010000-20260901-{number:06d}")
    if supplement:
        case["supplement"] = True
    path = make_bag(folder / f"bag-{number}-{supplement}", case=case, files={"materials/006.jpg": scanned})
    bag, submission = inspect_package(path, load_catalogue(), load_organisations(), NOW)
    return receive(engine, LocalStore(folder / "store"), "test", path, bag, submission, now=NOW)


def smaller(data: bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).resize((1400, 1980)).save(out, "JPEG", quality=60, dpi=(170, 170))
    return out.getvalue()


def test_a_copy_of_a_scan_of_another_case_waits_for_a_person_and_both_cases_are_named(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)
    assert deliver(engine, tmp_path, 1, page(50)).outcome is IntakeOutcome.ACCEPTED
    assert deliver(engine, tmp_path, 2, page(51)).outcome is IntakeOutcome.ACCEPTED
    copied = deliver(engine, tmp_path, 3, smaller(page(50)))
    assert copied.outcome is IntakeOutcome.CONFIRM
    (found,) = [one for one in copied.findings if one.code == "SEEN_ELSEWHERE"]
    assert "150602010000-20260901-000001" in found.message
    assert found.place == "material 6"


def test_the_certificates_of_two_cases_may_be_the_same_and_a_supplement_may_bring_its_own_pages_again(tmp_path: Path) -> None:
    # Materials 4 and 5 of every bag here are the same two pictures, shared certificates both.
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)
    assert deliver(engine, tmp_path, 1, page(50)).outcome is IntakeOutcome.ACCEPTED
    again = deliver(engine, tmp_path, 1, smaller(page(50)), supplement=True)
    assert again.outcome is IntakeOutcome.ACCEPTED
