"""Reading scans: once for each content, under a lease, within limits, and whatever the file is."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine, select, update

from archive.database.engine import database_now, reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_jobs import Job
from archive.database.tables_recognition import RecognisedPage
from archive.recognition.page_texts import PageText, texts_of_case
from archive.recognition.queue import (
    claim_page,
    fail_page,
    progress_of,
    queue_held,
    record_text,
    retry_failed,
    waiting_pages,
)
from archive.reference.errors import LeaseLostError
from archive.reference.objects import blob_key
from ingest.reading.sandbox import Limits, run_task
from ingest.recognition import ocr
from storage.local_store import LocalStore
from tests.resources import documents, images
from tests.support.ocr_pages import LATE_WORDS, WORDS, hold_scan, needs_ocr, scan


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def job_of(engine: Engine, digest: str, page: int = 1) -> Job:
    with reading(engine) as session:
        query = select(Job).join(RecognisedPage, RecognisedPage.id == Job.page_id)
        return session.scalars(
            query.where(RecognisedPage.sha256 == digest, RecognisedPage.page == page)
        ).one()


@needs_ocr
def test_a_scan_that_comes_in_two_cases_is_read_once_and_says_its_words_in_both(
    engine: Engine, store: LocalStore
) -> None:
    digest = hold_scan(engine, store, 1, scan())
    assert hold_scan(engine, store, 2, scan()) == digest
    with reading(engine) as session:
        assert waiting_pages(session) == [(digest, 1)]
    assert ocr.recognise_page(engine, store, "reader", digest, 1)
    assert not ocr.recognise_page(engine, store, "reader", digest, 1)
    with reading(engine) as session:
        row = session.scalars(select(RecognisedPage)).one()
        cases = session.scalars(select(Case.case_no).order_by(Case.id)).all()
        texts = [texts_of_case(session, store, case) for case in cases]
    assert (row.engine, row.lease_owner, row.characters) == (
        "rapidocr-onnxruntime",
        None,
        sum(map(len, ("居住证明", *WORDS))),
    )
    assert row.confidence is not None
    assert row.confidence > 0.9
    # It lies by content, readable without our software, and each line has its place: below the
    # heading, from the left.
    kept = json.loads(store.read(blob_key(row.text_sha256 or ""), sha256=row.text_sha256))
    assert [line["text"] for line in kept["lines"]] == ["居住证明", *WORDS]
    tops = [line["corners"][1] for line in kept["lines"]]
    assert tops == sorted(tops)
    assert [{place: text.text for place, text in pages.items()} for pages in texts] == [
        {(2, 1): "\n".join(("居住证明", *WORDS))}
    ] * 2
    assert job_of(engine, digest).state == "DONE"


def test_what_was_taken_over_while_ocr_was_off_is_queued_when_it_is_on(
    engine: Engine, store: LocalStore
) -> None:
    digest = hold_scan(engine, store, 1, scan(), pages=3)
    with writing(engine) as session:
        for table in (RecognisedPage, Job):
            session.query(table).delete()
    with writing(engine) as session:
        at: int | None = 0
        while at is not None:
            at = queue_held(session, at, database_now(session))
    with reading(engine) as session:
        assert waiting_pages(session) == [(digest, 1), (digest, 2), (digest, 3)]


@needs_ocr
@pytest.mark.parametrize("broken", ["cut_jpeg", "bomb"])
def test_a_picture_that_cannot_be_read_leaves_its_code_and_waits_for_a_person(
    engine: Engine, store: LocalStore, broken: str
) -> None:
    data = images.cut_jpeg() if broken == "cut_jpeg" else b"GIF89a" + bytes(100)
    digest = hold_scan(engine, store, 1, data)
    assert not ocr.recognise_page(engine, store, "reader", digest, 1)
    job = job_of(engine, digest)
    assert (job.state, job.error_code, job.attempts) == ("FAILED", "OCR_UNREADABLE", 1)
    with writing(engine) as session:
        assert progress_of(session) == {"WAITING": 0, "DONE": 0, "FAILED": 1}
        assert retry_failed(session) == 1
    assert job_of(engine, digest).state == "WAITING"


@needs_ocr
def test_a_page_that_costs_too_much_ends_its_child_and_not_us(
    engine: Engine, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hold_scan(engine, store, 1, scan())
    monkeypatch.setattr(ocr, "LIMITS", Limits(memory=6 << 30, cpu_seconds=-1))
    assert not ocr.recognise_page(engine, store, "reader", digest, 1)
    assert job_of(engine, digest).error_code == "OCR_LIMIT"


def test_only_who_holds_the_lease_records_and_the_first_text_is_the_text(
    engine: Engine, store: LocalStore
) -> None:
    digest = hold_scan(engine, store, 1, scan())
    text = PageText(
        digest, 1, whole=False, width=1, height=1, engine="none", engine_version="0", lines=()
    )
    with writing(engine) as session:
        late = claim_page(session, digest, 1, "late")
        assert late
        assert claim_page(session, digest, 1, "other") is None
        session.execute(
            update(RecognisedPage).values(lease_until=database_now(session) - timedelta(seconds=1))
        )
        claim = claim_page(session, digest, 1, "other")
        assert claim
    with pytest.raises(LeaseLostError), writing(engine) as session:
        record_text(session, late, text, "1" * 64)
    with writing(engine) as session:
        fail_page(session, late, "OCR_LIMIT", None)
        record_text(session, claim, text, "2" * 64)
    assert job_of(engine, digest).state == "DONE"
    with reading(engine) as session:
        assert session.scalars(select(RecognisedPage.text_sha256)).all() == ["2" * 64]


def recognised(data: bytes, page: int = 1) -> dict[str, object]:
    answer = run_task("ocr", page.to_bytes(4, "little") + data, ocr.LIMITS)
    assert isinstance(answer, bytes)
    result: dict[str, object] = json.loads(answer)
    return result


@needs_ocr
def test_a_page_that_carries_its_text_is_not_read_and_a_scanned_one_of_a_pdf_is() -> None:
    assert recognised(documents.pdf(text="Certificate of residence"))["lines"] == []
    out = io.BytesIO()
    Image.open(io.BytesIO(scan())).save(out, "PDF", resolution=200)
    result = recognised(out.getvalue())
    assert result["whole"] is True
    assert [line[0] for line in result["lines"]] == ["居住证明", *WORDS]  # type: ignore[attr-defined]
    assert recognised(scan(LATE_WORDS), 2) == {"fault": "unreadable"}
