import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.reference.citizen_id import check_digit
from archive.reference.masking import mask_numbers


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "身份证150602199001010016，电话13800000000。",
            "身份证150602********0016，电话138****0000。",
        ),
        ("15060219900101001x", "150602********001x"),
        ("１５０６０２１９９００１０１００１６", "１５０６０２********００１６"),
        ("150602 19900101 0016", "150602 ******** 0016"),
        ("150602\n1990\u200b01010016", "150602\n****\u200b****0016"),
        ("150602-19900101-0016", "150602-********-0016"),
        ("1 150602199001010016 13800000000", "1 150602********0016 138****0000"),
        ("138 0000 0000", "138 **** 0000"),
        ("138-0000-0000", "138-****-0000"),
        ("0477-8123456", "0477-*******"),
        ("150602900101001", "150602******001"),
        ("11506021990010100161", "********************"),
        ("1380 477 1234", "138* *** 1234"),
        ("138-04771234", "138-****1234"),
        ("138.0477.1234", "138.****.1234"),
        ("(138)0477—1234", "(138)****—1234"),
        ("13 80 47 71 23 4", "13 8* ** *1 23 4"),
        ("138_0477_1234", "138_****_1234"),
        ("138·0477／1234", "138·****／1234"),
        ("138\u00ad0477\u200b1234", "138\u00ad****\u200b1234"),
        ("138\n0477\n1234", "138\n****\n1234"),
        ("8613804771234", "86138****1234"),
        ("+86 138 0477 1234", "+86 138 **** 1234"),
        ("١٣٨٠٤٧٧١٢٣٤", "١٣٨****١٢٣٤"),
        ("一三八〇四七七一二三四", "一三八****一二三四"),
        ("（0477）8123456", "（0477）*******"),
        ("0477 812 3456", "0477 *** ****"),
        ("150602/20200101/0016", "150602/********/0016"),
        ("150602 2020-01-01 0010", "150602 ****-**-** 0010"),
    ],
)
def test_numbers_of_people_are_hidden_however_they_are_written(text: str, shown: str) -> None:
    assert mask_numbers(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "150602010000-20260901-000001",
        "J602-ZY·HJ·QR·2026·Y-000123-004",
        "2026年09月01日 10:00 第 3 页 共 14 页",
        "出生医学证明编号O150012345",
        "150602010000",
        "2026-09-08 15:30 2026-09-08 13:22",
        "13 2026-09-08 1",
        "150602********0016、138****1234",
        "一九九〇年一月",
    ],
)
def test_numbers_of_records_stay(text: str) -> None:
    assert mask_numbers(text) == text


@given(
    st.text("电话：前后。", max_size=5),
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.lists(
        st.tuples(
            st.integers(1, 10), st.text(" -—.·/()（）_,，\u200b\u00ad", min_size=1, max_size=4)
        ),
        max_size=5,
        unique_by=lambda gap: gap[0],
    ),
)
def test_no_telephone_number_survives_whatever_stands_between_its_digits(
    before: str, number: str, gaps: list[tuple[int, str]]
) -> None:
    written = number
    for place, gap in sorted(gaps, reverse=True):
        written = written[:place] + gap + written[place:]
    hidden = mask_numbers(f"{before}{written}后")
    assert len(hidden) == len(before) + len(written) + 1
    assert hidden.count("*") >= 4


@given(
    st.text("前后，0123456789 \n", max_size=20),
    st.text("前后， \n", min_size=1, max_size=3),
    st.dates().filter(lambda day: 1850 <= day.year < 2100),
    st.integers(0, 999),
    st.lists(
        st.tuples(st.integers(0, 18), st.sampled_from([" ", "\n", "\u200b", "　"])), max_size=4
    ),
)
def test_no_sound_id_number_survives_in_any_surroundings(
    before: str, after: str, born: object, serial: int, gaps: list[tuple[int, str]]
) -> None:
    first17 = f"150602{str(born).replace('-', '')}{serial:03d}"
    number = first17 + check_digit(first17)
    written = number
    for place, gap in sorted(gaps, reverse=True):
        written = written[:place] + gap + written[place:]
    hidden = mask_numbers(before + "，" + written + after)
    assert len(hidden) == len(before) + 1 + len(written) + len(after)
    squeezed = "".join(character for character in hidden if character.isalnum() or character == "*")
    assert number not in squeezed
