"""From which of the four sources the materials of a case came, as numbers that the database can add up; the facts themselves are sealed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, CaseSource


def sources_in(facts: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Materials and pages by source, of facts as they are kept."""
    found: dict[str, tuple[int, int]] = {}
    for one in facts["materials"]:
        materials, pages = found.get(one["source"], (0, 0))
        found[one["source"]] = (materials + 1, pages + one["pages"])
    return found


def remember_sources(session: Session, case: Case) -> None:
    """Enter the numbers of a case in the place of those it had."""
    session.execute(delete(CaseSource).where(CaseSource.case_id == case.id))
    counted = sources_in(case.facts)
    session.add_all(
        CaseSource(case_id=case.id, source=source, materials=materials, pages=pages)
        for source, (materials, pages) in counted.items()
    )
    session.flush()
