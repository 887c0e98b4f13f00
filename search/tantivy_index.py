"""The default engine: tantivy, bigrams made here, adjacency by phrase queries. Its folder can be thrown away and built anew.

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
from search.analysis import bigrams, fold
from search.documents import Document, volume_and_page
from search.index import FACETS, SCHEMA, TIERS, Found, HeldVolume, Request, Sort, Stats, Tier, counted, hit_of, mark, read_mark, stored

NAME = "tantivy"
_HEAP = 128_000_000
_BATCH = 10_000
_BUCKETS = 1000
_SPECIAL = frozenset("\\.+*?()|[]{}^$#&-~")
# tantivy-py 0.27 deletes nothing by the term of a number (of 1, for one), so the volume is a word.
_RAW = ("code", "case_no", "scope", "named", "volume")
_KEYS = {Sort.RELEVANCE: "date_key", Sort.NEWEST: "date_key", Sort.OLDEST: "date_key", Sort.CODE: "code_key"}
_DESCENDING = {Sort.RELEVANCE, Sort.NEWEST}


def _schema() -> tantivy.Schema:
    made = tantivy.SchemaBuilder()
    for name in ("text", "names"):
        made.add_text_field(name, tokenizer_name="grams", index_option="position")
    # One character has no neighbour: who looks for 王 asks a field of single characters, which needs no positions.
    for name in ("text_one", "names_one"):
        made.add_text_field(name, tokenizer_name="grams", index_option="basic")
    for name in _RAW:
        made.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (*FACETS, "fonds"):
        made.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    for name in ("date_key", "code_key", "completed"):
        made.add_unsigned_field(name, fast=True)
    made.add_unsigned_field("cursor", stored=True)
    made.add_bytes_field("kept", stored=True)
    return made.build()


class TantivyIndex:
    """`SearchIndex` on tantivy."""

    def __init__(self, folder: Path) -> None:
        """Open the index in a folder, or begin one there."""
        folder.mkdir(parents=True, exist_ok=True)
        self._schema = _schema()
        self._index = tantivy.Index(self._schema, path=str(folder))
        self._index.register_tokenizer("grams", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
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

    def replace(self, volume_id: int, documents: Collection[Document]) -> None:
        """See `SearchIndex.replace`."""
        writer = self._open_writer()
        writer.delete_documents_by_term("volume", str(volume_id))
        for one in documents:
            writer.add_document(_made(one, self._schema))

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
        return replace(found, facets={name: _facet(searcher, base, name) for name in request.facets if name in FACETS})

    def stats(self) -> Stats:
        """See `SearchIndex.stats`."""
        searcher = self._searcher()
        found = searcher.search(Query.term_query(self._schema, "kind", "cursor", "basic"), limit=1).hits
        cursor = searcher.doc(found[0][1]).get_first("cursor") if found else 0
        return Stats(NAME, SCHEMA, int(cursor or 0), searcher.num_docs - len(found))

    def volumes(self) -> Iterator[HeldVolume]:
        """See `SearchIndex.volumes`."""
        searcher = self._searcher()
        held: HeldVolume | None = None
        # By date all documents of a volume stand together, the volume itself first, and the key tells which is which.
        for key, address in _all(searcher, self._schema):
            volume_id, page = volume_and_page(key)
            if held is None or held.volume_id != volume_id:
                if held is not None:
                    yield held
                held = _held(searcher, address, volume_id, page)
            elif page:
                held = replace(held, pages=held.pages + 1)
        if held is not None:
            yield held

    def close(self) -> None:
        """See `SearchIndex.close`."""
        if self._writer is not None:
            # Not rollback: it begins a new writer and leaves the merges of the old one running with nobody to wait for them.
            self._writer.wait_merging_threads()
            self._writer = None


def _made(one: Document, schema: tantivy.Schema) -> tantivy.Document:
    folded, names = fold(one.text), [fold(name) for name in one.names]
    fields: dict[str, Any] = {
        "text": " ".join(bigrams(folded)),
        "text_one": " ".join(set(folded)),
        # A token of its own between two names keeps their ends apart.
        "names": " ␞ ".join(" ".join(bigrams(name)) for name in names),
        "names_one": " ".join(set("".join(names))),
        "named": names,
        "code": fold(one.code),
        "case_no": fold(one.case_no),
        "scope": list(one.scope),
        "kind": "page" if one.page else "volume",
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
        "kept": json.dumps(stored(one), ensure_ascii=False).encode(),
    }
    return tantivy.Document.from_dict(fields, schema)


def _kept(searcher: tantivy.Searcher, address: tantivy.DocAddress) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(bytes(searcher.doc(address).get_first("kept") or b"{}"))
    return kept


def _all(searcher: tantivy.Searcher, schema: tantivy.Schema) -> Iterator[tuple[int, tantivy.DocAddress]]:
    documents = Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, Query.term_query(schema, "kind", "cursor", "basic"))])
    asked = documents
    while True:
        hits = searcher.search(asked, limit=_BATCH, count=False, order_by_field="date_key", order=tantivy.Order.Asc).hits
        yield from hits
        if len(hits) < _BATCH:
            return
        asked = _both(documents, Query.range_query(schema, "date_key", FieldType.Unsigned, hits[-1][0], None, include_lower=False))


def _held(searcher: tantivy.Searcher, address: tantivy.DocAddress, volume_id: int, page: int) -> HeldVolume:
    kept = _kept(searcher, address)
    return HeldVolume(volume_id, kept["code"], 0 if page else kept["version"], kept["texts"], 1 if page else 0)


def _both(*queries: Query) -> Query:
    return Query.boolean_query([(Occur.Must, one) for one in queries])


def _any(queries: Iterable[Query]) -> Query:
    made = [(Occur.Should, one) for one in queries]
    return Query.boolean_query(made) if made else Query.empty_query()


class _Builder:
    """The tree of `search.query` in tantivy's queries."""

    def __init__(self, schema: tantivy.Schema) -> None:
        self._schema = schema

    def permitted(self, request: Request) -> Query:
        """What was asked, of the kinds asked, within the reader's scope."""
        kinds = [self._among("kind", request.kinds_asked)] if len(request.kinds_asked) != len(("volume", "page")) else []
        return _both(self._among("scope", request.scope), *kinds, self.of(request.query))

    def of(self, node: ask.Node) -> Query:
        if isinstance(node, ask.And):
            return _both(*(self.of(part) for part in node.parts))
        if isinstance(node, ask.Or):
            return _any(self.of(part) for part in node.parts)
        if isinstance(node, ask.Not):
            # A query that only denies finds nothing in tantivy: it must deny from something.
            return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, self.of(node.part))])
        return self._leaf(node)

    def _leaf(self, node: ask.Node) -> Query:  # noqa: PLR0911 - one line a kind of leaf
        match node:
            case ask.Everything():
                return Query.all_query()
            case ask.Text(value):
                return self._part("text", value)
            case ask.Name(value):
                return self._part("names", value)
            case ask.Beginning(field, value):
                return Query.regex_query(self._schema, str(field), "".join(_literal(one) for one in value) + ".*")
            case ask.Among(field, values):
                return self._among(str(field), values)
            case ask.Completed(first, last):
                return Query.range_query(self._schema, "completed", FieldType.Unsigned, first.toordinal(), last.toordinal())
            case ask.Volumes(ids):
                return self._among("volume", [str(one) for one in ids])
        return Query.empty_query()

    def _part(self, field: str, value: str) -> Query:
        """An exact part: one character in its own field, two as one bigram, more as bigrams side by side."""
        if len(value) == 1:
            return Query.term_query(self._schema, f"{field}_one", value, "basic")
        pairs = bigrams(value)
        if len(pairs) <= 1:
            return Query.term_query(self._schema, field, value, "position") if pairs else Query.all_query()
        # Every second bigram, and the last: together they cover each character at its place, at half the price of all.
        places = sorted({*range(0, len(pairs), 2), len(pairs) - 1})
        return Query.phrase_query(self._schema, field, [(place, pairs[place]) for place in places])

    def _among(self, field: str, values: Collection[str]) -> Query:
        return _any(Query.term_query(self._schema, field, one, "basic") for one in sorted(values))

    def tier(self, tier: Tier, request: Request) -> Query | None:
        """What a tier adds to the permitted query; None when nothing can be in it."""
        kinds, named = request.kinds_asked, self._among("named", ask.wanted(request.query))
        if tier is Tier.PAGE:
            return self._among("kind", {"page"}) if "page" in kinds else None
        if "volume" not in kinds:
            return None
        volume = self._among("kind", {"volume"})
        return _both(volume, named) if tier is Tier.NAMED else Query.boolean_query([(Occur.Must, volume), (Occur.MustNot, named)])

    def beyond(self, sort: Sort, key: int) -> Query:
        """What comes after a key in the order of a sort."""
        name = _KEYS[sort]
        if sort in _DESCENDING:
            return Query.range_query(self._schema, name, FieldType.Unsigned, None, key, include_upper=False)
        return Query.range_query(self._schema, name, FieldType.Unsigned, key, None, include_lower=False)


