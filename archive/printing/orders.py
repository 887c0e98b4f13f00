"""Orders of sealed registers: written by an act, made by a worker under a lease.

    registers/<fonds>/prints/<number>/<digest>-register.pdf

The row says how far an order is. A message that comes twice changes nothing the second time. The
policy is asked again when the registers are made: by then the role may be another.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Act, Denial, Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.listing import ListPart, ListWanted, QueryList
from archive.database.tables_printing import PrintOrder
from archive.jobs.leases import Lease, claim, keep, release, write
from archive.printing.choice import PrintChoice, check_choice
from archive.printing.volumes import count_chosen
from archive.reference.errors import ConflictError, LeaseLostError
from archive.reference.local_time import LOCAL_TIME
from archive.reference.print_terms import PrintStep
from archive.usage.looks import AccessContext, DeniedError, journal_look, purpose_of
from archive.usage.reading_room import ReferenceData, require
from storage.blobs import BlobStore

LEASE = timedelta(seconds=300)
_OPEN = (PrintStep.WAITING, PrintStep.COLLECTING, PrintStep.SEALING)


def print_number(order: PrintOrder) -> str:
    """Return the number of an order, as people state it: DY2026-000012."""
    return f"DY{order.created_at.astimezone(LOCAL_TIME).year}-{order.id:06d}"


def require_printable(
    session: Session, reader: Reader, choice: PrintChoice, reference: ReferenceData
) -> int:
    """Return how many volumes a choice lists, 0 of a register of use alone.

    Raises DeniedError and BadPrintError as the checks of the choice do.
    """
    require(reader, Act.PRINT)
    today = database_now(session).astimezone(LOCAL_TIME).date()
    check_choice(reader, choice, reference.organisations, today)
    return count_chosen(session, reader, choice, reference) if choice.of_volumes else 0


def order_print(
    session: Session, reader: Reader, choice: PrintChoice, reference: ReferenceData
) -> PrintOrder:
    """Order sealed registers. Raises DeniedError, BadPrintError."""
    count = require_printable(session, reader, choice, reference)
    order = PrintOrder(
        account=reader.account,
        org=reader.org,
        choice=choice.public(),
        step=PrintStep.WAITING,
        documents=[],
        total=count * len(choice.kinds),
        created_at=database_now(session),
    )
    session.add(order)
    session.flush()
    note_print(session, reader, choice, print_number(order), volumes=count, sealed=True)
    return order


def note_print(
    session: Session,
    reader: Reader,
    choice: PrintChoice,
    subject: str,
    *,
    volumes: int,
    sealed: bool,
    named: int | None = None,
) -> None:
    """Journal that registers are printed: which, of how many volumes, how many named in plain."""
    stated = {key: value for key, value in choice.public().items() if value and key != "codes"}
    journal_look(
        session,
        reader,
        JournalAct.PRINT,
        subject,
        AccessContext(purpose_of(reader, None)),
        **stated,
        volumes=volumes,
        ticked=len(choice.codes),
        sealed=sealed,
        **({} if named is None else {"named": named}),
    )


def find_order(session: Session, reader: Reader, number: str) -> PrintOrder:
    """Return an order of the reader's own. Raises DeniedError for any other, and for none."""
    require(reader, Act.PRINT)
    digits = number[7:] if number[:2] == "DY" and number[6:7] == "-" else ""
    plain = digits.isascii() and digits.isdigit() and len(digits) < len("1000000000000")
    order = session.get(PrintOrder, int(digits)) if plain else None
    if order is None or order.account != reader.account or print_number(order) != number:
        raise DeniedError(Denial.NOT_HERE)
    return order


def own_orders(session: Session, reader: Reader, limit: int) -> Sequence[PrintOrder]:
    """Return the reader's orders, the newest first."""
    require(reader, Act.PRINT)
    query = select(PrintOrder).filter_by(account=reader.account).order_by(PrintOrder.id.desc())
    return session.scalars(query.limit(limit)).all()


ORDERS = QueryList(
    PrintOrder.id,
    {"number": PrintOrder.id, "step": PrintOrder.step},
    "-number",
    day=PrintOrder.created_at,
)


def part_of_own_orders(
    session: Session, reader: Reader, wanted: ListWanted
) -> ListPart[PrintOrder]:
    """Return one page of the reader's orders."""
    require(reader, Act.PRINT)
    return ORDERS.part(session, select(PrintOrder).filter_by(account=reader.account), wanted)


