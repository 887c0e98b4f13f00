"""How text is made comparable: character by character.

A part of a text folds to the same as in the whole text. That is what makes "exact substring"
exact: `fold(a) in fold(b)` holds whenever `a in b`. OpenCC's phrases and normalisation over whole
strings look at neighbours and would break it, so both are asked about one character at a time.
"""

import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from threading import Lock

from opencc import OpenCC

from archive.reference.characters import RADICALS

GAP = "␞"
"""Separates the texts of one document, so that no match spans two of them.

It is taken out of what people type.
"""

_DASHES = "‐‑‒–—―−﹣"
_DOTS = "·•‧∙⋅・･ᐧ﹒"
_IDEOGRAPHS = ((0x2E80, 0x2FDF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_OTHER_WAYS = {**dict.fromkeys(_DASHES, "-"), **dict.fromkeys(_DOTS, "")}
_MAKING = Lock()
_UNSEEN = {"Cc", "Cf", "Cs", "Mn", "Me", "Zs", "Zl", "Zp"}
# Variation selectors choose a drawing of the same character (邉󠄀), and spaces are where a line
# happened to break.


class _Folding(dict[int, str]):
    """What each character folds to, computed when it is first met; for `str.translate`."""

    def __missing__(self, point: int) -> str:
        self[point] = folded = _fold_character(chr(point))
        return folded


def _fold_character(character: str) -> str:
    """Fold one character; return nothing for spaces and what is not seen.

    Folded are width, case, accents, compatibility forms, radicals, and traditional to simplified.
    A character beyond the tables, such as 𠮷 (U+20BB7) or one for private use, stands for itself.
    The dot of a name (阿依古丽·买买提) folds to nothing: papers write it in many ways, or not.
    """
    character = character.translate(RADICALS)
    way = _OTHER_WAYS.get(character)
    if way is not None:
        return way
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    kept = (
        _OTHER_WAYS.get(part, part)
        for part in plain
        if not part.isspace() and unicodedata.category(part) not in _UNSEEN
    )
    return "".join(_simplified().get(part, part) for part in kept)


def _simplified() -> dict[str, str]:
    """Return the table of simplified forms, made once.

    The lock lets the first caller make it while others wait: a dozen requests at once would make
    it a dozen times.
    """
    with _MAKING:
        return _make_simplified()


@cache
def _make_simplified() -> dict[str, str]:
    """Return the traditional characters and their simplified forms, one to one.

    The table is applied twice, since a few characters go in two steps (薴).
    """
    converter = OpenCC("t2s")
    known = {chr(point) for first, last in _IDEOGRAPHS for point in range(first, last + 1)}
    characters = sorted(known)
    pairs = dict(zip(characters, converter.convert("\n".join(characters)).split("\n"), strict=True))
    pairs = {old: new for old, new in pairs.items() if old != new and len(new) == 1}
    return {old: pairs.get(new, new) for old, new in pairs.items()}


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Return the text as it is compared: 東勝區 ＡＢ１２ -> 东胜区ab12."""
    return text.translate(_FOLDING)


def fold_with_places(text: str) -> tuple[str, Sequence[int]]:
    """Return the folded text, and where each of its characters comes from in `text`."""
    parts = [_FOLDING[ord(character)] for character in text]
    folded = "".join(parts)
    if len(folded) == len(text) and "" not in parts:
        return folded, range(len(text))  # each gave one: the usual case, and hits wait for it
    return folded, [place for place, part in enumerate(parts) for _ in part]


GRAM = 3
"""Characters that an index holds together with their place.

Parts of one or two characters have a field of their own, without places.
"""


def grams(folded: str) -> list[str]:
    """Return each character with the next two: 东胜区公 -> 东胜区, 胜区公."""
    return [folded[place : place + GRAM] for place in range(len(folded) - GRAM + 1)]


def spaced_grams(folded: str) -> str:
    """Return `grams` with spaces between them, for a tokenizer.

    They are made on arrays, since an index is built of millions.
    """
    count = len(folded) - GRAM + 1
    if count < 1:
        return ""
    points = array("I", folded.encode("utf-32-le"))
    spaced = array("I", [ord(" ")]) * (count * (GRAM + 1))
    for place in range(GRAM):
        spaced[place :: GRAM + 1] = points[place : place + count]
    return spaced[:-1].tobytes().decode("utf-32-le")


def pairs(folded: str) -> list[str]:
    """Return each character with the next: 东胜区 -> 东胜, 胜区."""
    return [folded[place : place + 2] for place in range(len(folded) - 1)]


def occurrences(needle: str, hay: str) -> Iterator[int]:
    """Yield every place at which a folded text stands in another, overlapping ones too."""
    place = hay.find(needle)
    while needle and place >= 0:
        yield place
        place = hay.find(needle, place + 1)
