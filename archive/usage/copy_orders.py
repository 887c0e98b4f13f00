"""Orders of certified copies: requested by a reader, made by a worker.

The job row says how far an order is; a lease lets one worker make it. A message that comes
twice changes nothing the second time: the later claim finds the lease taken or the copy made.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Act, Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_jobs import Job
from archive.database.tables_usage import CertifiedCopy, CopyOrder, UsageRequest
from archive.jobs.job_rows import end_job
from archive.jobs.leases import Lease, claim, release, write
from archive.reference.errors import LeaseLostError, NotFoundError
from archive.reference.vocabulary import JobKind, JobState, LabelledEnum
from archive.usage.certified_copies import SealedCopy, enter_copy
from archive.usage.reading_room import OpenedVolume, ReferenceData, open_volume
from archive.usage.requests import find_request, number_of

LEASE = timedelta(seconds=180)


class CopyStep(LabelledEnum):
    """Steps of an order."""

    WAITING = "WAITING", "等待制作"
    COPYING = "COPYING", "复制页面、盖章并证明"
    ENTERING = "ENTERING", "入库登记"
    DONE = "DONE", "已出具"


def order_copy(
    session: Session, reader: Reader, number: str, items: Sequence[int], reference: ReferenceData
) -> CopyOrder:
    """Order a copy of items (none named: all) under the reader's own grant.

    Raises NotFoundError, DeniedError.
    """
    request = find_request(session, number)
    if request.account != reader.account:
        raise NotFoundError("没有这份利用申请，或您无权查看。", "请核对利用单号。")
    open_volume(session, reader, Act.CERTIFY, request.code, reference, number)
    now = database_now(session)
    order = CopyOrder(
        request_id=request.id,
        account=reader.account,
        code=request.code,
        items=sorted(set(items)),
        step=CopyStep.WAITING,
        created_at=now,
    )
    session.add(order)
    session.flush()
    session.add(Job(kind=JobKind.COPY, order_id=order.id, state=JobState.WAITING, created_at=now))
    journal.record(
        session,
        reader.account,
        JournalAct.ORDER_COPY,
        request.code,
        usage=number,
        items=order.items,
        org=reader.org,
    )
    return order


def job_of(session: Session, order_id: int) -> Job:
    """Return the job of an order."""
    return session.scalars(select(Job).where(Job.order_id == order_id)).one()


def orders_waiting(session: Session) -> list[int]:
    """Return the ids of orders that wait to be made, oldest first."""
    query = select(Job.order_id).where(Job.kind == JobKind.COPY, Job.state == JobState.WAITING)
    return [order_id for order_id in session.scalars(query.order_by(Job.id)) if order_id]


def claim_order(session: Session, order_id: int, owner: str) -> Lease[int] | None:
    """Take the lease of an order.

    Returns None when the copy is made or another worker has the lease.
    """
    return claim(
        session,
        CopyOrder,
        order_id,
        owner,
        CopyOrder.copy_id.is_(None),
        length=LEASE,
        step=CopyStep.COPYING,
    )


def note_step(
    session: Session, lease: Lease[int], step: CopyStep, *, copy_id: int | None = None
) -> None:
    """Record how far the worker is. Raises LeaseLostError when another worker has the order."""
    if not write(session, lease, CopyOrder.copy_id.is_(None), step=step, copy_id=copy_id):
        raise LeaseLostError("租约已失效，本次结果未记录。", "无需处理，另一工作进程会继续。")


def finish_order(
    session: Session, lease: Lease[int], opened: OpenedVolume, sealed: SealedCopy, reader: Reader
) -> CertifiedCopy:
    """Enter the copy, which lies in the store, and end the job. Raises LeaseLostError."""
    copy = enter_copy(session, reader, opened, sealed)
    note_step(session, lease, CopyStep.DONE, copy_id=copy.id)
    end_job(session, Job.order_id == lease.key, JobState.DONE)
    _tell(session, NoticeKind.FINISHED, lease.key)
    return copy


def _tell(session: Session, kind: NoticeKind, order_id: int) -> None:
    order, number = usage_of(session, order_id)
    notify(session, kind, NoticeTopic.COPY, number, account=order.account)


def fail_order(session: Session, lease: Lease[int], code: str, error: str) -> None:
    """Record why a copy was not made; the order can be tried again.

    A lost lease leaves the job to its new owner.
    """
    if release(session, lease, step=CopyStep.WAITING):
        end_job(session, Job.order_id == lease.key, JobState.FAILED, error_code=code, error=error)
        _tell(session, NoticeKind.FAILED, lease.key)


def retry_order(session: Session, reader: Reader, order_id: int) -> None:
    """Let a failed order of the reader's own wait again. Raises NotFoundError."""
    order = session.get(CopyOrder, order_id)
    if order is None or order.account != reader.account:
        raise NotFoundError("没有这项任务，或您无权查看。", "请刷新页面。")
    job = job_of(session, order_id)
    if job.state == JobState.FAILED:
        job.state, job.ended_at = JobState.WAITING, None
        job.error, job.error_code = None, None
        journal.record(session, reader.account, JournalAct.RETRY, order.code, order=order_id)


def orders_of(
    session: Session, request: UsageRequest
) -> list[tuple[CopyOrder, Job, CertifiedCopy | None]]:
    """Return the orders under a request with their jobs and copies, newest first."""
    query = (
        select(CopyOrder, CertifiedCopy)
        .outerjoin(CertifiedCopy, CertifiedCopy.id == CopyOrder.copy_id)
        .where(CopyOrder.request_id == request.id)
        .order_by(CopyOrder.id.desc())
    )
    return [(order, job_of(session, order.id), copy) for order, copy in session.execute(query)]


def usage_of(session: Session, order_id: int) -> tuple[CopyOrder, str]:
    """Return an order and the number of the grant under which it was made."""
    order = session.get_one(CopyOrder, order_id)
    return order, number_of(session.get_one(UsageRequest, order.request_id))
