"""A page of a foreign PDF stands in the volume as people see it: values of its fields, what lies
upon it, its visible part, its visible layers.
"""

from collections.abc import Callable
from io import BytesIO

import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name, String
from PIL import Image

from archive.compile.assemble import PagePart, VolumeMeta, assemble
from archive.compile.foreign_pages import SeenValue, place_pages, values_to_be_seen
from archive.compile.page_place import LEAST, MOST, STRIP, place_of
from archive.reference.compile_errors import ContentLostError, EncryptedError, UnreadableError
from tests.resources import documents, pdf_kinds

Area = tuple[float, float, float, float]


class Sheet:
    """A placed page as text and ink; areas are in points of the foreign page."""

    def __init__(self, data: bytes) -> None:
        self.placed = place_pages(data, {})
        page = pypdfium2.PdfDocument(self.placed.pdf)[0]
        self.size = page.get_size()
        self.scale = min(2.0, 2000 / max(self.size))
        self.picture = page.render(scale=self.scale).to_pil().convert("RGB")
        self.textpage = page.get_textpage()
        self.text = "".join(self.textpage.get_text_range().split())

    def part(self, area: Area) -> Image.Image:
        left, bottom, right, top = area
        height = self.size[1] - STRIP
        return self.picture.crop(
            tuple(round(side * self.scale) for side in (left, height - top, right, height - bottom))
        )

    def has_ink(self, area: Area) -> bool:
        low, high = self.part(area).convert("L").getextrema()
        return float(high) - float(low) > 60  # type: ignore[arg-type]

    def place(self, text: str) -> Area:
        """Where a text stands: left, bottom, right, top."""
        found_at = self.textpage.search(text).get_next()
        assert found_at is not None, text
        boxes = [self.textpage.get_charbox(found_at[0] + at) for at in range(found_at[1])]
        return (
            min(box[0] for box in boxes),
            min(box[1] for box in boxes) - STRIP,
            max(box[2] for box in boxes),
            max(box[3] for box in boxes) - STRIP,
        )


def inside(inner: Area, outer: Area) -> bool:
    return (
        inner[0] >= outer[0] - 1
        and inner[1] >= outer[1] - 1
        and inner[2] <= outer[2] + 1
        and inner[3] <= outer[3] + 1
    )


BOX = (72.0, 600.0, 372.0, 622.0)


def test_a_value_without_appearance_stands_in_its_field_with_ink() -> None:
    sheet = Sheet(pdf_kinds.form(pdf_kinds.text_field("演示街道一号", BOX)))
    assert inside(sheet.place("演示街道一号"), BOX)
    assert sheet.has_ink(sheet.place("街道"))
    assert sheet.placed.undrawn == 0


@pytest.mark.parametrize(("side", "left", "right"), [(0, 72, 200), (1, 180, 260), (2, 300, 372)])
def test_a_value_stands_on_the_side_that_its_field_asks_for(
    side: int, left: float, right: float
) -> None:
    sheet = Sheet(pdf_kinds.form(pdf_kinds.text_field("12345", BOX, Q=side)))
    at = sheet.place("12345")
    assert left <= at[0] < at[2] <= right


def test_a_comb_has_one_character_in_each_cell() -> None:
    number = "150602199001010016"
    field = pdf_kinds.text_field(number, BOX, Ff=1 << 24, MaxLen=18)
    sheet = Sheet(pdf_kinds.form(field))
    cell = 300 / 18
    assert number in sheet.text
    for at in range(18):
        assert sheet.has_ink((72 + at * cell, 600, 72 + (at + 1) * cell, 622))


def test_a_password_is_not_shown() -> None:
    data = pdf_kinds.form(pdf_kinds.text_field("secret", BOX, Ff=1 << 13))
    sheet = Sheet(data)
    assert "secret" not in sheet.text
    assert "******" in sheet.text
    assert values_to_be_seen(data) == ()


LONG = "申请人因工作调动需要迁入本市，现申请办理户口迁移登记手续，所附材料真实有效。"


@pytest.mark.parametrize("flags", [0, 1 << 12])
@pytest.mark.parametrize("appearance", ["/Helv 0 Tf 0 g", "/Helv 14 Tf 0 0 1 rg"])
def test_a_long_value_is_whole_within_its_field(flags: int, appearance: str) -> None:
    box = (72.0, 540.0, 372.0, 622.0)
    field = pdf_kinds.text_field(LONG * 3, box, Ff=flags, DA=String(appearance))
    sheet = Sheet(pdf_kinds.form(field))
    assert LONG * 3 in sheet.text
    for part in (LONG[:10], LONG[-10:]):
        assert inside(sheet.place(part), box)


