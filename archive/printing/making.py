"""Makes what was chosen: all documents of a choice, and the sealed files of an order."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from archive.administration.policy import Reader
from archive.administration.signatories import signatory
from archive.compile.context import CompileContext
from archive.compile.sealed_document import count_pages
from archive.database.engine import database_now, reading, writing
from archive.database.tables_printing import PrintOrder
from archive.jobs.leases import Lease
from archive.printing.choice import PrintChoice, choice_of
from archive.printing.contents import contents
from archive.printing.documents import PrintDocument, pages_pdf, sealed_pdf
from archive.printing.orders import finish_print, note_progress, print_number, require_printable
from archive.printing.registers import Printing, register, spines, transfer
from archive.printing.uses import uses
from archive.printing.volumes import Advance, ChosenVolumes, chosen_volumes, unwatched
from archive.printing.yearly import yearly
from archive.reference.local_time import local_time
from archive.reference.print_terms import PrintKind, PrintStep
from archive.usage.reading_room import ReferenceData
from storage.digest import sha256_hex


def documents_of(
    session: Session,
    reader: Reader,
    choice: PrintChoice,
    reference: ReferenceData,
    *,
    number: str = "",
    advance: Advance = unwatched,
) -> list[PrintDocument]:
    """Return the documents of a choice, in the order of the kinds; `advance` is told of rows.

    Raises DeniedError, BadPrintError.
    """
    require_printable(session, reader, choice, reference)
    made_at = local_time(database_now(session))
    by = signatory(session, reader.account)
    printing = Printing(reader, choice, reference.organisations, number, made_at, by)
    chosen = ChosenVolumes((), 0, whole=True)
    if choice.of_volumes:
        chosen = chosen_volumes(session, reader, choice, reference, advance)
    read = len(chosen.rows)
    wanted = dict.fromkeys(choice.kinds)
    return [
        _document(session, printing, kind, chosen, reference, lambda done: advance(read + done))
        for kind in wanted
    ]


def _document(
    session: Session,
    printing: Printing,
    kind: PrintKind,
    chosen: ChosenVolumes,
    reference: ReferenceData,
    advance: Advance,
) -> PrintDocument:
    match kind:
        case PrintKind.REGISTER:
            return register(printing, chosen)
        case PrintKind.TRANSFER:
            return transfer(printing, chosen)
        case PrintKind.SPINES:
            return spines(printing, chosen)
        case PrintKind.CONTENTS:
            return contents(session, printing, chosen, reference.catalogue, advance)
        case PrintKind.USES:
            return uses(session, printing)
        case PrintKind.YEAR:
            return yearly(session, printing, reference.filing.rule)


def named_in(documents: Sequence[PrintDocument]) -> int:
    """Return how many rows of these documents name people in plain."""
    return sum(document.named for document in documents)


def make_pages(documents: Sequence[PrintDocument], *, demo: bool) -> bytes:
    """Return documents as one PDF to print, which says that it is not sealed."""
    return pages_pdf(documents, demo=demo)


def make_print(
    context: CompileContext, reference: ReferenceData, lease: Lease[int], reader: Reader
) -> None:
    """Make the sealed files of a claimed order, put them into the store and enter them.

    Raises what may fail: LeaseLostError, DeniedError, BadPrintError, NotProvedError.
    """

    def advance(done: int) -> None:
        with writing(context.engine) as session:
            note_progress(session, lease, PrintStep.COLLECTING, done=done)

    with reading(context.engine) as session:
        order = session.get_one(PrintOrder, lease.key)
        number, choice = print_number(order), choice_of(order.choice)
        documents = documents_of(session, reader, choice, reference, number=number, advance=advance)
    files = []
    for document in documents:
        with writing(context.engine) as session:
            note_progress(session, lease, PrintStep.SEALING)
        files.append(_stored(context, document))
    with writing(context.engine) as session:
        finish_print(session, lease, reader, files)


def _stored(context: CompileContext, document: PrintDocument) -> dict[str, Any]:
    """Seal a document and put it into the store, named by its digest."""
    pdf = sealed_pdf(context, context.organisations, document)
    digest = sha256_hex(pdf)
    fonds = context.organisations.fonds_of(document.org.code)
    key = f"registers/{fonds}/prints/{document.number}/{digest[:16]}-register.pdf"
    context.store.put_new(key, pdf, media_type="application/pdf")
    return {
        "kind": str(document.kind),
        "title": document.heading,
        "key": key,
        "sha256": digest,
        "pages": count_pages(pdf),
        "rows": document.rows,
        "named": document.named,
        "part": bool(document.left_out),
    }
