"""The door knows of a PDF what its pages will show in the volume."""

import zlib
from collections.abc import Callable

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from ingest.reading.formats import examine
from tests.resources import documents, pdf_kinds
from tests.resources import odd_images as odd

BOX = (72, 600, 372, 622)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pdf_kinds.form(pdf_kinds.text_field("值", BOX)),
        lambda: pdf_kinds.boxed(Rotate=45),
        lambda: pdf_kinds.boxed(CropBox=Array([0, 0, 0, 0])),
        lambda: pdf_kinds.boxed(UserUnit=30),
        lambda: pdf_kinds.strip(6, 60),
        lambda: pdf_kinds.layered(lambda groups: Dictionary(OFF=Array([groups[1]]))),
        lambda: pdf_kinds.lettered("ABCDEF+Arial,Bold"),
        lambda: pdf_kinds.lettered("#cb#ce#cc#e5"),
        lambda: pdf_kinds.numbered_glyphs("户口", table=True),
        lambda: pdf_kinds.one_page(b"1 g BT /F1 9 Tf 72 700 Td (white) Tj ET 0 g 9 9 200 99 re f"),
        lambda: pdf_kinds.one_page(b"BT /F1 9 Tf 300 20 Td (1) Tj ET"),
        documents.owner_locked_pdf,
    ],
)
def test_a_sound_page_is_taken_without_a_word(make: Callable[[], bytes]) -> None:
    report = examine(make())
    assert (report.fault, report.blank, report.flags, report.fonts) == (None, (), (), ())
    assert report.pages == 1


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (pdf_kinds.certificate_encrypted, "ENCRYPTED"),
        (documents.locked_pdf, "ENCRYPTED"),
        (lambda: pdf_kinds.boxed(MediaBox=Array([0, 0, 0, 0])), "GD-3-4"),
        (lambda: pdf_kinds.numbered_glyphs("户口", table=False), "PAGES_LOST"),
        (lambda: pdf_kinds.many_blends(45), "FILE_UNSAFE"),
    ],
)
def test_what_cannot_become_a_page_is_refused_at_the_door(
    make: Callable[[], bytes], fault: str
) -> None:
    assert examine(make()).fault == fault


@pytest.mark.parametrize(
    "content",
    [
        b"BT /F1 12 Tf 72 700 Td ( ) Tj ET",
        b"1 g 0 0 595 842 re f",
        b"BT 3 Tr /F1 12 Tf 72 700 Td (hidden) Tj ET",
        b"1 g BT /F1 12 Tf 72 700 Td (white) Tj ET",
    ],
)
def test_a_page_that_shows_nothing_is_blank_whatever_is_on_it(content: bytes) -> None:
    assert examine(pdf_kinds.one_page(content)).blank == (1,)


def test_what_is_not_drawn_whole_is_told() -> None:
    stamp = examine(pdf_kinds.annotated("Stamp", (72, 300, 200, 400)))
    assert stamp.flags == ("PDF_UNDRAWN",)
    rare = examine(pdf_kinds.form(pdf_kinds.text_field("罕\U000f0000", BOX)))
    assert rare.flags == ("PDF_UNDRAWN",)
    assert examine(pdf_kinds.portfolio()).flags == ("PDF_ATTACHMENT", "PDF_PORTFOLIO")


def test_a_font_that_is_not_embedded_and_not_known_is_named() -> None:
    assert examine(pdf_kinds.lettered("ABCDEF+FZSecretHand")).fonts == ("FZSecretHand",)
    assert examine(pdf_kinds.lettered("Wingdings")).fonts == ("Wingdings",)


def test_notes_are_told_by_their_page() -> None:
    note = pdf_kinds.annotated("Text", (72, 300, 92, 320), Contents=String("请补正"))
    assert examine(note).remarks == (1,)


def test_values_of_fields_are_read_and_hidden_layers_are_not() -> None:
    ((_, text),) = examine(pdf_kinds.form(pdf_kinds.text_field("公民", BOX))).texts
    assert "公民" in text
    off = pdf_kinds.layered(lambda groups: Dictionary(OFF=Array([groups[1]])))
    ((_, text),) = examine(off).texts
    assert "Secret" not in text


def looking(content: bytes, value: str = "VALUE", **entries: object) -> bytes:
    """A field whose appearance draws this, in a form that does not ask to draw values anew."""

    def change(document: pikepdf.Pdf) -> None:
        field = pdf_kinds.text_field(value, BOX, **entries)
        field.AP = Dictionary(N=pdf_kinds.appearance(document, content, (0, 0, 300, 22)))
        document.pages[0].obj.Annots = Array([document.make_indirect(field)])
        document.Root.AcroForm = Dictionary(Fields=document.pages[0].obj.Annots)

    return pdf_kinds.changed(change)


def ticked(value: str, state: str, states: tuple[str, ...] = ("Yes", "Off")) -> bytes:
    """A tick box with an appearance for each of these states, shown in one of them."""

    def change(document: pikepdf.Pdf) -> None:
        drawn = {
            f"/{name}": pdf_kinds.appearance(
                document, b"4 4 12 12 re f" if name != "Off" else b"", (0, 0, 20, 20)
            )
            for name in states
        }
        look = Dictionary(N=Dictionary(drawn))
        field = pdf_kinds.box(value, AS=Name(f"/{state}"), AP=look)
        document.pages[0].obj.Annots = Array([document.make_indirect(field)])
        document.Root.AcroForm = Dictionary(Fields=document.pages[0].obj.Annots)

    return pdf_kinds.changed(change)


