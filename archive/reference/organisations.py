"""市局、旗区局、户政大厅、派出所: the tree of organisations and the fonds of each."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from archive.reference.errors import ArchiveError
from archive.reference.vocabulary import OrgKind

NOTICE = "演示数据"
"""To be shown wherever the shipped organisations are listed.

The stations are made from public street names (organisations.md).
"""

_DATA = Path(__file__).with_name("data") / "organisations.csv"


class UnknownOrganisationError(ArchiveError):
    """An organisation code that the table lacks, such as one from outside the city (R7)."""

    code = "UNKNOWN_ORGANISATION"


class OrganisationTableError(ArchiveError):
    """The table of organisations contradicts itself."""

    code = "BAD_ORGANISATION_TABLE"


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation; only the city and the districts have a fonds of their own.

    `digitised` False is 过渡期 (R16).
    """

    code: str
    name: str
    kind: OrgKind
    parent: str | None
    fonds_no: str | None
    digitised: bool


class Organisations:
    """All organisations of the city, in the order of their table."""

    def __init__(self, organisations: Iterable[Organisation]) -> None:
        """Check and keep the table.

        Raises OrganisationTableError for a code given twice, an unknown parent or an organisation
        under no fonds.
        """
        self._by_code: dict[str, Organisation] = {}
        for organisation in organisations:
            if organisation.code in self._by_code:
                raise OrganisationTableError(
                    f"机构代码 {organisation.code} 重复。", "请更正机构表。"
                )
            self._by_code[organisation.code] = organisation
        for organisation in self:
            if organisation.parent is not None and organisation.parent not in self._by_code:
                raise OrganisationTableError(
                    f"机构 {organisation.code} 的上级 {organisation.parent} 不在机构表中。",
                    "请更正机构表。",
                )
            if self._unit_of(organisation).fonds_no is None:
                raise OrganisationTableError(
                    f"机构 {organisation.code} 没有可归入的全宗。", "请为其旗区局填写全宗号。"
                )

    def set_digitised(self, code: str, *, digitised: bool) -> None:
        """Change whether an organisation works without paper; raises UnknownOrganisationError."""
        self._by_code = {**self._by_code, code: replace(self.get(code), digitised=digitised)}

    def __iter__(self) -> Iterator[Organisation]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def get(self, code: str) -> Organisation:
        """Return the organisation of a 12-digit code; raises UnknownOrganisationError."""
        try:
            return self._by_code[code]
        except KeyError:
            raise UnknownOrganisationError(
                "机构代码不在本市机构表中。", "请核对12位机构代码。"
            ) from None

    def district_of(self, code: str) -> Organisation:
        """Return the district above an organisation; raises UnknownOrganisationError.

        A district is its own, and so is the city.
        """
        return self._unit_of(self.get(code))

    def fonds_of(self, code: str) -> str:
        """Return the number of the fonds (全宗号) to which an organisation's volumes belong.

        It is that of its district, or the city's own.
        """
        return self.district_of(code).fonds_no or ""

    def is_digitised(self, code: str) -> bool:
        """Return whether the organisation's district works without paper (R16)."""
        return self.district_of(code).digitised

    def children(self, code: str) -> tuple[Organisation, ...]:
        """Return the organisations directly below another, in the order of the table.

        Raises UnknownOrganisationError.
        """
        self.get(code)
        return tuple(organisation for organisation in self if organisation.parent == code)

    def of_kind(self, kind: OrgKind) -> tuple[Organisation, ...]:
        """Return all organisations of a kind."""
        return tuple(organisation for organisation in self if organisation.kind is kind)

    def _unit_of(self, organisation: Organisation) -> Organisation:
        # The shipped tree is three levels deep; the bound only ends the search in a table whose
        # parents run in a circle.
        for _ in range(len(self._by_code)):
            if organisation.kind in (OrgKind.DISTRICT, OrgKind.CITY) or organisation.parent is None:
                return organisation
            organisation = self._by_code[organisation.parent]
        raise OrganisationTableError("机构表的上级关系成环。", "请更正机构表。")


def load_organisations(path: Path = _DATA) -> Organisations:
    """Return the organisations of a table; raises OrganisationTableError.

    The table is CSV: code, name, kind, parent, fonds_no, digitised (1 or 0).
    """
    with path.open(encoding="utf-8-sig", newline="") as lines:
        try:
            return Organisations(
                Organisation(
                    row["code"],
                    row["name"],
                    OrgKind(row["kind"]),
                    row["parent"] or None,
                    row["fonds_no"] or None,
                    row["digitised"] == "1",
                )
                for row in csv.DictReader(lines)
            )
        except (KeyError, ValueError) as fault:
            raise OrganisationTableError(
                "机构表缺列或含有未知的机构类型。", "请对照 organisations.csv 的列名更正。"
            ) from fault


def fonds_unit(organisations: Organisations, fonds: str) -> Organisation:
    """Return the 立档单位 of a fonds number."""
    return next(
        organisation
        for kind in (OrgKind.DISTRICT, OrgKind.CITY)
        for organisation in organisations.of_kind(kind)
        if organisation.fonds_no == fonds
    )
