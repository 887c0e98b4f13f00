"""Scans with known words for the tests of OCR, and the reason to leave these tests out where its
engine is not installed.
"""

import os
from datetime import UTC, datetime
from functools import cache
from random import Random

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from api.demo.scans import Page, gray, jpeg
from archive.database.engine import writing
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.recognition.page_texts import PageText, texts_of
from archive.recognition.queue import queue_pages
from archive.reference.case_facts import CaseFacts
from archive.reference.objects import OriginalObject, blob_key
from ingest.recognition.ocr import is_installed
from storage.blobs import BlobStore
from storage.digest import sha256_hex
from tests.archive.arrangement.test_numbering import accept

needs_ocr = pytest.mark.skipif(
    not is_installed() and not os.environ.get("CI"),
    reason="the OCR engine is missing: make setup-ocr",
)
WORDS = ("兹证明该同志自二零一九年起居住于天骄路", "经核查材料齐全同意办理落户手续")
LATE_WORDS = ("因工作调动申请将户口迁入康巴什区", "本人对所提供材料的真实性负责")


@cache
def scan(words: tuple[str, ...] = WORDS, dpi: int = 200) -> bytes:
    """A JPEG of a page that shows these lines, a little askew."""
    return jpeg(gray(Page("居住证明", words, ""), dpi, Random(1)), dpi)


def hold_scan(engine: Engine, store: BlobStore, number: int, data: bytes, *, pages: int = 1) -> str:
    """A case that holds one scanned file, whose pages wait to be read; gives the file's digest."""
    accept(engine, number, datetime(2026, 9, 1, tzinfo=UTC))
    original = OriginalObject(
        2, "materials/002.jpg", sha256_hex(data), len(data), "image/jpeg", pages
    )
    store.put_new(blob_key(original.sha256), data)
    with writing(engine) as session:
        case = session.scalars(select(Case).order_by(Case.id.desc()).limit(1)).one()
        scanned = {
            "no": 2,
            "type": "居住证明",
            "source": "SCANNED_PROOF",
            "files": [original.path],
            "pages": pages,
        }
        facts = CaseFacts.model_validate(
            {**case.facts, "materials": [*case.facts["materials"], scanned]}
        )
        revision = session.scalars(select(CaseRevision).filter_by(case_id=case.id)).one()
        case.facts = revision.facts = facts.model_dump(mode="json")
        session.add(
            Component(
                case_id=case.id,
                revision=1,
                material_no=2,
                **{
                    key: getattr(original, key)
                    for key in ("path", "sha256", "size", "media_type", "pages")
                },
            )
        )
        queue_pages(session, facts, [original], datetime.now(UTC))
    return original.sha256


def texts_of_case(
    session: Session, store: BlobStore, case_no: str, revision: int | None = None
) -> dict[tuple[int, int], PageText]:
    """Return the texts of the scanned pages of a case, by material and page (from 1).

    Materials are in the order of case.json; the newest usable revision unless one is named.
    Pages that are not read yet, or are born digital, are left out. For checks of page order and
    of names (R31, R32).
    """
    case = session.scalars(select(Case).where(Case.case_no == case_no)).first()
    if case is None:
        return {}
    case_revision = session.scalars(
        select(CaseRevision).filter_by(case_id=case.id, revision=revision or case.revision)
    ).first()
    if case_revision is None:
        return {}
    rows = {
        row.path: row
        for row in session.scalars(
            select(Component).filter_by(case_id=case.id, revision=case_revision.revision)
        )
    }
    texts = texts_of(session, store, (row.sha256 for row in rows.values()))
    by_page: dict[tuple[int, int], PageText] = {}
    for material in CaseFacts.model_validate(case_revision.facts).materials:
        before = 0
        for row in (rows[path] for path in material.files if path in rows):
            by_page |= {
                (material.no, before + page): texts[row.sha256, page]
                for page in range(1, max(row.pages, 1) + 1)
                if (row.sha256, page) in texts
            }
            before += max(row.pages, 1)
    return by_page
