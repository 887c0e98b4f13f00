"""The default engine: tantivy.

Three characters at each place prove a phrase; one and two need no place. The folder of the index
can be thrown away and built anew.

tantivy's commit takes no payload in Python, so the place in the feed is a document of the index
itself: it is there with the documents of the same commit, or not at all.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import tantivy
from tantivy import FieldType, Occur, Query

from search.analysis import GAP, GRAM, fold, spaced_grams
from search.documents import Document
from search.index import (
    FACETS,
    SCHEMA,
    TIERS,
    Hit,
    IndexedVolume,
    Request,
    SearchResult,
    Sort,
    Stats,
    Tier,
    counted,
    folded_texts,
    hit_of,
    kept_facts,
    kept_texts,
    mark,
    read_mark,
)
from search.tantivy_queries import DESCENDING, KEYS, QueryBuilder, all_of, combines

NAME = "tantivy"
_HEAP = 128_000_000
_BATCH = 10_000
_BUCKETS = 1000
# tantivy-py 0.27 deletes nothing by the term of a number (of 1, for one), so the volume is a word.
_RAW = ("code", "case_no", "scope", "named", "volume", "kind")


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("text", "head", "names"):
        builder.add_text_field(name, tokenizer_name="grams", index_option="position")
        builder.add_text_field(f"{name}_short", tokenizer_name="short", index_option="basic")
    for name in _RAW:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (*FACETS, "fonds"):
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    for name in ("date_key", "code_key", "completed"):
        builder.add_unsigned_field(name, fast=True)
    builder.add_unsigned_field("cursor", stored=True)
    for name in ("facts", "texts"):
        builder.add_bytes_field(name, stored=True)
    return builder.build()


class TantivyIndex:
    """A `SearchIndex` on tantivy."""

    def __init__(self, folder: Path) -> None:
        """Open the index in a folder, or begin one there."""
        folder.mkdir(parents=True, exist_ok=True)
        self._schema = _schema()
        self._index = tantivy.Index(self._schema, path=str(folder))
        self._index.register_tokenizer(
            "grams", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        )
        # tantivy's own n-grams all stand at place 0, which is enough where no place is asked for.
        self._index.register_tokenizer(
            "short", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.ngram(1, GRAM - 1)).build()
        )
        self._index.config_reader("manual")
        self._index.reload()
        self._meta = folder / "meta.json"
        self._seen = self._stamp()
        self._lock = threading.Lock()
        self._writer: tantivy.IndexWriter | None = None

    def _stamp(self) -> tuple[int, int]:
        status = self._meta.stat()
        return status.st_mtime_ns, status.st_ino

    def _searcher(self) -> tantivy.Searcher:
        """Return a searcher of the last commit, of whatever process.

        Each commit puts a new meta.json in place.
        """
        stamp = self._stamp()
        if stamp != self._seen:
            with self._lock:
                self._index.reload()
                self._seen = stamp
        return self._index.searcher()

    def _open_writer(self) -> tantivy.IndexWriter:
        # One long-lived writer of one thread: several small ones leave orphaned segments and
        # contend for the lock.
        if self._writer is None:
            self._writer = self._index.writer(_HEAP, 1)
        return self._writer

    def replace(self, volume_id: int, document: Document | None) -> None:
        """See `SearchIndex.replace`."""
        writer = self._open_writer()
        writer.delete_documents_by_term("volume", str(volume_id))
        if document is not None:
            writer.add_document(_fields_of(document, self._schema))

    def commit(self, cursor: int) -> None:
        """See `SearchIndex.commit`."""
        writer = self._open_writer()
        writer.delete_documents_by_term("kind", "cursor")
        mark_document = tantivy.Document()
        mark_document.add_text("kind", "cursor")
        mark_document.add_unsigned("cursor", cursor)
        writer.add_document(mark_document)
        writer.commit()

    def search(self, request: Request) -> SearchResult:
        """See `SearchIndex.search`."""
        searcher = self._searcher()
        build = QueryBuilder(self._schema)
        base = build.permitted(request)
        result = _page(searcher, build, base, request)
        return replace(
            result,
            facets=_facets(searcher, base, [name for name in request.facets if name in FACETS]),
        )

    def stats(self) -> Stats:
        """See `SearchIndex.stats`."""
        searcher = self._searcher()
        hits = searcher.search(
            Query.term_query(self._schema, "kind", "cursor", "basic"), limit=1
        ).hits
        cursor = searcher.doc(hits[0][1]).get_first("cursor") if hits else 0
        return Stats(NAME, SCHEMA, int(cursor or 0), searcher.num_docs - len(hits))

    def volumes(self) -> Iterator[IndexedVolume]:
        """See `SearchIndex.volumes`."""
        searcher = self._searcher()
        for _, address in _all(searcher, self._schema):
            facts = json.loads(bytes(searcher.doc(address).get_first("facts") or b""))
            yield IndexedVolume(facts["volume_id"], facts["code"], facts["version"])

    def close(self) -> None:
        """See `SearchIndex.close`."""
        if self._writer is not None:
            # Not rollback: it begins a new writer and leaves the merges of the old one running
            # unawaited.
            self._writer.wait_merging_threads()
            self._writer = None


def _fields_of(document: Document, schema: tantivy.Schema) -> tantivy.Document:
    head, pages = folded_texts(document)
    # A gap keeps the ends of two names, and of two pages, apart: nobody can type it.
    parts = {
        "text": GAP.join((head, *pages)),
        "head": head,
        "names": GAP.join(fold(name) for name in document.names),
    }
    fields: dict[str, Any] = {
        **{name: spaced_grams(text) for name, text in parts.items()},
        **{f"{name}_short": text for name, text in parts.items()},
        "named": [fold(name) for name in document.names],
        "code": fold(document.code),
        "case_no": fold(document.case_no),
        "scope": list(document.scope),
        "fonds": document.fonds,
        "series": document.series,
        "district": document.district,
        "receive_org": document.receive_org,
        "domicile_org": document.domicile_org,
        "item": document.item,
        "sources": list(document.sources),
        "year": str(document.year),
        "date_key": document.date_key,
        "code_key": document.code_key,
        "completed": document.completed_on.toordinal(),
        "volume": str(document.volume_id),
        "facts": json.dumps(kept_facts(document), ensure_ascii=False).encode(),
        "texts": json.dumps(kept_texts(document, pages), ensure_ascii=False).encode(),
    }
    return tantivy.Document.from_dict(fields, schema)


def _all(
    searcher: tantivy.Searcher, schema: tantivy.Schema
) -> Iterator[tuple[int, tantivy.DocAddress]]:
    documents = Query.boolean_query(
        [
            (Occur.Must, Query.all_query()),
            (Occur.MustNot, Query.term_query(schema, "kind", "cursor", "basic")),
        ]
    )
    wanted = documents
    while True:
        hits = searcher.search(
            wanted, limit=_BATCH, count=False, order_by_field="date_key", order=tantivy.Order.Asc
        ).hits
        yield from hits
        if len(hits) < _BATCH:
            return
        wanted = all_of(
            documents,
            Query.range_query(
                schema, "date_key", FieldType.Unsigned, hits[-1][0], None, include_lower=False
            ),
        )


def _page(
    searcher: tantivy.Searcher, build: QueryBuilder, base: Query, request: Request
) -> SearchResult:
    """Return hits in order, the mark after which more come, and the total.

    By relevance they come tier by tier.
    """
    tier_after, key_after = (
        read_mark(request.after, request.sort) if request.after else (None, None)
    )
    entries: list[tuple[Tier | None, int, tantivy.DocAddress]] = []
    total: int | None = 0
    # A combination is expensive and often matches nothing: one search instead of one for each tier.
    if combines(request.query) and not _sorted(searcher, base, 1, request.sort)[1]:
        return SearchResult((), 0, {}, None)
    for tier in TIERS if request.sort is Sort.RELEVANCE else (None,):
        # One more than asked tells whether a further page is due.
        missing = request.limit + 1 - len(entries)
        added = build.tier(tier, request) if tier is not None else Query.all_query()
        if added is None or (tier is not None and tier_after is not None and tier < tier_after):
            continue
        if missing == 0:
            # A later tier is not walked through when the page is full: all are counted at once.
            total = None
            break
        asked = all_of(base, added)
        if key_after is not None and tier == tier_after:
            asked = all_of(asked, build.beyond(request.sort, key_after))
        hits, count = _sorted(searcher, asked, missing, request.sort)
        entries += [(tier, key, address) for key, address in hits]
        total = (total or 0) + count
    if request.after or total is None:
        total = _sorted(searcher, base, 1, request.sort)[1]
    shown = entries[: request.limit]
    following = (
        mark(request.sort, shown[-1][0], shown[-1][1])
        if len(entries) > request.limit and shown
        else None
    )
    return SearchResult(
        tuple(_hit(searcher.doc(address), request) for _, _, address in shown), total, {}, following
    )


def _hit(document: tantivy.Document, request: Request) -> Hit:
    facts, texts = (
        json.loads(bytes(document.get_first(name) or b"")) for name in ("facts", "texts")
    )
    return hit_of(facts, texts, request.query)


def _sorted(
    searcher: tantivy.Searcher, asked: Query, limit: int, sort: Sort
) -> tuple[list[tuple[int, tantivy.DocAddress]], int]:
    """Return the first hits by their key, and the count of all.

    Sorting by a key spares tantivy the scores, which cost more than the search.
    """
    order = tantivy.Order.Desc if sort in DESCENDING else tantivy.Order.Asc
    result = searcher.search(asked, limit=limit, order_by_field=KEYS[sort], order=order)
    return result.hits, result.count  # type: ignore[attr-defined]  # there, but not in the stubs


def _facets(
    searcher: tantivy.Searcher, base: Query, names: list[str]
) -> dict[str, tuple[tuple[str, int], ...]]:
    """Count all facets in one walk through the answers."""
    if not names:
        return {}
    answer = searcher.aggregate(
        base, {name: {"terms": {"field": name, "size": _BUCKETS}} for name in names}
    )
    return {
        name: counted((bucket["key"], bucket["doc_count"]) for bucket in answer[name]["buckets"])
        for name in names
    }
