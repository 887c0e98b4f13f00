"""The search index: one Protocol, kept by each engine and proved by one contract suite (`tests/contracts/test_search_index.py`).

Order is the same in every engine. By relevance: volumes of whom the name is typed in full, then volumes, then pages; within each the newest
first. It depends on the document alone and not on how often a word occurs in all others, so that a page mark stays right while documents
are added: paging neither loses nor doubles a document that was there all the time.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from archive.citizen_id import mask_name
from search.documents import Document
from search.errors import BadCursorError
from search.snippets import Snippet, hide_names, snippet
from search.tree import Node, asks_for_text, wanted

SCHEMA = 1
"""Raised by whoever changes what is indexed or how it is folded; an index of another schema is built anew."""

FACETS = ("kind", "series", "district", "receive_org", "domicile_org", "item", "sources", "year")


class Sort(StrEnum):
    """In which order hits come."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"
    CODE = "code"


class Tier(StrEnum):
    """How well a document answers; hits by relevance come tier by tier."""

    NAMED = "0"
    VOLUME = "1"
    PAGE = "2"


_MARK = re.compile(r"(?P<sort>[a-z]+)\.(?P<tier>[012]?)\.(?P<key>[0-9a-f]{1,16})")
TIERS = (Tier.NAMED, Tier.VOLUME, Tier.PAGE)


@dataclass(frozen=True, slots=True)
class Request:
    """One question. `scope` are the organisations whose records the reader may see: nothing else is in hits, counts, facets or snippets.

    `after` is the `next` of the page before. `kinds` None: pages are asked only when there is free text to find in them.
    """

    query: Node
    scope: frozenset[str]
    sort: Sort = Sort.RELEVANCE
    limit: int = 20
    after: str | None = None
    facets: tuple[str, ...] = ()
    kinds: frozenset[str] | None = None

    @property
    def kinds_asked(self) -> frozenset[str]:
        """`volume`, `page` or both."""
        if self.kinds is not None:
            return self.kinds
        return frozenset({"volume", "page"} if asks_for_text(self.query) else {"volume"})


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found, as it may be shown to anyone in scope: names, ID and telephone numbers are masked. `page` 0 is the volume itself."""

    volume_id: int
    version: int
    page: int
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
class Found:
    """One page of hits, how many there are in all, and the counts of the facets asked for, greatest first. `next` None: no more."""

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """`cursor` is the last row of the feed that the index holds."""

    engine: str
    schema: int
    cursor: int
    documents: int


@dataclass(frozen=True, slots=True)
class HeldVolume:
    """A volume as the index holds it: `texts` pages expected, `pages` of them there."""

    volume_id: int
    code: str
    version: int
    texts: int
    pages: int


class SearchIndex(Protocol):
    """An index in one folder. Any number of readers in any process; one writer in one process, which the caller guarantees.

    Nothing is seen before `commit`. What was committed, with its cursor, is there after the process is killed at any time.
    """

    def replace(self, volume_id: int, documents: Collection[Document]) -> None:
        """Put these in the place of all documents of the volume; none removes it."""
        ...

    def commit(self, cursor: int) -> None:
        """Make everything since the last commit seen and safe, together with the place in the feed."""
        ...

    def search(self, request: Request) -> Found:
        """Answer one question from the last commit. Raises BadCursorError."""
        ...

    def stats(self) -> Stats:
        """How much it holds, and how far it followed."""
        ...

    def volumes(self) -> Iterator[HeldVolume]:
        """Every volume it holds, for comparison with the database."""
        ...

    def close(self) -> None:
        """Give files and the writer's lock back; what was not committed is forgotten."""
        ...


def hit_of(document: Mapping[str, object], query: Node) -> Hit:
    """A hit from the fields that an engine keeps of a document (`stored`)."""
    names = tuple(str(document["names"]).split("\n")) if document["names"] else ()
    return Hit(
        volume_id=int(str(document["volume_id"])),
        version=int(str(document["version"])),
        page=int(str(document["page"])),
        code=str(document["code"]),
        case_no=str(document["case_no"]),
        item=str(document["item"]),
        series=str(document["series"]),
        year=int(str(document["year"])),
        receive_org=str(document["receive_org"]),
        domicile_org=str(document["domicile_org"]),
        completed_on=str(document["completed_on"]),
        names=tuple(mask_name(one) for one in names),
        title=hide_names(str(document["title"]), names),
        snippet=snippet(str(document["body"]), wanted(query), names),
    )


def stored(document: Document) -> dict[str, str | int]:
    """The fields an engine keeps of a document, for hits and for `volumes`."""
    return {
        "volume_id": document.volume_id,
        "version": document.version,
        "page": document.page,
        "texts": document.texts,
        "code": document.code,
        "case_no": document.case_no,
        "item": document.item,
        "series": document.series,
        "year": document.year,
        "receive_org": document.receive_org,
        "domicile_org": document.domicile_org,
        "completed_on": document.completed_on.isoformat(),
        "names": "\n".join(document.names),
        "title": document.title,
        "body": document.text,
    }


def mark(sort: Sort, tier: Tier | None, key: int) -> str:
    """The `next` of a page: after which hit the following one begins."""
    return f"{sort}.{tier or ''}.{key:x}"


def read_mark(text: str, sort: Sort) -> tuple[Tier | None, int]:
    """Tier and key of a mark. Raises BadCursorError for one that was not given out for this order."""
    found = _MARK.fullmatch(text)
    if found is None or found["sort"] != sort or (sort is Sort.RELEVANCE) != bool(found["tier"]):
        raise BadCursorError("翻页标记无效。", "请从第一页重新检索。")
    return (Tier(found["tier"]) if found["tier"] else None), int(found["key"], 16)


def counted(counts: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Facet counts: greatest first, then by value."""
    return tuple(sorted(counts, key=lambda one: (-one[1], one[0])))