def _literal(character: str) -> str:
    return character if character.isalnum() else f"\\{character}" if character in _SPECIAL else character


def _page(searcher: tantivy.Searcher, build: _Builder, base: Query, request: Request) -> Found:
    """Hits in order, tier by tier when by relevance, the mark after which more come, and the total."""
    tier_after, key_after = read_mark(request.after, request.sort) if request.after else (None, None)
    found: list[tuple[Tier | None, int, tantivy.DocAddress]] = []
    total = 0
    for tier in TIERS if request.sort is Sort.RELEVANCE else (None,):
        added = build.tier(tier, request) if tier is not None else Query.all_query()
        if added is None or (tier is not None and tier_after is not None and tier < tier_after):
            continue
        asked = _both(base, added)
        if key_after is not None and tier == tier_after:
            asked = _both(asked, build.beyond(request.sort, key_after))
        # One more than asked tells whether a further page is due; a full page still has the rest to count.
        missing = request.limit + 1 - len(found)
        hits, count = _sorted(searcher, asked, max(missing, 1), request.sort)
        found += [(tier, key, address) for key, address in hits[:missing]]
        total += count
    if request.after:
        total = _sorted(searcher, base, 1, request.sort)[1]
    shown = found[: request.limit]
    following = mark(request.sort, shown[-1][0], shown[-1][1]) if len(found) > request.limit and shown else None
    return Found(tuple(hit_of(_kept(searcher, address), request.query) for _, _, address in shown), total, {}, following)


def _sorted(searcher: tantivy.Searcher, asked: Query, limit: int, sort: Sort) -> tuple[list[tuple[int, tantivy.DocAddress]], int]:
    """The first hits by their key, and the count of all. Sorting by a key spares tantivy the scores, which cost more than the search."""
    order = tantivy.Order.Desc if sort in _DESCENDING else tantivy.Order.Asc
    found = searcher.search(asked, limit=limit, order_by_field=_KEYS[sort], order=order)
    return found.hits, found.count  # type: ignore[attr-defined]  # there, but not in the stubs


def _facet(searcher: tantivy.Searcher, base: Query, name: str) -> tuple[tuple[str, int], ...]:
    buckets = searcher.aggregate(base, {"one": {"terms": {"field": name, "size": _BUCKETS}}})["one"]["buckets"]
    return counted((bucket["key"], bucket["doc_count"]) for bucket in buckets)
