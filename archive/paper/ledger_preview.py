"""What the import of a ledger would do, row by row and box by box."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from archive.paper.ledger_rows import LedgerRow, RowFault
from archive.reference.vocabulary import LabelledEnum


class LedgerRowState(LabelledEnum):
    """What the import would do with a row."""

    READY = "READY", "可登记"
    KNOWN = "KNOWN", "已登记，不重复登记"
    FAULTY = "FAULTY", "有误，不登记"


@dataclass(frozen=True, slots=True)
class BoxKey:
    """A box of the ledger: boxes of different stations, series or years are different boxes."""

    org: str
    series: str
    year: int
    label: str


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A row with its state; `pages` are the paper's, as stated or counted.

    `lies_in` is the id of the box of what is registered already. All are None where the row is
    faulty before them.
    """

    row: LedgerRow
    state: LedgerRowState
    faults: tuple[RowFault, ...]
    task_id: int | None = None
    lies_in: int | None = None
    pages: int | None = None
    box: BoxKey | None = None

    def public(self) -> dict[str, Any]:
        """Return the row as scripts and pages read it."""
        return {
            "row": self.row.number,
            "name": self.row.name,
            "box": self.row.box,
            "pages": self.pages,
            "state": str(self.state),
            "faults": [
                {"column": fault.column, "message": fault.message, "action": fault.action}
                for fault in self.faults
            ],
        }


@dataclass(frozen=True, slots=True)
class PreviewBox:
    """A box of the ledger: the box that there is, or the spine and shelf of a new one."""

    key: BoxKey
    box_id: int | None
    name: str | None
    spine_mm: int
    place_id: int | None


@dataclass(frozen=True, slots=True)
class LedgerPreview:
    """The preview of a ledger; `digest` is of the rows and of what they would do."""

    rows: tuple[PreviewRow, ...]
    boxes: tuple[PreviewBox, ...]
    unused: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return the digest with which the preview is confirmed."""
        text = json.dumps(
            {
                "rows": [[row.public(), row.task_id, asdict(row.row)] for row in self.rows],
                "boxes": [asdict(box) for box in self.boxes],
            },
            ensure_ascii=False,
            sort_keys=True,
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def count(self, state: LedgerRowState) -> int:
        """Return how many rows have a state."""
        return sum(row.state is state for row in self.rows)

    def public(self) -> dict[str, Any]:
        """Return the preview as scripts and pages read it."""
        return {
            "digest": self.digest,
            "ready": self.count(LedgerRowState.READY),
            "known": self.count(LedgerRowState.KNOWN),
            "faulty": self.count(LedgerRowState.FAULTY),
            "new_boxes": sum(box.box_id is None for box in self.boxes),
            "unused_columns": list(self.unused),
            "rows": [row.public() for row in self.rows],
        }
