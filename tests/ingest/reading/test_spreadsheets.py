"""Ledgers in spreadsheets: what stations have is read, what is no table is told."""

import io
import zipfile
from xml.sax.saxutils import escape

import pytest

from ingest.intake.ledgers import MAX_LEDGER_BYTES, LedgerFileError, LedgerSheet, read_ledger

ROWS = (("档号", "页数", "备注"), ("J602-ZY·HJ·CS·2026·Y-000001", "12", "䶮，“㙍”"))
CSV = "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in ROWS)
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
    'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
RELATIONS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def xlsx(*sheets: tuple[str, str, str]) -> bytes:
    """A workbook of sheets, each with its name, its state and the XML of its rows."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", TYPES)
        book.writestr(
            "_rels/.rels",
            f'{RELATIONS}<Relationship Id="r1" Type="{OFFICE}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        names = "".join(
            f'<sheet name="{name}" sheetId="{at}" state="{state}" r:id="r{at}"/>'
            for at, (name, state, _rows) in enumerate(sheets, 1)
        )
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>',
        )
        related = "".join(
            f'<Relationship Id="r{at}" Type="{OFFICE}/worksheet" Target="worksheets/s{at}.xml"/>'
            for at in range(1, len(sheets) + 1)
        )
        book.writestr("xl/_rels/workbook.xml.rels", f"{RELATIONS}{related}</Relationships>")
        for at, (_name, _state, rows) in enumerate(sheets, 1):
            book.writestr(
                f"xl/worksheets/s{at}.xml",
                f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
            )
    return out.getvalue()


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'


@pytest.mark.parametrize(
    "data",
    [
        CSV.encode(),
        b"\xef\xbb\xbf" + CSV.encode(),
        CSV.encode("gb18030"),
        CSV.encode("utf-16"),
        CSV.replace('","', '"\t"').encode("gb18030"),
        CSV.replace('","', '";"').encode(),
    ],
    ids=["utf-8", "with a mark", "gb18030", "utf-16", "tabs", "semicolons"],
)
def test_csv_is_read_in_the_encodings_in_use(data: bytes) -> None:
    assert read_ledger(data) == (LedgerSheet("", ROWS),)


def test_a_workbook_gives_its_visible_sheets_with_numbers_and_dates_as_text() -> None:
    rows = (
        f"<row>{text_cell('A1', '办件编号')}{text_cell('B1', '盒号')}</row>"
        f"<row>{text_cell('A2', '00123')}<c r='B2'><v>7</v></c><c r='C2'><v>1.5</v></c></row>"
        "<row/>"
        "<row><c r='A4'><v>150602010000202609</v></c><c r='B4' t='b'><v>1</v></c></row>"
    )
    sheets = read_ledger(xlsx(("台账", "visible", rows), ("底稿", "hidden", rows)))
    assert sheets == (
        LedgerSheet(
            "台账",
            # The case number of row 4 was saved as a number, whose last digits are lost.
            (("办件编号", "盒号"), ("00123", "7", "1.5"), (), (None, "是")),
        ),
    )


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "空的"),
        (b"\x00\x01\x02", "不是表格"),
        ('档号,"页数'.encode(), "不成对"),
        (b"\xff\xff\xff", "编码"),
        (b"PK\x03\x04 no zip", "无法打开|不是可识别的表格"),
        (b"\xd0\xcf\x11\xe0" * 8, "无法打开|不是可识别的表格"),
        (xlsx(("台账", "visible", f"<row r='900000'>{text_cell('A900000', '远')}</row>")), "行"),
        (b"a\n" * 20_001, "超过20000行"),
        ((",".join("a" * 65)).encode(), "64列"),
        (b"a" * 501, "超过500字"),
        (b"a" * (MAX_LEDGER_BYTES + 1), "16 MB"),
    ],
    ids=[
        *("empty", "bytes", "quote", "encoding", "no zip", "no workbook"),
        *("far cell", "rows", "columns", "long cell", "large"),
    ],
)
def test_what_is_no_table_is_told_with_the_next_step(data: bytes, word: str) -> None:
    with pytest.raises(LedgerFileError, match=word) as fault:
        read_ledger(data)
    assert "另存为" in fault.value.action