def upon(
    subtype: str, look: bytes, box: tuple[int, ...] = (0, 0, 200, 80), **more: object
) -> bytes:
    """An annotation that brings an appearance."""

    def change(document: pikepdf.Pdf) -> None:
        drawn = Dictionary(N=pdf_kinds.appearance(document, look, box))
        entry = pdf_kinds.annotation(subtype, (72, 300, 272, 380), AP=drawn, **more)
        document.pages[0].obj.Annots = Array([document.make_indirect(entry)])

    return pdf_kinds.changed(change)


SHOWS = b"/Tx BMC q BT /Helv 12 Tf 2 6 Td (%s) Tj ET Q EMC"
STROKES = Array([Array([80, 310, 120, 370, 160, 310])])


@pytest.mark.parametrize(
    "data",
    [
        looking(b"/Tx BMC EMC"),
        looking(SHOWS % b"OLD"),
        looking(SHOWS % b"????", "演示新值"),
        looking(b"/Tx BMC q BT 1 g /Helv 12 Tf 2 6 Td (VALUE) Tj ET Q EMC"),
        looking(SHOWS % b"12,345.00", "12346"),
        ticked("Yes", "Off"),
        ticked("Off", "Yes"),
        ticked("On", "Off"),
        upon("FreeText", b"", Contents=String("看不见的意见")),
        upon("Ink", b"", InkList=STROKES),
        upon("Ink", b"4 w 10 10 m 90 60 l S", (0, 0, 0, 0), InkList=STROKES),
        upon("Stamp", b""),
        pdf_kinds.annotated("Ink", (72, 300, 272, 380), Path=STROKES),
    ],
)
def test_a_value_or_stroke_that_its_own_appearance_does_not_show_waits(data: bytes) -> None:
    assert examine(data).flags == ("PDF_UNDRAWN",)


@pytest.mark.parametrize(
    "data",
    [
        looking(SHOWS % b"VALUE"),
        looking(SHOWS % b"12,345.00", "12345"),
        looking(b"0 g 10 5 40 10 re f 60 5 40 10 re f"),
        looking(b"/Tx BMC EMC", " "),
        looking(b"/Tx BMC EMC", Ff=1 << 13),
        ticked("Yes", "Yes"),
        ticked("Off", "Off"),
        ticked("On", "Yes"),
        pdf_kinds.radio("two", ["one", "two", "three"], drawn=True),
        upon("Square", b"1 g 0 0 200 80 re f"),
        upon("Highlight", b"1 1 0 rg 0 0 200 80 re f"),
    ],
)
def test_a_value_that_is_seen_in_whatever_way_does_not_wait(data: bytes) -> None:
    assert examine(data).flags == ()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"\xef\xbb\xbf" + "演示UTF八".encode(), "演示UTF八"),
        (b"\xff\xfe" + "演示小端".encode("utf-16-le"), "演示小端"),
        (b"\xfe\xff" + "\x1bzhCN\x1b演示".encode("utf-16-be"), "演示"),
    ],
)
def test_texts_of_fields_are_read_in_every_coding(value: bytes, shown: str) -> None:
    field = pdf_kinds.text_field("", BOX)
    field.V = pikepdf.Object.parse(f"<{value.hex()}>".encode())
    ((_, text),) = examine(pdf_kinds.form(field)).texts
    assert text.split()[-1] == shown
    ((_, number),) = examine(pdf_kinds.form(pdf_kinds.text_field("", BOX, V=12345))).texts
    assert "12345" in number


def test_what_the_page_does_not_say_of_an_annotation_is_a_remark() -> None:
    for kind in ("Caret", "FileAttachment", "Redact"):
        data = pdf_kinds.annotated(kind, (72, 300, 92, 320), Contents=String("插入文字"))
        assert examine(data).remarks == (1,)
    rich = pdf_kinds.annotated("FreeText", (72, 300, 272, 320), RC=String("<p>只有&amp;富文本</p>"))
    ((_, text),) = examine(rich).texts
    assert "只有&富文本" in text


def pictured(data: bytes, **entries: object) -> bytes:
    """A page with a gray picture of 40 by 50 pixels, or as told."""
    stated = {"Width": 40, "Height": 50, "BitsPerComponent": 8, "ColorSpace": Name.DeviceGray}

    def change(document: pikepdf.Pdf) -> None:
        picture = document.make_stream(
            data, Type=Name.XObject, Subtype=Name.Image, **(stated | entries)
        )
        page = document.pages[0]
        page.obj.Resources.XObject = Dictionary(Im=picture)
        page.contents_add(b"q 200 0 0 250 72 200 cm /Im Do Q")

    return pdf_kinds.changed(change)


GREYS = bytes(range(40)) * 50
JPEG = odd.saved(odd.TRUTH, "JPEG")
AS_JPEG = {"Width": 120, "Height": 160, "ColorSpace": Name.DeviceRGB, "Filter": Name.DCTDecode}


@pytest.mark.parametrize(
    "data",
    [
        pictured(GREYS[:-400]),
        pictured(zlib.compress(GREYS)[:-9], Filter=Name.FlateDecode),
        pictured(JPEG[:-300], **AS_JPEG),
    ],
)
def test_a_picture_whose_data_ends_too_early_is_damaged(data: bytes) -> None:
    assert examine(data).flags == ("IMAGE_DAMAGED",)


@pytest.mark.parametrize(
    "data",
    [
        pictured(GREYS),
        pictured(GREYS + b"\n"),
        pictured(zlib.compress(GREYS), Filter=Name.FlateDecode),
        pictured(zlib.compress(GREYS)[:-4], Filter=Name.FlateDecode),  # its checksum alone
        pictured(JPEG, **AS_JPEG),
        pictured(bytes(5 * 50), ImageMask=True, BitsPerComponent=1, ColorSpace=Name.DeviceGray),
    ],
)
def test_a_picture_that_is_whole_is_not(data: bytes) -> None:
    assert examine(data).flags == ()
