"""A volume whose page shows something else than its original is not sealed: it waits for a person,
with both pictures, and goes on only after a confirmation that is journalled.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageDraw
from sqlalchemy import select

from archive.audit.acts import JournalAct
from archive.checking.confirming import confirm
from archive.compile.compared import pair_key
from archive.compile.context import CompileContext
from archive.compile.original_pages import OriginalPage
from archive.compile.volume import make_volume
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import VolumeVersion
from archive.preservation.inspections import inspections
from archive.preservation.page_verification import PageTools, verify_pages
from archive.preservation.verify import committed
from archive.reference.compile_errors import PageDiffersError
from archive.reference.vocabulary import CaseState, PageVerdict, VolumeState
from ingest.reading.second_drawing import draw_originals
from tests.support.databases import sqlite_database
from tests.support.filing import FILER, FILING
from tests.support.holdings import CASE_NO, Holdings, holdings, sound_case
from tests.support.planted import plant_wrong_page

STRUCK = 6
"""The material whose original has a stroke that its page in the volume lacks."""


def struck(
    data: bytes, media_type: str, pages: int, *, closer: bool = False
) -> Iterator[OriginalPage | None]:
    """Draw an original as if a line of handwriting stood on it that the volume does not show."""
    for page in draw_originals(data, media_type, pages, closer=closer):
        assert page is not None
        picture = page.picture.copy()
        line = [(40, 300), (60, 290), (90, 305), (130, 292)]
        ImageDraw.Draw(picture).line(line, fill=(30, 30, 90), width=2)
        yield replace(page, picture=picture)


def text_of(pdf: bytes) -> str:
    """All text of a PDF, its lines one after the other."""
    document = pypdfium2.PdfDocument(pdf)
    texts = [page.get_textpage().get_text_range() for page in document]
    document.close()
    return "\n".join(texts).replace("\r", "")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Holdings]:
    """An archive with one frozen case; what the tests do to it, they do in their order."""
    folder = tmp_path_factory.mktemp("compared")
    engine = sqlite_database(folder / "yice.db")
    archive = holdings(folder, engine, keys)
    archive.deliver("bag", sound_case(CASE_NO))
    archive.freeze()
    yield archive
    engine.dispose()


def make(archive: Holdings, shop: CompileContext) -> str | None:
    with reading(archive.engine) as session:
        (version,) = session.scalars(select(VolumeVersion.id))
    return make_volume(shop, version)


def tools(archive: Holdings) -> PageTools:
    shop = archive.shop
    return PageTools(
        archive.engine, archive.store, shop.catalogue, shop.organisations, draw_originals
    )


def test_a_page_that_lacks_a_stroke_of_its_original_stops_the_volume_before_its_seal(
    archive: Holdings,
) -> None:
    with pytest.raises(PageDiffersError):
        make(archive, replace(archive.shop, draw_originals=struck))
    with reading(archive.engine) as session:
        version = session.scalars(select(VolumeVersion)).one()
        revision = session.scalars(select(CaseRevision)).one()
        case = session.scalars(select(Case)).one()
        acts = list(session.scalars(select(JournalEntry.act)))
    assert version.state == VolumeState.FROZEN
    assert version.sha256 is None
    assert (case.state, revision.state) == (CaseState.CONFIRM, CaseState.CONFIRM)
    assert {row["code"] for row in revision.findings} >= {"PAGE_DIFFERS"}
    assert JournalAct.PAGE_DIFFERS in acts


def test_both_pictures_lie_ready_side_by_side(archive: Holdings) -> None:
    with reading(archive.engine) as session:
        (version,) = session.scalars(select(VolumeVersion.id))
    with Image.open(BytesIO(archive.store.read(pair_key(version, STRUCK, 1)))) as pair:
        assert pair.width > pair.height  # two upright pages


def test_it_is_not_tried_again_while_it_waits(archive: Holdings) -> None:
    with pytest.raises(PageDiffersError):
        make(archive, archive.shop)


def test_after_a_confirmation_the_volume_is_made_and_says_who_decided(archive: Holdings) -> None:
    with writing(archive.engine) as session:
        confirm(session, FILER, case_no=CASE_NO, reason="与原件一致", units=FILING, ticks=None)
    with reading(archive.engine) as session:
        assert list(session.scalars(select(Job.state))) == ["WAITING"]
    code = make(archive, replace(archive.shop, draw_originals=struck))
    (volume,) = committed(archive.engine)
    assert volume.code == code
    pages = json.loads(archive.store.read(f"{volume.prefix}/inspection.json"))["pages"]
    assert {page["verdict"] for page in pages} == {PageVerdict.CONFIRMED}
    assert set(pages[0]) == {"page", "material", "renderer", "distance", "verdict"}
    record = json.loads(archive.store.read(f"{volume.prefix}/inspection.json"))
    (decision,) = record["decisions"]
    assert (decision["signatory"], decision["reason"]) == (FILER.account, "与原件一致")
    sheets = text_of(archive.store.read(f"{volume.prefix}/volume.pdf"))
    assert f"核对人：{FILER.account}；理由：与原件一致" in sheets
    assert f"{FILER.account}" in sheets.partition("立卷人：")[2][:12]
    assert f"{FILER.account}" in sheets.partition("检查人：")[2][:12]
    assert "一册系统" not in sheets
    assert "未确认" not in sheets
    assert not list(archive.store.list("staging/"))
    with reading(archive.engine) as session:
        inspected = inspections(session, CASE_NO, list)
    assert [dict(page) for page in inspected.pages] == pages
    taken_over = json.dumps(inspected.reports[1].report, ensure_ascii=False)
    assert f"逐页比对（{len(pages)} 页，其中 {len(pages)} 页经人工核对）" in taken_over
    assert archive.faults() == []


def test_pages_of_a_volume_of_today_are_compared_again(archive: Holdings) -> None:
    (volume,) = committed(archive.engine)
    verified = verify_pages(tools(archive), volume)
    assert verified.faults == ()
    assert verified.compared > 1


def test_a_wrong_page_that_was_signed_and_committed_is_found(archive: Holdings) -> None:
    (volume,) = committed(archive.engine)
    pages = json.loads(archive.store.read(f"{volume.prefix}/inspection.json"))["pages"]
    wrong = next(page for page in pages if page["renderer"] == "Pillow")
    plant_wrong_page(archive, volume, wrong["page"])
    # Seal, digests and PDF/A are as good as before; the journal says that other bytes were made.
    assert {fault.invariant for fault in archive.faults()} == {"I12"}
    (planted,) = committed(archive.engine)
    (fault,) = verify_pages(tools(archive), planted).faults
    assert fault.by_page() == {
        "code": "PAGE_DIFFERS",
        "volume": volume.code,
        "page": wrong["page"],
        "material": wrong["material"],
        "message": fault.message,
    }