def orders_waiting(session: Session) -> list[int]:
    """Return the ids of the orders that are not made yet, the oldest first."""
    query = select(PrintOrder.id).where(PrintOrder.step.in_(_OPEN)).order_by(PrintOrder.id)
    return list(session.scalars(query))


def claim_print(session: Session, order_id: int, owner: str) -> Lease[int] | None:
    """Take the lease of an order; None when it is made, failed, or another has it."""
    return claim(
        session,
        PrintOrder,
        order_id,
        owner,
        PrintOrder.step.in_(_OPEN),
        length=LEASE,
        step=PrintStep.COLLECTING,
        done=0,
    )


def note_progress(
    session: Session,
    lease: Lease[int],
    step: PrintStep,
    **columns: Any,  # noqa: ANN401 - column values
) -> None:
    """Record how far the worker is, and keep the lease. Raises LeaseLostError."""
    if not keep(session, lease, length=LEASE, step=step, **columns):
        raise LeaseLostError("租约已失效，本次结果未记录。", "无需处理，另一工作进程会继续。")


def finish_print(
    session: Session, lease: Lease[int], reader: Reader, documents: Sequence[dict[str, Any]]
) -> None:
    """Enter what was sealed, which lies in the store, journal it and tell who ordered it."""
    columns = {"step": PrintStep.DONE, "documents": list(documents)}
    done = PrintOrder.step != PrintStep.DONE
    ended = database_now(session)
    if not write(
        session, lease, done, ended_at=ended, lease_owner=None, lease_until=None, **columns
    ):
        raise LeaseLostError("租约已失效，本次结果未记录。", "无需处理，另一工作进程会继续。")
    number = print_number(session.get_one(PrintOrder, lease.key))
    journal.record(
        session,
        reader.account,
        JournalAct.SEAL_PRINT,
        number,
        org=reader.org,
        files=[[row["kind"], row["sha256"], row["rows"], row["named"]] for row in documents],
    )
    notify(session, NoticeKind.FINISHED, NoticeTopic.PRINT, number, account=reader.account)


def fail_print(session: Session, lease: Lease[int], code: str, error: str) -> None:
    """Record why the registers were not made and tell; a lost lease leaves it to its owner."""
    ended = database_now(session)
    failed = {"step": PrintStep.FAILED, "error_code": code, "error": error, "ended_at": ended}
    if release(session, lease, **failed):
        order = session.get_one(PrintOrder, lease.key)
        notify(
            session,
            NoticeKind.FAILED,
            NoticeTopic.PRINT,
            print_number(order),
            account=order.account,
        )


def retry_print(session: Session, reader: Reader, number: str) -> None:
    """Let a failed order of the reader's own wait again. Raises DeniedError, ConflictError."""
    order = find_order(session, reader, number)
    if order.step != PrintStep.FAILED:
        raise ConflictError("该打印没有失败，不需要重试。", "请刷新页面查看进度。")
    order.step, order.error, order.error_code, order.ended_at = PrintStep.WAITING, None, None, None
    journal.record(session, reader.account, JournalAct.RETRY, number, org=reader.org)


def fetch_print(
    session: Session, reader: Reader, number: str, kind: str
) -> tuple[PrintOrder, dict[str, Any]]:
    """Return an order and the file of a kind in it, journalled. Raises DeniedError."""
    order = find_order(session, reader, number)
    row = next((row for row in order.documents if row["kind"] == kind), None)
    if row is None:
        raise DeniedError(Denial.NOT_HERE)
    context = AccessContext(purpose_of(reader, None))
    journal_look(
        session, reader, JournalAct.DOWNLOAD_PRINT, number, context, file=kind, named=row["named"]
    )
    return order, row


def read_print(store: BlobStore, row: dict[str, Any]) -> bytes:
    """Return a sealed file from the store, held to its digest."""
    return store.read(row["key"], sha256=row["sha256"])


def public_order(order: PrintOrder) -> dict[str, Any]:
    """Return an order as scripts read it."""
    step = PrintStep(order.step)
    return {
        "number": print_number(order),
        "step": str(step),
        "step_label": step.label,
        "choice": dict(order.choice),
        "done": order.done,
        "total": order.total,
        "error": order.error or "",
        "files": [
            {key: row[key] for key in ("kind", "title", "sha256", "pages", "rows", "part")}
            for row in order.documents
        ],
        "created_at": order.created_at.isoformat(),
    }
