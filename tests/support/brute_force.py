"""What a search must find, by looking at every document: the engines are held against this."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from archive.reference.codes import ArchivalCode
from search import tree as ask
from search.analysis import fold
from search.documents import Document
from search.index import Request, Sort


def matches(node: ask.Node, one: Document, *, by_facts: bool = False) -> bool:  # noqa: C901, PLR0911 - one line a kind of node
    """Whether a volume answers a query, with its pages or by its facts alone."""
    match node:
        case ask.Everything():
            return True
        case ask.Text(value):
            return any(
                value in fold(text)
                for text in (one.head, *(() if by_facts else (text for _, text in one.pages)))
            )
        case ask.Name(value):
            return any(value in fold(name) for name in one.names)
        case ask.Beginning(field, value):
            return fold(getattr(one, field)).startswith(value)
        case ask.Among(field, values):
            held = getattr(one, field)
            return not values.isdisjoint(held if isinstance(held, tuple) else {str(held)})
        case ask.Completed(first, last):
            return first <= one.completed_on <= last
        case ask.Volumes(ids):
            return one.volume_id in ids
        case ask.And(parts):
            return all(matches(part, one, by_facts=by_facts) for part in parts)
        case ask.Or(parts):
            return any(matches(part, one, by_facts=by_facts) for part in parts)
        case ask.Not(part):
            return not matches(part, one, by_facts=by_facts)
    return False


def answers(documents: Iterable[Document], request: Request) -> list[Document]:
    """All answers, in order."""
    found = [
        one
        for one in documents
        if not request.scope.isdisjoint(one.scope) and matches(request.query, one)
    ]
    return sorted(found, key=lambda one: _order(one, request))


def _order(one: Document, request: Request) -> Any:
    newest = (-one.completed_on.toordinal(), -one.volume_id)
    if request.sort is Sort.NEWEST:
        return newest
    if request.sort is Sort.OLDEST:
        return (one.completed_on, one.volume_id)
    if request.sort is Sort.CODE:
        code = ArchivalCode.parse(one.code)
        return (
            code.fonds,
            code.series.value,
            code.year,
            ("D10", "D30", "Y").index(code.term),
            code.number,
        )
    if any(fold(name) in ask.wanted(request.query) for name in one.names):
        return (0, *newest)
    return (1 if matches(request.query, one, by_facts=True) else 2, *newest)


def keys(found: Iterable[Any]) -> list[int]:
    """The volumes of documents or hits."""
    return [one.volume_id for one in found]


def counts(documents: Iterable[Document], facet: str) -> dict[str, int]:
    """How many volumes carry each value of a facet."""
    counted: Counter[str] = Counter()
    for one in documents:
        held = getattr(one, facet)
        counted.update(held if isinstance(held, tuple) else [str(held)])
    return dict(counted)
