"""一人一档: everything of one person across series, as far as a reader may find it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.accession import blind_index
from archive.administration.policy import Reader
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume
from archive.finding_aids.reach import cases_in, reach_of
from archive.finding_aids.whom import whom
from archive.reference.vocabulary import CaseState
from archive.usage.reading_room import ReferenceData, visible


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """A case that names a person: its volume if it has one, and as whom the person stands.

    `state` is that of a case without an archived volume, "" of one that has it.
    """

    case_no: str
    code: str
    series: str
    item: str
    whom: str
    part: str
    receive_org: str
    domicile_org: str
    completed_at: datetime
    state: str


def records_of(
    session: Session, reader: Reader, number: str, reference: ReferenceData
) -> list[PersonRecord]:
    """Return the cases that name an ID number and that the reader may find, in their order.

    Names are masked. Archived volumes are decided one by one as a search does; of cases that have
    none yet those within the reader's reach.
    """
    ids = blind_index.cases_naming(session, blind_index.ID_NUMBER, number)
    rows = session.execute(
        select(Case, Volume)
        .outerjoin(Volume, (Volume.case_id == Case.id) & Volume.void_reason.is_(None))
        .where(Case.id.in_(ids))
        .order_by(Case.completed_at, Case.case_no)
    ).all()
    seen = visible(session, reader, {volume.id for _, volume in rows if volume}, reference)
    reach = reach_of(reader.org, reference.organisations)
    near = set(session.scalars(select(Case.id).where(Case.id.in_(ids), cases_in(reach))))
    return [
        _record(case, volume if volume and volume.id in seen else None, number, reference)
        for case, volume in rows
        if (volume is not None and volume.id in seen) or (volume is None and case.id in near)
    ]


def _record(
    case: Case, volume: Volume | None, number: str, reference: ReferenceData
) -> PersonRecord:
    item = reference.catalogue.get(case.item_code, case.item_version)
    return PersonRecord(
        case.case_no,
        volume.code if volume else "",
        volume.series if volume else item.series,
        item.name,
        whom(case.facts),
        _part(case.facts, number),
        case.receive_org,
        case.domicile_org,
        case.completed_at,
        "" if volume else CaseState(case.state).label,
    )


def _part(facts: Mapping[str, Any], number: str) -> str:
    """Return as whom a person stands in a case."""
    applicant = (facts["applicant"].get("id_number") or "").upper() == number
    subject = any((row.get("id_number") or "").upper() == number for row in facts["subjects"])
    parts = [word for word, stands in (("申报人", applicant), ("被办理人", subject)) if stands]
    return "、".join(parts)


def people_in(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and ID number of each person of a case, each person once; "" of no number."""
    rows = [facts["applicant"], *facts["subjects"]]
    people = [(row["name"], (row.get("id_number") or "").upper()) for row in rows]
    return list(dict.fromkeys(people))
