"""What can't become a volume: `yice compile` names the case and the reason, once; `yice show` says
how far it is.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.runtime.bootstrap import start
from api.runtime.settings import Settings
from archive.arrangement.numbering import freeze, unnumbered
from archive.database.engine import writing
from archive.database.tables_jobs import Job
from archive.jobs.version_steps import fail_job
from archive.reference.compile_errors import UnreadableError
from tests.support.command_line import run_command
from tests.support.factories import make_bag, sound_case
from tests.support.filing import FILER, FILING
from tests.support.holdings import CATALOGUE

CASE_NO = "150602010000-20260901-000001"


def yice(data: Path, *words: str) -> tuple[int, Any]:
    done = run_command(*words, "--json", data=data)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one case that was taken over."""
    folder = tmp_path_factory.mktemp("failing")
    make_bag(folder / "bag", case=sound_case(CASE_NO))
    assert run_command("ingest", str(folder / "bag"), data=folder / "var").returncode == 0
    return folder / "var"


def blob(data: Path) -> Path:
    """An original of the case in the store."""
    return next(
        path
        for path in sorted((data / "store" / "blobs").rglob("*"))
        if path.is_file() and path.read_bytes().startswith(b"\xff\xd8")
    )


def test_a_case_without_a_number_is_shown_with_the_next_step(data: Path) -> None:
    code, shown = yice(data, "show", CASE_NO)
    assert (code, shown["state"], shown["error"]) == (0, "ACCEPTED", None)
    assert "yice compile --all" in shown["next"]


def test_what_fails_is_named_with_its_reason_and_ends_with_1(data: Path) -> None:
    original = blob(data)
    away = original.with_name("away")
    original.rename(away)
    try:
        code, batch = yice(data, "compile", "--all")
    finally:
        away.rename(original)
    assert (code, batch["failed"], batch["known"]) == (1, 1, [])
    (failure,) = batch["failures"]
    assert (failure["case_no"], failure["error"]) == (CASE_NO, "OBJECT_MISSING")
    assert "yice verify" in failure["message"]
    code, shown = yice(data, "show", failure["code"])
    assert (code, shown["error"]) == (0, "OBJECT_MISSING")
    assert "yice compile --all" in shown["next"]


def test_a_fault_of_the_originals_is_not_tried_again_and_ends_with_0(data: Path) -> None:
    runtime = start(Settings(data=data))
    with writing(runtime.engine) as session:
        version_id = session.scalars(select(Job.version_id)).one()
        assert version_id is not None
        fail_job(session, version_id, UnreadableError("文件不是完整的 PDF。"))
    runtime.engine.dispose()
    code, batch = yice(data, "compile", "--all")
    assert (code, batch["total"], batch["failed"], batch["failures"]) == (0, 0, 0, [])
    (known,) = batch["known"]
    assert (known["case_no"], known["error"]) == (CASE_NO, "UNREADABLE")
    printed = run_command("compile", "--all", data=data)
    assert printed.returncode == 0
    assert f"UNREADABLE 办件 {CASE_NO}" in printed.stderr
    assert "文件不是完整的 PDF。 请从来源重新取得" in printed.stderr
    code, shown = yice(data, "show", CASE_NO)
    assert (code, shown["error"], shown["version"]) == (0, "UNREADABLE", 1)
    assert "文件不是完整的 PDF。" in shown["message"]
    assert "--case" in shown["next"]
    read = run_command("show", CASE_NO, data=data).stdout
    assert "原因：文件不是完整的 PDF。" in read
    assert "下一步：" in read


def test_a_person_may_have_it_tried_all_the_same(data: Path) -> None:
    code, batch = yice(data, "compile", "--case", CASE_NO)
    assert (code, batch["total"], batch["done"], batch["known"]) == (0, 1, 1, [])
    code, shown = yice(data, "show", CASE_NO)
    assert (code, shown["state"]) == (0, "COMMITTED")


def test_a_void_number_is_shown_with_its_reason(tmp_path: Path) -> None:
    make_bag(tmp_path / "bag", case=sound_case(CASE_NO))
    assert run_command("ingest", str(tmp_path / "bag"), data=tmp_path).returncode == 0
    runtime = start(Settings(data=tmp_path))
    with writing(runtime.engine) as session:
        (volume,) = freeze(
            session,
            FILER,
            unnumbered(session),
            catalogue=CATALOGUE,
            units=FILING,
            at=datetime.now(UTC),
        )
        number = volume.code
    runtime.engine.dispose()
    assert run_command("void", number, "--reason", "来源撤回", data=tmp_path).returncode == 0
    code, shown = yice(tmp_path, "show", number)
    assert (code, shown["state"]) == (0, "VOID")
    assert "来源撤回" in shown["message"]
