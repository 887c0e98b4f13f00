"""The default engine: tantivy. Three characters at each place prove a phrase; one and two need no place. Its folder can be thrown away.

tantivy's commit takes no payload in Python, so the place in the feed is a document of the index itself: it is there with the documents of
the same commit, or not at all.
"""

import json
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import tantivy
from tantivy import FieldType, Occur, Query

from search import tree as ask
from search.analysis import GAP, GRAM, fold, grams, spaced_grams
from search.documents import Document
from search.index import (
    FACETS,
    SCHEMA,
    TIERS,
    Found,
    HeldVolume,
    Hit,
    Request,
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

NAME = "tantivy"
_HEAP = 128_000_000
_BATCH = 10_000
_BUCKETS = 1000
_SPECIAL = frozenset("\\.+*?()|[]{}^$#&-~")
# tantivy-py 0.27 deletes nothing by the term of a number (of 1, for one), so the volume is a word.
_RAW = ("code", "case_no", "scope", "named", "volume", "kind")
_KEYS = {
    Sort.RELEVANCE: "date_key",
    Sort.NEWEST: "date_key",
    Sort.OLDEST: "date_key",
    Sort.CODE: "code_key",
}
_DESCENDING = {Sort.RELEVANCE, Sort.NEWEST}


def _schema() -> tantivy.Schema:
    made = tantivy.SchemaBuilder()
    for name in ("text", "head", "names"):
        made.add_text_field(name, tokenizer_name="grams", index_option="position")
        made.add_text_field(f"{name}_short", tokenizer_name="short", index_option="basic")
    for name in _RAW:
        made.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (*FACETS, "fonds"):
        made.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    for name in ("date_key", "code_key", "completed"):
        made.add_unsigned_field(name, fast=True)
    made.add_unsigned_field("cursor", stored=True)
    for name in ("facts", "texts"):
        made.add_bytes_field(name, stored=True)
    return made.build()


class TantivyIndex:
    """`SearchIndex` on tantivy."""

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
        found = self._meta.stat()
        return found.st_mtime_ns, found.st_ino

    def _searcher(self) -> tantivy.Searcher:
        """The last commit, of whatever process: each one puts a new meta.json in place."""
        stamp = self._stamp()
        if stamp != self._seen:
            with self._lock:
                self._index.reload()
                self._seen = stamp
        return self._index.searcher()

    def _open_writer(self) -> tantivy.IndexWriter:
        # One long-lived writer of one thread: several small ones leave orphaned segments and contend for the lock.
        if self._writer is None:
            self._writer = self._index.writer(_HEAP, 1)
        return self._writer

    def replace(self, volume_id: int, document: Document | None) -> None:
        """See `SearchIndex.replace`."""
        writer = self._open_writer()
        writer.delete_documents_by_term("volume", str(volume_id))
        if document is not None:
            writer.add_document(_made(document, self._schema))

    def commit(self, cursor: int) -> None:
        """See `SearchIndex.commit`."""
        writer = self._open_writer()
        writer.delete_documents_by_term("kind", "cursor")
        mark_document = tantivy.Document()
        mark_document.add_text("kind", "cursor")
        mark_document.add_unsigned("cursor", cursor)
        writer.add_document(mark_document)
        writer.commit()

    def search(self, request: Request) -> Found:
        """See `SearchIndex.search`."""
        searcher = self._searcher()
        build = _Builder(self._schema)
        base = build.permitted(request)
        found = _page(searcher, build, base, request)
        return replace(
            found,
            facets=_facets(searcher, base, [name for name in request.facets if name in FACETS]),
        )

    def stats(self) -> Stats:
        """See `SearchIndex.stats`."""
        searcher = self._searcher()
        found = searcher.search(
            Query.term_query(self._schema, "kind", "cursor", "basic"), limit=1
        ).hits
        cursor = searcher.doc(found[0][1]).get_first("cursor") if found else 0
        return Stats(NAME, SCHEMA, int(cursor or 0), searcher.num_docs - len(found))

    def volumes(self) -> Iterator[HeldVolume]:
        """See `SearchIndex.volumes`."""
        searcher = self._searcher()
        for _, address in _all(searcher, self._schema):
            facts = json.loads(bytes(searcher.doc(address).get_first("facts") or b""))
            yield HeldVolume(facts["volume_id"], facts["code"], facts["version"])

    def close(self) -> None:
        """See `SearchIndex.close`."""
        if self._writer is not None:
            # Not rollback: it begins a new writer and leaves the merges of the old one running with nobody to wait for them.
            self._writer.wait_merging_threads()
            self._writer = None


def _made(one: Document, schema: tantivy.Schema) -> tantivy.Document:
    head, pages = folded_texts(one)
    # A gap keeps the ends of two names, and of two pages, apart: nobody can type it.
    parts = {
        "text": GAP.join((head, *pages)),
        "head": head,
        "names": GAP.join(fold(name) for name in one.names),
    }
    fields: dict[str, Any] = {
        **{name: spaced_grams(text) for name, text in parts.items()},
        **{f"{name}_short": text for name, text in parts.items()},
        "named": [fold(name) for name in one.names],
        "code": fold(one.code),
        "case_no": fold(one.case_no),
        "scope": list(one.scope),
        "fonds": one.fonds,
        "series": one.series,
        "district": one.district,
        "receive_org": one.receive_org,
        "domicile_org": one.domicile_org,
        "item": one.item,
        "sources": list(one.sources),
        "year": str(one.year),
        "date_key": one.date_key,
        "code_key": one.code_key,
        "completed": one.completed_on.toordinal(),
        "volume": str(one.volume_id),
        "facts": json.dumps(kept_facts(one), ensure_ascii=False).encode(),
        "texts": json.dumps(kept_texts(one, pages), ensure_ascii=False).encode(),
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
    asked = documents
    while True:
        hits = searcher.search(
            asked, limit=_BATCH, count=False, order_by_field="date_key", order=tantivy.Order.Asc
        ).hits
        yield from hits
        if len(hits) < _BATCH:
            return
        asked = _both(
            documents,
            Query.range_query(
                schema, "date_key", FieldType.Unsigned, hits[-1][0], None, include_lower=False
            ),
        )


def _both(*queries: Query) -> Query:
    return Query.boolean_query([(Occur.Must, one) for one in queries])


def _any(queries: Iterable[Query]) -> Query:
    made = [(Occur.Should, one) for one in queries]
    return Query.boolean_query(made) if made else Query.empty_query()


class _Builder:
    """The tree of `search.query` in tantivy's queries."""

    def __init__(self, schema: tantivy.Schema) -> None:
        self._schema = schema
        self._leaves: dict[tuple[ask.Node, str], Query] = {}

    def permitted(self, request: Request) -> Query:
        """What was asked, within the reader's scope."""
        return _both(self._among("scope", request.scope), self.of(request.query, "text"))

    def of(self, node: ask.Node, text: str) -> Query:
        """The tree, its free text looked for in this field."""
        if isinstance(node, ask.And):
            # A denial beside what is asked for is only looked at where that is found; alone it would deny from all there is.
            denied = [
                (Occur.MustNot, self.of(part.part, text))
                for part in node.parts
                if isinstance(part, ask.Not)
            ]
            asked = [
                (Occur.Must, self.of(part, text))
                for part in node.parts
                if not isinstance(part, ask.Not)
            ]
            return Query.boolean_query([*(asked or [(Occur.Must, Query.all_query())]), *denied])
        if isinstance(node, ask.Or):
            return _any(self.of(part, text) for part in node.parts)
        if isinstance(node, ask.Not):
            # A query that only denies finds nothing in tantivy: it must deny from something.
            return Query.boolean_query(
                [(Occur.Must, Query.all_query()), (Occur.MustNot, self.of(node.part, text))]
            )
        # Each tier asks the same leaves again, and that of a prefix is dear to make.
        key = (node, text if isinstance(node, ask.Text) else "")
        if key not in self._leaves:
            self._leaves[key] = self._leaf(node, text)
        return self._leaves[key]

    def _leaf(self, node: ask.Node, text: str) -> Query:  # noqa: PLR0911 - one line a kind of leaf
        match node:
            case ask.Everything():
                return Query.all_query()
            case ask.Text(value):
                return self._part(text, value)
            case ask.Name(value):
                return self._part("names", value)
            case ask.Beginning(field, value):
                return Query.regex_query(
                    self._schema, str(field), "".join(_literal(one) for one in value) + ".*"
                )
            case ask.Among(field, values):
                return self._among(str(field), values)
            case ask.Completed(first, last):
                return Query.range_query(
                    self._schema,
                    "completed",
                    FieldType.Unsigned,
                    first.toordinal(),
                    last.toordinal(),
                )
            case ask.Volumes(ids):
                return self._among("volume", [str(one) for one in ids])
        return Query.empty_query()

    def _part(self, field: str, value: str) -> Query:
        """An exact part: up to two characters as they are, three as one gram, more as grams at their places."""
        if len(value) < GRAM:
            return (
                Query.term_query(self._schema, f"{field}_short", value, "basic")
                if value
                else Query.all_query()
            )
        parts = grams(value)
        if len(parts) == 1:
            return Query.term_query(self._schema, field, value, "position")
        # Every third gram, and the last: together they cover each character at its place, at a third of the price of all.
        places = sorted({*range(0, len(parts), GRAM), len(parts) - 1})
        return Query.phrase_query(self._schema, field, [(place, parts[place]) for place in places])

    def _among(self, field: str, values: Collection[str]) -> Query:
        return _any(Query.term_query(self._schema, field, one, "basic") for one in sorted(values))

    def tier(self, tier: Tier, request: Request) -> Query | None:
        """What a tier adds to the permitted query; None when nothing can be in it."""
        wanted = ask.wanted(request.query)
        named = self._among("named", wanted)
        if tier is Tier.NAMED:
            return named if wanted else None
        others = [(Occur.MustNot, named)] if wanted else []
        if not ask.asks_for_text(request.query):
            return (
                Query.boolean_query([(Occur.Must, Query.all_query()), *others])
                if tier is Tier.FACTS
                else None
            )
        facts = self.of(_asserted(request.query), "head")
        if tier is Tier.FACTS:
            return Query.boolean_query([(Occur.Must, facts), *others])
        return Query.boolean_query(
            [(Occur.Must, Query.all_query()), (Occur.MustNot, facts), *others]
        )

    def beyond(self, sort: Sort, key: int) -> Query:
        """What comes after a key in the order of a sort."""
        name = _KEYS[sort]
        if sort in _DESCENDING:
            return Query.range_query(
                self._schema, name, FieldType.Unsigned, None, key, include_upper=False
            )
        return Query.range_query(
            self._schema, name, FieldType.Unsigned, key, None, include_lower=False
        )


def _combines(node: ask.Node) -> bool:
    return isinstance(node, ask.Or | ask.Not) or (
        isinstance(node, ask.And) and any(map(_combines, node.parts))
    )


def _asserted(node: ask.Node) -> ask.Node:
    """The tree without what it denies as a whole: that is out already where this is asked, and a denial alone would walk through all."""
    kept = (
        tuple(part for part in node.parts if not isinstance(part, ask.Not))
        if isinstance(node, ask.And)
        else ()
    )
    return ask.And(kept) if kept else node


def _literal(character: str) -> str:
    return (
        character
        if character.isalnum()
        else f"\\{character}"
        if character in _SPECIAL
        else character
    )


def _page(searcher: tantivy.Searcher, build: _Builder, base: Query, request: Request) -> Found:
    """Hits in order, tier by tier when by relevance, the mark after which more come, and the total."""
    tier_after, key_after = (
        read_mark(request.after, request.sort) if request.after else (None, None)
    )
    found: list[tuple[Tier | None, int, tantivy.DocAddress]] = []
    total: int | None = 0
    if _combines(request.query) and not _sorted(searcher, base, 1, request.sort)[1]:
        return Found(
            (), 0, {}, None
        )  # what combines parts is dear and often finds nothing: one look instead of one for each tier
    for tier in TIERS if request.sort is Sort.RELEVANCE else (None,):
        # One more than asked tells whether a further page is due.
        missing = request.limit + 1 - len(found)
        added = build.tier(tier, request) if tier is not None else Query.all_query()
        if added is None or (tier is not None and tier_after is not None and tier < tier_after):
            continue
        if missing == 0:
            total = None  # a later tier is not walked through when the page is full: all are counted at once
            break
        asked = _both(base, added)
        if key_after is not None and tier == tier_after:
            asked = _both(asked, build.beyond(request.sort, key_after))
        hits, count = _sorted(searcher, asked, missing, request.sort)
        found += [(tier, key, address) for key, address in hits]
        total = (total or 0) + count
    if request.after or total is None:
        total = _sorted(searcher, base, 1, request.sort)[1]
    shown = found[: request.limit]
    following = (
        mark(request.sort, shown[-1][0], shown[-1][1])
        if len(found) > request.limit and shown
        else None
    )
    return Found(
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
    """The first hits by their key, and the count of all. Sorting by a key spares tantivy the scores, which cost more than the search."""
    order = tantivy.Order.Desc if sort in _DESCENDING else tantivy.Order.Asc
    found = searcher.search(asked, limit=limit, order_by_field=_KEYS[sort], order=order)
    return found.hits, found.count  # type: ignore[attr-defined]  # there, but not in the stubs


def _facets(
    searcher: tantivy.Searcher, base: Query, names: list[str]
) -> dict[str, tuple[tuple[str, int], ...]]:
    """All facets in one walk through the answers."""
    if not names:
        return {}
    made = searcher.aggregate(
        base, {name: {"terms": {"field": name, "size": _BUCKETS}} for name in names}
    )
    return {
        name: counted((bucket["key"], bucket["doc_count"]) for bucket in made[name]["buckets"])
        for name in names
    }
