"""Hide ID numbers and telephone numbers in running text (standards.md §2.8).

Length is kept, so that places in the text stay where they are. When in doubt a number is hidden: a
hidden serial number is a nuisance, a shown ID number a breach.

Rules read the text normalised: each digit of whatever width or script is one of 0 to 9, and each
character without width a space. Between digits people and text extraction put anything, so a
number is also looked for across any few characters that are neither letters nor digits.
"""

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass

from archive.reference import citizen_id

_GAP = r"\s*"
_RUN = re.compile(rf"[0-9](?:{_GAP}[0-9]){{9,}}(?:{_GAP}X)?")
_GROUP = re.compile(r"[0-9]+X?")
_WIDE_GAP = r"(?:[^\w␞*]|_){1,4}"
_WIDE_RUN = re.compile(rf"(?<![0-9])[0-9]+(?:{_WIDE_GAP}[0-9]+)*(?:{_WIDE_GAP}?X(?!\w))?")
_DASHED_ID = re.compile(r"(?<![0-9])[0-9]{6}[-－—][0-9]{8}[-－—][0-9]{3}[0-9X](?![0-9])")
_LANDLINE = re.compile(r"(?<![0-9])0[0-9]{2,3}[-－— ]?[0-9]{7,8}(?![0-9])")
_MOBILE = re.compile(r"(?:00?86|86|0)?(1[3-9][0-9]{9})")
_WRITTEN_OUT = re.compile(r"[〇零○一二三四五六七八九幺]{11,}")
_DIGITS = frozenset("0123456789X")
_DAY = re.compile(
    r"(?<![0-9])(?:19|20)[0-9]{2}[-./][01]?[0-9][-./][0-3]?[0-9](?![0-9])"
    r"|(?<![0-9])[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?(?![0-9])"
)
_ID, _OLD_ID, _PHONE = 18, 15, 11
_AREA = range(3, 5)
_LANDLINES = range(10, 13)
_LEAST_PART = 3
_LIFETIMES = range(1850, 2100)


class _Normalising(dict[int, str]):
    """What each character reads as, computed when it is first met; for `str.translate`."""

    def __missing__(self, point: int) -> str:
        self[point] = read = _read_as(chr(point))
        return read


def _read_as(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if character in "XxＸｘ":
        return "X"
    unseen = unicodedata.category(character) in {"Cf", "Mn", "Me", "Cc"}
    return " " if unseen else character


_NORMALISING = _Normalising()


@dataclass(frozen=True, slots=True)
class _Run:
    """Digits separated by gaps only: the digits, and the place of each in the text."""

    digits: str
    places: tuple[int, ...]
    groups: tuple[tuple[int, int], ...]
    """Start and end in `digits` of what is written in one piece."""


def mask_numbers(text: str) -> str:
    """Return the text with every ID number and telephone number in it hidden.

    Only the parts that `citizen_id` shows stay visible.
    """
    plain, hidden = text.translate(_NORMALISING), list(text)
    for match in _RUN.finditer(plain):
        for place in _to_hide(_run_at(plain, match)):
            hidden[place] = "*"
    dates = {place for match in _DAY.finditer(plain) for place in range(*match.span())}
    for match in _WIDE_RUN.finditer(plain):
        for place in _across_gaps(_run_at(plain, match), dates):
            hidden[place] = "*"
    for pattern, head, tail in ((_DASHED_ID, 6, 4), (_LANDLINE, 4, 0), (_WRITTEN_OUT, 3, 4)):
        for match in pattern.finditer(plain):
            places = [
                place
                for place in range(*match.span())
                if pattern is _WRITTEN_OUT or plain[place] in _DIGITS
            ]
            for place in places[head : len(places) - tail]:
                hidden[place] = "*"
    return "".join(hidden)


def _run_at(plain: str, match: re.Match[str]) -> _Run:
    start, end = match.span()
    places = tuple(place for place in range(start, end) if plain[place] in _DIGITS)
    groups = tuple(
        (bisect_left(places, group.start()), bisect_left(places, group.end()))
        for group in _GROUP.finditer(plain, start, end)
    )
    return _Run("".join(plain[place] for place in places), places, groups)


def _to_hide(run: _Run) -> set[int]:
    """Return the places to hide in a run of digits that spaces separate at most.

    Numbers written in one piece are hidden by their length; across gaps, whatever reads as a valid
    ID number.
    """
    hide: set[int] = set()
    pieces = frozenset(run.groups)
    for start, end in pieces:
        keep = _visible_ends(run.digits[start:end])
        if keep is not None:
            hide |= set(run.places[start + keep[0] : end - keep[1]])
    for start in range(len(run.digits) - _ID + 1):
        if (start, start + _ID) not in pieces and _is_born(run.digits[start : start + _ID]):
            hide |= set(run.places[start + 6 : start + _ID - 4])
    return hide


def _is_born(number: str) -> bool:
    """Return whether 18 characters hold a date of birth where an ID number has it."""
    born = citizen_id.birth_date(number)
    return born is not None and born.year in _LIFETIMES


def _is_checked(number: str) -> bool:
    """Return whether these are 18 characters with their check digit, of a region that may be."""
    sound = len(number) == _ID and number[0] in "12345678"
    return sound and number[-1] == citizen_id.check_digit(number[:-1])


def _across_gaps(run: _Run, dates: set[int]) -> set[int]:
    """Return the places to hide of numbers whose parts anything may separate.

    Such a number begins and ends with a part of the text, and holds no day or time unless it is a
    sound ID number.
    """
    hide: set[int] = set()
    for first in range(len(run.groups)):
        start = run.groups[first][0]
        for last in range(first, min(first + _ID, len(run.groups))):
            end = run.groups[last][1]
            if end - start > _ID:
                break
            number = run.digits[start:end]
            keep = _kept_of_parts(number, run.groups[first : last + 1])
            # Two times after one another look like an ID number, but for its check digit.
            if keep is not None and (
                dates.isdisjoint(run.places[start:end]) or _is_checked(number)
            ):
                hide |= set(run.places[start + keep[0] : end - keep[1]])
    return hide


def _kept_of_parts(number: str, parts: tuple[tuple[int, int], ...]) -> tuple[int, int] | None:
    """Return what may be seen at both ends of a number put together; None for no such."""
    mobile = _MOBILE.fullmatch(number)
    if mobile is not None:
        return mobile.start(1) + 3, 4
    if len(number) == _ID and len(parts) > 1 and _is_born(number):
        return 6, 4
    lengths = [end - start for start, end in parts]
    landline = (
        number[0] == "0"
        and len(number) in _LANDLINES
        and lengths[0] in _AREA
        and min(lengths) >= _LEAST_PART
    )
    return (lengths[0], 0) if landline else None


def _visible_ends(number: str) -> tuple[int, int] | None:
    """Return how many characters at the beginning and end of a number may be seen.

    The number is written in one piece. None when it is neither an ID nor a telephone number.
    """
    if len(number) == _PHONE and number[0] == "1":
        return 3, 4
    if len(number) == _ID:
        return 6, 4
    if len(number) == _OLD_ID:
        return 6, 3
    return (0, 0) if len(number) > _ID else None
