"""Search inside one volume: every page that has all the words, nothing of a name or number in what
is shown, and marks where the words stand.
"""

import io

import pikepdf
import pypdfium2
import pytest

from archive.recognition.page_texts import Line, PageText
from search.inside import MAX_PLACES, Inside, find_inside
from tests.support.archive_rows import text_pdf


def find_in_pages(
    pages: tuple[str, ...], typed: str, *names: str, read: dict[int, PageText] | None = None
) -> Inside:
    document = pypdfium2.PdfDocument(text_pdf(*pages))
    try:
        return find_inside(document, typed, read or {}, names)
    finally:
        document.close()


def test_every_place_is_told_with_the_words_around_it_and_its_box() -> None:
    inside = find_in_pages(
        ("Moved to Kangbashi in May", "", "kangbashi twice, Kangbashi"), "KANGBASHI"
    )
    assert [place.page for place in inside.places] == [1, 3, 3]
    assert (inside.total, inside.pages, set(inside.sizes)) == (3, 2, {1, 3})
    first = inside.places[0]
    start, end = first.snippet.marks[0]
    assert first.snippet.text[start:end] == "Kangbashi"
    # Helvetica 12 at (50, 700) of a page 842 high: "Moved to " is about 52 points wide.
    ((left, top, width, height),) = first.boxes
    assert left == pytest.approx(50 + 52, abs=3)
    assert top == pytest.approx(842 - 700 - 9, abs=3)
    assert width == pytest.approx(55, abs=6)
    assert 5 < height < 15


def test_a_page_must_have_all_the_words_and_spaces_do_not_matter() -> None:
    pages = ("moved to Kangbashi", "moved away", "Kangbashi")
    assert {place.page for place in find_in_pages(pages, " kangbashi  moved ").places} == {1}
    assert find_in_pages(pages, "   ").total == 0
    assert find_in_pages(pages, "nothing").places == ()


def test_names_and_numbers_are_found_but_not_shown() -> None:
    inside = find_in_pages(
        ("holder WangXiaoming 150602199001010016 here",), "wangxiaoming", "WangXiaoming"
    )
    text = inside.places[0].snippet.text
    assert "Xiaoming" not in text
    assert "19900101" not in text
    assert "holder" in text
    assert (
        find_in_pages(("holder 150602199001010016 here",), "199001010016")
        .places[0]
        .snippet.text.count("*")
        >= 8
    )


def test_what_was_read_after_the_volume_was_sealed_is_marked_on_its_picture() -> None:
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(600, 800))
    picture = pdf.make_stream(
        bytes(4),
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=2,
        Height=2,
        BitsPerComponent=8,
        ColorSpace=pikepdf.Name.DeviceGray,
    )
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
    page.Contents = pdf.make_stream(b"q 400 0 0 500 100 200 cm /Im0 Do Q")
    out = io.BytesIO()
    pdf.save(out)
    line = Line("迁入康巴什", 0.9, (0, 1000, 5000, 1000, 5000, 2000, 0, 2000))
    text = PageText(
        "0" * 64,
        1,
        whole=False,
        width=10,
        height=10,
        engine="none",
        engine_version="0",
        lines=(line,),
    )
    document = pypdfium2.PdfDocument(out.getvalue())
    inside = find_inside(document, "康巴什", {1: text}, ())
    document.close()
    # The picture lies from 100 to 500 across and from 100 to 600 down; the line is its left half,
    # and the word three fifths of the line.
    ((left, top, width, height),) = inside.places[0].boxes
    assert (left, top, width, height) == pytest.approx((100 + 80, 150, 120, 50), abs=0.5)


def test_the_places_shown_are_bounded_and_all_are_counted() -> None:
    inside = find_in_pages(("again " * 200, "again " * 200), "again")
    assert (len(inside.places), inside.total) == (MAX_PLACES, 400)
