"""What was asked, as a small tree that every engine reads."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from search.errors import QueryError


class Exact(StrEnum):
    """The fields whose values are compared as a whole."""

    ITEM = "item"
    SERIES = "series"
    SOURCE = "sources"
    DISTRICT = "district"
    RECEIVE = "receive_org"
    DOMICILE = "domicile_org"
    FONDS = "fonds"
    YEAR = "year"


class Number(StrEnum):
    """The fields that are found by their beginning."""

    CODE = "code"
    CASE = "case_no"


class Lookup(StrEnum):
    """The kinds of number that the blind index is looked up by."""

    ID_NUMBER = "ID_NUMBER"
    ID_ENDS = "ID_ENDS"
    PHONE = "PHONE"


@dataclass(frozen=True, slots=True)
class Everything:
    """All that the reader may find."""


@dataclass(frozen=True, slots=True)
class Text:
    """An exact part of the text, folded."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """An exact part of a person's name, folded; one character will do."""

    value: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """档号 or case number that begins like this, folded."""

    field: Number
    value: str


@dataclass(frozen=True, slots=True)
class Among:
    """A field with one of these values; with none of them when there are none."""

    field: Exact
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Completed:
    """Completed on these days, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class BlindLookup:
    """A look-up for the database: `value` is in plain and is neither shown nor logged.

    It matches nothing until `resolve` has put volumes in its place.
    """

    kind: Lookup
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Volumes:
    """These volumes: the answer of the database to a look-up."""

    ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of them."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """Without it."""

    part: "Node"


Node = (
    Everything
    | Text
    | Name
    | Beginning
    | Among
    | Completed
    | BlindLookup
    | Volumes
    | And
    | Or
    | Not
)


def leaves(node: Node, *, denied: bool = False) -> Iterator[tuple[Node, bool]]:
    """Yield every leaf, and whether it is denied."""
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part, denied=denied)
    elif isinstance(node, Not):
        yield from leaves(node.part, denied=not denied)
    else:
        yield node, denied


def wanted(node: Node) -> tuple[str, ...]:
    """Return the folded texts and names that a hit may be found by: what a snippet marks."""
    return tuple(
        dict.fromkeys(
            leaf.value
            for leaf, denied in leaves(node)
            if not denied and isinstance(leaf, Text | Name)
        )
    )


def asks_for_text(node: Node) -> bool:
    """Return whether pages can answer: without free text the facts decide alone."""
    return any(isinstance(leaf, Text) for leaf, _ in leaves(node))


def numbers_asked(node: Node) -> frozenset[BlindLookup]:
    """Return the ID and telephone numbers that a query asks for, each of them once."""
    return frozenset(leaf for leaf, _ in leaves(node) if isinstance(leaf, BlindLookup))


def whole_numbers_only(node: Node) -> Node:
    """Return the query for a reader who may not look for a number by its ends.

    Ten digits, which may be such ends or another number, are looked for as text alone. Raises
    QueryError where nothing but the ends can be meant.
    """
    if isinstance(node, BlindLookup) and node.kind is Lookup.ID_ENDS:
        raise QueryError(
            "您的角色只能按完整号码检索。", "请输入完整的公民身份号码，或改用姓名、档号。"
        )
    if isinstance(node, Or):
        texts = {part.value.upper() for part in node.parts if isinstance(part, Text)}
        parts = (
            part
            for part in node.parts
            if not (
                isinstance(part, BlindLookup)
                and part.kind is Lookup.ID_ENDS
                and part.value in texts
            )
        )
        return Or(tuple(whole_numbers_only(part) for part in parts))
    if isinstance(node, And):
        return And(tuple(whole_numbers_only(part) for part in node.parts))
    return Not(whole_numbers_only(node.part)) if isinstance(node, Not) else node


def resolve(node: Node, look_up: Callable[[BlindLookup], Iterable[int]]) -> Node:
    """Return the tree with each look-up replaced by the volumes that the database gives."""
    if isinstance(node, BlindLookup):
        return Volumes(frozenset(look_up(node)))
    if isinstance(node, And):
        return And(tuple(resolve(part, look_up) for part in node.parts))
    if isinstance(node, Or):
        return Or(tuple(resolve(part, look_up) for part in node.parts))
    return Not(resolve(node.part, look_up)) if isinstance(node, Not) else node
