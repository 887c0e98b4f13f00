"""The sheets as drawn: nothing is cut off, bar codes are read, parts say so, many rows are one."""

from collections.abc import Sequence
from io import BytesIO

import pikepdf
import pypdfium2
import zxingcpp
from PIL import Image

from archive.administration.policy import Reader, Role
from archive.printing.choice import PrintChoice
from archive.printing.documents import PrintDocument, pages_pdf
from archive.printing.registers import Printing, register, spines, transfer
from archive.printing.volumes import ChosenVolumes, PrintedVolume
from archive.reference.organisations import load_organisations
from archive.reference.print_terms import PrintKind
from tests.support.station import HOME

ORGANISATIONS = load_organisations()
RARE = "𠮷𩸽塔拉" * 6
LONG = "投靠配偶落户并随迁未成年子女且补录出生登记的夫妻投靠市外迁入（跨省通办）"


def printed(at: int, *, title: str = "王某户口迁入", void: str | None = None) -> PrintedVolume:
    return PrintedVolume(
        at,
        f"J602-ZY·HJ·QR·2026·Y-{at:06d}",
        ("J602", "QR", 2026, "Y"),
        at,
        title,
        "户口迁入",
        "2026-08-20",
        "2026-09-01",
        11,
        committed=True,
        late=False,
        void=void,
        named=True,
    )


def printing(choice: PrintChoice | None = None) -> Printing:
    reader = Reader("a", Role.ARCHIVIST, HOME)
    chosen = choice or PrintChoice((PrintKind.REGISTER,), year=2026)
    return Printing(reader, chosen, ORGANISATIONS, "DY2026-000001", "2026-11-27 10:00", "档案员")


def chosen(
    rows: Sequence[PrintedVolume], elsewhere: int = 0, *, whole: bool = True
) -> ChosenVolumes:
    return ChosenVolumes(tuple(rows), elsewhere, whole)


def pages(*documents: PrintDocument) -> pypdfium2.PdfDocument:
    return pypdfium2.PdfDocument(pages_pdf(documents, demo=False))


def text_of(document: pypdfium2.PdfDocument) -> str:
    return "".join(page.get_textpage().get_text_range() for page in document)


def picture(page: pypdfium2.PdfPage, scale: float = 1.0) -> Image.Image:
    return page.render(scale=scale).to_pil().convert("L")


def test_a_whole_register_says_nothing_of_parts_and_a_part_says_what_is_left_out() -> None:
    assert register(printing(), chosen([printed(1)])).left_out == ()
    narrowed = register(printing(), chosen([printed(1)], elsewhere=3))
    assert "只列2026 年度；同一卷目另有 3 册未列。" in narrowed.left_out
    station = register(printing(), chosen([printed(1)], whole=False))
    assert "其他单位的册不在内" in station.left_out[0]
    drawn = text_of(pages(narrowed))
    assert "案卷目录（部分）" in drawn.replace(" ", "")
    assert "另有" in drawn


def test_a_voided_number_has_no_spine_and_is_not_handed_over_and_both_say_so() -> None:
    rows = chosen([printed(1), printed(2, void="重复")])
    strips, handed = spines(printing(), rows), transfer(printing(), rows)
    assert len(strips.strips) == 1
    assert strips.left_out == ("作废的 1 册没有脊背，未印。",)
    assert [row[1] for table in handed.tables for row in table.rows] == [printed(1).code]
    assert handed.left_out == ("作废或尚未归档的 1 册不移交，未列。",)
    listed = register(printing(), rows).tables[0].rows
    assert listed[1][-1] == "作废：重复"


def test_no_line_of_a_sheet_runs_off_its_page_however_long_or_rare_a_name_is() -> None:
    rows = chosen(
        [
            printed(1, title=RARE + LONG),
            printed(2, title="A" * 90),
            printed(3, void="B" * 80),
        ]
    )
    for document in (register(printing(), rows), transfer(printing(), rows)):
        for page in pages(document):
            ink = picture(page).point(lambda grey: 255 if grey < 200 else 0).getbbox()
            assert ink is not None
            edge = 10 * 72 / 25.4  # no printer draws nearer than some millimetres to the edge
            assert ink[0] >= edge
            assert ink[2] <= page.get_width() - edge
            assert ink[3] <= page.get_height() - 15
    assert "𠮷𩸽塔拉" in text_of(pages(register(printing(), rows))).replace("\r\n", "")


def test_every_spine_bears_its_code_as_bars_and_as_a_square() -> None:
    rows = chosen([printed(at) for at in range(1, 10)])
    document = pages(spines(printing(), rows))
    codes: list[str] = []
    for page in document:
        read = zxingcpp.read_barcodes(picture(page, 4.0))
        codes += [f"{code.format.name}:{code.text}" for code in read]
    for row in rows.rows:
        assert f"Code128:{row.code.replace('·', '.')}" in codes
        assert f"QRCode:{row.code}" in codes


def test_a_page_is_a4_and_its_foot_says_how_many_there_are() -> None:
    many = [printed(at) for at in range(1, 60)]
    with pikepdf.open(BytesIO(pages_pdf([register(printing(), chosen(many))], demo=False))) as pdf:
        sizes = {tuple(round(float(side)) for side in page.mediabox[2:]) for page in pdf.pages}
        count = len(pdf.pages)
    assert sizes == {(842, 595)}
    drawn = text_of(pages(register(printing(), chosen(many)))).replace(" ", "")
    assert f"第1页共{count}页" in drawn.replace("\u3000", "")


def test_ten_thousand_rows_are_one_register_with_every_row_once() -> None:
    rows = [printed(at) for at in range(1, 10_001)]
    document = register(printing(), chosen(rows))
    drawn = pages(document)
    text = text_of(drawn)
    for at in (1, 4_999, 10_000):
        assert text.count(f"·Y-{at:06d}") == 1
