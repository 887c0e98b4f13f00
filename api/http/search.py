"""Search for the command line, the API and pages.

Numbers are looked up in the database, the index answers within the reader's scope, and the rows
decide on every hit.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from archive.accession import blind_index
from archive.administration import daily_use
from archive.administration.daily_use import DailyLimits, Shown
from archive.administration.policy import Act, Reader, acts_of, search_scope
from archive.audit.acts import JournalAct
from archive.reference.local_time import LOCAL_TIME
from archive.usage.looks import AccessContext, journal_look
from archive.usage.reading_room import ReferenceData, visible
from search.index import Request, SearchResult, Sort
from search.query import Words, parse
from search.tree import BlindLookup, Node, numbers_asked, resolve, whole_numbers_only
from search.typed import doubts


def with_numbers(session: Session, tree: Node) -> Node:
    """Return the query with each ID or telephone number replaced by the volumes that name it."""
    return resolve(tree, lambda lookup: _naming(session, lookup))


def query_of(typed: str, words: Words, reader: Reader) -> Node:
    """Return the query of what a reader typed.

    A role that never sees numbers in plain looks for whole ones only. Raises QueryError.
    """
    tree = parse(typed, words)
    return tree if Act.VIEW_PLAIN in acts_of(reader.role) else whole_numbers_only(tree)


def look_up(
    session: Session,
    search: Callable[[Request], SearchResult],
    tree: Node,
    reader: Reader,
    reference: ReferenceData,
    *,
    sort: Sort,
    limit: int,
    after: str | None,
    facets: tuple[str, ...],
) -> SearchResult:
    """Return the hits that the reader may see by the rows; others are not counted."""
    answer = search(
        Request(with_numbers(session, tree), search_scope(reader), sort, limit, after, facets)
    )
    seen = visible(session, reader, {hit.volume_id for hit in answer.hits}, reference)
    shown = tuple(hit for hit in answer.hits if hit.volume_id in seen)
    return SearchResult(
        shown, answer.total - (len(answer.hits) - len(shown)), answer.facets, answer.next
    )


def _naming(session: Session, lookup: BlindLookup) -> Iterable[int]:
    return blind_index.volumes_naming(session, str(lookup.kind), lookup.value)


def public(answer: SearchResult) -> dict[str, Any]:
    """Return an answer as scripts read it."""
    return {
        "total": answer.total,
        "hits": [asdict(hit) for hit in answer.hits],
        "facets": {
            name: [{"value": value, "count": count} for value, count in rows]
            for name, rows in answer.facets.items()
        },
        "next": answer.next,
    }


def count_each_number(session: Session, reader: Reader, tree: Node, limits: DailyLimits) -> None:
    """Count each number that a query asks for. Raises DailyLimitError."""
    for _ in numbers_asked(tree):
        daily_use.count(session, reader.account, Shown.NUMBERS, limits.numbers)


def doubts_of(tree: Node) -> tuple[str, ...]:
    """Return in words what cannot be right in the numbers of a query."""
    return doubts(tree, datetime.now(LOCAL_TIME).date())


def journal_search(
    session: Session, reader: Reader, context: AccessContext, answer: SearchResult
) -> None:
    """Journal a search: how many hits, and the codes shown.

    What was typed may name a person, so only what came of it is kept.
    """
    codes = sorted({hit.code for hit in answer.hits})
    _journal(session, reader, context, answer.total, codes)


def journal_opening(
    session: Session, reader: Reader, context: AccessContext, codes: Sequence[str]
) -> None:
    """Journal a search by a code that was scanned, which showed these volumes."""
    _journal(session, reader, context, len(codes), codes)


def _journal(
    session: Session, reader: Reader, context: AccessContext, total: int, codes: Sequence[str]
) -> None:
    asked = AccessContext(context.purpose, operator=context.operator)
    journal_look(session, reader, JournalAct.SEARCH, "index", asked, total=total, shown=codes)