def test_lines_of_a_value_stand_one_below_the_other() -> None:
    box = (72.0, 540.0, 372.0, 622.0)
    field = pdf_kinds.text_field("First\r\nSecond\nThird", box, Ff=1 << 12)
    sheet = Sheet(pdf_kinds.form(field))
    tops = [sheet.place(word)[3] for word in ("First", "Second", "Third")]
    assert tops == sorted(tops, reverse=True)
    assert len(set(tops)) == 3


def test_an_appearance_that_shows_the_value_is_kept() -> None:
    sheet = Sheet(pdf_kinds.stale_form("FILLED", "FILLED"))
    assert "FILLED" in sheet.text
    with pikepdf.open(BytesIO(sheet.placed.pdf)) as opened:
        names = {
            str(entry.BaseFont)
            for entry in opened.objects
            if isinstance(entry, Dictionary) and entry.get("/Type") == Name.Font
        }
    assert not any("Noto" in name for name in names)


def test_a_stale_appearance_gives_way_to_the_value_where_the_form_says_so() -> None:
    sheet = Sheet(pdf_kinds.stale_form("NEW", "OLD"))
    assert "NEW" in sheet.text
    assert "OLD" not in sheet.text


@pytest.mark.parametrize("drawn", [True, False])
def test_the_chosen_box_of_a_group_is_marked_and_no_other(*, drawn: bool) -> None:
    names = ["one", "two", "three"]
    sheet = Sheet(pdf_kinds.radio("two" if drawn else "1", names, drawn=drawn))
    marked = [sheet.has_ink((72 + 40 * at, 600, 92 + 40 * at, 620)) for at in range(3)]
    assert marked == [False, True, False]


@pytest.mark.parametrize(
    ("state", "entries", "marked"),
    [
        ("Yes", {}, True),
        ("Yes", {"AS": Name("/Yes"), "MK": Dictionary(CA=String("8"))}, True),
        ("Yes", {"AS": Name.Off}, False),
        ("Off", {}, False),
        ("是", {}, True),
    ],
)
def test_a_tick_is_drawn_by_the_state_of_its_box(
    state: str, entries: dict[str, object], *, marked: bool
) -> None:
    sheet = Sheet(pdf_kinds.form(pdf_kinds.box(state, **entries)))
    assert sheet.has_ink((72, 600, 92, 620)) is marked


def test_a_choice_shows_the_words_for_its_value() -> None:
    options = Array(
        [Array([String(key), String(word)]) for key, word in (("a", "东胜区"), ("b", "康巴什区"))]
    )
    data = pdf_kinds.form(pdf_kinds.choice(String("b"), options, 1 << 17))
    assert "康巴什区" in Sheet(data).text
    assert "东胜区" not in Sheet(data).text
    assert values_to_be_seen(data) == (SeenValue(1, "康巴什区"),)
    listed = Sheet(pdf_kinds.form(pdf_kinds.choice(String("b"), options)))
    assert "康巴什区" in listed.text


def test_a_character_without_a_glyph_is_told_and_leaves_a_box() -> None:
    sheet = Sheet(pdf_kinds.form(pdf_kinds.text_field("罕\U000f0000字", BOX)))
    assert sheet.placed.undrawn == 1
    assert "罕□字" in sheet.text


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_field_keeps_its_value_within(turn: int) -> None:
    box = (72.0, 500.0, 172.0, 600.0)
    field = pdf_kinds.text_field("VALUE", box, MK=Dictionary(R=turn))
    sheet = Sheet(pdf_kinds.form(field))
    assert inside(sheet.place("VALUE"), box)


INK = Array([Array([80, 400, 120, 450, 160, 395, 240, 450])])
AREA = (72.0, 380.0, 300.0, 460.0)


