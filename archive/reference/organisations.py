"""市局、旗区局、户政大厅、派出所: who receives, who decides, and whose fonds a volume belongs to."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from archive.reference.errors import ArchiveError
from archive.reference.vocabulary import OrgKind

NOTICE = "演示数据"
"""To be shown wherever the shipped organisations are listed: the stations are made from public street names (organisations.md)."""

_DATA = Path(__file__).with_name("data") / "organisations.csv"


class UnknownOrganisationError(ArchiveError):
    """An organisation code that the table lacks, for example one from outside the city (R7)."""

    code = "UNKNOWN_ORGANISATION"


class OrganisationTableError(ArchiveError):
    """The table of organisations contradicts itself."""

    code = "BAD_ORGANISATION_TABLE"


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation; only the city and the districts have a fonds of their own. `digitised` False is 过渡期 (R16)."""

    code: str
    name: str
    kind: OrgKind
    parent: str | None
    fonds_no: str | None
    digitised: bool


class Organisations:
    """All organisations of the city, in the order of their table."""

    def __init__(self, organisations: Iterable[Organisation]) -> None:
        """Check the table; raises OrganisationTableError for a code given twice, an unknown parent or an organisation under no fonds."""
        self._by_code: dict[str, Organisation] = {}
        for one in organisations:
            if one.code in self._by_code:
                raise OrganisationTableError(f"机构代码 {one.code} 重复。", "请更正机构表。")
            self._by_code[one.code] = one
        for one in self:
            if one.parent is not None and one.parent not in self._by_code:
                raise OrganisationTableError(
                    f"机构 {one.code} 的上级 {one.parent} 不在机构表中。", "请更正机构表。"
                )
            if self._unit_of(one).fonds_no is None:
                raise OrganisationTableError(
                    f"机构 {one.code} 没有可归入的全宗。", "请为其旗区局填写全宗号。"
                )

    def switch(self, code: str, *, digitised: bool) -> None:
        """Let one have done with paper, or not; raises UnknownOrganisationError."""
        self._by_code = {**self._by_code, code: replace(self.get(code), digitised=digitised)}

    def __iter__(self) -> Iterator[Organisation]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def get(self, code: str) -> Organisation:
        """Find the organisation of a 12-digit code; raises UnknownOrganisationError."""
        try:
            return self._by_code[code]
        except KeyError:
            raise UnknownOrganisationError(
                "机构代码不在本市机构表中。", "请核对12位机构代码。"
            ) from None

    def district_of(self, code: str) -> Organisation:
        """Find the district above an organisation, itself for a district, and the city for the city; raises UnknownOrganisationError."""
        return self._unit_of(self.get(code))

    def fonds_of(self, code: str) -> str:
        """Give the number of the fonds (全宗号) to which an organisation's volumes belong: its district's, or the city's own."""
        return self.district_of(code).fonds_no or ""

    def is_digitised(self, code: str) -> bool:
        """Whether the organisation's district has done with paper (R16)."""
        return self.district_of(code).digitised

    def children(self, code: str) -> tuple[Organisation, ...]:
        """List the organisations directly below one, in the order of the table; raises UnknownOrganisationError."""
        self.get(code)
        return tuple(one for one in self if one.parent == code)

    def of_kind(self, kind: OrgKind) -> tuple[Organisation, ...]:
        """All organisations of one kind."""
        return tuple(one for one in self if one.kind is kind)

    def _unit_of(self, one: Organisation) -> Organisation:
        # The shipped tree is three levels deep; the bound only ends a table whose parents run in a circle.
        for _ in range(len(self._by_code)):
            if one.kind in (OrgKind.DISTRICT, OrgKind.CITY) or one.parent is None:
                return one
            one = self._by_code[one.parent]
        raise OrganisationTableError("机构表的上级关系成环。", "请更正机构表。")


def load_organisations(path: Path = _DATA) -> Organisations:
    """Read the table (CSV: code, name, kind, parent, fonds_no, digitised 1 or 0); raises OrganisationTableError."""
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
    """立档单位: whose fonds a number names."""
    return next(
        one
        for kind in (OrgKind.DISTRICT, OrgKind.CITY)
        for one in organisations.of_kind(kind)
        if one.fonds_no == fonds
    )
