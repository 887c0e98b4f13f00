import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis import fold, fold_with_places, grams, occurrences, pairs, spaced_grams


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("東勝區戶籍", "东胜区户籍"),
        ("ＡＢ１２", "ab12"),
        ("王\n小 明　", "王小明"),
        ("鍾", "钟"),
        ("㈱", "(株)"),
        ("é", "e\u0301"),
        ("邉\U000e0100", "邉"),
        ("J602－ZY・HJ", "j602-zyhj"),
        ("豈", "岂"),
        ("⽟⺩⻢⻄", "玉王马西"),
        ("⾺⻋", "馬車"),
        ("阿依古丽•买买提", "阿依古丽买买提"),
        ("㐀\u200b𠮷", "㐀𠮷"),
    ],
)
def test_ways_to_write_the_same_fold_to_the_same(first: str, other: str) -> None:
    assert fold(first) == fold(other)


@pytest.mark.parametrize("character", ["𠮷", "㐀", "𰻝", "\ue000", "王", "口"])
def test_a_rare_character_stands_for_itself(character: str) -> None:
    assert fold(character) == character


def test_characters_that_look_alike_stay_apart() -> None:
    assert fold("𠮷") != fold("吉")


@given(st.text(), st.text())
def test_folding_a_part_is_a_part_of_folding_the_whole(first: str, other: str) -> None:
    assert fold(first + other) == fold(first) + fold(other)


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_each_folded_character_knows_its_place(text: str) -> None:
    folded, places = fold_with_places(text)
    assert folded == fold(text)
    assert len(places) == len(folded)
    assert all(
        character in fold(text[place]) for character, place in zip(folded, places, strict=True)
    )


@given(st.text())
def test_no_space_is_left_for_the_engines_to_split_at(text: str) -> None:
    assert not any(
        char.isspace() or unicodedata.category(char) in {"Cc", "Cf"} for char in fold(text)
    )


def test_pairs_grams_and_occurrences_overlap() -> None:
    assert pairs("东胜区") == ["东胜", "胜区"]
    assert grams("东胜区公") == ["东胜区", "胜区公"]
    assert list(occurrences("啊啊", "啊啊啊")) == [0, 1]


@given(st.text())
def test_the_fast_way_to_make_grams_makes_the_same(text: str) -> None:
    assert spaced_grams(fold(text)) == " ".join(grams(fold(text)))
