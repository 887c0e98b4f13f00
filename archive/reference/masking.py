"""Hide ID numbers and telephone numbers in running text (standards.md §2.8).

Length is kept, so that places in the text stay where they are. When in doubt a number is hidden: a
hidden serial number is a nuisance, a shown ID number a breach.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

from archive.reference import citizen_id

_DIGIT = "[0-9０-９]"
# What text extraction and people put between digits: spaces, line ends and characters without
# width.
_GAP = r"[\s\u00ad\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff]*"
_RUN = re.compile(rf"{_DIGIT}(?:{_GAP}{_DIGIT}){{9,}}(?:{_GAP}[XxＸｘ])?")
_GROUP = re.compile(rf"{_DIGIT}+[XxＸｘ]?")
_DASHED_ID = re.compile(
    rf"(?<!{_DIGIT}){_DIGIT}{{6}}[-－—]{_DIGIT}{{8}}[-－—]{_DIGIT}{{3}}[0-9０-９XxＸｘ](?!{_DIGIT})"
)
_DASHED_PHONE = re.compile(
    rf"(?<!{_DIGIT})[1１]{_DIGIT}{{2}}[-－—]{_DIGIT}{{4}}[-－—]{_DIGIT}{{4}}(?!{_DIGIT})"
)
_LANDLINE = re.compile(rf"(?<!{_DIGIT})[0０]{_DIGIT}{{2,3}}[-－— ]?{_DIGIT}{{7,8}}(?!{_DIGIT})")
_PLAIN = str.maketrans("０１２３４５６７８９Ｘｘx", "0123456789XXX")
_ID, _OLD_ID, _PHONE = 18, 15, 11
_LIFETIMES = range(1850, 2100)


@dataclass(frozen=True, slots=True)
class _Run:
    """Digits separated by gaps only: the digits, and the place of each in the text."""

    digits: str
    places: tuple[int, ...]


def mask_numbers(text: str) -> str:
    """Return the text with every ID number and telephone number in it hidden.

    Only the parts that `citizen_id` shows stay visible.
    """
    hidden = list(text)
    for match in _RUN.finditer(text):
        run = _run_at(text, match.start(), match.end())
        for place in _to_hide(run, text):
            hidden[place] = "*"
    for pattern, head, tail in ((_DASHED_ID, 6, 4), (_DASHED_PHONE, 3, 4), (_LANDLINE, 4, 0)):
        for match in pattern.finditer(text):
            places = [
                place
                for place in range(match.start(), match.end())
                if text[place].translate(_PLAIN) in "0123456789X"
            ]
            for place in places[head : len(places) - tail]:
                hidden[place] = "*"
    return "".join(hidden)


def _run_at(text: str, start: int, end: int) -> _Run:
    places = tuple(
        place for place in range(start, end) if text[place].translate(_PLAIN) in "0123456789X"
    )
    return _Run("".join(text[place] for place in places).translate(_PLAIN), places)


def _to_hide(run: _Run, text: str) -> set[int]:
    """Return the places to hide in a run of digits.

    Numbers written in one piece are hidden by their length; across gaps, whatever reads as a valid
    ID number, or as a telephone number written 3-4-4.
    """
    hide: set[int] = set()
    groups = [
        (bisect_left(run.places, match.start()), bisect_left(run.places, match.end()))
        for match in _GROUP.finditer(text, run.places[0], run.places[-1] + 1)
    ]
    for start, end in groups:
        keep = _visible_ends(run.digits[start:end])
        if keep is not None:
            hide |= set(run.places[start + keep[0] : end - keep[1]])
    for start in range(len(run.digits) - _ID + 1):
        number = run.digits[start : start + _ID]
        born = citizen_id.birth_date(number)
        if born is not None and born.year in _LIFETIMES and (start, start + _ID) not in groups:
            hide |= set(run.places[start + 6 : start + _ID - 4])
    for first, second, third in zip(groups, groups[1:], groups[2:], strict=False):
        lengths = tuple(end - start for start, end in (first, second, third))
        if lengths == (3, 4, 4) and run.digits[first[0]] == "1":
            hide |= set(run.places[second[0] : second[1]])
    return hide


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
