"""Lists of the 归集池: cases that gather, files that wait, packages that were refused."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from archive.audit.acts import JournalAct
from archive.database.listing import ListPart, ListWanted, QueryList, RowList
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Delivery
from archive.database.tables_gathering import Arrival, CapturedFile, GatheredCase, GatheredMaterial
from archive.finding_aids.disclosure import disclosed
from archive.finding_aids.reach import Reach, files_in
from archive.gathering.captures import Capture
from archive.gathering.cases import Gathering, collecting_rows
from archive.reference.errors import NotFoundError
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import IntakeOutcome, Outcome

_REFUSED = QueryList(
    Delivery.id,
    {"received": Delivery.id, "sender": Delivery.sender, "returned": Delivery.returned_at},
    "-received",
    day=Delivery.received_at,
    stations=(Delivery.sender,),
)
_FILES = QueryList(
    CapturedFile.id,
    {
        "state": (CapturedFile.state, CapturedFile.created_at),
        "captured": CapturedFile.captured_at,
    },
    "-state",
    day=CapturedFile.captured_at,
    stations=(CapturedFile.org,),
)
GATHERING: RowList[dict[str, Any]] = RowList(
    {
        "case": lambda row: row["case_no"],
        "item": lambda row: row["item"],
        "missing": lambda row: len(row["missing"]),
        "since": lambda row: row["since"],
    },
    day=lambda row: row["since"],
    stations=lambda row: row["orgs"],
)


def part_of_open_files(
    session: Session, reach: Reach, wanted: ListWanted
) -> ListPart[CapturedFile]:
    """Return one page of the files that wait, those that a person must see to first."""
    state = CapturedFile.state.in_((Capture.UNPLACED, Capture.PENDING))
    return _FILES.part(session, select(CapturedFile).where(files_in(reach), state), wanted)


def unplaced_groups(session: Session, reach: Reach) -> list[tuple[str, str, int]]:
    """Return the first findings of unplaced files: code, message, how many files, most first."""
    rows = session.scalars(
        select(CapturedFile.findings).where(files_in(reach), CapturedFile.state == Capture.UNPLACED)
    )
    counts = Counter((findings[0]["code"], findings[0]["message"]) for findings in rows if findings)
    return [(code, message, count) for (code, message), count in counts.most_common()]


def gathering_cases(session: Session, reach: Reach, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the cases not submitted to intake yet in which the reach has a part.

    Each is a row of `collecting_rows` with the name of its `item`; those that lack something come
    first, then the oldest. A case that is not closed yet names no organisation: only the city
    sees it.
    """
    facts = {
        case.case_no: case.facts
        for case in session.scalars(
            select(GatheredCase).where(GatheredCase.state != Gathering.SUBMITTED)
        )
    }
    rows = []
    for row in collecting_rows(session):
        known = facts.get(row["case_no"])
        if reach is None or (known and reach & set(known.get("orgs", {}).values())):
            item = known.get("item", {}) if known else {}
            name = _item_name(catalogue, item.get("code", ""), item.get("version", ""))
            places = sorted(set(known.get("orgs", {}).values())) if known else []
            rows.append({**row, "item": name, "orgs": places})
    return sorted(rows, key=lambda row: (not row["missing"], row["since"]))


def _item_name(catalogue: Catalogue, code: str, version: str) -> str:
    try:
        return catalogue.get(code, version).name
    except NotFoundError:
        return code


def arrived_materials(session: Session, case_nos: Iterable[str]) -> dict[str, set[tuple[str, int]]]:
    """Return by case number which materials came: name of the source, number of the material."""
    query = (
        select(GatheredMaterial.case_no, GatheredMaterial.no, Arrival.source)
        .join(Arrival, Arrival.id == GatheredMaterial.arrival_id)
        .where(GatheredMaterial.case_no.in_(list(case_nos)))
    )
    arrived: dict[str, set[tuple[str, int]]] = {}
    for case_no, number, source in session.execute(query):
        arrived.setdefault(case_no, set()).add((source, number))
    return arrived


