from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.reference.citizen_id import (
    IdFault,
    Sex,
    birth_date,
    check,
    check_digit,
    mask,
    mask_name,
    mask_phone,
    sex,
)

TODAY = date(2026, 11, 23)
SOUND = [
    "11010519491231002X",
    "150602199001010016",
    "15062219851231002X",
    "150603202002290030",
    "150627195606070045",
    "152726197805120017",
]


@st.composite
def sound_numbers(draw: st.DrawFn) -> str:
    born = draw(st.dates(date(1900, 1, 1), TODAY))
    first17 = f"{draw(st.integers(110000, 659999))}{born:%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return first17 + check_digit(first17)


@pytest.mark.parametrize("number", SOUND)
def test_the_published_vectors_are_sound(number: str) -> None:
    assert check(number, TODAY) is None


@pytest.mark.parametrize("number", SOUND)
def test_any_other_last_character_is_found(number: str) -> None:
    others = set("0123456789X") - {number[-1]}
    assert {check(number[:-1] + last, TODAY) for last in others} == {IdFault.CHECK_DIGIT}


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("150603202102290038", IdFault.BIRTH_DATE),
        ("", IdFault.LENGTH),
        ("150602900101001", IdFault.FIRST_GENERATION),
        ("1506021990010100160", IdFault.LENGTH),
        ("15060219900101001x", IdFault.LOWER_CASE),
        ("15060219900101X016", IdFault.CHARSET),
        ("15060219900101001６", IdFault.CHARSET),
        ("15060219900101001\n", IdFault.CHARSET),
    ],
)
def test_each_fault_has_its_code(number: str, fault: IdFault) -> None:
    assert check(number, TODAY) is fault


def test_a_birth_after_today_is_found_and_today_is_allowed() -> None:
    first17 = "15060220261124001"
    number = first17 + check_digit(first17)
    assert check(number, TODAY) is IdFault.FUTURE
    assert check(number, date(2026, 11, 24)) is None


@given(sound_numbers())
def test_a_number_with_its_check_digit_is_sound(number: str) -> None:
    assert check(number, TODAY) is None


@given(sound_numbers(), st.integers(0, 16), st.integers(1, 9))
def test_every_change_of_a_single_digit_is_found(number: str, place: int, step: int) -> None:
    other = number[:place] + str((int(number[place]) + step) % 10) + number[place + 1 :]
    assert check(other, TODAY) is not None


@given(st.text(max_size=20))
def test_any_text_has_an_answer_and_no_fault_repeats_it(text: str) -> None:
    fault = check(text, TODAY)
    assert fault is None or len(text) < 10 or text not in fault.label


@given(st.text(max_size=30))
def test_a_mask_shows_at_most_ten_characters_of_a_number(text: str) -> None:
    masked = mask(text)
    assert len(masked) == len(text)
    assert masked[6:-4] == "*" * max(0, len(text) - 10)
    assert len(text) == 18 or set(masked) <= {"*"}


def test_a_number_states_birth_and_sex() -> None:
    assert birth_date("150602199001010016") == date(1990, 1, 1)
    assert sex("150602199001010016") is Sex.MALE
    assert sex("150627195606070045") is Sex.FEMALE
    assert birth_date("一五〇六") is None
    assert sex("一五〇六") is None
    assert (Sex.MALE.label, Sex.FEMALE.label) == ("男", "女")


def test_masks_follow_the_custom() -> None:
    assert mask("150602199001010016") == "150602********0016"
    assert [mask_name(name) for name in ("", "王", "王明", "王小明", "乌云其其格")] == [
        "",
        "*",
        "王*",
        "王*明",
        "乌***格",
    ]
    assert mask_phone("13812341234") == "138****1234"
    assert mask_phone("0477-8361234") == "************"
