"""The words of scans: under the page in the volume when they came in time, and always in the index;
the scan itself stays as it was.
"""

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from sqlalchemy import select

from archive.compile.prove import PdfAProver
from archive.database.engine import connect, migrate, reading
from archive.database.tables_cases import Component
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.recognition.page_texts import texts_of_volume
from archive.reference.codes import ArchivalCode, storage_prefix
from ingest.recognition.ocr import recognise_page
from search.follow import Source, catch_up, rebuild
from search.index import Request
from search.index_folder import IndexFolder
from search.query import Words, parse
from tests.support.corpus import CITY
from tests.support.holdings import CASE_NO, CATALOGUE, ORGANISATIONS, Holdings, holdings, sound_case
from tests.support.ocr_pages import LATE_WORDS, WORDS, needs_ocr, scan, texts_of_case


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Holdings]:
    engine = connect(f"sqlite:///{tmp_path / 'yice.db'}")
    migrate(engine)
    yield holdings(tmp_path, engine, tmp_path / "pki")
    engine.dispose()


def read(archive: Holdings, path: str) -> str:
    with reading(archive.engine) as session:
        digest = session.scalars(select(Component.sha256).filter_by(path=path)).one()
    assert recognise_page(archive.engine, archive.store, "reader", digest, 1)
    return digest


def volume_pdf(archive: Holdings) -> bytes:
    with reading(archive.engine) as session:
        code, version = session.execute(
            select(Volume.code, VolumeVersion.version).join(VolumeVersion)
        ).one()
    return archive.store.read(f"{storage_prefix(ArchivalCode.parse(code), version)}/volume.pdf")


@needs_ocr
def test_what_was_read_in_time_lies_under_the_page_and_what_came_late_is_found_all_the_same(
    archive: Holdings, tmp_path: Path
) -> None:
    files = {"materials/006.jpg": scan(), "materials/005.jpg": scan(LATE_WORDS)}
    archive.deliver(CASE_NO, sound_case(CASE_NO), files, ocr=True)
    read(archive, "materials/006.jpg")
    archive.freeze()
    late = read(archive, "materials/005.jpg")  # after the number was given: not in this version
    archive.make()
    assert (
        archive.faults() == []
    )  # PDF/A-2u and the seal are proved again from the bytes in the store
    pdf = volume_pdf(archive)
    assert PdfAProver("2u").failures(pdf) == {}
    (tmp_path / "volume.pdf").write_bytes(pdf)
    layout = subprocess.run(
        ["pdftotext", "-layout", str(tmp_path / "volume.pdf"), "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(word in layout for word in WORDS)
    assert not any(word in layout for word in LATE_WORDS)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        pictures = [
            image.read_raw_bytes() for page in opened.pages for image in page.get_images().values()
        ]
    assert all(data in pictures for data in files.values())
    source = Source(archive.engine, archive.store, CATALOGUE, ORGANISATIONS)
    shelf = IndexFolder(tmp_path / "search", "tantivy")
    rebuild(source, shelf)
    index = shelf.open()

    def hits(words: str) -> list[int]:
        return [
            hit.page
            for hit in index.search(
                Request(parse(words, Words(ORGANISATIONS, CATALOGUE)), frozenset({CITY}))
            ).hits
        ]

    with reading(archive.engine) as session:
        volume, version = session.execute(select(Volume, VolumeVersion).join(VolumeVersion)).one()
        pages = texts_of_volume(session, archive.store, volume, version, CATALOGUE, ORGANISATIONS)
        assert set(texts_of_case(session, archive.store, CASE_NO)) == {(5, 1), (6, 1)}
    by_digest = {text.sha256: page for page, text in pages.items()}
    assert hits(LATE_WORDS[0]) == [by_digest[late]]
    assert hits(WORDS[0]) == [page for page in pages if page != by_digest[late]]
    # What is read after the volume was archived has it indexed anew.
    with reading(archive.engine) as session:
        certificate = session.scalars(
            select(Component.sha256).filter_by(path="materials/004.jpg")
        ).one()
    assert hits("page4line3") == []
    assert recognise_page(archive.engine, archive.store, "reader", certificate, 1)
    assert catch_up(source, index) == 1
    assert hits("page4line3") == [min(pages) - 1]
    index.close()
