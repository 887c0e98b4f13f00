"""A page that was handed in with another case waits for a person (R31)."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from sqlalchemy import Engine, select

from archive.database.engine import connect, migrate, reading
from archive.database.tables_audit import JournalEntry
from archive.reference.organisations import load_organisations
from archive.reference.prints import NEAR, distance
from archive.reference.service_items import load_catalogue
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.intake import IntakeRules, Received, take_package
from ingest.reading.likeness import page_print
from ingest.reading.virus import NO_SCANNER
from storage.blobs import Stat
from storage.local_store import LocalStore
from tests.support.factories import make_bag, page, sound_case

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def deliver(
    engine: Engine,
    folder: Path,
    number: int,
    scanned: bytes,
    *,
    supplement: bool = False,
    store: LocalStore | None = None,
) -> Received:
    case = sound_case(f"150602010000-20260901-{number:06d}")
    if supplement:
        case["supplement"] = True
    path = make_bag(
        folder / f"bag-{number}-{supplement}", case=case, files={"materials/006.jpg": scanned}
    )
    rules = IntakeRules(load_catalogue(), load_organisations(), scanner=NO_SCANNER, ocr=False)
    kept = store or LocalStore(folder / "store")
    return take_package(engine, kept, "test", path, sender=None, rules=rules, now=NOW)


def smaller(data: bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).resize((1400, 1980)).save(out, "JPEG", quality=60, dpi=(170, 170))
    return out.getvalue()


def test_a_copy_of_a_scan_of_another_case_waits_for_a_person_and_both_cases_are_named(
    tmp_path: Path,
) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)
    assert deliver(engine, tmp_path, 1, page(50)).outcome is IntakeOutcome.ACCEPTED
    assert deliver(engine, tmp_path, 2, page(51)).outcome is IntakeOutcome.ACCEPTED
    copied = deliver(engine, tmp_path, 3, smaller(page(50)))
    assert copied.outcome is IntakeOutcome.CONFIRM
    (copy,) = [row for row in copied.findings if row.code == "SEEN_ELSEWHERE"]
    assert "150602010000-20260901-000001" in copy.message
    assert copy.place == "material 6"


def form(name: str, seed: int) -> bytes:
    """A capture of a printed form with a name in it, with grain of its own."""
    sheet = Image.new("L", (1654, 2339), 248)
    draw = ImageDraw.Draw(sheet)
    words = ("name", "sex", "nation", "born", "number", "place", "school", "work", "notes")
    for row, label in enumerate(words):
        y = 330 + 165 * row
        draw.rectangle((150, y, 1500, y + 165), outline=40, width=4)
        draw.text((195, y + 54), label, fill=20, font_size=51)
        draw.text((630, y + 50), f"{label} of the household", fill=10, font_size=57)
    draw.text((630, 180), name, fill=10, font_size=57)
    grain = np.random.default_rng(seed).normal(0, 4, (sheet.height, sheet.width))
    captured = Image.fromarray((np.asarray(sheet) + grain).clip(0, 255).astype(np.uint8))
    out = io.BytesIO()
    captured.save(out, "JPEG", quality=80, dpi=(200, 200))
    return out.getvalue()


def test_a_form_filled_in_otherwise_in_another_case_is_no_copy_and_a_turned_rescan_is(
    tmp_path: Path,
) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)
    first, other, again = form("CHEN WEI", 1), form("LI XIAO", 2), form("CHEN WEI", 3)
    views = [Image.open(io.BytesIO(data)) for data in (first, other)]
    assert distance(*map(page_print, views)) <= NEAR  # so that only the second look tells them
    assert deliver(engine, tmp_path, 1, first).outcome is IntakeOutcome.ACCEPTED
    assert deliver(engine, tmp_path, 2, other).outcome is IntakeOutcome.ACCEPTED
    out = io.BytesIO()
    Image.open(io.BytesIO(again)).transpose(Image.Transpose.ROTATE_90).save(
        out, "JPEG", quality=60, dpi=(200, 200)
    )
    turned = deliver(engine, tmp_path, 3, out.getvalue())
    assert [row.other_case for row in turned.findings if row.code == "SEEN_ELSEWHERE"] == [
        "150602010000-20260901-000001"
    ]


def test_certificates_of_two_cases_may_be_the_same_and_a_supplement_may_repeat_its_pages(
    tmp_path: Path,
) -> None:
    # Materials 4 and 5 of every bag here are the same two pictures, shared certificates both.
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)
    assert deliver(engine, tmp_path, 1, page(50)).outcome is IntakeOutcome.ACCEPTED
    again = deliver(engine, tmp_path, 1, smaller(page(50)), supplement=True)
    assert again.outcome is IntakeOutcome.ACCEPTED


def test_of_two_that_come_at_once_with_one_page_the_record_in_the_bucket_says_what_the_row_says(
    tmp_path: Path,
) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)

    class Overtaken(LocalStore):
        """The other case is taken over after this one was compared with all cases, and before its
        row is written.
        """

        others = 0

        def put_new(self, key: str, data: bytes, **more: Any) -> Stat:
            if key.startswith("accessions/") and not self.others:
                self.others = 1
                assert deliver(engine, tmp_path, 1, page(50)).outcome is IntakeOutcome.ACCEPTED
            return super().put_new(key, data, **more)

    second = deliver(engine, tmp_path, 2, smaller(page(50)), store=Overtaken(tmp_path / "store"))
    assert second.outcome is IntakeOutcome.CONFIRM
    with reading(engine) as session:
        entry = session.scalars(
            select(JournalEntry).where(
                JournalEntry.act == "ACCESSION", JournalEntry.subject == second.case_no
            )
        ).one()
    record = json.loads(LocalStore(tmp_path / "store").read(json.loads(entry.detail)["record"]))
    assert [row["code"] for row in record["findings"]] == [row.code for row in second.findings]
    assert "SEEN_ELSEWHERE" in {row.code for row in second.findings}
