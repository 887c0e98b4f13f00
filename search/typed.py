"""Numbers as people type them: with spaces, hyphens, in full width, or with a digit wrong.

A number in pieces is joined before a query is parsed, or each piece would be looked for as text.
What cannot be a right number is said in words; it is searched for all the same.
"""

import re
from collections.abc import Iterator
from datetime import date

from archive.paper.codes import DIGITS, CodeFault, CodeFaultReason, read_code
from archive.reference import citizen_id
from archive.reference.citizen_id import IdFault
from search.tree import BlindLookup, Lookup, Node, Text, leaves

_GAP = r"(?:[ \u3000\u00a0]{1,2}|[-－—–‐‑])"
_DIGIT = "[0-9０-９]"
_PIECES = re.compile(
    rf"(?P<quoted>[\"“「『＂][^\"”」』＂]*[\"”」』＂]?)"
    rf"|(?<![0-9０-９A-Za-z])(?<![0-9０-９][-－—–‐‑])"
    rf"(?P<run>[+＋]?{_DIGIT}+(?:{_GAP}{_DIGIT}+)+(?:{_GAP}?[XxＸｘ](?![A-Za-z]))?)(?![0-9０-９])"
)
_WIDE = str.maketrans("０１２３４５６７８９ＸｘX", "0123456789XXX")
_MOBILE = re.compile(r"(?:0?086|86)?(1[3-9][0-9]{9})")
_DAY = re.compile(r"(?:19|20)[0-9]{2}[-－—–‐‑][01]?[0-9][-－—–‐‑][0-3]?[0-9]")
_ID, _LIFETIMES = 18, range(1850, 2100)
_NEAR_ID = re.compile(r"[1-8][0-9]{15,18}x?")
_LABEL = re.compile(r"2[1-7][0-9]{12}")


def joined_numbers(typed: str) -> str:
    """Return what was typed with each number in one piece that was written in several.

    Joined is only what reads as an ID number, a telephone number or the code of a label; what
    stands in quotes is text.
    """
    return _PIECES.sub(lambda match: match["quoted"] or _whole(match["run"]), typed)


def _whole(run: str) -> str:
    digits = re.sub(_GAP, "", run).translate(_WIDE).upper().lstrip("+＋")
    mobile = _MOBILE.fullmatch(digits)
    if mobile and not _DAY.search(run.translate(_WIDE)):
        return mobile[1]
    born = citizen_id.birth_date(digits) if len(digits) == _ID else None
    if born is not None and born.year in _LIFETIMES:
        return digits
    label = read_code(digits) if len(digits) == DIGITS and _LABEL.fullmatch(digits) else None
    return run if label is None or isinstance(label, CodeFault) else digits


def doubts(tree: Node, today: date) -> tuple[str, ...]:
    """Return in words what cannot be right in the numbers of a query; no number is repeated."""
    return tuple(dict.fromkeys(_doubts(tree, today)))


def _doubts(tree: Node, today: date) -> Iterator[str]:
    for leaf, _ in leaves(tree):
        if isinstance(leaf, BlindLookup) and leaf.kind is Lookup.ID_NUMBER:
            fault = citizen_id.check(leaf.value, today)
            if fault is not None:
                yield f"{fault.label}。请核对输入的号码。"
        elif isinstance(leaf, Text) and _LABEL.fullmatch(leaf.value):
            scanned = read_code(leaf.value)
            if isinstance(scanned, CodeFault) and scanned.reason is CodeFaultReason.WRONG_CHECK:
                yield scanned.message + scanned.action
        elif isinstance(leaf, Text) and _NEAR_ID.fullmatch(leaf.value):
            yield f"输入了{len(leaf.value)}位，{IdFault.LENGTH.label}。请核对输入的号码。"
