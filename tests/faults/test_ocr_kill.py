"""A reader of scans is killed at every named point, and who comes next reads what it left, once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from api.jobs.recognition import free_dead_readers
from api.runtime.bootstrap import Runtime
from api.runtime.settings import Settings
from archive.database.engine import connect, migrate, reading
from archive.database.tables_audit import JournalEntry
from archive.jobs.crashpoints import OCR_POINTS
from archive.recognition.page_texts import texts_of
from archive.recognition.queue import progress_of
from storage.local_store import LocalStore
from tests.faults.reader import read_all
from tests.support.holdings import CATALOGUE, ORGANISATIONS
from tests.support.ocr_pages import WORDS, hold_scan, needs_ocr, scan

ROOT = Path(__file__).parents[2]


@needs_ocr
@pytest.mark.parametrize("point", OCR_POINTS)
def test_a_reader_that_was_killed_is_followed_by_one_that_goes_on(
    point: str, tmp_path: Path
) -> None:
    engine, store = connect(f"sqlite:///{tmp_path / 'yice.db'}"), LocalStore(tmp_path / "store")
    migrate(engine)
    digest = hold_scan(engine, store, 1, scan())
    killed = subprocess.run(
        [sys.executable, "-m", "tests.faults.reader", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "YICE_CRASH_AT": point},
        check=False,
    )
    assert killed.returncode == 137
    free_dead_readers(Runtime(Settings(data=tmp_path), engine, store, CATALOGUE, ORGANISATIONS))
    read_all(tmp_path)
    with reading(engine) as session:
        assert progress_of(session) == {"WAITING": 0, "DONE": 1, "FAILED": 0}
        assert texts_of(session, store, [digest])[digest, 1].text.split("\n")[1:] == list(WORDS)
        recorded = session.scalars(select(JournalEntry).filter_by(act="RECOGNISE")).all()
    assert len(recorded) == 1
    engine.dispose()
