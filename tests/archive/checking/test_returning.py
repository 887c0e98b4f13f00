"""退回补正: the pool has the case again, a rescan leads back to it, and every witness agrees."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from archive.administration.filing_units import NotFilingError
from archive.administration.policy import Reader, Role
from archive.checking.acts import NotSaidError
from archive.checking.confirming import NotTickedError, Ticks, confirm
from archive.checking.returning import return_case, returned_cases
from archive.checking.shown import FORM, note_shown, pages_not_shown
from archive.database.encryption import attach_keys, new_keyring
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.gathering.cases import (
    GatheredFile,
    GatheredPiece,
    add_piece,
    complete_cases,
    record_arrival,
)
from archive.preservation.reconcile import reconcile
from archive.reference.check_terms import ReturnReason
from archive.reference.errors import ConflictError
from archive.reference.objects import blob_key
from archive.reference.vocabulary import ArrivalOutcome, CaseState, IntakeOutcome, SourceKind
from ingest.intake.gathered import write_package
from ingest.intake.intake import IntakeRules, take_package
from ingest.reading.virus import NO_SCANNER
from storage.digest import sha256_hex
from tests.resources import images
from tests.support.databases import sqlite_database
from tests.support.factories import page
from tests.support.filing import FILER, FILING
from tests.support.holdings import (
    CASE_NO,
    CATALOGUE,
    ORGANISATIONS,
    Holdings,
    holdings,
    sound_case,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SCAN = page(6006)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Holdings]:
    """A case with a blank page that waits; what the tests do to it, they do in their order."""
    folder = tmp_path_factory.mktemp("returning")
    engine = sqlite_database(folder / "yice.db")
    attach_keys(engine, new_keyring())
    archive = holdings(folder, engine, keys)
    blank = {"materials/006.jpg": images.blank_jpeg()}
    assert archive.deliver("bag", sound_case(CASE_NO), blank).outcome is IntakeOutcome.CONFIRM
    yield archive
    engine.dispose()


def give_back(
    archive: Holdings, *reasons: ReturnReason, text: str = "", filer: Reader = FILER
) -> None:
    with writing(archive.engine) as session:
        return_case(session, filer, case_no=CASE_NO, reasons=reasons, text=text, units=FILING)


def states(archive: Holdings) -> tuple[str, list[str]]:
    with reading(archive.engine) as session:
        case = session.scalars(select(Case)).one()
        return case.state, list(
            session.scalars(select(CaseRevision.state).order_by(CaseRevision.revision))
        )


def test_a_return_says_why(archive: Holdings) -> None:
    with pytest.raises(NotSaidError):
        give_back(archive)
    with pytest.raises(NotSaidError):
        give_back(archive, ReturnReason.OTHER)
    assert states(archive) == (CaseState.CONFIRM, [CaseState.CONFIRM])


def test_only_the_filing_unit_or_one_above_it_returns(archive: Holdings) -> None:
    stranger = Reader("stranger", Role.ARCHIVIST, "150623010000")
    with pytest.raises(NotFilingError):
        give_back(archive, ReturnReason.ILLEGIBLE, filer=stranger)


def test_a_tick_counts_only_for_what_this_person_was_shown(archive: Holdings) -> None:
    ticks = Ticks(frozenset(range(1, 7)), {6: {1}})
    with writing(archive.engine) as session:
        revision = session.scalars(select(CaseRevision)).one()
        for no in (1, 2, 3):
            note_shown(session, FILER.account, revision, material=no, page=(FORM, 1))
        for row in session.scalars(select(Component).where(Component.material_no < 6)):
            note_shown(session, FILER.account, revision, material=row.material_no, page=(row.id, 1))
        last = session.scalars(select(Component.id).where(Component.material_no == 6)).one()
        assert pages_not_shown(session, revision, FILER.account) == {6: {(last, 1)}}
        assert set(pages_not_shown(session, revision, "another")) == set(range(1, 7))
        with pytest.raises(NotTickedError, match="材料 6 还没有看全"):
            confirm(session, FILER, case_no=CASE_NO, reason="看过", units=FILING, ticks=ticks)


def test_a_returned_case_waits_for_its_sender_and_is_confirmed_by_nobody(archive: Holdings) -> None:
    give_back(archive, ReturnReason.ILLEGIBLE, text="第 1 页看不清")
    assert states(archive) == (CaseState.RETURNED, [CaseState.RETURNED])
    with reading(archive.engine) as session:
        (entry,) = returned_cases(session, Case.id.is_not(None), 9)
    assert (entry.reasons, entry.text) == ((ReturnReason.ILLEGIBLE,), "第 1 页看不清")
    with writing(archive.engine) as session, pytest.raises(ConflictError):
        confirm(session, FILER, case_no=CASE_NO, reason="看过", units=FILING, ticks=None)
    assert archive.freeze() == 0
    assert archive.make() == []
    assert list(reconcile(archive.engine, archive.store)) == []


def test_a_rescan_at_the_window_comes_back_to_the_case_that_came_as_a_package(
    archive: Holdings, tmp_path: Path
) -> None:
    archive.store.put_new(blob_key(sha256_hex(SCAN)), SCAN, media_type="image/jpeg")
    with writing(archive.engine) as session:
        arrival = record_arrival(
            session,
            "test",
            source="scans",
            system="窗口",
            notice="again",
            sha256=sha256_hex(SCAN),
            size=len(SCAN),
            outcome=ArrivalOutcome.TAKEN,
            at=NOW,
        )
        stated = {
            "type": "非婚生育说明",
            "source": str(SourceKind.SCANNED_PROOF),
            "pages": 1,
            "captured_at": "2026-10-30T09:00:00+08:00",
        }
        scan = (GatheredFile(sha256_hex(SCAN), "jpg"),)
        add_piece(session, arrival, GatheredPiece(CASE_NO, 6, scan, stated), at=NOW)
        (whole,) = complete_cases(session, 9)
    bag = write_package(archive.store, tmp_path, whole)
    rules = IntakeRules(CATALOGUE, ORGANISATIONS, scanner=NO_SCANNER, ocr=False)
    taken = take_package(
        archive.engine, archive.store, "test", bag, sender=None, rules=rules, now=NOW
    )
    assert (taken.outcome, {row.code for row in taken.findings}) == (
        IntakeOutcome.CONFIRM,
        {"CORRECTED", "SUPPLEMENT"},
    )
    assert states(archive) == (CaseState.CONFIRM, [CaseState.SUPERSEDED, CaseState.CONFIRM])
    with reading(archive.engine) as session:
        files = {
            revision: {
                row.material_no: row.sha256
                for row in session.scalars(select(Component).filter_by(revision=revision))
            }
            for revision in (1, 2)
        }
    assert files[2] == files[1] | {6: sha256_hex(SCAN)}
    assert list(reconcile(archive.engine, archive.store)) == []
