"""The codes on the labels of paper: digits only, of one length, with two check digits.

Digits only, because a Chinese input method swallows letters; one length and two check digits
(ISO/IEC 7064 MOD 97-10), because a decoder reads a code out of a blurred label that is not there.

    2 digits of the kind, 10 of the number, 2 check digits:  21 0000000123 04

The codes of a volume's cover (档号, with `.` or `·`) and of a separator sheet (办件编号) are read
as well. Pure: whether something bears the number is for who asks.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from archive.reference.codes import ArchivalCode, CodeFaultError
from archive.reference.vocabulary import LabelledEnum

DIGITS = 14
"""The length of every code of a label."""
MAX_PAPER_NUMBER = 9_999_999_999
_MODULUS, _REMAINDER = 97, 1
_CHECK_DIGITS = range(2, 99)  # 00, 01 and 99 would be a second writing of 97, 98 and 02
# The symbology that a scanner may be set to send in front (ISO/IEC 15424).
_SYMBOLOGY = re.compile(r"^\][A-Za-z][0-9A-Za-z]")
_CASE_SHEET = re.compile(r"YICE/1 CASE ([A-Za-z0-9][A-Za-z0-9_-]{0,63})")
# A case number alone: not only digits, and with a run of digits that no typed word has.
_CASE = re.compile(r"(?=.*[0-9]{6})(?=.*[A-Za-z_-])[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VOLUME = re.compile(r"[A-Z][0-9]{3}-")
# What Chinese punctuation makes of the marks in a 档号.
_MARKS = str.maketrans({"。": ".", "•": "·", "・": "·", "—": "-", "–": "-", "−": "-"})


class PaperCodeKind(LabelledEnum):
    """What a code names; the kinds with a prefix stand on labels of ours."""

    BOX = "BOX", "档案盒"
    PLACE = "PLACE", "库位"
    ITEM = "ITEM", "纸质件"
    LOAN = "LOAN", "借阅单"
    HANDOVER = "HANDOVER", "交接单"
    BORROWER = "BORROWER", "借阅证"
    STOCKTAKE = "STOCKTAKE", "盘点单"
    VOLUME = "VOLUME", "档号"
    CASE = "CASE", "办件编号"


# None begins as a year does: a date and time also has fourteen digits.
_PREFIXES = {
    "21": PaperCodeKind.BOX,
    "22": PaperCodeKind.PLACE,
    "23": PaperCodeKind.ITEM,
    "24": PaperCodeKind.LOAN,
    "25": PaperCodeKind.HANDOVER,
    "26": PaperCodeKind.BORROWER,
    "27": PaperCodeKind.STOCKTAKE,
}
_PREFIX_OF = {kind: prefix for prefix, kind in _PREFIXES.items()}
LABEL_KINDS = frozenset(_PREFIX_OF)
"""The kinds that have a label of digits."""


class CodeFaultReason(LabelledEnum):
    """Why a scanned text is no code that can be used."""

    EMPTY = "EMPTY", "没有读到内容"
    LETTERS = "LETTERS", "含有字母或汉字"
    TOO_SHORT = "TOO_SHORT", "位数不足"
    TOO_LONG = "TOO_LONG", "位数过多"
    UNKNOWN_KIND = "UNKNOWN_KIND", "不是本系统的条码"
    WRONG_CHECK = "WRONG_CHECK", "校验位不符"
    OTHER_KIND = "OTHER_KIND", "类别不符"


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """What a scanned text names; `number` is None of a 档号 or a case number.

    `text` is the code as it stands on the label: digits, the 档号 with `·`, or the case number.
    """

    kind: PaperCodeKind
    number: int | None
    text: str


@dataclass(frozen=True, slots=True)
class CodeFault:
    """Why a scanned text cannot be used, and the next step; neither repeats the text."""

    reason: CodeFaultReason
    message: str
    action: str


def paper_code(kind: PaperCodeKind, number: int) -> str:
    """Return the 14 digits on the label of a numbered thing; numbers count from 1.

    Raises ValueError for a kind without labels or a number out of range: a defect of the caller.
    """
    if kind not in _PREFIX_OF or not 1 <= number <= MAX_PAPER_NUMBER:
        raise ValueError("no label has this kind or number")
    body = f"{_PREFIX_OF[kind]}{number:010d}"
    return f"{body}{_MODULUS + _REMAINDER - int(body) * 100 % _MODULUS:02d}"


def grouped(code: str) -> str:
    """Return the digits of a label as people read them: `21 0000 0001 23 04`."""
    return " ".join((code[:2], code[2:6], code[6:10], code[10:12], code[12:]))


def read_code(
    text: str, expected: Collection[PaperCodeKind] | None = None
) -> ScannedCode | CodeFault:
    """Return what a scanned or typed text names, or why it cannot be used.

    Full-width digits, spaces and the mark of the symbology are folded. `expected` are the kinds
    that make sense now; None takes every kind. A case number of digits alone is read only from a
    separator sheet.
    """
    folded = _folded(text)
    if not folded:
        return CodeFault(CodeFaultReason.EMPTY, "没有读到条码。", "请对准条码再扫一次。")
    scanned = _sheet_code(folded) or _label_code("".join(folded.split()))
    if isinstance(scanned, CodeFault) or expected is None or scanned.kind in expected:
        return scanned
    wanted = "、".join(kind.label for kind in PaperCodeKind if kind in expected)
    return CodeFault(
        CodeFaultReason.OTHER_KIND,
        f"这是{scanned.kind.label}的条码，此处需要{wanted}。",
        f"请扫描{wanted}的条码。",
    )


def _folded(text: str) -> str:
    """Return a text in half-width form, without what cannot be seen."""
    plain = unicodedata.normalize("NFKC", text.translate(_MARKS)).translate(_MARKS)
    shown = "".join(
        " " if char.isspace() else char
        for char in plain
        if char.isspace() or not unicodedata.category(char).startswith("C")
    )
    return _SYMBOLOGY.sub("", shown.strip()).strip()


def _sheet_code(text: str) -> ScannedCode | None:
    """Return the code of a volume's cover or of a separator sheet, None when it is neither."""
    sheet = _CASE_SHEET.fullmatch(text)
    if sheet is not None:
        return ScannedCode(PaperCodeKind.CASE, None, sheet[1])
    joined = "".join(text.split())
    if _VOLUME.match(joined):
        try:
            code = ArchivalCode.parse(joined.replace(".", "·"))
        except CodeFaultError:
            pass  # it may be a case number yet
        else:
            return ScannedCode(PaperCodeKind.VOLUME, None, str(code.volume))
    if _CASE.fullmatch(joined):
        return ScannedCode(PaperCodeKind.CASE, None, joined)
    return None


