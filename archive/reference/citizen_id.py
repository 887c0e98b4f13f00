"""公民身份号码 (GB 11643-1999): check, read and mask it; no log or error holds a number.

The region code is that of the first registration and stays for life (公通字〔2021〕12号 §4), so it
is never compared with the domicile, and the codes of before 2001 (1527xx) are valid.
"""

import re
from datetime import date
from enum import StrEnum

_LENGTH = 18
_SHAPE = re.compile(r"[0-9]{17}[0-9X]")
_FORMER = re.compile(r"[0-9]{15}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"
_MOBILE = re.compile(r"[0-9]{11}")


class IdFault(StrEnum):
    """A reason why a number is not valid; `.label` is what people see."""

    LENGTH = "LENGTH"
    FIRST_GENERATION = "FIRST_GENERATION"
    LOWER_CASE = "LOWER_CASE"
    CHARSET = "CHARSET"
    BIRTH_DATE = "BIRTH_DATE"
    FUTURE = "FUTURE"
    CHECK_DIGIT = "CHECK_DIGIT"

    @property
    def label(self) -> str:
        """Return the fault in Chinese; the text does not repeat the number."""
        return _LABELS[self]


_LABELS = {
    IdFault.LENGTH: "公民身份号码不是18位",
    IdFault.FIRST_GENERATION: "公民身份号码是已停用的15位号码，请按居民身份证填18位号码",
    IdFault.LOWER_CASE: "公民身份号码末位是小写x，请改为大写X",
    IdFault.CHARSET: "公民身份号码含有数字和末位大写X以外的字符",
    IdFault.BIRTH_DATE: "公民身份号码中的出生日期不存在",
    IdFault.FUTURE: "公民身份号码中的出生日期晚于今天",
    IdFault.CHECK_DIGIT: "公民身份号码的校验码不符",
}


class Sex(StrEnum):
    """The sex that the 17th digit states: odd 男, even 女."""

    MALE = "MALE"
    FEMALE = "FEMALE"

    @property
    def label(self) -> str:
        """Return the Chinese word."""
        return "男" if self is Sex.MALE else "女"


def check(number: str, today: date) -> IdFault | None:
    """Return the first fault of a number, None when it is valid (GB 11643-1999, R29).

    `today` is the local day.
    """
    if len(number) != _LENGTH:
        return IdFault.FIRST_GENERATION if _FORMER.fullmatch(number) else IdFault.LENGTH
    if number[-1] == "x" and _SHAPE.fullmatch(number.upper()):
        return IdFault.LOWER_CASE
    if not _SHAPE.fullmatch(number):
        return IdFault.CHARSET
    born = birth_date(number)
    if born is None:
        return IdFault.BIRTH_DATE
    if born > today:
        return IdFault.FUTURE
    return None if number[-1] == check_digit(number[:-1]) else IdFault.CHECK_DIGIT


def check_digit(first17: str) -> str:
    """Return the 18th character for the first 17 digits (ISO 7064 MOD 11-2)."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first17, strict=True))
    return _CHECK_DIGITS[total % 11]


def birth_date(number: str) -> date | None:
    """Return the date of birth in digits 7-14.

    None when the number has another shape or the day does not exist.
    """
    if not _SHAPE.fullmatch(number):
        return None
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def sex(number: str) -> Sex | None:
    """Return the sex by the 17th digit; None when the number has another shape."""
    if not _SHAPE.fullmatch(number):
        return None
    return Sex.MALE if int(number[16]) % 2 else Sex.FEMALE


def mask(number: str) -> str:
    """Return a number with only its first 6 and last 4 characters (standards.md §2.8).

    A number of another length is hidden as a whole.
    """
    if len(number) != _LENGTH:
        return "*" * len(number)
    return f"{number[:6]}********{number[-4:]}"


def mask_name(name: str) -> str:
    """Return a masked name such as 王* or 王*明.

    Only the first character stays and, from three characters on, the last.
    """
    if len(name) <= 1:
        return "*" * len(name)
    if len(name) == 2:  # noqa: PLR2004 - a surname and one character
        return f"{name[0]}*"
    return f"{name[0]}{'*' * (len(name) - 2)}{name[-1]}"


def mask_phone(phone: str) -> str:
    """Return 138****1234 for 11 digits.

    Anything else is hidden as a whole, because its parts are not known.
    """
    if not _MOBILE.fullmatch(phone):
        return "*" * len(phone)
    return f"{phone[:3]}****{phone[-4:]}"
