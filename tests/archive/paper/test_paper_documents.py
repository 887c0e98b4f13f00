"""Registers, stocktake reports and what may go: right figures, masked names, sealed once."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pypdfium2 as pdfium
import pytest
from sqlalchemy import Engine, update

from archive.administration.policy import Act, Role
from archive.database.engine import reading, writing
from archive.database.tables_paper import PaperItem, PaperPlace
from archive.database.tables_volumes import VolumeVersion
from archive.paper.access import Keeper
from archive.paper.codes import PaperCodeKind, paper_code
from archive.paper.documents import PaperDocument, printed_pdf, sealed_pdf
from archive.paper.errors import PaperError
from archive.paper.loans import Borrower, LoanWanted, decide_loan, lend, request_loan
from archive.paper.page_checks import check_pages
from archive.paper.reduction import Staying, remaining_paper, removable_items
from archive.paper.reduction_report import reduction_document
from archive.paper.registers import RegisterKind, RegisterScope, paper_document
from archive.paper.scans import Scan, open_session, take_scan
from archive.paper.stocktake_reports import make_stocktake_report, stocktake_document
from archive.paper.stocktakes import close_stocktake, find_stocktake, open_stocktake
from archive.reference.organisations import load_organisations
from archive.reference.paper_terms import LoanKind, ScanFlow
from archive.reference.vocabulary import VolumeState
from archive.signing.validation import read_signature
from archive.usage.looks import DeniedError
from storage.digest import sha256_hex
from tests.support.holdings import Holdings
from tests.support.paper import (
    CITY,
    DISTRICT,
    NEIGHBOUR,
    OTHER,
    OTHER_DISTRICT,
    TEST,
    PaperRoom,
    furnish,
    get,
    keeper,
)

WANTED = LoanWanted(
    LoanKind.AWAY,
    Borrower("测某人", "警官证", "060101", "交通派出所"),
    "核对 150602199001010016 的户口",
    "东公〔2026〕1号",
)
WANTED_BY_OTHER = replace(WANTED, borrower=Borrower("测另", "警官证", "060202", "交通派出所"))


def text_of(pdf: bytes) -> str:
    document = pdfium.PdfDocument(pdf)
    return "".join(page.get_textpage().get_text_range().replace("\r\n", "") for page in document)


def fields(document: PaperDocument) -> dict[str, str]:
    return {key.replace("　", "").replace(" ", ""): value for key, value in document.fields}


def lent(engine: Engine, owner: Keeper, item: int) -> None:
    with writing(engine) as session:
        paper = get(session, PaperItem, item)
        loan = request_loan(session, owner, paper, WANTED)
        chief = keeper(Role.CHIEF, account="chief")
        decide_loan(session, chief, loan, approve=True, reason="同意")
        lend(session, owner, paper, TEST)


def counted(engine: Engine, owner: Keeper, room: PaperRoom, *codes: str, close: bool = True) -> int:
    with writing(engine) as session:
        stocktake = open_stocktake(session, owner, get(session, PaperPlace, room.room))
        number = open_session(session, owner, ScanFlow.COUNT, stocktake_id=stocktake.id).id
        for seq, code in enumerate(codes, 1):
            take_scan(session, owner, Scan(number, seq, code, datetime.now(UTC)))
        if close:
            close_stocktake(
                session, owner, find_stocktake(session, owner, stocktake.id, Act.KEEP_PAPER)
            )
        return stocktake.id


def test_the_register_of_paper_lists_what_is_kept_with_its_place(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=4, boxes=2)
    furnish(engine, keeper(org=NEIGHBOUR), items=1, boxes=1, first=50)
    lent(engine, owner, room.items[0])
    with reading(engine) as session:
        mine = paper_document(session, owner, RegisterKind.ITEMS, RegisterScope(year=2026))
        whole = paper_document(session, keeper(org=DISTRICT), RegisterKind.ITEMS, RegisterScope())
        part = paper_document(
            session, keeper(org=CITY), RegisterKind.ITEMS, RegisterScope(org=NEIGHBOUR)
        )
        with pytest.raises(DeniedError):
            paper_document(session, owner, RegisterKind.ITEMS, RegisterScope(org=NEIGHBOUR))
        with pytest.raises(DeniedError):
            paper_document(
                session, keeper(Role.SYSTEM_ADMIN, CITY), RegisterKind.ITEMS, RegisterScope()
            )
        empty = paper_document(session, owner, RegisterKind.ITEMS, RegisterScope(year=1999))
    assert fields(mine)["件数"] == "4"
    assert fields(mine)["现状"] == "在盒 3　在借 1"
    rows = mine.public()["tables"][0]["rows"]
    assert rows[1]["档号"] == "J602-ZY·HJ·CS·2026·Y-000002"
    assert (rows[1]["盒"], rows[1]["库位"]) == ("CS-2026-02", "库1 · 第1列 · 第1节 · 第2层")
    assert (len(whole.tables[0].rows), len(part.tables[0].rows)) == (5, 1)
    pdf = printed_pdf(mine, demo=True)
    assert "打印件，未签章" in text_of(pdf)
    assert "没有登记。" in text_of(printed_pdf(empty, demo=True))


def test_a_long_number_stays_within_its_column(engine: Engine) -> None:
    owner = keeper()
    furnish(engine, owner, items=1, boxes=1)
    with reading(engine) as session:
        register = paper_document(session, owner, RegisterKind.ITEMS, RegisterScope())
    (table,) = register.tables
    (row,) = table.rows
    long = replace(table, rows=((*row[:2], "W" * 64, *row[3:]),))
    page = pdfium.PdfDocument(printed_pdf(replace(register, tables=(long,)), demo=False))[0]
    words = page.get_textpage()
    edges = [
        words.get_charbox(at)[2]
        for at in range(words.count_chars())
        if words.get_text_range(at, 1) == "W"
    ]
    assert len(edges) == 64
    assert max(edges) < (15 + 11 + 51 + 46) * 72 / 25.4


def test_the_register_of_loans_masks_names_and_numbers(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=2, boxes=1)
    lent(engine, owner, room.items[0])
    with reading(engine) as session:
        register = paper_document(session, owner, RegisterKind.LOANS, RegisterScope())
        other_year = paper_document(session, owner, RegisterKind.LOANS, RegisterScope(year=1999))
    (row,) = register.public()["tables"][0]["rows"]
    assert (row["借阅人"], row["批准"], row["状态"]) == ("测*人", "1/1", "在借")
    written = repr(register)
    assert "测某人" not in written
    assert "150602199001010016" not in written
    assert "060101" not in written
    assert other_year.tables[0].rows == ()


def test_the_report_of_a_stocktake_names_every_difference(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=4, boxes=2, shelves=2)
    lent(engine, owner, room.items[0])
    item = [paper_code(PaperCodeKind.ITEM, number) for number in room.items]
    boxes = [paper_code(PaperCodeKind.BOX, number) for number in room.boxes]
    # Box 1 should hold items 1 (on loan) and 3, box 2 items 2 and 4; item 4 is missing.
    stocktake = counted(
        engine,
        owner,
        room,
        *(boxes[1], item[1], item[2], boxes[0]),
        paper_code(PaperCodeKind.ITEM, 9_999),
        close=False,
    )
    with reading(engine) as session, pytest.raises(PaperError, match="尚未关闭"):
        stocktake_document(session, owner, stocktake)
    with writing(engine) as session:
        close_stocktake(session, owner, find_stocktake(session, owner, stocktake, Act.KEEP_PAPER))
    with reading(engine) as session:
        report = stocktake_document(session, owner, stocktake)
        with pytest.raises(DeniedError):
            stocktake_document(session, keeper(org=NEIGHBOUR), stocktake)
    expected, strange = report.public()["tables"]
    assert [(row["档号"][-6:], row["结论"]) for row in expected["rows"]] == [
        ("000001", "在借"),
        ("000003", "错位"),
        ("000004", "缺"),
    ]
    assert expected["rows"][1]["应在"] == "盒 CS-2026-01　库1 · 第1列 · 第1节 · 第1层"
    assert expected["rows"][2]["扫描所见"] == "没有扫到"
    assert [(row["档号或条码"], row["结论"]) for row in strange["rows"]] == [
        (paper_code(PaperCodeKind.ITEM, 9_999), "未登记")
    ]
    printed = text_of(printed_pdf(report, demo=False))
    assert printed.count("-000004") == 2  # 档号 and case number


def test_reports_are_sealed_and_that_of_a_stocktake_is_made_once(archive: Holdings) -> None:
    owner = keeper()
    room = furnish(archive.engine, owner, items=3, boxes=1, first=100)
    stocktake = counted(archive.engine, owner, room, paper_code(PaperCodeKind.BOX, room.boxes[0]))
    key, digest = make_stocktake_report(archive.shop, owner, stocktake)
    assert make_stocktake_report(archive.shop, owner, stocktake) == (key, digest)
    pdf = archive.store.read(key)
    assert sha256_hex(pdf) == digest
    record = json.loads(archive.store.read(f"{key.rpartition('/')[0]}/report.json"))
    assert record["sha256"] == digest
    assert len(record["tables"][0]["rows"]) == 3
    with reading(archive.engine) as session:
        register = paper_document(session, owner, RegisterKind.ITEMS, RegisterScope())
    for sealed in (pdf, sealed_pdf(archive.shop, owner.organisations, register)):
        signature = read_signature(sealed, archive.shop.trust)
        assert signature.valid
        assert signature.covers_whole_document
        assert archive.shop.prover.failures(sealed) == {}


def committed_volumes(engine: Engine) -> None:
    with writing(engine) as session:
        session.execute(update(VolumeVersion).values(state=VolumeState.COMMITTED))


def test_only_settled_copies_of_a_digitised_district_may_go(engine: Engine) -> None:
    owner = keeper()
    originals = furnish(engine, owner, items=1, boxes=1, first=40, original=True)
    room = furnish(engine, owner, items=5, boxes=1, waiting=1)
    furnish(engine, keeper(org=OTHER), items=2, boxes=1, first=60)
    city = keeper(org=CITY)
    with reading(engine) as session:
        before = {entry.district.code: entry for entry in remaining_paper(session, city)}
        assert removable_items(session, city, DISTRICT) == []
    assert before[DISTRICT].units[0].staying == {Staying.TRANSITION: 5, Staying.ORIGINAL: 1}
    assert before[DISTRICT].units[0].waiting == 1

    digitised = load_organisations()
    digitised.set_digitised(OTHER_DISTRICT, digitised=False)
    digitised.set_digitised(DISTRICT, digitised=True)
    city = replace(city, organisations=digitised)
    with reading(engine) as session:
        (entry,) = remaining_paper(session, city, DISTRICT)
    assert entry.units[0].staying == {Staying.NOT_ARCHIVED: 5, Staying.ORIGINAL: 1}

    committed_volumes(engine)
    lent(engine, owner, room.items[0])
    with writing(engine) as session:
        check_pages(session, owner, get(session, PaperItem, room.items[1]), pages=9, reason=None)
        check_pages(
            session, owner, get(session, PaperItem, room.items[2]), pages=9, reason="另有封面"
        )
        request_loan(session, owner, get(session, PaperItem, room.items[3]), WANTED_BY_OTHER)
    with reading(engine) as session:
        (entry,) = remaining_paper(session, city, DISTRICT)
        going = removable_items(session, city, DISTRICT)
        report = reduction_document(session, city, DISTRICT)
        elsewhere = reduction_document(session, city)
        with pytest.raises(DeniedError):
            remaining_paper(session, owner, OTHER_DISTRICT)
    (unit,) = entry.units
    assert unit.staying == {Staying.ORIGINAL: 1, Staying.PAGES: 1, Staying.LOAN: 2}
    assert unit.may_go.items == len(going) == 2
    assert [row.id for row in going] == [room.items[2], room.items[4]]
    assert originals.items[0] not in {row.id for row in going}
    assert entry.public()["may_go"]["items"] == 2
    assert fields(report)["可减少"].startswith("2 件")
    assert len(report.tables[-1].rows) == 2
    assert fields(elsewhere)["留存纸质"].startswith("8 件")
    assert "不是销毁的依据" in text_of(printed_pdf(report, demo=True))
