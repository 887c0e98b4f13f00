"""Which characters the fonts of the sheets draw."""

import pytest

from archive.reference.glyphs import missing_glyphs, undrawn


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("葛\U000e0100某\ufe00", set()),
        ("𠮷𪚥𰻝\U000323af\uf92e⼈⺟ﾖ", set()),
        ("ᠮᠣᠩᠭᠣᠯ\u180eᠠ\u202fᠶᠢᠨ\u180bᠠ", set()),
        ("测\u200b某\u202e", {"\u200b", "\u202e"}),
        ("\U0002ebf0\ue000\x07", {"\U0002ebf0", "\ue000", "\x07"}),
    ],
)
def test_a_character_is_missing_only_when_no_font_has_it(text: str, missing: set[str]) -> None:
    assert missing_glyphs(text) == missing


def test_what_is_missing_is_told_by_its_code_points_in_order() -> None:
    assert undrawn(["\U0002ebf0甲", "\ue000\r\n\t乙"]) == ["U+E000", "U+2EBF0"]
