"""Materials and pages of a case by source, as numbers that the database can add up.

The facts themselves are sealed.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, CaseSource


def sources_in(facts: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Return (materials, pages) by source, from facts as they are kept."""
    counts: dict[str, tuple[int, int]] = {}
    for material in facts["materials"]:
        materials, pages = counts.get(material["source"], (0, 0))
        counts[material["source"]] = (materials + 1, pages + material["pages"])
    return counts


def remember_sources(session: Session, case: Case) -> None:
    """Replace the counts of a case by those of its current facts."""
    session.execute(delete(CaseSource).where(CaseSource.case_id == case.id))
    counted = sources_in(case.facts)
    session.add_all(
        CaseSource(case_id=case.id, source=source, materials=materials, pages=pages)
        for source, (materials, pages) in counted.items()
    )
    session.flush()
