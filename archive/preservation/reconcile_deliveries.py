"""Deliveries and registers of periods held to the bucket and to the journal (I12)."""

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.accession.accession import delivery_text
from archive.database.tables_cases import Case, CaseRevision, Delivery
from archive.database.tables_jobs import PeriodRun
from archive.preservation.faults import Fault
from archive.preservation.journalled import Journalled
from archive.reference.vocabulary import IntakeOutcome
from storage.blobs import BlobStore

NOT_TAKEN = (IntakeOutcome.REFUSED, IntakeOutcome.DUPLICATE)


def delivery_faults(session: Session, store: BlobStore, state: Journalled) -> Iterator[Fault]:
    """Yield deliveries whose record is another or none, and those whose row is gone.

    A record without a row is what a kill leaves; of a refused one the journal is the witness.
    """
    query = select(Delivery).where(Delivery.outcome.in_(NOT_TAKEN)).order_by(Delivery.id)
    for row in session.scalars(query.execution_options(yield_per=500)):
        key, _ = delivery_text(row)
        if store.stat(key) is None:
            yield Fault("I12", f"delivery:{row.id}", "送达登记与存储中的送达记录不符")
    taken = select(Delivery.id).where(Delivery.outcome.not_in(NOT_TAKEN))
    for row_id in session.scalars(taken.where(Delivery.sender.is_not(None)).order_by(Delivery.id)):
        yield Fault("I12", f"delivery:{row_id}", "已接收的送达登记写有送交单位")
    yield from _refused(session, state)
    yield from _taken(session)


def register_faults(session: Session, store: BlobStore, state: Journalled) -> Iterator[Fault]:
    """Yield registers that were journalled and are gone, and those that nobody made."""
    for register in state.registers:
        if store.stat(register) is None:
            yield Fault("I12", register, "日志记有此归档登记表，存储中没有")
    query = select(PeriodRun.register).where(PeriodRun.register.is_not(None))
    for register in session.scalars(query.execution_options(yield_per=500)):
        if register not in state.registers:
            yield Fault("I12", str(register), "日志没有此归档登记表")


def _refused(session: Session, state: Journalled) -> Iterator[Fault]:
    """Compare how often a content was refused, and returned, with the journal."""
    query = (
        select(Delivery.content_digest, func.count(), func.count(Delivery.returned_at))
        .where(Delivery.outcome == IntakeOutcome.REFUSED)
        .group_by(Delivery.content_digest)
        .order_by(Delivery.content_digest)
        .execution_options(yield_per=500)
    )
    for content, refused, returned in session.execute(query):
        state.refused.see(content)
        state.returned.see(content)
        if refused < state.refused.get(content, 0):
            yield Fault("I12", "deliveries", f"拒收 {content[:12]} 的登记少于日志所记")
        if refused > state.refused.get(content, 0) and not state.rebuilds:
            yield Fault("I12", "deliveries", f"日志没有拒收 {content[:12]}")
        if returned != state.returned.get(content, 0):
            yield Fault("I12", "deliveries", f"退回 {content[:12]} 的登记与日志不符")
    for content in state.refused.unseen():
        yield Fault("I12", "deliveries", f"日志记有拒收 {content[:12]}，数据库没有登记")
    for content in state.returned.unseen():
        yield Fault("I12", "deliveries", f"日志记有退回 {content[:12]}，数据库没有登记")


def _taken(session: Session) -> Iterator[Fault]:
    """Check that each revision has its delivery, and each delivery taken over its revision."""
    revisions = (
        select(Case.case_no, CaseRevision.content_digest)
        .join(CaseRevision, CaseRevision.case_id == Case.id)
        .subquery()
    )
    taken = (
        select(Delivery.case_no, Delivery.content_digest)
        .where(Delivery.outcome.not_in(NOT_TAKEN))
        .subquery()
    )
    for left, right, message in (
        (revisions, taken, "该次接收没有送达登记"),
        (taken, revisions, "送达登记没有对应的接收"),
    ):
        query = (
            select(left.c.case_no)
            .outerjoin(
                right,
                (left.c.case_no == right.c.case_no)
                & (left.c.content_digest == right.c.content_digest),
            )
            .where(right.c.content_digest.is_(None))
            .order_by(left.c.case_no)
        )
        for case_no in session.scalars(query.execution_options(yield_per=500)):
            yield Fault("I12", str(case_no), message)
