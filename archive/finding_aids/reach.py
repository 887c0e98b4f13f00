"""What lists may show to an organisation, as conditions of the database (R27, R28).

A reach is the set of codes of an organisation and all organisations below it. None stands for
the city, which sees everything.
"""

from sqlalchemy import ColumnElement, exists, or_, select, true
from sqlalchemy.orm import aliased

from archive.administration.filing_units import FilingRule
from archive.database.tables_cases import Case
from archive.database.tables_gathering import CapturedFile
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import OrgKind

Reach = frozenset[str] | None


def reach_of(org: str, organisations: Organisations) -> Reach:
    """Return the codes of an organisation and all below it; None for the city."""
    if organisations.get(org).kind is OrgKind.CITY:
        return None
    reach, pending = {org}, [org]
    while pending:
        children = [child.code for child in organisations.children(pending.pop())]
        reach |= set(children)
        pending += children
    return frozenset(reach)


def cases_in(reach: Reach, table: type[Case] = Case) -> ColumnElement[bool]:
    """Return the condition for cases that the reach received, accepted or is the domicile of."""
    if reach is None:
        return true()
    return or_(
        table.receive_org.in_(reach), table.accept_org.in_(reach), table.domicile_org.in_(reach)
    )


def filed_in(reach: Reach, rule: FilingRule) -> ColumnElement[bool]:
    """Return the condition for cases whose filing unit is in the reach (I15)."""
    if reach is None:
        return true()
    unit = Case.receive_org if rule is FilingRule.RECEIVING_PLACE else Case.domicile_org
    return unit.in_(reach)


def volumes_in(reach: Reach) -> ColumnElement[bool]:
    """Return the condition for volumes of such cases, and those kept in or referred from it."""
    if reach is None:
        return true()
    # Asked of the ids alone: a row of a case is wide, for it holds the sealed facts, and must
    # not be read for every volume of a city.
    other = aliased(Case)
    case_ids = select(other.id).where(cases_in(reach, other))
    return or_(
        Volume.filing_org.in_(reach), Volume.cross_org.in_(reach), Volume.case_id.in_(case_ids)
    )


def compile_jobs_in(reach: Reach) -> ColumnElement[bool]:
    """Return the condition for jobs that compile volumes within the reach."""
    if reach is None:
        return Job.version_id.is_not(None)
    versions = select(VolumeVersion.id).join(Volume, Volume.id == VolumeVersion.volume_id)
    return exists(versions.where(VolumeVersion.id == Job.version_id, volumes_in(reach)))


def files_in(reach: Reach) -> ColumnElement[bool]:
    """Return the condition for files that organisations within the reach captured."""
    return true() if reach is None else CapturedFile.org.in_(reach)
