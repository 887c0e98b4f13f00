"""The door knows of a PDF what its pages will show in the volume."""

from collections.abc import Callable

import pytest
from pikepdf import Array, Dictionary, String

from ingest.reading.formats import examine
from tests.resources import documents, pdf_kinds

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
