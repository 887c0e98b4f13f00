"""核对 shows two pages that look alike side by side, to those who may see both."""

import re
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.intake import IntakeRules, take_package
from ingest.reading.virus import NO_SCANNER
from tests.api.web.test_inspection_report import cookie
from tests.ingest.intake.test_seen_elsewhere import smaller
from tests.support import station
from tests.support.factories import make_bag, page, sound_case


def test_the_pages_of_a_finding_about_two_stand_side_by_side_and_elsewhere_they_do_not(
    built: Path, tmp_path: Path
) -> None:
    with station.desk(built, tmp_path / "data") as desk:
        runtime = desk.runtime
        case_no = "150602010000-20260901-000777"
        case = sound_case(case_no)
        case["materials"][5] |= {"files": ["materials/006.jpg", "materials/007.jpg"], "pages": 2}
        files = {"materials/006.jpg": page(71), "materials/007.jpg": smaller(page(71))}
        bag = make_bag(tmp_path / "bag", case=case, files=files)
        rules = IntakeRules(runtime.catalogue, runtime.organisations, scanner=NO_SCANNER, ocr=False)
        received = take_package(
            runtime.engine,
            runtime.store,
            "test",
            bag,
            sender=None,
            rules=rules,
            now=datetime(2026, 10, 1, tzinfo=UTC),
        )
        assert received.outcome is IntakeOutcome.CONFIRM
        (finding,) = [row for row in received.findings if row.code == "NEAR_COPY"]
        assert finding.pair == "6.2-6.1"
        assert all("pair" not in row for row in received.public()["findings"])
        headers = cookie(desk, "pair-here", station.HOME)
        shown = desk.client.get(f"/checks/{case_no}", headers=headers).text
        address = re.search(rf"/checks/{case_no}/pairs/\d+\.jpg\?look=\d+", shown)
        assert address is not None
        picture = desk.client.get(address[0], headers=headers)
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
        beyond = re.sub(r"pairs/\d+", "pairs/99", address[0])
        assert desk.client.get(beyond, headers=headers).status_code == 404
        stranger = cookie(desk, "pair-elsewhere", station.OTHER)
        assert desk.client.get(address[0], headers=stranger).status_code == 404
        with reading(runtime.engine) as session:
            acts = session.scalars(
                select(JournalEntry.act).where(JournalEntry.subject == case_no)
            ).all()
        assert "CHECK_LOOK" in acts
        (tmp_path / "pair.jpg").write_bytes(picture.content)
