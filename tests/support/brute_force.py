"""What a search must find, by looking at every document: the engines are held against this."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from archive.reference.codes import ArchivalCode
from search import tree as ask
from search.analysis import fold
from search.documents import Document
from search.index import Request, Sort


def matches(  # noqa: C901, PLR0911 - one line a kind of node
    node: ask.Node, document: Document, *, by_facts: bool = False
) -> bool:
    """Whether a volume answers a query, with its pages or by its facts alone."""
    match node:
        case ask.Everything():
            return True
        case ask.Text(value):
            return any(
                value in fold(text)
                for text in (
                    document.head,
                    *(() if by_facts else (text for _, text in document.pages)),
                )
            )
        case ask.Name(value):
            return any(value in fold(name) for name in document.names)
        case ask.Beginning(field, value):
            return fold(getattr(document, field)).startswith(value)
        case ask.Among(field, values):
            value = getattr(document, field)
            return not values.isdisjoint(value if isinstance(value, tuple) else {str(value)})
        case ask.Completed(first, last):
            return first <= document.completed_on <= last
        case ask.Volumes(ids):
            return document.volume_id in ids
        case ask.And(parts):
            return all(matches(part, document, by_facts=by_facts) for part in parts)
        case ask.Or(parts):
            return any(matches(part, document, by_facts=by_facts) for part in parts)
        case ask.Not(part):
            return not matches(part, document, by_facts=by_facts)
    return False


def answers(documents: Iterable[Document], request: Request) -> list[Document]:
    """All answers, in order."""
    matching = [
        document
        for document in documents
        if not request.scope.isdisjoint(document.scope) and matches(request.query, document)
    ]
    return sorted(matching, key=lambda document: _order(document, request))


def _order(document: Document, request: Request) -> Any:
    newest = (-document.completed_on.toordinal(), -document.volume_id)
    if request.sort is Sort.NEWEST:
        return newest
    if request.sort is Sort.OLDEST:
        return (document.completed_on, document.volume_id)
    if request.sort is Sort.CODE:
        code = ArchivalCode.parse(document.code)
        return (
            code.fonds,
            code.series.value,
            code.year,
            ("D10", "D30", "Y").index(code.term),
            code.number,
        )
    if any(fold(name) in ask.wanted(request.query) for name in document.names):
        return (0, *newest)
    return (1 if matches(request.query, document, by_facts=True) else 2, *newest)


def keys(hits: Iterable[Any]) -> list[int]:
    """The volumes of documents or hits."""
    return [hit.volume_id for hit in hits]


def counts(documents: Iterable[Document], facet: str) -> dict[str, int]:
    """How many volumes carry each value of a facet."""
    counted: Counter[str] = Counter()
    for document in documents:
        value = getattr(document, facet)
        counted.update(value if isinstance(value, tuple) else [str(value)])
    return dict(counted)
