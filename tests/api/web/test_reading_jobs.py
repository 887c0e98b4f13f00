"""The desk shows the jobs of OCR to those whose cases they are of.

It lets a failed page be read again.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.demo.accounts import DemoAccount, make_demo_accounts
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.recognition.queue import claim_page, fail_page, progress_of
from tests.support.ocr_pages import hold_scan


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """Two pages of a case of the first district: one waits, one could not be read."""
    started = start(Settings(data=tmp_path))
    digest = hold_scan(started.engine, started.store, 1, b"no picture at all", pages=2)
    with writing(started.engine) as session:
        claim = claim_page(session, digest, 1, "reader")
        assert claim
        fail_page(session, claim, "OCR_UNREADABLE", "此页的图像无法读取。")
    yield started
    started.engine.dispose()


def seated(runtime: Runtime, account: DemoAccount) -> TestClient:
    client = TestClient(create_app(runtime), follow_redirects=False)
    assert (
        client.post("/login", data={"login": account.login, "secret": account.secret}).status_code
        == 303
    )
    return client


def test_a_failed_page_is_shown_to_its_archivist_alone_and_read_again_on_his_word(
    runtime: Runtime,
) -> None:
    people = {account.login: account for account in make_demo_accounts(runtime)}
    mine, other = seated(runtime, people["demo-district-archivist"]), people["demo-officer-other"]
    page = mine.get("/jobs").text
    assert "0 / 2 页" in page
    assert "OCR_UNREADABLE" in page
    job, csrf = (
        re.search(r'name="job"\s+value="(\d+)"[^>]*aria-label="重新识别', page),
        re.search(r'name="csrf"\s+value="(\w+)"', page),
    )
    assert job
    assert csrf
    foreign = seated(runtime, other)
    assert foreign.get("/jobs").status_code == 403
    assert mine.post("/jobs/read-again", data={"job": job[1]}).status_code == 409  # no token
    assert mine.post("/jobs/read-again", data={"csrf": csrf[1], "job": job[1]}).status_code == 303
    with reading(runtime.engine) as session:
        assert progress_of(session) == {"WAITING": 2, "DONE": 0, "FAILED": 0}
        assert session.query(JournalEntry).filter(JournalEntry.act == "RETRY").count() == 1
    assert "OCR_UNREADABLE" not in mine.get("/jobs").text
