"""事项清单: the versioned catalogue of service items (R2, R3).

A case keeps the snapshot of the materials that its item asked for (R10).
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from archive.reference.characters import unified
from archive.reference.errors import ArchiveError
from archive.reference.submission_terms import Ending
from archive.reference.vocabulary import (
    ApprovalLevel,
    InvestigationKind,
    Mode,
    Retention,
    Series,
    SourceKind,
)

NOTICE = "重构、非官方清单，供演示"
"""To be shown wherever the shipped catalogue is.

The official list was not found (service-items.md).
"""

_DATA = Path(__file__).with_name("data") / "service-items.json"
_INVESTIGATIONS = _DATA.with_name("investigations.json")


class UnknownItemError(ArchiveError):
    """No such item exists, or not in this version."""

    code = "UNKNOWN_ITEM"


class ItemNotEnabledError(ArchiveError):
    """An item lacks a mandatory group of fields and cannot be used (R3)."""

    code = "ITEM_NOT_ENABLED"


class CatalogueError(ArchiveError):
    """The catalogue cannot be read or names an item twice."""

    code = "BAD_CATALOGUE"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ItemMaterial(_Model):
    """A material that an item asks for, and its usual sources.

    `condition` is the condition under which it is due; None: always.
    """

    name: str = Field(min_length=1)
    sources: tuple[SourceKind, ...]
    condition: str | None = None


class ServiceItem(_Model):
    """One version of one item.

    What R3 makes mandatory may still be empty; `missing_groups` returns what is. `limit_workdays` 0
    is on the spot, None unknown; `confidence` says how sure each field is (A read, B read
    elsewhere, C inferred).
    """

    code: str = Field(min_length=1)
    version: str = Field(min_length=1)
    name: str = ""
    category: str = ""
    legal_basis: tuple[str, ...] = ()
    mode: Mode | None = None
    approval_levels: tuple[ApprovalLevel, ...] = ()
    limit_workdays: int | None = Field(default=None, ge=0)
    series: Series
    see_also: Series | None = None
    retention: Retention
    online: bool = False
    materials: tuple[ItemMaterial, ...] = ()
    demo: bool = False
    confidence: Mapping[str, str] = Field(default_factory=dict)


class Catalogue:
    """All items by code and version, in the order of their list."""

    def __init__(self, items: Iterable[ServiceItem]) -> None:
        """Keep the items; raises CatalogueError for a code given twice in one version."""
        self._items: dict[tuple[str, str], ServiceItem] = {}
        for item in items:
            if (item.code, item.version) in self._items:
                raise CatalogueError(
                    f"事项 {item.code} 在版本 {item.version} 中重复。", "请更正事项清单。"
                )
            self._items[item.code, item.version] = item

    def add(self, items: Iterable[ServiceItem]) -> None:
        """Add further versions; a version that exists stays as it is.

        Readers in other threads see the table as it was before or after, never in between.
        """
        fresh = {
            (item.code, item.version): item
            for item in items
            if (item.code, item.version) not in self._items
        }
        self._items = {**self._items, **fresh}

    def __iter__(self) -> Iterator[ServiceItem]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def get(self, code: str, version: str) -> ServiceItem:
        """Return an item as it stands in the catalogue, enabled or not; raises UnknownItemError."""
        try:
            return self._items[code, version]
        except KeyError:
            raise UnknownItemError(
                "事项清单中没有该事项或该版本。", "请核对事项编码和清单版本。"
            ) from None

    def enabled(self, code: str, version: str) -> ServiceItem:
        """Return an item that may be used.

        Raises UnknownItemError, or ItemNotEnabledError naming what the item lacks (R3).
        """
        item = self.get(code, version)
        missing = missing_groups(item)
        if missing:
            raise ItemNotEnabledError(
                f"事项 {code} 缺少{'、'.join(missing)}，不可启用。", "请在事项清单中补齐后再用。"
            )
        return item

    @property
    def demo_items(self) -> tuple[ServiceItem, ...]:
        """Return the 102 items of the demonstration; the choice is ours and no official list."""
        return tuple(item for item in self if item.demo)


class InvestigationNames(_Model):
    """What counts as one kind of investigation, and the names by which it comes.

    A title that holds one of `names` and none of `other` is of the kind: a consent to have one's
    prints taken is no comparison of them.
    """

    kind: InvestigationKind
    meaning: str
    names: tuple[str, ...]
    other: tuple[str, ...]

    def covers(self, title: str) -> bool:
        """Return whether a title is one of this kind, whatever its width and spaces."""
        plain = "".join(unified(title).split())
        return any(name in plain for name in self.names) and not any(
            word in plain for word in self.other
        )


class _DueInvestigations(_Model):
    """The series and items that need every kind of investigation, and the rule that says so."""

    series: frozenset[Series]
    items: frozenset[str]
    basis: str


class _Investigations(_Model):
    due: _DueInvestigations
    kinds: tuple[InvestigationNames, ...]


@cache
def _investigations() -> _Investigations:
    return _Investigations.model_validate_json(_INVESTIGATIONS.read_bytes())


def investigation_names() -> tuple[InvestigationNames, ...]:
    """Return what counts as 比对 and as 走访, and by which names, from the catalogue's data."""
    return _investigations().kinds


