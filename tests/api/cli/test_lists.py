"""What a reader copies from a list is whole, at any width of the terminal."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.jobs.batch import reserve
from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.arrangement.voiding import void
from archive.database.engine import writing
from ingest.intake.intake import take_package
from tests.support.factories import make_bag
from tests.support.filing import FILER, FILING

ROOT = Path(__file__).parents[3]
CASE = "150602010000-20260901-000001"
CODE = "J602-ZY·HJ·CS·2026·Y-000001"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one case that has its number and is not made yet."""
    folder = tmp_path_factory.mktemp("lists")
    runtime = start(Settings(data=folder / "data"))
    take_package(
        runtime.engine,
        runtime.store,
        "test",
        make_bag(folder / "bag"),
        sender=None,
        rules=runtime.intake_rules,
        now=datetime.now(UTC),
    )
    reserve(runtime, FILER)
    runtime.engine.dispose()
    return folder / "data"


def listed(data: Path, columns: int, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "api.cli", "list", *words],
        env={
            **os.environ,
            "YICE_DATA": str(data),
            "PYTHONPATH": str(ROOT),
            "COLUMNS": str(columns),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_archival_code_and_case_number_are_whole_in_a_list(data: Path, columns: int) -> None:
    lines = listed(data, columns)
    assert CODE in lines
    assert CASE in lines
    assert "…" not in lines


def test_so_is_a_number_that_was_given_up(data: Path) -> None:
    runtime = start(Settings(data=data))
    with writing(runtime.engine) as session:
        void(session, FILER, code=CODE, reason="重复送达，经核对无须组卷，" * 5, units=FILING)
    runtime.engine.dispose()
    lines = listed(data, 80, "--void")
    assert CODE in lines
    assert "…" not in lines
