"""Previewing and importing ledgers of paper: one function for command, page and endpoint."""

from collections.abc import Callable

from sqlalchemy import Engine

from archive.database.engine import reading, writing
from archive.paper.access import Keeper
from archive.paper.ledger_import import LedgerOutcome, import_box, refuse_unconfirmed
from archive.paper.ledger_preview import LedgerPreview
from archive.paper.ledger_rows import read_rows
from archive.paper.ledgers import preview_ledger
from archive.reference.errors import ArchiveError
from ingest.intake.ledgers import read_ledger

Watch = Callable[[int, int], None]


def preview(engine: Engine, keeper: Keeper, data: bytes) -> LedgerPreview:
    """Return what the import of a file would do; nothing is changed.

    Raises LedgerFileError, LedgerFaultError, DeniedError.
    """
    ledger = read_rows([sheet.rows for sheet in read_ledger(data)])
    with reading(engine) as session:
        return preview_ledger(session, keeper, ledger)


def import_ledger(
    engine: Engine, keeper: Keeper, data: bytes, confirmed: str, watch: Watch
) -> LedgerOutcome:
    """Register what a confirmed preview says, a box a transaction; return what came of it.

    `confirmed` is the digest of the preview that a person has seen. A box whose room has changed
    since is left out and named with the reason. Raises as `preview`, and LedgerFaultError where
    the preview is no longer the same.
    """
    seen = preview(engine, keeper, data)
    refuse_unconfirmed(seen, confirmed)
    outcome = LedgerOutcome(seen)
    for done, box in enumerate(seen.boxes, 1):
        try:
            with writing(engine) as session:
                outcome.boxes.append(import_box(session, keeper, seen, box))
        except ArchiveError as error:
            outcome.failures.append(
                {"box": box.key.label, "message": error.message, "action": error.action}
            )
        watch(done, len(seen.boxes))
    return outcome
