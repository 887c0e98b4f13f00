"""The few lines around what was found, with names hidden.

Marks are places in the text shown, so that the page or command that shows it chooses how to mark.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archive.reference.citizen_id import mask_name
from search.analysis import GAP, fold, fold_with_places, occurrences

WIDTH, LEAD = 90, 20


@dataclass(frozen=True, slots=True)
class Snippet:
    """A part of a text; `marks` are start and end of what was looked for."""

    text: str
    marks: tuple[tuple[int, int], ...]


def hide_names(text: str, names: Iterable[str]) -> str:
    """Return the text with these names masked, in whatever script or width.

    Its length stays.
    """
    folded, places = fold_with_places(text)
    return _hidden(text, folded, places, names)


def _hidden(text: str, folded: str, places: Sequence[int], names: Iterable[str]) -> str:
    shown = list(text)
    # The longest first: of 王小 and 王小明 the text holds the latter.
    for name in sorted({fold(name) for name in names}, key=len, reverse=True):
        if len(name) > 1:
            masked = mask_name(name)
            for start in occurrences(name, folded):
                for offset, character in enumerate(masked):
                    if character == "*":
                        shown[places[start + offset]] = "*"
    return "".join(shown)


def snippet(text: str, terms: Sequence[str], names: Iterable[str]) -> Snippet:
    """Return about 90 characters from a little before the first term on.

    When no term is in the text, they are its beginning.
    """
    folded, places = fold_with_places(text)
    spans = sorted(
        {
            (places[start], places[start + len(term) - 1] + 1)
            for term in terms
            for start in occurrences(term, folded)
        }
    )
    begin = max(0, spans[0][0] - LEAD) if spans else 0
    shown = _hidden(text, folded, places, names)[begin : begin + WIDTH].replace(GAP, "　")
    marks: list[tuple[int, int]] = []
    for start, end in spans:
        # From here on places in what is shown.
        first, last = max(start - begin, 0), min(end - begin, len(shown))
        if marks and first <= marks[-1][1]:
            marks[-1] = (marks[-1][0], max(last, marks[-1][1]))
        elif first < last:
            marks.append((first, last))
    return Snippet(shown, tuple(marks))
