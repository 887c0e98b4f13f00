"""A person may have a case inspected again; it leaves who, why and when, and the report is laid out
by the groups of DA/T 70-2018.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from archive.database.engine import connect, migrate, reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Component
from archive.inspection.report import report
from archive.inspection.table import CHECKS, Phase
from archive.reference.objects import blob_key
from archive.reference.organisations import load_organisations
from archive.reference.service_items import load_catalogue
from ingest.intake.intake import IntakeRules, take_package
from ingest.intake.reinspection import record_reinspection, reinspect
from ingest.reading.virus import NO_SCANNER
from storage.errors import StorageError
from storage.local_store import LocalStore
from tests.support.factories import make_bag

NOW = datetime(2026, 10, 1, tzinfo=UTC)
CASE = "150602010000-20260901-000001"
TABLES = (load_catalogue(), load_organisations())


@pytest.fixture
def archive(tmp_path: Path) -> tuple[Engine, LocalStore]:
    engine, store = connect(f"sqlite:///{tmp_path / 'yice.db'}"), LocalStore(tmp_path / "store")
    migrate(engine)
    path = make_bag(tmp_path / "bag")
    rules = IntakeRules(*TABLES, scanner=NO_SCANNER, ocr=False)
    take_package(engine, store, "test", path, sender=None, rules=rules, now=NOW)
    return engine, store


@pytest.mark.parametrize("phase", Phase)
def test_a_sound_case_is_found_sound_again_and_the_journal_tells_who_why_and_when(
    archive: tuple[Engine, LocalStore], phase: Phase
) -> None:
    engine, store = archive
    done = reinspect(engine, store, *TABLES, case_no=CASE, phase=phase, now=NOW)
    assert done.findings == ()
    with writing(engine) as session:
        record_reinspection(session, "cli:档案员", done, reason="年度抽检")
    with reading(engine) as session:
        entry = session.scalars(select(JournalEntry).where(JournalEntry.act == "REINSPECT")).one()
    detail = json.loads(entry.detail)
    assert (entry.actor, entry.subject, detail["reason"], detail["phase"]) == (
        "cli:档案员",
        CASE,
        "年度抽检",
        phase,
    )
    assert detail["inspected_at"] == "2026-10-01T00:00:00+00:00"


def test_an_object_that_changed_in_the_store_is_never_inspected_as_if_it_were_the_one_taken_over(
    archive: tuple[Engine, LocalStore],
) -> None:
    engine, store = archive
    with reading(engine) as session:
        digest = session.scalars(select(Component.sha256)).first()
    assert digest
    path = next(candidate for candidate in store._root.rglob(digest) if candidate.is_file())
    assert blob_key(digest).endswith(path.name)
    path.chmod(0o644)
    path.write_bytes(b"\xff\xd8\xff other bytes")
    with pytest.raises(StorageError):
        reinspect(engine, store, *TABLES, case_no=CASE, phase=Phase.CQ, now=NOW)


def test_every_check_of_a_phase_stands_in_its_report_once_and_every_finding_too() -> None:
    findings = [
        {"code": code, "outcome": "CONFIRM", "place": "x", "message": "", "action": ""}
        for code in ("BLANK_PAGE", "SEEN_ELSEWHERE", "BAG_UNPROVEN")
    ]
    laid = report(findings, Phase.GD)
    rows = [row for group in laid for row in group["items"]]
    assert [group["group"] for group in laid] == [
        "GD-1 真实性",
        "GD-2 完整性",
        "GD-3 可用性",
        "GD-4 安全性",
        "其他",
    ]
    names = [name for row in rows for name in row["checks"]]
    assert {check.name for check in CHECKS if Phase.GD in check.phases} <= set(names)
    assert len({row["code"] for row in rows}) == len(rows)
    assert sorted(entry["code"] for row in rows for entry in row["findings"]) == sorted(
        entry["code"] for entry in findings
    )
    assert {row["code"]: row["outcome"] for row in rows}["GD-2-7"] == "CONFIRM"
    assert {row["code"]: row["outcome"] for row in rows}["GD-1-8"] == "CONFIRM"
    assert {row["outcome"] for row in rows if not row["findings"]} == {"PASS"}
