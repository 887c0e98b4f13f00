"""The engine for one small station: whoosh, pure Python.

It suits names and codes; phrases grow slow with the pages. whoosh never calls fsync, so a power
cut may cost the index, never the archive: `yice reindex` builds it anew. It survives kills of the
process, as the new table of contents takes the place of the old one last. Sorting and counting
are done in this module over its columns.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from whoosh import fields, index, query, searching

from search import tree as ask
from search.analysis import GAP, GRAM, fold, grams, pairs, spaced_grams
from search.documents import Document
from search.index import (
    FACETS,
    SCHEMA,
    TIERS,
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

NAME = "whoosh"
_MEGABYTES = 64
_TEXTS = ("text", "head", "names")


def _schema() -> fields.Schema:
    # Splits at spaces, and keeps positions where they are asked for.
    grams = fields.KEYWORD().analyzer
    columns: dict[str, fields.FieldType] = {
        name: fields.TEXT(analyzer=grams, phrase=True) for name in _TEXTS
    }
    columns |= {
        name: fields.KEYWORD()
        for name in (*(f"{field}_short" for field in _TEXTS), "scope", "kind")
    }
    columns |= {name: fields.KEYWORD(commas=False, sortable=True) for name in (*FACETS, "named")}
    columns |= {name: fields.ID() for name in ("code", "case_no", "fonds")}
    columns |= {
        name: fields.NUMERIC(int, bits=64, signed=False, sortable=True)
        for name in ("date_key", "code_key")
    }
    columns |= {
        "volume_id": fields.ID(),
        "completed": fields.NUMERIC(int),
        "kept": fields.STORED(),
        "cursor": fields.STORED(),
    }
    return fields.Schema(**columns)


class WhooshIndex:
    """A `SearchIndex` on whoosh."""

    def __init__(self, folder: Path) -> None:
        """Open the index in a folder, or begin one there."""
        folder.mkdir(parents=True, exist_ok=True)
        self._index = (
            index.open_dir(str(folder))
            if index.exists_in(str(folder))
            else index.create_in(str(folder), _schema())
        )
        self._waiting: dict[int, Document | None] = {}

    def replace(self, volume_id: int, document: Document | None) -> None:
        """See `SearchIndex.replace`.

        The document is kept until the commit: a writer of whoosh deletes only what earlier ones
        committed.
        """
        self._waiting[volume_id] = document

    def commit(self, cursor: int) -> None:
        """See `SearchIndex.commit`."""
        writer = self._index.writer(limitmb=_MEGABYTES)
        try:
            for volume_id, document in self._waiting.items():
                writer.delete_by_term("volume_id", str(volume_id))
                if document is not None:
                    writer.add_document(**_fields_of(document))
            writer.delete_by_term("kind", "cursor")
            writer.add_document(kind="cursor", cursor=cursor)
        except BaseException:
            writer.cancel()
            raise
        writer.commit()
        self._waiting = {}

    def search(self, request: Request) -> SearchResult:
        """See `SearchIndex.search`."""
        with self._index.searcher() as searcher:
            numbers = list(searcher.docs_for_query(_permitted(request)))
            keys = _ordered(searcher, numbers, request)
            if request.after:
                keys = keys[_place_after(keys, request) :]
            shown = keys[: request.limit]
            following = (
                mark(request.sort, shown[-1][0], shown[-1][1])
                if shown and len(keys) > len(shown)
                else None
            )
            kept = [searcher.stored_fields(number)["kept"] for _, _, number in shown]
            hits = tuple(hit_of(facts, texts, request.query) for facts, texts in kept)
            facets = {
                name: _facet(searcher, numbers, name) for name in request.facets if name in FACETS
            }
            return SearchResult(hits, len(numbers), facets, following)

    def stats(self) -> Stats:
        """See `SearchIndex.stats`."""
        with self._index.searcher() as searcher:
            cursors = [
                searcher.stored_fields(number)["cursor"]
                for number in searcher.docs_for_query(query.Term("kind", "cursor"))
            ]
            return Stats(
                NAME, SCHEMA, cursors[0] if cursors else 0, searcher.doc_count() - len(cursors)
            )

    def volumes(self) -> Iterator[IndexedVolume]:
        """See `SearchIndex.volumes`."""
        with self._index.searcher() as searcher:
            for number in searcher.docs_for_query(_not(query.Term("kind", "cursor"))):
                facts, _ = searcher.stored_fields(number)["kept"]
                yield IndexedVolume(facts["volume_id"], facts["code"], facts["version"])

    def close(self) -> None:
        """See `SearchIndex.close`."""
        self._waiting = {}
        self._index.close()


def _fields_of(document: Document) -> dict[str, Any]:
    head, pages = folded_texts(document)
    names = [fold(name) for name in document.names]
    # A gap keeps the ends of two names, and of two pages, apart: nobody can type it.
    parts = {"text": GAP.join((head, *pages)), "head": head, "names": GAP.join(names)}
    return {
        **{name: spaced_grams(text) for name, text in parts.items()},
        **{f"{name}_short": " ".join({*text, *pairs(text)}) for name, text in parts.items()},
        "named": " ".join(names),
        "code": fold(document.code),
        "case_no": fold(document.case_no),
        "scope": " ".join(document.scope),
        "fonds": document.fonds,
        "series": document.series,
        "district": document.district,
        "receive_org": document.receive_org,
        "domicile_org": document.domicile_org,
        "item": document.item,
        "sources": " ".join(document.sources),
        "year": str(document.year),
        "date_key": document.date_key,
        "code_key": document.code_key,
        "completed": document.completed_on.toordinal(),
        "volume_id": str(document.volume_id),
        "kept": (kept_facts(document), kept_texts(document, pages)),
    }


def _permitted(request: Request) -> query.Query:
    return query.And([_among("scope", request.scope), _of(request.query, "text")])


def _among(field: str, values: Iterable[str]) -> query.Query:
    terms = [query.Term(field, value) for value in values]
    return query.Or(terms) if terms else query.NullQuery


def _not(part: query.Query) -> query.Query:
    return query.And([query.Every(), query.Not(part)])


def _of(node: ask.Node, text: str) -> query.Query:
    """Return the query of a tree, its free text looked for in the field `text`."""
    if isinstance(node, ask.And):
        return query.And([_of(part, text) for part in node.parts])
    if isinstance(node, ask.Or):
        return query.Or([_of(part, text) for part in node.parts])
    return _not(_of(node.part, text)) if isinstance(node, ask.Not) else _leaf(node, text)


def _leaf(node: ask.Node, text: str) -> query.Query:  # noqa: PLR0911 - one line a kind of leaf
    match node:
        case ask.Everything():
            return query.Every()
        case ask.Text(value):
            return _part(text, value)
        case ask.Name(value):
            return _part("names", value)
        case ask.Beginning(field, value):
            return query.Prefix(str(field), value)
        case ask.Among(field, values):
            return _among(str(field), values)
        case ask.Completed(first, last):
            return query.NumericRange("completed", first.toordinal(), last.toordinal())
        case ask.Volumes(ids):
            return _among("volume_id", (str(volume_id) for volume_id in ids))
    return query.NullQuery


def _part(field: str, value: str) -> query.Query:
    """Return the query of an exact part of the text.

    Up to two characters are one term as they are, three one gram, more are grams side by side.
    """
    if len(value) < GRAM:
        return query.Term(f"{field}_short", value) if value else query.Every()
    parts = grams(value)
    return query.Phrase(field, parts) if len(parts) > 1 else query.Term(field, value)


_Key = tuple[Tier | None, int, int]


def _ordered(searcher: searching.Searcher, numbers: list[int], request: Request) -> list[_Key]:
    """Return tier, key and number of each document, in order."""
    if not numbers:
        return []
    by_date = searcher.reader().column_reader("date_key")
    if request.sort is not Sort.RELEVANCE:
        column = (
            searcher.reader().column_reader("code_key") if request.sort is Sort.CODE else by_date
        )
        return sorted(
            ((None, column[number], number) for number in numbers),
            key=lambda entry: entry[1],
            reverse=request.sort is Sort.NEWEST,
        )
    full = set(ask.wanted(request.query))
    named = searcher.reader().column_reader("named")
    by_facts = set(
        searcher.docs_for_query(
            query.And([_among("scope", request.scope), _of(request.query, "head")])
        )
    )

    def tier(number: int) -> Tier:
        if full and not full.isdisjoint(named[number].split()):
            return Tier.NAMED
        return Tier.FACTS if number in by_facts else Tier.PAGES

    keys = [(tier(number), by_date[number], number) for number in numbers]
    return sorted(keys, key=lambda entry: (TIERS.index(entry[0]), -entry[1]))


def _place_after(keys: list[_Key], request: Request) -> int:
    tier, key = read_mark(request.after or "", request.sort)
    if tier is not None:
        return sum((str(entry[0]), -entry[1]) <= (str(tier), -key) for entry in keys)
    if request.sort is Sort.NEWEST:
        return sum(entry[1] >= key for entry in keys)
    return sum(entry[1] <= key for entry in keys)


def _facet(
    searcher: searching.Searcher, numbers: list[int], name: str
) -> tuple[tuple[str, int], ...]:
    if not numbers:
        return ()
    column = searcher.reader().column_reader(name)
    return counted(Counter(value for number in numbers for value in column[number].split()).items())
