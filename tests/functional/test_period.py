"""The periodic compile: a term takes what belongs to it, once, from any node.

Its register names every volume by digest under the seal.
"""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pikepdf
import pytest
from sqlalchemy import select

from api.jobs.periods import begin_terms, end_terms
from archive.arrangement.periods import Report, Term, due, followed_terms, terms_of
from archive.compile.register import make_register
from archive.database.engine import reading, writing
from archive.database.tables_jobs import PeriodRun
from archive.database.tables_volumes import VolumeVersion
from archive.reference.vocabulary import Series
from archive.signing.validation import read_signature
from storage.digest import sha256_hex
from tests.faults.test_rebuild import _blank
from tests.faults.worker import opened
from tests.support.filing import FILER
from tests.support.holdings import ORGANISATIONS, Holdings, sound_case, supplement

SEPTEMBER, AUGUST = Term("J602", Series.CS, "2026-09"), Term("J602", Series.CS, "2026-08")


def case(number: int, month: str = "09") -> dict[str, Any]:
    facts = sound_case(f"150602010000-20260901-{number:06d}")
    facts["process"] = [
        {**step, "at": step["at"].replace("2026-09", f"2026-{month}")} for step in facts["process"]
    ]
    return facts


@pytest.fixture
def archive(tmp_path: Any, keys: Any) -> Holdings:
    return opened(tmp_path, keys)


def run(archive: Holdings, *terms: Term, owner: str = "") -> list[Report]:
    """What `yice period run` does, the volumes made in this process."""
    begin_terms(archive.runtime, FILER, list(terms))
    shop = replace(archive.shop, owner=owner) if owner else archive.shop
    archive.make(shop)
    return end_terms(archive.runtime, shop, "test", list(terms))


def counts(reports: list[Report]) -> list[tuple[str, int, int, int]]:
    return [(report.period, report.volumes, report.missing, report.failed) for report in reports]


def test_a_term_takes_the_cases_of_its_month_and_series_and_no_others(archive: Holdings) -> None:
    for number, month in ((1, "09"), (2, "08"), (3, "09")):
        archive.deliver(f"{number}", case(number, month))
    archive.deliver("blank", case(4), {"materials/006.jpg": _blank()})
    assert counts(run(archive, SEPTEMBER)) == [("2026-09", 2, 1, 0)]
    assert counts(run(archive, AUGUST, Term("J602", Series.SW, "2026-08"))) == [
        ("2026-08", 1, 0, 0)
    ]
    assert archive.faults() == []
    with reading(archive.engine) as session:
        assert session.query(PeriodRun).count() == 2


def test_the_register_is_sealed_pdfa_with_the_digests_of_its_volumes(archive: Holdings) -> None:
    for number in range(1, 4):
        archive.deliver(f"{number}", case(number))
    [report] = run(archive, SEPTEMBER)
    assert report.register is not None
    pdf = archive.store.read(report.register)
    signature = read_signature(pdf, archive.shop.trust)
    assert (signature.valid, signature.covers_whole_document, str(signature.level)) == (
        True,
        True,
        "B-LTA",
    )
    assert archive.shop.prover.failures(pdf) == {}
    record = json.loads(archive.store.read(f"{report.register.rpartition('/')[0]}/register.json"))
    assert record["sha256"] == sha256_hex(pdf)
    digests = [
        blob.sha256 for blob in archive.store.list("volumes/") if blob.key.endswith("/volume.pdf")
    ]
    assert [row["sha256"] for row in record["rows"]] == digests


def test_run_again_and_from_another_node_a_term_gives_the_same(archive: Holdings) -> None:
    archive.deliver("1", case(1))
    first = run(archive, SEPTEMBER)
    before = sorted(blob.key for blob in archive.store.list(""))
    again = run(archive, SEPTEMBER, owner="elsewhere:1:1")
    assert [replace(report, seconds=0.0) for report in again] == [
        replace(report, seconds=0.0) for report in first
    ]
    assert sorted(blob.key for blob in archive.store.list("")) == before


