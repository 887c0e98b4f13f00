"""Sheets of labels: every code is read again after a poor print, and nothing is cut off."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
import pytest
import zxingcpp
from PIL import Image, ImageChops

from archive.compile.sheets import barcode_text
from archive.paper.codes import PaperCodeKind, ScannedCode, paper_code, read_code
from archive.paper.labels import (
    MAX_LABELS,
    Label,
    LabelFaultError,
    LabelSheet,
    Printing,
    calibration_pdf,
    labels_pdf,
)

STATION = "鄂尔多斯市公安局东胜区分局天骄派出所"
FIELDS = (("全宗号", "J602"), ("年　度", "2026"), ("卷　目", "全域通办"), ("单　位", STATION))
VOLUME = "J602-ZY·HJ·QR·2026·Y-{:06d}"
TITLE = "夫妻投靠迁入并随迁未成年子女（含收养、离婚、重新确定监护人的情形）及其证明"


def box(number: int) -> Label:
    return Label(
        paper_code(PaperCodeKind.BOX, number),
        STATION,
        f"全域通办　盒 {number:04d}",
        ("全宗 J602　2026 年", "脊宽 30 毫米"),
        FIELDS,
        (20, 30, 40, 50)[number % 4],
    )


def shelf(number: int) -> Label:
    code = paper_code(PaperCodeKind.PLACE, number)
    return Label(code, STATION, f"1 库 03 列 05 节 {number} 层", ("可放 900 毫米",))


def volume(number: int) -> Label:
    return Label(VOLUME.format(number), STATION, TITLE, ("2026-03-05 办结", "永久"))


SHEETS = {
    LabelSheet.THREE: [box(number) for number in range(60_200_001, 60_200_022)],
    LabelSheet.TWO: [volume(number) for number in range(1, 15)],
    LabelSheet.SPINE: [box(number) for number in range(1, 6)],
    LabelSheet.SHELF: [shelf(number) for number in range(1, 11)],
}


@pytest.fixture(scope="module", params=SHEETS, ids=str)
def sheet(request: pytest.FixtureRequest) -> tuple[LabelSheet, bytes]:
    kind: LabelSheet = request.param
    return kind, labels_pdf(Printing(kind), SHEETS[kind])


def pictures(pdf: bytes, dpi: int) -> Iterator[Image.Image]:
    document = pdfium.PdfDocument(pdf)
    for page in document:
        bitmap = page.render(scale=dpi / 72, grayscale=True)
        yield bitmap.to_pil()
        bitmap.close()
        page.close()
    document.close()


def printed_badly(picture: Image.Image, dpi: int) -> Image.Image:
    """The sheet a millimetre off and turned by two degrees."""
    off = ImageChops.offset(picture, ceil(dpi / 25.4))
    return off.rotate(2, fillcolor=255, resample=Image.Resampling.BICUBIC)


def codes_on(pdf: bytes, dpi: int, *, badly: bool) -> dict[str, set[str]]:
    """The texts read from all pages, by the kind of their symbol."""
    texts: dict[str, set[str]] = {"QR": set(), "bars": set()}
    for picture in pictures(pdf, dpi):
        for symbol in zxingcpp.read_barcodes(printed_badly(picture, dpi) if badly else picture):
            kind = "QR" if symbol.format == zxingcpp.BarcodeFormat.QRCode else "bars"
            texts[kind].add(symbol.text)
    return texts


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("badly", [False, True], ids=["straight", "off and turned"])
def test_every_code_is_read_again(
    sheet: tuple[LabelSheet, bytes], dpi: int, *, badly: bool
) -> None:
    kind, pdf = sheet
    codes = {label.code for label in SHEETS[kind]}
    texts = codes_on(pdf, dpi, badly=badly)
    assert texts["QR"] == codes
    # A decoder may read what is not there; it is refused by its length and check digits.
    usable = {text for text in texts["bars"] if isinstance(read_code(text), ScannedCode)}
    assert usable == {barcode_text(code) for code in codes}


def test_nothing_is_cut_off_at_the_edges_of_a_label(sheet: tuple[LabelSheet, bytes]) -> None:
    kind, pdf = sheet
    if kind not in (LabelSheet.THREE, LabelSheet.TWO):
        return
    width, left = {LabelSheet.THREE: (63.5, 7.25), LabelSheet.TWO: (99.1, 4.65)}[kind]
    columns, dots = (3 if kind is LabelSheet.THREE else 2), 300 / 25.4
    picture = next(pictures(pdf, 300)).point(lambda value: 255 if value < 200 else 0)
    for at in range(columns * 7):
        x, y = left + at % columns * (width + 2.5), 15.15 + at // columns * 38.1
        whole = tuple(round(mm * dots) for mm in (x, y, x + width, y + 38.1))
        inked = picture.crop(whole).getbbox()
        assert inked is not None
        edges = (inked[0], inked[1], whole[2] - whole[0] - inked[2], whole[3] - whole[1] - inked[3])
        assert min(edges) > 1.4 * dots  # what a printer may be off


def crowded(label: Label) -> Label:
    """The label with the longest words that an organisation and a shelf may have."""
    name = "二楼东侧恒温恒湿档案库房第三排密集架左边第二组最上面的一层甲乙丙丁戊己庚"
    fields = tuple((key, STATION * 2) for key, _value in FIELDS)
    return replace(label, head=STATION * 2, title=name, lines=(name * 2, name), fields=fields)


@pytest.mark.parametrize("kind", SHEETS, ids=str)
def test_words_never_run_into_a_code(kind: LabelSheet) -> None:
    labels = [crowded(label) for label in SHEETS[kind][:5]]
    page = pdfium.PdfDocument(labels_pdf(Printing(kind), labels))[0]
    boxes: dict[int, list[tuple[float, ...]]] = {pdfium_c.FPDF_PAGEOBJ_TEXT: []}
    for drawn in page.get_objects():
        boxes.setdefault(drawn.type, []).append(drawn.get_bounds())
    words, codes = boxes[pdfium_c.FPDF_PAGEOBJ_TEXT], boxes[pdfium_c.FPDF_PAGEOBJ_IMAGE]
    assert len(codes) == 2 * len(labels)  # each with its quiet zone
    assert len(words) > 3 * len(labels)
    assert [
        (word, code)
        for word in words
        for code in codes
        if word[0] < code[2] and code[0] < word[2] and word[1] < code[3] and code[1] < word[3]
    ] == []


def test_a_sheet_begun_before_goes_on_at_its_first_free_label() -> None:
    labels = SHEETS[LabelSheet.THREE][:4]
    pdf = labels_pdf(Printing(LabelSheet.THREE, start=20), labels)
    first, second = (
        {symbol.text for symbol in zxingcpp.read_barcodes(picture)}
        for picture in pictures(pdf, 200)
    )
    assert first == {label.code for label in labels[:2]}
    assert second == {label.code for label in labels[2:]}


def test_a_shift_moves_the_print_by_so_many_millimetres() -> None:
    labels = SHEETS[LabelSheet.THREE][:1]
    straight, moved = (
        next(pictures(labels_pdf(Printing(LabelSheet.THREE, dx=dx, dy=dx), labels), 254))
        for dx in (0.0, 2.0)
    )
    straight_box, moved_box = (
        picture.point(lambda value: 255 if value < 128 else 0).getbbox()
        for picture in (straight, moved)
    )
    assert straight_box is not None
    assert moved_box is not None
    for before, after in zip(straight_box, moved_box, strict=True):
        assert abs(after - before - 20) <= 1


def test_the_same_labels_give_the_same_bytes() -> None:
    printing = Printing(LabelSheet.THREE)
    assert labels_pdf(printing, SHEETS[LabelSheet.THREE]) == labels_pdf(
        printing, SHEETS[LabelSheet.THREE]
    )


def test_a_long_archival_code_on_a_small_label_is_a_qr_code_alone() -> None:
    labels = SHEETS[LabelSheet.TWO][:3]
    texts = codes_on(labels_pdf(Printing(LabelSheet.THREE), labels), 203, badly=True)
    assert texts == {"QR": {label.code for label in labels}, "bars": set()}


@pytest.mark.parametrize("kind", [LabelSheet.THREE, LabelSheet.TWO, LabelSheet.SHELF])
def test_the_calibration_page_says_how_it_is_used(kind: LabelSheet) -> None:
    document = pdfium.PdfDocument(calibration_pdf(Printing(kind)))
    assert len(document) == 1
    text = document[0].get_textpage().get_text_range()
    assert "100%" in text
    assert "--dx" in text


@pytest.mark.parametrize(
    ("printing", "labels", "word"),
    [
        (Printing(LabelSheet.THREE), [], "没有可打印的标签"),
        (Printing(LabelSheet.THREE, start=22), [box(1)], "1到21"),
        (Printing(LabelSheet.TWO, start=0), [box(1)], "1到14"),
        (Printing(LabelSheet.SPINE, start=2), [box(1)], "没有起始位置"),
        (Printing(LabelSheet.SPINE), [shelf(1)], "只有档案盒有脊背"),
        (Printing(LabelSheet.SPINE), [replace(box(1), spine_mm=35)], "20、30、40或50"),
        (Printing(LabelSheet.THREE), [box(1)] * (MAX_LABELS + 1), "最多"),
    ],
)
def test_what_cannot_be_printed_is_told(printing: Printing, labels: list[Label], word: str) -> None:
    with pytest.raises(LabelFaultError, match=word) as fault:
        labels_pdf(printing, labels)
    assert fault.value.action.startswith("请")


def test_a_shift_that_no_printer_needs_is_refused() -> None:
    with pytest.raises(LabelFaultError, match="10毫米"):
        Printing(LabelSheet.THREE, dx=float("nan"))
    with pytest.raises(LabelFaultError, match="不需要校准"):
        calibration_pdf(Printing(LabelSheet.SPINE))
