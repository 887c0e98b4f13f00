"""The search index: one Protocol, implemented by each engine.

The contract suite `tests/contracts/test_search_index.py` holds them to it. Order is the same in
every engine. By relevance: volumes of whom the name is typed in full, then those found by their
facts, then those found by a page; within each the newest first. It depends on the document alone
and not on how often a word occurs in all others, so that a page mark stays right while documents
are added: paging neither loses nor doubles a document that was there all the time.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from archive.reference.citizen_id import mask_name
from search.analysis import fold
from search.documents import Document
from search.errors import BadCursorError
from search.snippets import Snippet, hide_names, snippet
from search.tree import Node, wanted

SCHEMA = 4
"""To be raised with every change of what is indexed or how it is folded.

An index of another schema is built anew.
"""

FACETS = ("series", "district", "receive_org", "domicile_org", "item", "sources", "year")


class Sort(StrEnum):
    """The order in which hits come."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"
    CODE = "code"


class Tier(StrEnum):
    """How well a volume answers; hits by relevance come tier by tier."""

    NAMED = "0"
    FACTS = "1"
    PAGES = "2"


_MARK = re.compile(r"(?P<sort>[a-z]+)\.(?P<tier>[012]?)\.(?P<key>[0-9a-f]{1,16})")
TIERS = (Tier.NAMED, Tier.FACTS, Tier.PAGES)
_MOST_PAGES = 50


@dataclass(frozen=True, slots=True)
class Request:
    """A question to the index.

    `scope` are the organisations whose records the reader may see: nothing else is in hits,
    counts, facets or snippets. `after` is the `next` of the page before.
    """

    query: Node
    scope: frozenset[str]
    sort: Sort = Sort.RELEVANCE
    limit: int = 20
    after: str | None = None
    facets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A volume that was found, as it may be shown to anyone in scope.

    Names, ID and telephone numbers are masked. `pages` are those on which something that was
    typed stands, at most 50; `page` the one of them that the snippet is of, or 0 when the facts
    say all that was typed.
    """

    volume_id: int
    version: int
    page: int
    pages: tuple[int, ...]
    code: str
    case_no: str
    item: str
    series: str
    year: int
    receive_org: str
    domicile_org: str
    completed_on: str
    names: tuple[str, ...]
    title: str
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of hits, how many there are in all, and the counts of the facets asked for.

    The greatest counts come first. `next` is None when no more hits follow.
    """

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """The state of an index; `cursor` is the last row of the feed that it holds."""

    engine: str
    schema: int
    cursor: int
    documents: int


@dataclass(frozen=True, slots=True)
class IndexedVolume:
    """A volume as the index holds it."""

    volume_id: int
    code: str
    version: int


class SearchIndex(Protocol):
    """An index in one folder.

    Any number of readers in any process; one writer in one process, which the caller guarantees.
    Nothing is seen before `commit`. What was committed, with its cursor, is there after the
    process is killed at any time.
    """

    def replace(self, volume_id: int, document: Document | None) -> None:
        """Put this in the place of the volume's document; None removes it."""
        ...

    def commit(self, cursor: int) -> None:
        """Make everything since the last commit seen and safe, with the place in the feed."""
        ...

    def search(self, request: Request) -> SearchResult:
        """Answer one question from the last commit. Raises BadCursorError."""
        ...

    def stats(self) -> Stats:
        """Return how much it holds, and how far it followed."""
        ...

    def volumes(self) -> Iterator[IndexedVolume]:
        """Yield every volume it holds, for comparison with the database."""
        ...

    def close(self) -> None:
        """Close the files and release the writer's lock, dropping what was not committed."""
        ...


def hit_of(facts: Mapping[str, Any], texts: Sequence[str], query: Node) -> Hit:
    """Return a hit from what an engine keeps of a document.

    That is what `kept_facts` and `kept_texts` returned.
    """
    names, numbers = tuple(facts["names"]), facts["pages"]
    texts, folded = texts[: len(numbers)], texts[len(numbers) :]
    terms = wanted(query)
    counts = [sum(term in text for term in terms) for text in folded]
    on = [place for place, count in enumerate(counts) if count]
    head = fold(facts["head"])
    # A hit in the facts shows the facts; else the page that holds most of what was typed.
    best = (
        None
        if all(term in head for term in terms)
        else max(on, key=counts.__getitem__, default=None)
    )
    return Hit(
        volume_id=facts["volume_id"],
        version=facts["version"],
        page=0 if best is None else numbers[best],
        pages=tuple(numbers[place] for place in on[:_MOST_PAGES]),
        code=facts["code"],
        case_no=facts["case_no"],
        item=facts["item"],
        series=facts["series"],
        year=facts["year"],
        receive_org=facts["receive_org"],
        domicile_org=facts["domicile_org"],
        completed_on=facts["completed_on"],
        names=tuple(mask_name(name) for name in names),
        title=hide_names(facts["title"], names),
        snippet=snippet(facts["head"] if best is None else texts[best], terms, names),
    )


def kept_facts(document: Document) -> dict[str, Any]:
    """Return what an engine keeps of a document, for hits and for `volumes`."""
    return {
        "volume_id": document.volume_id,
        "version": document.version,
        "code": document.code,
        "case_no": document.case_no,
        "item": document.item,
        "series": document.series,
        "year": document.year,
        "receive_org": document.receive_org,
        "domicile_org": document.domicile_org,
        "completed_on": document.completed_on.isoformat(),
        "names": document.names,
        "title": document.title,
        "head": document.head,
        "pages": [number for number, _ in document.pages],
    }


def kept_texts(document: Document, folded: Sequence[str]) -> list[str]:
    """Return the texts of the pages as they stand, then folded.

    Folding them again for every hit shown would take longer than the search.
    """
    return [*(text for _, text in document.pages), *folded]


def folded_texts(document: Document) -> tuple[str, list[str]]:
    """Return the head and each page as they are compared."""
    return fold(document.head), [fold(text) for _, text in document.pages]


def mark(sort: Sort, tier: Tier | None, key: int) -> str:
    """Return the `next` of a page: after which hit the following one begins."""
    return f"{sort}.{tier or ''}.{key:x}"


def read_mark(text: str, sort: Sort) -> tuple[Tier | None, int]:
    """Return tier and key of a mark.

    Raises BadCursorError for one that was not given out for this order.
    """
    match = _MARK.fullmatch(text)
    if match is None or match["sort"] != sort or (sort is Sort.RELEVANCE) != bool(match["tier"]):
        raise BadCursorError("翻页标记无效。", "请从第一页重新检索。")
    return (Tier(match["tier"]) if match["tier"] else None), int(match["key"], 16)


def counted(counts: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return facet counts in order: greatest first, then by value."""
    return tuple(sorted(counts, key=lambda pair: (-pair[1], pair[0])))
