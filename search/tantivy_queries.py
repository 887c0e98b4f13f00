"""Queries for tantivy, built from the tree of `search.tree`."""

from collections.abc import Collection, Iterable

import tantivy
from tantivy import FieldType, Occur, Query

from search import tree as ask
from search.analysis import GRAM, grams
from search.index import Request, Sort, Tier

_SPECIAL = frozenset("\\.+*?()|[]{}^$#&-~")


KEYS = {
    Sort.RELEVANCE: "date_key",
    Sort.NEWEST: "date_key",
    Sort.OLDEST: "date_key",
    Sort.CODE: "code_key",
}


DESCENDING = {Sort.RELEVANCE, Sort.NEWEST}


def all_of(*queries: Query) -> Query:
    """Return the query that all of these match."""
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def any_of(queries: Iterable[Query]) -> Query:
    """Return the query that at least one of these matches; none when there are none."""
    clauses = [(Occur.Should, query) for query in queries]
    return Query.boolean_query(clauses) if clauses else Query.empty_query()


class QueryBuilder:
    """A builder of tantivy's queries from the tree of `search.tree`."""

    def __init__(self, schema: tantivy.Schema) -> None:
        """Take the schema of the index."""
        self._schema = schema
        self._leaves: dict[tuple[ask.Node, str], Query] = {}

    def permitted(self, request: Request) -> Query:
        """Return what was asked, within the reader's scope."""
        return all_of(self._among("scope", request.scope), self.of(request.query, "text"))

    def of(self, node: ask.Node, text: str) -> Query:
        """Return the query of a tree, its free text looked for in the field `text`."""
        if isinstance(node, ask.And):
            # Beside other parts a denial is only evaluated where these match; alone it would be
            # taken from all documents.
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
            return any_of(self.of(part, text) for part in node.parts)
        if isinstance(node, ask.Not):
            # A query of denials alone matches nothing in tantivy: it needs a set to deny from.
            return Query.boolean_query(
                [(Occur.Must, Query.all_query()), (Occur.MustNot, self.of(node.part, text))]
            )
        # Each tier asks the same leaves again, and that of a prefix is expensive to build.
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
                    self._schema, str(field), "".join(map(_literal, value)) + ".*"
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
                return self._among("volume", [str(volume_id) for volume_id in ids])
        return Query.empty_query()

    def _part(self, field: str, value: str) -> Query:
        """Return the query of an exact part of the text.

        Up to two characters are one term as they are, three one gram, more are grams at their
        places.
        """
        if len(value) < GRAM:
            return (
                Query.term_query(self._schema, f"{field}_short", value, "basic")
                if value
                else Query.all_query()
            )
        parts = grams(value)
        if len(parts) == 1:
            return Query.term_query(self._schema, field, value, "position")
        # Every third gram, and the last: together they cover each character at its place, at a
        # third of the cost of all.
        places = sorted({*range(0, len(parts), GRAM), len(parts) - 1})
        return Query.phrase_query(self._schema, field, [(place, parts[place]) for place in places])

    def _among(self, field: str, values: Collection[str]) -> Query:
        return any_of(
            Query.term_query(self._schema, field, value, "basic") for value in sorted(values)
        )

    def tier(self, tier: Tier, request: Request) -> Query | None:
        """Return what a tier adds to the permitted query.

        None when nothing can be in the tier.
        """
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
        """Return the query of what comes after a key in the order of a sort."""
        name = KEYS[sort]
        if sort in DESCENDING:
            return Query.range_query(
                self._schema, name, FieldType.Unsigned, None, key, include_upper=False
            )
        return Query.range_query(
            self._schema, name, FieldType.Unsigned, key, None, include_lower=False
        )


def combines(node: ask.Node) -> bool:
    """Return whether a tree has alternatives or denials."""
    return isinstance(node, ask.Or | ask.Not) or (
        isinstance(node, ask.And) and any(map(combines, node.parts))
    )


def _asserted(node: ask.Node) -> ask.Node:
    """Return the tree without what it denies as a whole.

    That is excluded already where this is asked, and a denial alone would walk through all
    documents.
    """
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