@pytest.mark.parametrize(
    ("subtype", "entries", "area"),
    [
        ("Ink", {"InkList": INK, "BS": Dictionary(W=3)}, AREA),
        ("Line", {"L": Array([80, 390, 290, 450])}, AREA),
        ("Square", {"BS": Dictionary(W=2)}, AREA),
        ("Circle", {"IC": Array([0, 1, 0])}, AREA),
        ("Polygon", {"Vertices": Array([80, 390, 290, 450, 90, 450])}, AREA),
        ("PolyLine", {"Vertices": Array([80, 390, 290, 450])}, AREA),
        ("Highlight", {"QuadPoints": Array([80, 450, 290, 450, 80, 400, 290, 400])}, AREA),
        ("Underline", {"QuadPoints": Array([80, 450, 290, 450, 80, 400, 290, 400])}, AREA),
        ("StrikeOut", {"QuadPoints": Array([80, 450, 290, 450, 80, 400, 290, 400])}, AREA),
        ("Text", {"Contents": String("note")}, (72.0, 440.0, 92.0, 460.0)),
    ],
)
def test_an_annotation_without_appearance_is_drawn(
    subtype: str, entries: dict[str, object], area: Area
) -> None:
    sheet = Sheet(pdf_kinds.annotated(subtype, AREA, **entries))
    assert sheet.has_ink(area)
    assert not Sheet(pdf_kinds.annotated(subtype, AREA, **entries, F=2)).has_ink(area)


@pytest.mark.parametrize(
    ("flags", "seen"), [(0, True), (4, True), (36, True), (5, True), (2, False), (32, False)]
)
def test_what_is_seen_neither_on_the_screen_nor_in_print_is_not_drawn(
    flags: int, *, seen: bool
) -> None:
    assert Sheet(pdf_kinds.annotated("Square", AREA, F=flags)).has_ink(AREA) is seen
    value = pdf_kinds.form(pdf_kinds.text_field("VALUE", BOX, F=flags))
    assert ("VALUE" in Sheet(value).text) is seen
    assert bool(values_to_be_seen(value)) is seen


def test_a_mark_of_text_leaves_the_text_to_be_read() -> None:
    quads = Array([70, 725, 200, 725, 70, 695, 200, 695])
    data = pdf_kinds.annotated(
        "Highlight", (70, 695, 200, 725), C=Array([1, 1, 0]), QuadPoints=quads
    )
    part = Sheet(data).part((72, 696, 140, 722)).convert("L")
    assert float(part.getextrema()[0]) < 60  # type: ignore[arg-type]


def test_a_text_upon_the_page_is_drawn_and_is_to_be_seen() -> None:
    data = pdf_kinds.annotated(
        "FreeText", AREA, Contents=String("同意办理"), DA=String("/Helv 16 Tf 1 0 0 rg")
    )
    sheet = Sheet(data)
    assert sheet.has_ink(sheet.place("同意办理"))
    assert values_to_be_seen(data) == (SeenValue(1, "同意办理"),)


def test_the_text_of_a_note_is_told_with_its_page_and_not_lost() -> None:
    placed = place_pages(pdf_kinds.annotated("Text", AREA, Contents=String("请补正")), {})
    assert placed.remarks == (1,)
    assert any("请补正" in note for note in placed.notes)


def test_a_stamp_that_brings_no_picture_is_told() -> None:
    assert place_pages(pdf_kinds.annotated("Stamp", AREA, Name=Name.Approved), {}).undrawn == 1
    assert place_pages(pdf_kinds.annotated("Link", AREA), {}).undrawn == 0


@pytest.mark.parametrize(
    ("entries", "size"),
    [
        ({"CropBox": Array([-200, -200, 900, 1100])}, (595, 842)),
        ({"CropBox": Array([0, 0, 0, 0])}, (595, 842)),
        ({"CropBox": Array([1000, 1000, 1200, 1200])}, (595, 842)),
        ({"CropBox": Array([500, 800, 50, 100])}, (450, 700)),
        ({"CropBox": Array([Name.X])}, (595, 842)),
        ({"Rotate": 45}, (595, 842)),
        ({"Rotate": 46}, (842, 595)),
        ({"Rotate": -45}, (595, 842)),
        ({"Rotate": 450}, (842, 595)),
        ({"Rotate": Name.X}, (595, 842)),
        ({"UserUnit": 2}, (1190, 1684)),
        ({"UserUnit": 0}, (595, 842)),
    ],
)
def test_the_page_is_what_viewers_show_of_it(
    entries: dict[str, object], size: tuple[int, int]
) -> None:
    sheet = Sheet(pdf_kinds.boxed(**entries))
    assert sheet.size == pytest.approx((size[0], size[1] + STRIP), abs=0.01)
    assert sheet.has_ink(sheet.place("Case"))


