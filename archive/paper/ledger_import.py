"""Registering a ledger whose preview was confirmed, box by box, through the acts of paper.

A box is a transaction: an import that is broken off goes on where it ended when the same ledger
is imported again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_paper import PaperBox, PaperPlace, PaperTask
from archive.paper.access import Keeper
from archive.paper.boxes import begin_box, box_name, shelve_box
from archive.paper.ledger_preview import LedgerPreview, LedgerRowState, PreviewBox, PreviewRow
from archive.paper.ledger_rows import LedgerFaultError
from archive.paper.moves import Cause
from archive.paper.registration import CountedPaper, register_paper
from archive.reference.paper_terms import PaperCondition
from archive.reference.vocabulary import Series

_IMPORTED = Cause("台账导入")


@dataclass(frozen=True, slots=True)
class ImportedBox:
    """A box after the import: its number in the ledger, its own, and how many items went in."""

    label: str
    box_id: int
    name: str
    items: int
    new: bool


@dataclass(slots=True)
class LedgerOutcome:
    """What came of an import; `failures` are boxes that another person was faster with."""

    preview: LedgerPreview
    boxes: list[ImportedBox] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)

    def public(self) -> dict[str, Any]:
        """Return the outcome as scripts and pages read it."""
        return {
            "registered": sum(box.items for box in self.boxes),
            "known": self.preview.count(LedgerRowState.KNOWN),
            "faulty": self.preview.count(LedgerRowState.FAULTY),
            "boxes": [
                {
                    "ledger": box.label,
                    "box": box.name,
                    "id": box.box_id,
                    "items": box.items,
                    "new": box.new,
                }
                for box in self.boxes
            ],
            "failures": self.failures,
            "rows": [
                row.public() for row in self.preview.rows if row.state is LedgerRowState.FAULTY
            ],
        }


def refuse_unconfirmed(preview: LedgerPreview, confirmed: str) -> None:
    """Raise LedgerFaultError unless this preview is the one that was confirmed by its digest."""
    if preview.digest != confirmed:
        raise LedgerFaultError(
            "台账或纸质登记在预览之后有变化，没有登记任何一行。", "请重新预览，核对后再确认。"
        )


def import_box(
    session: Session, keeper: Keeper, preview: LedgerPreview, box: PreviewBox
) -> ImportedBox:
    """Register the rows of one box of a confirmed preview, and journal it.

    Raises DeniedError and PaperError where the room has changed since.
    """
    rows = _rows_of(preview, box)
    paper_box = _box(session, keeper, box)
    for row in rows:
        register_paper(
            session,
            keeper,
            session.get_one(PaperTask, row.task_id),
            paper_box,
            CountedPaper(
                row.row.pages, row.row.condition or PaperCondition.GOOD, note=row.row.note
            ),
            _IMPORTED,
        )
    journal.record(
        session,
        keeper.account,
        JournalAct.PAPER_IMPORT,
        f"paper-box/{paper_box.id}",
        ledger=preview.digest,
        items=len(rows),
    )
    return ImportedBox(
        box.key.label, paper_box.id, box_name(paper_box), len(rows), new=box.box_id is None
    )


def _rows_of(preview: LedgerPreview, box: PreviewBox) -> Sequence[PreviewRow]:
    return [row for row in preview.rows if row.state is LedgerRowState.READY and row.box == box.key]


def _box(session: Session, keeper: Keeper, box: PreviewBox) -> PaperBox:
    if box.box_id is not None:
        return session.get_one(PaperBox, box.box_id)
    paper_box = begin_box(
        session,
        keeper,
        org=box.key.org,
        series=Series(box.key.series),
        year=box.key.year,
        spine_mm=box.spine_mm,
    )
    if box.place_id is not None:
        place = session.get_one(PaperPlace, box.place_id)
        shelve_box(session, keeper, paper_box, place, _IMPORTED)
    return paper_box
