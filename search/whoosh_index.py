"""The engine for one small station: whoosh, pure Python. Right for names and codes; phrases grow slow from about 20,000 pages on.

whoosh never calls fsync, so a power cut may cost the index, never the archive: `yice reindex` builds it anew. Kills of the process it
survives, as the new table of contents takes the place of the old one last. Sorting and counting are done here over its columns.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from whoosh import fields, index, query, searching

from search import tree as ask
from search.analysis import bigrams, fold
from search.documents import Document, volume_and_page
from search.index import FACETS, SCHEMA, TIERS, Found, HeldVolume, Request, Sort, Stats, Tier, counted, hit_of, mark, read_mark, stored

NAME = "whoosh"
_MEGABYTES = 64


def _schema() -> fields.Schema:
    grams = fields.KEYWORD().analyzer  # splits at spaces, and keeps positions where they are asked for
    made: dict[str, fields.FieldType] = {name: fields.TEXT(analyzer=grams, phrase=True) for name in ("text", "names")}
    made |= {name: fields.KEYWORD() for name in ("text_one", "names_one", "scope")}
    made |= {name: fields.KEYWORD(commas=False, sortable=True) for name in (*FACETS, "named")}
    made |= {name: fields.ID() for name in ("code", "case_no", "fonds")}
    made |= {name: fields.NUMERIC(int, bits=64, signed=False, sortable=True) for name in ("date_key", "code_key")}
    made |= {"volume_id": fields.ID(), "completed": fields.NUMERIC(int), "kept": fields.STORED(), "cursor": fields.STORED()}
    return fields.Schema(**made)


class WhooshIndex:
    """`SearchIndex` on whoosh."""

    def __init__(self, folder: Path) -> None:
        """Open the index in a folder, or begin one there."""
        folder.mkdir(parents=True, exist_ok=True)
        self._index = index.open_dir(str(folder)) if index.exists_in(str(folder)) else index.create_in(str(folder), _schema())
        self._waiting: dict[int, list[Document]] = {}

    def replace(self, volume_id: int, documents: Collection[Document]) -> None:
        """See `SearchIndex.replace`. Kept until the commit: a writer of whoosh deletes only what earlier ones committed."""
        self._waiting[volume_id] = list(documents)

    def commit(self, cursor: int) -> None:
        """See `SearchIndex.commit`."""
        writer = self._index.writer(limitmb=_MEGABYTES)
        try:
            for volume_id, documents in self._waiting.items():
                writer.delete_by_term("volume_id", str(volume_id))
                for one in documents:
                    writer.add_document(**_made(one))
            writer.delete_by_term("kind", "cursor")
            writer.add_document(kind="cursor", cursor=cursor)
        except BaseException:
            writer.cancel()
            raise
        writer.commit()
        self._waiting = {}

    def search(self, request: Request) -> Found:
        """See `SearchIndex.search`."""
        with self._index.searcher() as searcher:
            numbers = list(searcher.docs_for_query(_permitted(request)))
            keys = _ordered(searcher, numbers, request)
            if request.after:
                keys = keys[_place_after(keys, request) :]
            shown = keys[: request.limit]
            following = mark(request.sort, shown[-1][0], shown[-1][1]) if shown and len(keys) > len(shown) else None
            hits = tuple(hit_of(searcher.stored_fields(number)["kept"], request.query) for _, _, number in shown)
            facets = {name: _facet(searcher, numbers, name) for name in request.facets if name in FACETS}
            return Found(hits, len(numbers), facets, following)

    def stats(self) -> Stats:
        """See `SearchIndex.stats`."""
        with self._index.searcher() as searcher:
            found = [searcher.stored_fields(number)["cursor"] for number in searcher.docs_for_query(query.Term("kind", "cursor"))]
            return Stats(NAME, SCHEMA, found[0] if found else 0, searcher.doc_count() - len(found))

    def volumes(self) -> Iterator[HeldVolume]:
        """See `SearchIndex.volumes`."""
        with self._index.searcher() as searcher:
            pages: Counter[int] = Counter()
            kept: dict[int, dict[str, Any]] = {}
            for number in searcher.docs_for_query(_not(query.Term("kind", "cursor"))):
                fields_kept = searcher.stored_fields(number)["kept"]
                volume_id, page = fields_kept["volume_id"], fields_kept["page"]
                pages[volume_id] += bool(page)
                kept[volume_id] = kept.get(volume_id, fields_kept | {"version": 0}) if page else fields_kept
        for volume_id in sorted(kept):
            one = kept[volume_id]
            yield HeldVolume(volume_id, one["code"], one["version"], one["texts"], pages[volume_id])

    def close(self) -> None:
        """See `SearchIndex.close`."""
        self._waiting = {}
        self._index.close()


def _made(one: Document) -> dict[str, Any]:
    folded, names = fold(one.text), [fold(name) for name in one.names]
    return {
        "text": " ".join(bigrams(folded)),
        "text_one": " ".join(set(folded)),
        # A token of its own between two names keeps their ends apart.
        "names": " ␞ ".join(" ".join(bigrams(name)) for name in names),
        "names_one": " ".join(set("".join(names))),
        "named": " ".join(names),
        "code": fold(one.code),
        "case_no": fold(one.case_no),
        "scope": " ".join(one.scope),
        "kind": "page" if one.page else "volume",
        "fonds": one.fonds,
        "series": one.series,
        "district": one.district,
        "receive_org": one.receive_org,
        "domicile_org": one.domicile_org,
        "item": one.item,
        "sources": " ".join(one.sources),
        "year": str(one.year),
        "date_key": one.date_key,
        "code_key": one.code_key,
        "completed": one.completed_on.toordinal(),
        "volume_id": str(one.volume_id),
        "kept": stored(one),
    }


def _permitted(request: Request) -> query.Query:
    return query.And([_among("scope", request.scope), _among("kind", request.kinds_asked), _of(request.query)])


def _among(field: str, values: Iterable[str]) -> query.Query:
    made = [query.Term(field, one) for one in values]
    return query.Or(made) if made else query.NullQuery


def _not(part: query.Query) -> query.Query:
    return query.And([query.Every(), query.Not(part)])


def _of(node: ask.Node) -> query.Query:
    if isinstance(node, ask.And):
        return query.And([_of(part) for part in node.parts])
    if isinstance(node, ask.Or):
        return query.Or([_of(part) for part in node.parts])
    return _not(_of(node.part)) if isinstance(node, ask.Not) else _leaf(node)


def _leaf(node: ask.Node) -> query.Query:  # noqa: PLR0911 - one line a kind of leaf
    match node:
        case ask.Everything():
            return query.Every()
        case ask.Text(value):
            return _part("text", value)
        case ask.Name(value):
            return _part("names", value)
        case ask.Beginning(field, value):
            return query.Prefix(str(field), value)
        case ask.Among(field, values):
            return _among(str(field), values)
        case ask.Completed(first, last):
            return query.NumericRange("completed", first.toordinal(), last.toordinal())
        case ask.Volumes(ids):
            return _among("volume_id", (str(one) for one in ids))
    return query.NullQuery


def _part(field: str, value: str) -> query.Query:
    """An exact part: one character in its own field, two as one bigram, more as bigrams side by side."""
    if len(value) == 1:
        return query.Term(f"{field}_one", value)
    pairs = bigrams(value)
    return query.Phrase(field, pairs) if len(pairs) > 1 else query.Term(field, value) if pairs else query.Every()


_Key = tuple[Tier | None, int, int]


def _ordered(searcher: searching.Searcher, numbers: list[int], request: Request) -> list[_Key]:
    """Tier, key and number of each document, in order."""
    if not numbers:
        return []
    by_date = searcher.reader().column_reader("date_key")
    if request.sort is not Sort.RELEVANCE:
        column = searcher.reader().column_reader("code_key") if request.sort is Sort.CODE else by_date
        return sorted(((None, column[number], number) for number in numbers), key=lambda one: one[1], reverse=request.sort is Sort.NEWEST)
    full = {fold(one) for one in ask.wanted(request.query)}
    named = searcher.reader().column_reader("named")

    def tier(number: int, key: int) -> Tier:
        if volume_and_page(key)[1]:
            return Tier.PAGE
        return Tier.NAMED if full and not full.isdisjoint(named[number].split()) else Tier.VOLUME

    keys = [(tier(number, by_date[number]), by_date[number], number) for number in numbers]
    return sorted(keys, key=lambda one: (TIERS.index(one[0]), -one[1]))


def _place_after(keys: list[_Key], request: Request) -> int:
    tier, key = read_mark(request.after or "", request.sort)
    if tier is not None:
        return sum((str(one[0]), -one[1]) <= (str(tier), -key) for one in keys)
    if request.sort is Sort.NEWEST:
        return sum(one[1] >= key for one in keys)
    return sum(one[1] <= key for one in keys)


def _facet(searcher: searching.Searcher, numbers: list[int], name: str) -> tuple[tuple[str, int], ...]:
    if not numbers:
        return ()
    column = searcher.reader().column_reader(name)
    return counted(Counter(value for number in numbers for value in column[number].split()).items())