@dataclass(frozen=True, slots=True)
class RefusedPackage:
    """A refused package as those see it who answer for it; `reason` is why it was sent back."""

    id: int
    bag: str
    case_no: str | None
    sender: str | None
    received_at: datetime
    findings: Sequence[Mapping[str, Any]]
    returned_at: datetime | None
    reason: str | None

    def public(self) -> dict[str, Any]:
        """Return what is promised to scripts."""
        return {
            "id": self.id,
            "bag": self.bag,
            "case_no": self.case_no,
            "sender": self.sender,
            "received_at": self.received_at.isoformat(),
            "findings": [
                {name: row[name] for name in ("code", "message", "action")} for row in self.findings
            ],
            "returned_at": self.returned_at.isoformat() if self.returned_at else None,
            "reason": self.reason,
        }


def count_refused(session: Session, reach: Reach) -> int:
    """Count the refused packages that the reach sent and nobody returned yet."""
    query = select(func.count()).select_from(Delivery).where(_refused(reach))
    return session.scalar(query.where(Delivery.returned_at.is_(None))) or 0


def refused_packages(
    session: Session, reach: Reach, limit: int, *, returned: bool = False
) -> list[RefusedPackage]:
    """Return the latest refused packages that the reach sent, waiting or returned.

    Those of which nobody knows who sent them are for the city. What they say of cases that the
    reach may not know is left out.
    """
    wanted = ListWanted(limit=limit)
    return list(part_of_refused(session, reach, wanted, returned=returned).rows)


def part_of_refused(
    session: Session, reach: Reach, wanted: ListWanted, *, returned: bool = False
) -> ListPart[RefusedPackage]:
    """Return one page of the same."""
    state = Delivery.returned_at.is_not(None) if returned else Delivery.returned_at.is_(None)
    part = _REFUSED.part(session, select(Delivery).where(_refused(reach), state), wanted)
    return replace(part, rows=_packages(session, reach, part.rows, returned=returned))


def _packages(
    session: Session, reach: Reach, rows: Sequence[Delivery], *, returned: bool
) -> list[RefusedPackage]:
    reasons = _reasons(session, rows) if returned else {}
    return [
        RefusedPackage(
            row.id,
            row.bag,
            row.case_no,
            row.sender,
            row.received_at,
            [
                entry
                for entry in disclosed(session, reach, row.findings)
                if entry["outcome"] == Outcome.REFUSE
            ],
            row.returned_at,
            reasons.get(row.quarantine_prefix or row.bag),
        )
        for row in rows
    ]


def _refused(reach: Reach) -> ColumnElement[bool]:
    refused = Delivery.outcome == IntakeOutcome.REFUSED
    return refused if reach is None else and_(refused, Delivery.sender.in_(reach))


def _reasons(session: Session, rows: Sequence[Delivery]) -> dict[str, str]:
    """Return why packages were sent back, by what the journal calls them; the last one counts."""
    subjects = [row.quarantine_prefix or row.bag for row in rows]
    query = select(JournalEntry.subject, JournalEntry.detail).where(
        JournalEntry.act == JournalAct.QUARANTINE_RETURN, JournalEntry.subject.in_(subjects)
    )
    return {
        subject: json.loads(detail)["reason"]
        for subject, detail in session.execute(query.order_by(JournalEntry.seq))
    }


def next_unplaced(session: Session, reach: Reach, but: str) -> str | None:
    """Return the id of the newest file that waits for a person, other than `but`."""
    query = (
        select(CapturedFile.id)
        .where(files_in(reach), CapturedFile.state == Capture.UNPLACED, CapturedFile.id != but)
        .order_by(CapturedFile.created_at.desc(), CapturedFile.id)
        .limit(1)
    )
    return session.scalars(query).first()


def lock_unplaced(session: Session, reach: Reach, code: str) -> Sequence[CapturedFile]:
    """Lock and return the files that wait for a person because of a finding of this code."""
    query = select(CapturedFile).where(files_in(reach), CapturedFile.state == Capture.UNPLACED)
    return [
        row
        for row in session.scalars(query.with_for_update())
        if row.findings and row.findings[0]["code"] == code
    ]
