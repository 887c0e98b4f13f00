"""Orders of certified copies: asked for at the desk, made by a worker. The job row says how far one is; a lease lets one worker make it.

A message that comes twice does nothing twice: who claims later finds the lease held or the copy there.
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
from archive.usage.certified_copies import MadeCopy, enter_copy
from archive.usage.reading_room import OpenedVolume, ReferenceData, open_volume
from archive.usage.requests import find_request, number_of

COPY = "copy"
"""The kind of these jobs."""
LEASE_SECONDS = 180


class CopyStep(LabelledEnum):
    """How far an order is."""

    WAITING = "WAITING", "等待制作"
    COPYING = "COPYING", "复制页面、盖章并证明"
    ENTERING = "ENTERING", "入库登记"
    DONE = "DONE", "已出具"


def order_copy(
    session: Session, reader: Reader, number: str, items: Sequence[int], room: ReferenceData
) -> CopyOrder:
    """Order a copy of items (none named: all) under the reader's own grant. Raises NotFoundError, DeniedError."""
    request = find_request(session, number)
    if request.account != reader.account:
        raise NotFoundError("没有这份利用申请，或您无权查看。", "请核对利用单号。")
    open_volume(session, reader, Act.CERTIFY, request.code, room, number)
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
    # Apart from the ids of versions, which are the subjects of all other jobs.
    return f"{COPY}:{order_id}"


def job_of(session: Session, order_id: int) -> Job:
    """The job of an order."""
    return session.scalars(
        select(Job).where(Job.kind == COPY, Job.subject == _subject(order_id))
    ).one()


def orders_waiting(session: Session) -> list[int]:
    """Orders that wait to be made, oldest first."""
    query = select(Job.subject).where(Job.kind == COPY, Job.state == "WAITING").order_by(Job.id)
    return [int(one.removeprefix(f"{COPY}:")) for one in session.scalars(query)]


def claim_order(session: Session, order_id: int, owner: str) -> Claim | None:
    """Take the lease of an order that is neither made nor held by another worker."""
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


def note_step(session: Session, held: Claim, step: CopyStep, *, copy_id: int | None = None) -> None:
    """Say how far the worker is. Raises LeaseLostError when another one holds the order."""
    done = session.execute(
        update(CopyOrder)
        .where(
            CopyOrder.id == held.version_id,
            CopyOrder.lease_token == held.token,
            CopyOrder.copy_id.is_(None),
        )
        .values(step=step, copy_id=copy_id)
        .returning(CopyOrder.id)
    ).scalar_one_or_none()
    if done is None:
        raise LeaseLostError("租约已失效，本次结果未记录。", "无需处理，另一工作进程会继续。")


def finish_order(
    session: Session, held: Claim, opened: OpenedVolume, made: MadeCopy, reader: Reader
) -> CertifiedCopy:
    """Enter the copy, which lies in the store, and end the job. Raises LeaseLostError."""
    order = session.get_one(CopyOrder, held.version_id)
    copy = enter_copy(
        session, opened, made, reader, session.get_one(UsageRequest, order.request_id)
    )
    note_step(session, held, CopyStep.DONE, copy_id=copy.id)
    _end(session, held.version_id, "DONE")
    return copy


def fail_order(session: Session, held: Claim, code: str, error: str) -> None:
    """Say why it was not made; somebody may try again. A lease that was lost leaves the job to its new holder."""
    freed = session.execute(
        update(CopyOrder)
        .where(CopyOrder.id == held.version_id, CopyOrder.lease_token == held.token)
        .values(lease_until=None, lease_owner=None, step=CopyStep.WAITING)
        .returning(CopyOrder.id)
    ).scalar_one_or_none()
    if freed is not None:
        _end(session, held.version_id, "FAILED", code, error)


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
    """The orders under a request with their jobs and copies, newest first."""
    query = (
        select(CopyOrder, CertifiedCopy)
        .outerjoin(CertifiedCopy, CertifiedCopy.id == CopyOrder.copy_id)
        .where(CopyOrder.request_id == request.id)
        .order_by(CopyOrder.id.desc())
    )
    return [(order, job_of(session, order.id), copy) for order, copy in session.execute(query)]


def usage_of(session: Session, order_id: int) -> tuple[CopyOrder, str]:
    """An order, and the number of the grant that it stands on."""
    order = session.get_one(CopyOrder, order_id)
    return order, number_of(session.get_one(UsageRequest, order.request_id))
