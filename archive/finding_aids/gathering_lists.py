"""Lists of the 归集池: cases that gather, files that wait, packages that were refused."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_cases import Delivery
from archive.database.tables_gathering import Arrival, CapturedFile, GatheredCase, GatheredMaterial
from archive.finding_aids.reach import Reach, files_in
from archive.gathering.captures import Capture
from archive.gathering.cases import Gathering, collecting_rows
from archive.reference.errors import NotFoundError
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import IntakeOutcome


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
            rows.append({**row, "item": name})
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


def refused_deliveries(session: Session, reach: Reach, limit: int) -> list[Delivery]:
    """Return the latest packages that were refused and not returned yet.

    Of cases in which the reach has a part; those that name no known case are for the city.
    """
    query = select(Delivery).where(
        Delivery.outcome == IntakeOutcome.REFUSED, Delivery.returned_at.is_(None)
    )
    rows = session.scalars(query.order_by(Delivery.id.desc()).limit(limit * 10)).all()
    if reach is not None:
        case_nos = {delivery.case_no for delivery in rows if delivery.case_no}
        cases = session.execute(
            select(GatheredCase.case_no, GatheredCase.facts).where(
                GatheredCase.case_no.in_(case_nos)
            )
        )
        within = {
            case_no for case_no, facts in cases if reach & set(facts.get("orgs", {}).values())
        }
        rows = [delivery for delivery in rows if delivery.case_no in within]
    return list(rows[:limit])


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
