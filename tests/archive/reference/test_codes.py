import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.reference.codes import (
    ArchivalCode,
    CodeFaultError,
    NumbersExhaustedError,
    parse,
    storage_prefix,
)
from archive.reference.vocabulary import Retention, Series

GRAMMAR = re.compile(r"^[A-Z]\d{3}-ZY·HJ·[A-Z]{2}·\d{4}·(Y|D30|D10)-\d{6}(-\d{3})?$")
CODES = st.builds(
    ArchivalCode,
    fonds=st.from_regex(r"[A-Z][0-9]{3}", fullmatch=True),
    series=st.sampled_from(Series),
    year=st.integers(1949, 2999),
    term=st.sampled_from(Retention),
    number=st.integers(1, 999_999),
    item=st.none() | st.integers(1, 999),
)
EXAMPLE = ArchivalCode("J602", Series.QR, 2026, Retention.Y, 123, 4)


@given(CODES)
def test_a_code_survives_writing_and_reading(code: ArchivalCode) -> None:
    assert GRAMMAR.fullmatch(str(code))
    assert parse(str(code)) == code


@given(CODES)
def test_the_next_code_sorts_after_its_predecessor(code: ArchivalCode) -> None:
    if (code.item or code.number) in (999, 999_999):
        return
    assert str(code.next()) > str(code)
    assert (code.next().number - code.number, (code.next().item or 0) - (code.item or 0)) == (
        (1, 0) if code.item is None else (0, 1)
    )


@given(st.lists(CODES, unique_by=lambda code: str(code.volume)), st.integers(1, 99))
def test_no_two_volumes_share_a_storage_prefix_and_all_are_ascii(
    codes: list[ArchivalCode], version: int
) -> None:
    prefixes = [storage_prefix(code, version) for code in codes]
    assert len(set(prefixes)) == len(codes)
    assert all(re.fullmatch(r"[A-Za-z0-9/-]+", prefix) for prefix in prefixes)


def test_the_example_of_the_standard_reads_as_its_parts() -> None:
    assert str(EXAMPLE) == "J602-ZY·HJ·QR·2026·Y-000123-004"
    assert EXAMPLE.volume.with_item(4) == EXAMPLE
    assert storage_prefix(EXAMPLE, 1) == "volumes/J602/QR/2026/Y-000123/v1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "J602-ZY·HJ·XX·2026·Y-000123",
        "J602-ZY·HJ·QR·2026·Y-000000",
        "J602-ZY·HJ·QR·2026·Y-000123-000",
        "J602-ZY·HJ·QR·2026·D20-000123",
        "J602-ZY·HJ·QR·2026·Y-123",
        "j602-ZY·HJ·QR·2026·Y-000123",
        "J602-ZY.HJ.QR.2026.Y-000123",
        "J602-ZY·HJ·QR·2026·Y-000123\n",
        "J602-ZY·HJ·QR·２０２６·Y-000123",
        " J602-ZY·HJ·QR·2026·Y-000123",
    ],
)
def test_what_the_grammar_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(CodeFaultError):
        parse(text)


@given(st.text(max_size=40) | st.from_regex(GRAMMAR))
def test_any_text_is_a_code_or_is_refused_with_the_family_error(text: str) -> None:
    try:
        read = parse(text)
    except CodeFaultError:
        return
    assert str(read) == text


def test_numbers_end_instead_of_growing_a_digit() -> None:
    with pytest.raises(NumbersExhaustedError):
        ArchivalCode("J602", Series.QR, 2026, Retention.Y, 999_999).next()
    with pytest.raises(NumbersExhaustedError):
        ArchivalCode("J602", Series.QR, 2026, Retention.Y, 1, 999).next()
    with pytest.raises(CodeFaultError):
        ArchivalCode("J602", Series.QR, 2026, Retention.Y, 0)
    with pytest.raises(CodeFaultError):
        storage_prefix(EXAMPLE, 0)
