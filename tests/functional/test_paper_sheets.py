"""`yice paper`: labels, ledgers, registers and reports as an operator types them."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
import zxingcpp

from api.cli.paper_registers import _write_csv
from api.runtime.bootstrap import Runtime, start
from api.runtime.settings import Settings
from api.runtime.workshop import open_compile_context
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.paper.codes import PaperCodeKind, paper_code
from archive.paper.documents import PaperDocument, PaperTable, TableColumn
from archive.reference.organisations import load_organisations
from archive.signing.validation import read_signature
from tests.support.command_line import run_command
from tests.support.paper import DISTRICT, HOME, PaperRoom, furnish, keeper


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    opened = start(Settings(data=tmp_path / "var"))
    yield opened
    opened.engine.dispose()


@pytest.fixture
def room(runtime: Runtime) -> PaperRoom:
    return furnish(runtime.engine, keeper(), items=3, boxes=1, waiting=2)


def yice(runtime: Runtime, *words: str, expect: int = 0) -> Any:
    done = run_command("paper", *words, "--json", data=runtime.settings.data)
    assert done.returncode == expect, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def case_no(number: int) -> str:
    return f"{HOME}-20260901-{number:06d}"


def test_a_ledger_is_previewed_confirmed_and_its_boxes_are_labelled(
    runtime: Runtime, room: PaperRoom, tmp_path: Path
) -> None:
    ledger = tmp_path / "台账.csv"
    lines = ["办件编号,盒号,页数", f"{case_no(4)},旧七,3", f"{case_no(5)},旧七,x"]
    ledger.write_bytes("\r\n".join(lines).encode("gb18030"))
    seen = yice(runtime, "import", str(ledger), "--preview", expect=1)
    assert (seen["ready"], seen["faulty"], seen["new_boxes"]) == (1, 1, 1)
    assert seen["rows"][1]["faults"][0]["message"] == "“页数”不是整数。"
    assert "尚未确认" in yice(runtime, "import", str(ledger), expect=2)
    assert "有变化" in yice(runtime, "import", str(ledger), "--confirm", "0" * 64, expect=2)
    assert len(yice(runtime, "list")) == 3
    done = yice(runtime, "import", str(ledger), "--confirm", seen["digest"], expect=1)
    assert (done["registered"], done["boxes"][0]["box"]) == (1, "CS-2026-02")
    assert len(yice(runtime, "list")) == 4
    labels = tmp_path / "labels.pdf"
    answer = yice(
        runtime, "labels", "--sheet", "3x7", "--out", str(labels), "--year", "2026", "--start", "20"
    )
    assert answer["labels"] == 2
    document = pdfium.PdfDocument(labels.read_bytes())
    picture = document[0].render(scale=203 / 72, grayscale=True).to_pil()
    codes = {paper_code(PaperCodeKind.BOX, box) for box in (room.boxes[0], done["boxes"][0]["id"])}
    assert {symbol.text for symbol in zxingcpp.read_barcodes(picture)} == codes


def test_registers_and_reports_are_written_sealed_and_journalled(
    runtime: Runtime, room: PaperRoom, tmp_path: Path
) -> None:
    table, sealed = tmp_path / "register.csv", tmp_path / "register.pdf"
    register = yice(
        runtime, "register", "items", "--org", HOME, "--csv", str(table), "--pdf", str(sealed)
    )
    with table.open(encoding="utf-8-sig", newline="") as lines:
        assert len(list(csv.DictReader(lines))) == len(register["tables"][0]["rows"]) == 3
    signature = read_signature(sealed.read_bytes(), open_compile_context(runtime).trust)
    assert signature.valid
    assert signature.covers_whole_document
    with reading(runtime.engine) as session:
        entries = session.query(JournalEntry).filter_by(act="EXPORT_LIST", subject="paper/items")
        assert [json.loads(entry.detail)["rows"] for entry in entries] == [3]
    (district,) = yice(runtime, "report", "--district", DISTRICT)
    assert (district["items"], district["waiting"]) == (3, 2)
    scans = tmp_path / "scans.txt"
    scans.write_text(paper_code(PaperCodeKind.ITEM, room.items[0]), "utf-8")
    place = paper_code(PaperCodeKind.PLACE, room.room)
    counted = yice(runtime, "stocktake", place, "--scans", str(scans), expect=1)
    reports = [tmp_path / "first.pdf", tmp_path / "second.pdf"]
    for path in reports:
        yice(runtime, "stocktake-report", str(counted["id"]), "--pdf", str(path))
    assert reports[0].read_bytes() == reports[1].read_bytes()


def test_no_cell_of_a_register_becomes_a_formula(tmp_path: Path) -> None:
    (city, *_rest) = load_organisations()
    rows = (("=1+1",), ("＠SUM",), ("普通",))
    document = PaperDocument(
        "簿", "1", city, "", (), (PaperTable("", (TableColumn("备注"),), rows),)
    )
    _write_csv(tmp_path / "register.csv", document)
    assert (tmp_path / "register.csv").read_text("utf-8-sig").split() == [
        "备注",
        "'=1+1",
        "'＠SUM",
        "普通",
    ]