def test_a_page_without_any_area_is_refused() -> None:
    with pytest.raises(UnreadableError):
        place_pages(pdf_kinds.boxed(MediaBox=Array([0, 0, 0, 0])), {})


@settings(max_examples=60, deadline=None)
@given(
    width=st.floats(0.1, 40_000),
    height=st.floats(0.1, 40_000),
    turn=st.integers(-800, 800),
    unit=st.floats(0, 80_000),
)
def test_every_page_keeps_its_shape_within_the_sides_that_a_page_may_have(
    width: float, height: float, turn: int, unit: float
) -> None:
    with pikepdf.new() as document:
        page = document.add_blank_page(page_size=(100, 100))
        page.obj.update(
            {"/MediaBox": Array([0, 0, width, height]), "/Rotate": turn, "/UserUnit": unit}
        )
        place = place_of(page)
    assert LEAST <= place.width <= MOST - STRIP
    assert LEAST <= place.height <= MOST - STRIP
    if min(place.width, place.height) > LEAST:
        shape = place.width / place.height
        assert shape == pytest.approx(width / height, 0.01) or shape == pytest.approx(
            height / width, 0.01
        )


@pytest.mark.parametrize("size", [(6, 60), (40, 20), (3, 3), (120, 300), (595, 842), (14_000, 9)])
def test_every_page_bears_its_number_within_its_foot_strip(size: tuple[int, int]) -> None:
    placed = place_pages(pdf_kinds.strip(*size), {})
    from datetime import UTC, datetime

    meta = VolumeMeta(
        "J602-ZY·HJ·QR·2026·Y-000123", "题名", "J602", "QR", "Y", "1", datetime.now(UTC), "yice"
    )
    volume = assemble([PagePart(placed.pdf, 0, 1, "件")], meta)
    page = pypdfium2.PdfDocument(volume)[0]
    textpage = page.get_textpage()
    assert "第1页共1页" in "".join(textpage.get_text_range().split())
    boxes = [textpage.get_charbox(at) for at in range(textpage.count_chars())]
    assert all(box[0] >= -0.1 and box[2] <= page.get_size()[0] + 0.1 for box in boxes)
    assert all(box[1] >= -0.1 and box[3] <= STRIP + 0.1 for box in boxes)


OFF: list[Callable[[list[pikepdf.Object]], Dictionary]] = [
    lambda groups: Dictionary(OFF=Array([groups[1]])),
    lambda groups: Dictionary(BaseState=Name.OFF, ON=Array([groups[0]])),
]


@pytest.mark.parametrize("member", [False, True])
@pytest.mark.parametrize("config", OFF)
def test_a_layer_that_is_off_is_neither_drawn_nor_read(
    config: Callable[[list[pikepdf.Object]], Dictionary], *, member: bool
) -> None:
    sheet = Sheet(pdf_kinds.layered(config, member=member))
    assert sheet.text == "ShownAfter"
    assert not sheet.has_ink((0, 0, 300, 410))
    assert sheet.place("After")[1] == pytest.approx(600, abs=6)


def test_layers_that_are_on_are_drawn() -> None:
    sheet = Sheet(pdf_kinds.layered(lambda _: Dictionary()))
    assert sheet.text == "ShownSecretAfter"
    assert sheet.part((200, 320, 280, 390)).getpixel((10, 10)) == (255, 0, 0)


def test_glyph_numbers_of_a_missing_font_are_drawn_by_their_characters() -> None:
    sheet = Sheet(pdf_kinds.numbered_glyphs("户口迁移证明", table=True))
    assert sheet.text == "户口迁移证明"
    assert sheet.has_ink(sheet.place("迁"))
    assert sheet.part(sheet.place("户")).tobytes() != sheet.part(sheet.place("迁")).tobytes()


def test_glyph_numbers_that_nobody_can_know_are_refused() -> None:
    with pytest.raises(ContentLostError):
        place_pages(pdf_kinds.numbered_glyphs("户口", table=False), {})


@pytest.mark.parametrize("make", [pdf_kinds.certificate_encrypted, documents.locked_pdf])
def test_what_opens_with_a_key_only_is_encrypted(make: Callable[[], bytes]) -> None:
    with pytest.raises(EncryptedError):
        place_pages(make(), {})


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7 broken", pdf_kinds.certificate_encrypted()])
def test_what_cannot_be_read_has_no_values(data: bytes) -> None:
    assert values_to_be_seen(data) == ()