def needs_investigation(item: ServiceItem) -> bool:
    """Return whether an item needs comparison and visit (MPS §9, R15)."""
    due = _investigations().due
    return item.series in due.series or item.code in due.items


def missing_investigation(
    item: ServiceItem, titles: Iterable[str]
) -> tuple[InvestigationKind, ...]:
    """Return the kinds of investigation that an item needs and none of the titles is.

    Titles are names of materials, labels of forms and headings of documents.
    """
    if not needs_investigation(item):
        return ()
    titles = tuple(titles)
    return tuple(
        names.kind
        for names in investigation_names()
        if not any(names.covers(title) for title in titles)
    )


def missing_groups(item: ServiceItem) -> tuple[str, ...]:
    """Return which of the four mandatory groups are empty (R3).

    They are 事项名称、法规依据、办理流程及条件、申报材料.
    """
    groups = {
        "事项名称": bool(item.name.strip()),
        "法规依据": any(basis.strip() for basis in item.legal_basis),
        "办理流程及条件": item.mode is not None and bool(item.approval_levels),
        "申报材料": bool(item.materials),
    }
    return tuple(name for name, filled in groups.items() if not filled)


def snapshot(item: ServiceItem) -> dict[str, Any]:
    """Return what a case keeps of its item, ready for JSON.

    A later change of the catalogue does not affect it (R10).
    """
    return item.model_dump(
        mode="json",
        include={
            "code",
            "version",
            "name",
            "mode",
            "approval_levels",
            "limit_workdays",
            "retention",
            "series",
            "materials",
        },
    )


def snapshot_materials(item_snapshot: Mapping[str, Any]) -> tuple[ItemMaterial, ...]:
    """Return all materials of a snapshot, in the order of the item."""
    return tuple(ItemMaterial.model_validate(row) for row in item_snapshot["materials"])


def required_materials(item_snapshot: Mapping[str, Any]) -> tuple[ItemMaterial, ...]:
    """Return the materials that a snapshot requires without condition (R30)."""
    return tuple(
        material for material in snapshot_materials(item_snapshot) if material.condition is None
    )


def is_looked_into(ending: Ending | None) -> bool:
    """Return whether a case came to its investigation: neither 不予受理 nor 撤回 ended it."""
    return ending not in {Ending.NOT_ACCEPTED, Ending.WITHDRAWN}


def due_materials(
    item_snapshot: Mapping[str, Any], ending: Ending | None
) -> tuple[ItemMaterial, ...]:
    """Return the materials that a snapshot requires of a case that ended so (R30).

    Those of an investigation are not due of a case that ended before it.
    """
    return tuple(row for row in required_materials(item_snapshot) if is_due(row, ending))


def is_due(material: ItemMaterial, ending: Ending | None) -> bool:
    """Return whether a listed material can be asked of a case that ended so."""
    return is_looked_into(ending) or not any(
        names.covers(material.name) for names in investigation_names()
    )


def load_catalogue(path: Path = _DATA) -> Catalogue:
    """Return the catalogue in a file (a JSON list of items).

    Raises CatalogueError with the place of each fault.
    """
    try:
        return Catalogue(TypeAdapter(list[ServiceItem]).validate_json(path.read_bytes()))
    except ValidationError as fault:
        places = "；".join(
            ".".join(str(part) for part in error["loc"]) for error in fault.errors()[:5]
        )
        raise CatalogueError(
            f"事项清单不符合格式：{places or '文件'}。", "请对照 service-items.json 的字段更正。"
        ) from fault
