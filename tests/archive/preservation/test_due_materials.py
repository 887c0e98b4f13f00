"""I7: a committed version without a material that was due of its case is a fault."""

from sqlalchemy import select

from archive.database.engine import writing
from archive.database.tables_cases import CaseRevision
from archive.preservation.verify import verify_holdings
from archive.reference.service_items import snapshot
from archive.reference.submission_terms import Ending
from tests.support.holdings import CATALOGUE, Holdings

INVESTIGATED = snapshot(CATALOGUE.get("BL05", "2026-1"))


def lacking(archive: Holdings, lost: str, ending: Ending | None) -> list[str]:
    """What I7 finds after a case of an investigated item is left without one of its materials."""
    names = [row["name"] for row in INVESTIGATED["materials"] if row["condition"] is None]
    with writing(archive.engine) as session:
        revision = session.scalars(select(CaseRevision).order_by(CaseRevision.id)).all()[0]
        revision.snapshot = INVESTIGATED
        revision.facts = {
            **revision.facts,
            "ending": ending,
            "materials": [{"type": name} for name in names if name != lost],
        }
    faults = verify_holdings(archive.engine, archive.store, archive.shop.trust)
    return [fault.message for fault in faults if fault.invariant == "I7"]


def test_a_volume_without_a_material_that_was_due_is_named(archive: Holdings) -> None:
    for ending in (None, Ending.ISSUED, Ending.NOT_APPROVED):
        assert lacking(archive, "调查材料", ending) == ["缺少必交材料：调查材料"]
    assert lacking(archive, "收件单", Ending.NOT_ACCEPTED) == ["缺少必交材料：收件单"]


def test_a_case_that_ended_before_its_investigation_owes_none(archive: Holdings) -> None:
    for ending in (Ending.NOT_ACCEPTED, Ending.WITHDRAWN):
        assert lacking(archive, "调查材料", ending) == []
