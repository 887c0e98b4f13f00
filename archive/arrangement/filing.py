"""Filing rules (整理): where a case is filed, in which order, and under which title. Pure.

R20-R23, volume.md, standards.md §2.3.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from archive.administration.filing_units import FilingRule
from archive.reference.case_facts import CaseFacts, Material
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import Organisations
from archive.reference.service_items import ServiceItem
from archive.reference.vocabulary import FormKind, Retention, Series, SourceKind


@dataclass(frozen=True, slots=True)
class CrossReference:
    """The other fonds and series under which a volume is also found (互见), and for which unit."""

    fonds: str
    series: Series
    org: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a volume is filed; `year` is that of completion in local time."""

    fonds: str
    series: Series
    year: int
    term: Retention
    filing_org: str
    cross_reference: CrossReference | None


def place(
    facts: CaseFacts,
    item: ServiceItem,
    organisations: Organisations,
    rule: FilingRule = FilingRule.RECEIVING_PLACE,
) -> Placement:
    """Return the fonds and series that a case belongs to (R20-R22).

    A case received elsewhere than at its domicile, even by a hall of the same district, goes to
    the receiving place's 全域通办 series and is cross-referenced from its domicile's home series;
    `FilingRule.DOMICILE` exchanges the two. Every other case stays at home. Raises
    UnknownOrganisationError.
    """
    return place_of(
        facts.orgs.receive, facts.orgs.domicile, facts.completed_at, item, organisations, rule
    )


def place_of(
    receive: str,
    domicile: str,
    completed_at: datetime,
    item: ServiceItem,
    organisations: Organisations,
    rule: FilingRule,
) -> Placement:
    """Return where a case is filed, from what its row states in plain; see `place`."""
    home = CrossReference(organisations.fonds_of(domicile), item.series, domicile)
    citywide = CrossReference(organisations.fonds_of(receive), Series.QY, receive)
    other: CrossReference | None
    if receive == domicile:
        # An item may belong to two series, as a death during a move does; the second series
        # finds the volume by reference.
        filed, other = (
            home,
            CrossReference(home.fonds, item.see_also, domicile) if item.see_also else None,
        )
    elif rule is FilingRule.RECEIVING_PLACE:
        filed, other = citywide, home
    else:
        filed, other = home, citywide
    year = completion_year(completed_at)
    return Placement(filed.fonds, filed.series, year, item.retention, filed.org, other)


def completion_year(completed_at: datetime) -> int:
    """Return the year of completion (年度) in local time, whatever offset the package wrote."""
    return completed_at.astimezone(LOCAL_TIME).year


CompletionKey = tuple[datetime, str]
"""When a case was completed (UTC) and its case number, which decides between equals."""


def is_late(key: CompletionKey, last_key: CompletionKey | None) -> bool:
    """Return whether a case was completed before one that has its number already (补归).

    `last_key` is the greatest key numbered so far, None in an empty series.
    """
    return last_key is not None and key < last_key


_CONCLUSION = re.compile(r"审批表$|^常住人口登记[表卡]$|存根|^户口(准迁|迁移)证$")
# An applicant's ID card is no application.
_APPLICATION = re.compile(r"收件单|申请(?!人)")
_INQUIRY = re.compile(r"比对|调查|核查|核实|走访")
_PROCESS = re.compile(r"告知|公示")
_BY_SOURCE = {
    SourceKind.SYSTEM_FORM: 2,
    SourceKind.SHARED_CERT: 3,
    SourceKind.SCANNED_PROOF: 4,
    SourceKind.ONLINE_APPLICATION: 5,
}


def item_group(material: Material) -> int:
    """Return the group 1-7 of a material in the 册内排序.

    ①结论 ②收件单、申请 ③共享证照 ④扫描证明 ⑤互联网申报 ⑥调查比对 ⑦过程信息. What a material is
    comes before where it came from; a scan under the name of a system form stays a scan (R9).
    """
    system_form = material.source is SourceKind.SYSTEM_FORM
    if material.form in (FormKind.APPROVAL, FormKind.REGISTER) or (
        system_form and _CONCLUSION.search(material.type)
    ):
        return 1
    if material.form is FormKind.RECEIPT:
        return 2
    if _INQUIRY.search(material.type):
        return 6
    if system_form and _PROCESS.search(material.type):
        return 7
    if _APPLICATION.search(material.type):
        return 2
    return _BY_SOURCE[material.source]


def item_order(materials: Iterable[Material], item: ServiceItem) -> tuple[Material, ...]:
    """Return the materials in the order of the volume (standards.md §2.3).

    They are ordered by group, then as the item lists them, others after, then by number.
    """
    listed = {material.name: index for index, material in enumerate(item.materials)}
    return tuple(
        sorted(
            materials,
            key=lambda material: (
                item_group(material),
                listed.get(material.type, len(listed)),
                material.no,
            ),
        )
    )


def volume_title(facts: CaseFacts, item: ServiceItem, organisations: Organisations) -> str:
    """Return the title of a volume (题名).

    {姓名}{事项名}（{受理地单位}受理，{户籍地单位}办理，{办件编号}）. It holds a name: for pages and
    metadata, never for keys or logs. The 受理地 of the source is the window that took the case
    (R13, R19), hence the receiving organisation.
    """
    first, *others = facts.subjects
    who = f"{first.name}等{len(others) + 1}人" if others else first.name
    receive, domicile = (
        organisations.get(facts.orgs.receive).name,
        organisations.get(facts.orgs.domicile).name,
    )
    return f"{who}{item.name}（{receive}受理，{domicile}办理，{facts.case_no}）"
