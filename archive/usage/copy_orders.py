"""Orders of certified copies: requested by a reader, made by a worker.

The job row says how far an order is; a lease lets one worker make it. A message that comes
twice changes nothing the second time: the later claim finds the lease taken or the copy made.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from archive.administration.policy import Act, Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_jobs import Job
from archive.database.tables_usage import CertifiedCopy, CopyOrder, UsageRequest
from archive.jobs.leases import Claim
from archive.reference.errors import LeaseLostError, NotFoundError
from archive.reference.vocabulary import LabelledEnum
from archive.usage.certified_copies import SealedCopy, enter_copy
from archive.usage.reading_room import OpenedVolume, ReferenceData, open_volume
from archive.usage.requests import find_request, number_of

COPY = "copy"
"""Kind of these jobs."""
LEASE_SECONDS = 180


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
    session.add(Job(kind=COPY, subject=_subject(order.id), state="WAITING", created_at=now))
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


def _subject(order_id: int) -> str:
    # Not a bare id: ids of versions are the subjects of other jobs.
    """Return the job subject of an order."""
    return f"{COPY}:{order_id}"


def job_of(session: Session, order_id: int) -> Job:
    """Return the job of an order."""
    return session.scalars(
        select(Job).where(Job.kind == COPY, Job.subject == _subject(order_id))
    ).one()


def orders_waiting(session: Session) -> list[int]:
    """Return the ids of orders that wait to be made, oldest first."""
    query = select(Job.subject).where(Job.kind == COPY, Job.state == "WAITING").order_by(Job.id)
    return [int(subject.removeprefix(f"{COPY}:")) for subject in session.scalars(query)]


def claim_order(session: Session, order_id: int, owner: str) -> Claim | None:
    """Take the lease of an order and return the claim.

    Returns None when the copy is made or another worker has the lease.
    """
    now = database_now(session)
    free = or_(
        CopyOrder.lease_until.is_(None), CopyOrder.lease_until < now, CopyOrder.lease_owner == owner
    )
    taken = session.execute(
        update(CopyOrder)
        .where(CopyOrder.id == order_id, CopyOrder.copy_id.is_(None), free)
        .values(
            lease_owner=owner,
            lease_token=CopyOrder.lease_token + 1,
            lease_until=now + timedelta(seconds=LEASE_SECONDS),
            step=CopyStep.COPYING,
        )
        .returning(CopyOrder.lease_token)
    ).scalar_one_or_none()
    return None if taken is None else Claim(order_id, owner, taken)


def note_step(
    session: Session, claim: Claim, step: CopyStep, *, copy_id: int | None = None
) -> None:
    """Record how far the worker is. Raises LeaseLostError when another worker has the order."""
    done = session.execute(
        update(CopyOrder)
        .where(
            CopyOrder.id == claim.version_id,
            CopyOrder.lease_token == claim.token,
            CopyOrder.copy_id.is_(None),
        )
        .values(step=step, copy_id=copy_id)
        .returning(CopyOrder.id)
    ).scalar_one_or_none()
    if done is None:
        raise LeaseLostError("租约已失效，本次结果未记录。", "无需处理，另一工作进程会继续。")


def finish_order(
    session: Session, claim: Claim, opened: OpenedVolume, sealed: SealedCopy, reader: Reader
) -> CertifiedCopy:
    """Enter the copy, which lies in the store, and end the job. Raises LeaseLostError."""
    copy = enter_copy(session, reader, opened, sealed)
    note_step(session, claim, CopyStep.DONE, copy_id=copy.id)
    _end(session, claim.version_id, "DONE")
    return copy


def fail_order(session: Session, claim: Claim, code: str, error: str) -> None:
    """Record why a copy was not made; the order can be tried again.

    A lost lease leaves the job to its new owner.
    """
    freed = session.execute(
        update(CopyOrder)
        .where(CopyOrder.id == claim.version_id, CopyOrder.lease_token == claim.token)
        .values(lease_until=None, lease_owner=None, step=CopyStep.WAITING)
        .returning(CopyOrder.id)
    ).scalar_one_or_none()
    if freed is not None:
        _end(session, claim.version_id, "FAILED", code, error)


def retry_order(session: Session, reader: Reader, order_id: int) -> None:
    """Let a failed order of the reader's own wait again. Raises NotFoundError."""
    order = session.get(CopyOrder, order_id)
    if order is None or order.account != reader.account:
        raise NotFoundError("没有这项任务，或您无权查看。", "请刷新页面。")
    job = job_of(session, order_id)
    if job.state == "FAILED":
        job.state, job.error, job.error_code, job.ended_at = "WAITING", None, None, None
        journal.record(session, reader.account, JournalAct.RETRY, order.code, order=order_id)


def _end(
    session: Session, order_id: int, state: str, code: str | None = None, error: str | None = None
) -> None:
    """Set the state of an order's job that is not done, and count the attempt."""
    session.execute(
        update(Job)
        .where(Job.kind == COPY, Job.subject == _subject(order_id), Job.state != "DONE")
        .values(
            state=state,
            error_code=code,
            error=error,
            attempts=Job.attempts + 1,
            ended_at=database_now(session),
        )
    )


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
