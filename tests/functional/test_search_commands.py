"""Search on real parts: volumes made by the main job.

They are found on the command line by what their own pages say.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive.database.engine import connect, reading
from archive.database.tables_audit import JournalEntry
from tests.functional.test_main_job import yice
from tests.support.command_line import run_command
from tests.support.factories import make_bag


def run(data: Path, *words: str, expect: int = 0) -> Any:
    """Run a search command as `yice` will carry it, and read the JSON that it prints."""
    done = run_command(*words, "--json", data=data)
    assert done.returncode == expect, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def two_volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two volumes, one of them received elsewhere, and an index."""
    folder = tmp_path_factory.mktemp("found")
    make_bag(folder / "bags" / "one", case_no="150602010000-20260901-000001")
    make_bag(
        folder / "bags" / "two", case_no="150622020000-20260901-000002", receive="150622020000"
    )
    yice(folder / "var", "ingest", str(folder / "bags"), "--json")
    yice(folder / "var", "compile", "--all", "--json")
    assert run(folder / "var", "reindex") == {"volumes": 2}
    return folder / "var"


def test_the_index_agrees_with_the_database(two_volumes: Path) -> None:
    assert run(two_volumes, "index", "check") == {"volumes": 2, "behind": 0, "faults": []}


@pytest.mark.parametrize(
    "typed",
    [
        "姓名:测",
        "姓名:测某",
        "旗区:东胜 卷目:出生",
        "150602010000-20260901-000001",
        "日期:2026-09 NOT 卷目:通办",
    ],
)
def test_a_volume_is_found_by_its_facts_with_its_names_masked(
    two_volumes: Path, typed: str
) -> None:
    result = run(two_volumes, "search", typed)
    assert "150602010000-20260901-000001" in [hit["case_no"] for hit in result["hits"]]
    assert "测某" not in json.dumps(result, ensure_ascii=False)


def test_words_on_the_pages_are_found_and_numbers_are_masked_there(two_volumes: Path) -> None:
    result = run(two_volumes, "search", "公民身份号码", "--facets")
    assert result["total"] >= 2
    assert all(hit["page"] for hit in result["hits"])
    shown = json.dumps(result, ensure_ascii=False)
    assert "150602********0016" in shown
    assert "150602199001010016" not in shown
    assert "13800000000" not in shown
    assert run(two_volumes, "search", "19900101")["total"] == 0


def test_a_search_is_journalled_without_what_was_typed(two_volumes: Path) -> None:
    run(two_volumes, "search", "姓名:测某")
    with reading(connect(f"sqlite:///{two_volumes / 'yice.db'}")) as session:
        entries = list(
            session.scalars(select(JournalEntry).filter_by(act="SEARCH").order_by(JournalEntry.seq))
        )
    detail = json.loads(entries[-1].detail)
    assert (len(detail["shown"]), detail["total"]) == (2, 2)
    assert not any("测某" in entry.detail + entry.subject for entry in entries)
    assert json.loads(yice(two_volumes, "journal", "verify", "--json"))["fault"] is None
