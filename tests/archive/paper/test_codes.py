"""The codes of labels: a wrong digit is never taken for another thing."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archive.compile.sheets import barcode_text
from archive.paper.codes import (
    DIGITS,
    LABEL_KINDS,
    MAX_PAPER_NUMBER,
    CodeFault,
    CodeFaultReason,
    PaperCodeKind,
    ScannedCode,
    grouped,
    paper_code,
    read_code,
)

KINDS = st.sampled_from(sorted(LABEL_KINDS))
NUMBERS = st.integers(1, MAX_PAPER_NUMBER)
VOLUME = "J602-ZY·HJ·QR·2026·Y-000123"
CASE = "150602010000-20260901-000001"
SCANNED_VOLUME = ScannedCode(PaperCodeKind.VOLUME, None, VOLUME)
SCANNED_CASE = ScannedCode(PaperCodeKind.CASE, None, CASE)
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def reason_of(text: str) -> CodeFaultReason:
    fault = read_code(text)
    assert isinstance(fault, CodeFault)
    assert fault.message.endswith("。")
    assert fault.action.startswith("请")
    return fault.reason


@given(KINDS, NUMBERS)
def test_a_code_is_fourteen_digits_and_reads_as_what_it_was_made_of(
    kind: PaperCodeKind, number: int
) -> None:
    code = paper_code(kind, number)
    assert len(code) == DIGITS
    assert set(code) <= set("0123456789")
    assert read_code(code) == ScannedCode(kind, number, code)
    assert int(code) % 97 == 1  # ISO/IEC 7064 MOD 97-10
    assert 2 <= int(code[-2:]) <= 98


def test_the_check_digits_are_those_of_the_standard() -> None:
    # ISO/IEC 7064 gives 794 as an example: its check digits are 44.
    assert (98 - 794 * 100 % 97) == 44
    assert paper_code(PaperCodeKind.BOX, 123)[-2:] == f"{98 - 210000000123 * 100 % 97:02d}"


@given(KINDS, NUMBERS, st.integers(0, DIGITS - 1), st.integers(1, 9))
def test_one_changed_digit_is_always_refused(
    kind: PaperCodeKind, number: int, at: int, more: int
) -> None:
    code = paper_code(kind, number)
    changed = f"{code[:at]}{(int(code[at]) + more) % 10}{code[at + 1 :]}"
    assert isinstance(read_code(changed), CodeFault)


@given(KINDS, NUMBERS, st.integers(0, DIGITS - 1), st.integers(0, DIGITS - 1))
def test_two_swapped_digits_are_always_refused(
    kind: PaperCodeKind, number: int, first: int, second: int
) -> None:
    digits = list(paper_code(kind, number))
    assume(digits[first] != digits[second])
    digits[first], digits[second] = digits[second], digits[first]
    assert isinstance(read_code("".join(digits)), CodeFault)


@given(KINDS, NUMBERS, st.integers(1, DIGITS - 1))
def test_a_lost_or_doubled_digit_is_always_refused(
    kind: PaperCodeKind, number: int, at: int
) -> None:
    code = paper_code(kind, number)
    assert reason_of(code[:at] + code[at + 1 :]) is CodeFaultReason.TOO_SHORT
    assert reason_of(code[:at] + code[at - 1 :]) is CodeFaultReason.TOO_LONG


@given(KINDS, NUMBERS)
def test_full_width_digits_spaces_and_a_symbology_mark_are_folded(
    kind: PaperCodeKind, number: int
) -> None:
    code = paper_code(kind, number)
    for text in (
        code.translate(FULL_WIDTH),
        grouped(code),
        f"　{code}\r\n",
        f"]C1{code}\t",
        f"\ufeff{code}\u200b",
    ):
        assert read_code(text) == ScannedCode(kind, number, code)


@given(st.text(max_size=40))
def test_any_text_is_answered_and_never_repeated_in_the_words(text: str) -> None:
    fault = read_code(text)
    if isinstance(fault, CodeFault) and len(text.strip()) > 4:
        assert text not in fault.message + fault.action


@pytest.mark.parametrize(
    ("text", "scanned"),
    [
        (VOLUME, SCANNED_VOLUME),
        (barcode_text(VOLUME), SCANNED_VOLUME),
        (f"{VOLUME}-004", SCANNED_VOLUME),
        # A Chinese input method makes a full stop of the point on the cover.
        ("J602-ZY。HJ。QR。2026。Y-000123", SCANNED_VOLUME),
        ("Ｊ６０２－ＺＹ．ＨＪ．ＱＲ．２０２６．Ｙ－０００１２３", SCANNED_VOLUME),
        (CASE, SCANNED_CASE),
        (f"YICE/1 CASE {CASE}", SCANNED_CASE),
        ("YICE/1 CASE 20260901", ScannedCode(PaperCodeKind.CASE, None, "20260901")),
    ],
)
def test_the_codes_of_cover_and_separator_sheet_are_read(text: str, scanned: ScannedCode) -> None:
    assert read_code(text) == scanned


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", CodeFaultReason.EMPTY),
        (" \r\n", CodeFaultReason.EMPTY),
        ("zhongguo", CodeFaultReason.LETTERS),
        ("二一零零", CodeFaultReason.LETTERS),
        (paper_code(PaperCodeKind.BOX, 7)[:-1] + "呢", CodeFaultReason.LETTERS),
        ("210000", CodeFaultReason.TOO_SHORT),
        ("150602199001010011", CodeFaultReason.TOO_LONG),
        (paper_code(PaperCodeKind.BOX, 7) * 2, CodeFaultReason.TOO_LONG),
        ("20261127103000", CodeFaultReason.UNKNOWN_KIND),
        ("21000000000000", CodeFaultReason.WRONG_CHECK),
        ("J602-ZY·HJ·??·2026·Y-000123", CodeFaultReason.LETTERS),
    ],
)
def test_what_is_no_code_is_told_with_its_reason(text: str, reason: CodeFaultReason) -> None:
    assert reason_of(text) is reason


def test_a_code_of_another_kind_is_told_with_both_kinds() -> None:
    fault = read_code(paper_code(PaperCodeKind.PLACE, 7), {PaperCodeKind.BOX, PaperCodeKind.ITEM})
    assert fault == CodeFault(
        CodeFaultReason.OTHER_KIND,
        "这是库位的条码，此处需要档案盒、纸质件。",
        "请扫描档案盒、纸质件的条码。",
    )
    assert read_code(VOLUME, {PaperCodeKind.VOLUME}) == SCANNED_VOLUME


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (PaperCodeKind.BOX, 0),
        (PaperCodeKind.BOX, MAX_PAPER_NUMBER + 1),
        (PaperCodeKind.VOLUME, 1),
        (PaperCodeKind.CASE, 1),
    ],
)
def test_what_has_no_label_gets_no_code(kind: PaperCodeKind, number: int) -> None:
    with pytest.raises(ValueError, match="no label"):
        paper_code(kind, number)