def _label_code(text: str) -> ScannedCode | CodeFault:
    """Return the kind and number of the digits of a label, or what is wrong with them."""
    if not (text.isascii() and text.isdigit()):
        return CodeFault(
            CodeFaultReason.LETTERS,
            "读到的内容不全是数字，输入法可能处于中文状态。",
            "请按 Shift 切换到英文输入，再扫一次。",
        )
    if len(text) < DIGITS:
        return CodeFault(
            CodeFaultReason.TOO_SHORT,
            f"只读到{len(text)}位，应为{DIGITS}位。",
            "请扫描完整的条码；手工输入时请核对位数。",
        )
    if len(text) > DIGITS:
        return CodeFault(
            CodeFaultReason.TOO_LONG,
            f"读到{len(text)}位，应为{DIGITS}位，可能是两个条码连在一起。",
            "请一次只扫一个条码。",
        )
    kind = _PREFIXES.get(text[:2])
    if kind is None:
        return CodeFault(
            CodeFaultReason.UNKNOWN_KIND,
            "这不是本系统标签上的条码。",
            "请扫描档案盒、库位或纸质件的标签，或册的封面条码。",
        )
    number = int(text[2:12])
    if not number or int(text) % _MODULUS != _REMAINDER or int(text[12:]) not in _CHECK_DIGITS:
        return CodeFault(
            CodeFaultReason.WRONG_CHECK,
            "校验位不符，条码读错或输错了一位。",
            "请再扫一次；标签破损时请重新打印。",
        )
    return ScannedCode(kind, number, text)
