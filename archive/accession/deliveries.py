"""Deliveries: a row for each package that came, and what becomes of the refused ones.

A refused package lies in quarantine whole. Whoever sent it sees why, and so does the unit above;
either may mark it as sent back (退回), with a reason, when nothing is to be waited for any more.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from archive.accession.accession import DeliveryResult
from archive.accession.senders import tell_sender
from archive.administration.policy import Reader, scope_of
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_cases import Delivery
from archive.reference.errors import ConflictError, NotFoundError
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import IntakeOutcome, OrgKind

_SHORTEST = 2


def log_delivery(
    session: Session,
    actor: str,
    *,
    bag: str,
    case_no: str | None,
    sender: str | None,
    content_digest: str,
    taken: DeliveryResult,
    quarantine_prefix: str | None,
    at: datetime,
) -> None:
    """Write a row for a delivery, and a journal entry when it was refused."""
    session.add(
        Delivery(
            bag=bag,
            case_no=case_no,
            sender=sender,
            content_digest=content_digest,
            outcome=taken.outcome,
            findings=[entry.public() for entry in taken.findings],
            quarantine_prefix=quarantine_prefix,
            received_at=at,
        )
    )
    if taken.outcome is IntakeOutcome.REFUSED:
        journal.record(
            session,
            actor,
            JournalAct.QUARANTINE,
            quarantine_prefix or bag,
            content=content_digest,
            codes=sorted({entry.code for entry in taken.findings}),
        )
        tell_sender(session, case_no, sender)


def answers_for(reader: Reader, row: Delivery, organisations: Organisations) -> bool:
    """Say whether a refused package is the reader's matter: its sender's or a unit's above it.

    One of which nobody knows who sent it is the city's.
    """
    if row.sender is None or row.sender not in organisations:
        return organisations.get(reader.org).kind is OrgKind.CITY
    return reader.org in scope_of((row.sender,), organisations)


def return_delivery(
    session: Session,
    reader: Reader,
    delivery: int,
    *,
    reason: str,
    organisations: Organisations,
    at: datetime,
) -> Delivery:
    """Record that a refused package was returned to its sender, and return its row.

    The package stays in quarantine; actor, reason and time are journalled. Raises NotFoundError,
    for a foreign one as for a missing one, and ConflictError.
    """
    row = session.get(Delivery, delivery, with_for_update=True)
    if (
        row is None
        or row.outcome != IntakeOutcome.REFUSED
        or not answers_for(reader, row, organisations)
    ):
        raise NotFoundError("没有这个隔离件，或您无权查看。", "请刷新归集池，核对隔离件。")
    if row.returned_at is not None:
        raise ConflictError("该隔离件已退回。", "请刷新归集池。")
    if len(reason.strip()) < _SHORTEST:
        raise ConflictError("退回须写明理由，未作任何更改。", "请写明要更正什么。")
    row.returned_at = at
    journal.record(
        session,
        reader.account,
        JournalAct.QUARANTINE_RETURN,
        row.quarantine_prefix or row.bag,
        reason=reason.strip(),
        content=row.content_digest,
    )
    tell_sender(session, row.case_no, row.sender)
    return row