def test_what_comes_late_makes_the_next_register_and_leaves_the_first(archive: Holdings) -> None:
    archive.deliver("1", case(1))
    [first] = run(archive, SEPTEMBER)
    archive.deliver("2", case(2))
    [second] = run(archive, SEPTEMBER)
    archive.deliver("3", supplement("150602010000-20260901-000001"))
    archive.freeze()
    [third] = run(archive, SEPTEMBER)
    assert [
        report.register and report.register.split("/")[4] for report in (first, second, third)
    ] == [
        "r1",
        "r2",
        "r3",
    ]
    assert [report.volumes for report in (first, second, third)] == [1, 2, 2]
    assert archive.store.read(first.register or "")


def test_a_term_whose_volume_has_a_further_version_since_gets_its_next_register_by_itself(
    archive: Holdings,
) -> None:
    def followed() -> list[Term]:
        with reading(archive.engine) as session:
            return followed_terms(session)

    for number, month in ((1, "09"), (2, "08")):
        archive.deliver(f"{number}", case(number, month))
    [first, _] = run(archive, SEPTEMBER, AUGUST)
    later(archive, minutes=5)
    assert followed() == []
    archive.deliver("3", supplement("150602010000-20260901-000001"))
    archive.freeze()
    archive.make()
    assert followed() == [SEPTEMBER]
    [second] = end_terms(archive.runtime, archive.shop, "beat", followed())
    rows = json.loads(
        archive.store.read(f"{(second.register or '').rpartition('/')[0]}/register.json")
    )["rows"]
    assert ((first.register or "").split("/")[4], (second.register or "").split("/")[4]) == (
        "r1",
        "r2",
    )
    assert [(row["code"][-6:], row["version"]) for row in rows] == [("000001", 2)]
    later(archive, minutes=5)
    assert followed() == []


def later(archive: Holdings, *, minutes: int) -> None:
    """As if all that was committed so far had been so some time ago.

    The terms have ended since.
    """
    with writing(archive.engine) as session:
        for version in session.scalars(select(VolumeVersion)):
            version.committed_at = version.committed_at and version.committed_at - timedelta(
                minutes=minutes
            )


def test_a_long_register_keeps_its_seal_off_its_rows(archive: Holdings) -> None:
    row = {
        "version": 1,
        "completed_on": "2026-09-01",
        "late": True,
        "pages": 12,
        "sha256": "a" * 64,
        "inventory_sha256": "b" * 64,
    }
    for count in (1, 17, 18, 19, 20, 60):
        rows = [
            {"code": f"J602-ZY·HJ·CS·2026·Y-{number:06d}", **row} for number in range(1, count + 1)
        ]
        register = make_register(archive.shop, Term("J602", Series.CS, f"20{count:02d}-09"), rows)
        assert register is not None
        with pikepdf.open(io.BytesIO(archive.store.read(register[0]))) as opened_pdf:
            seal = next(
                field
                for field in opened_pdf.Root.AcroForm.Fields
                if field.FT == "/Sig" and field.get("/T") == "Seal"
            )
            box, pages = [float(edge) for edge in seal.Rect], len(opened_pdf.pages)
        assert lowest_text(archive.store.read(register[0]), pages - 1) > box[3], count


def lowest_text(pdf: bytes, number: int) -> float:
    """The lower edge of the lowest row of the last page, above its footer."""
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as opened_pdf:
        text = opened_pdf[number].get_textpage()
        boxes = [
            text.get_charbox(at)
            for at in range(text.count_chars())
            if text.get_text_range(at, 1).strip()
        ]
    return min((bottom for _, bottom, _, top in boxes if top > 170 or bottom > 52), default=842.0)


def test_a_month_falls_due_on_its_day_in_local_time() -> None:
    def terms(at: datetime) -> set[Series]:
        return {term.series for term in due(at, ORGANISATIONS) if term.period == "2026-09"}

    assert terms(datetime(2026, 9, 30, 15, 59, tzinfo=UTC)) == set(), "still September in 鄂尔多斯"
    assert terms(datetime(2026, 9, 30, 16, 0, tzinfo=UTC)) == {Series.QY}
    assert terms(datetime(2026, 10, 3, 1, 0, tzinfo=UTC)) == set(Series)
    assert len(terms_of("2026-09", ORGANISATIONS)) == len(
        {term.fonds for term in terms_of("2026-09", ORGANISATIONS)}
    ) * len(Series)
