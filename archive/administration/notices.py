"""Notices (通知): what a person or a unit is told, in the transaction that causes it.

`notify` is the one way to tell. A notice names a number or code, never a person, and can be read
again; a unit's is for those whose role may do its act. Stations with a webhook get it sent.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act, Reader, acts_of
from archive.database.engine import database_now, lock_journal
from archive.database.listing import ListPart, ListWanted, QueryList
from archive.database.tables_desk import Notice, NoticeReader
from archive.reference.vocabulary import LabelledEnum


class NoticeKind(LabelledEnum):
    """What became of something."""

    ASKED = "ASKED", "待审批"
    PASSED_ON = "PASSED_ON", "请您核对"
    GRANTED = "GRANTED", "已批准"
    REFUSED = "REFUSED", "不批准"
    SENT = "SENT", "待接收"
    RETURNED = "RETURNED", "已退回"
    FINISHED = "FINISHED", "已办结"
    FAILED = "FAILED", "未成功"
    ENDED = "ENDED", "已收回"
    DUE = "DUE", "即将到期"
    LATE = "LATE", "已超期"


class NoticeTopic(LabelledEnum):
    """What a notice is about; its subject is the number of one."""

    USE = "USE", "利用申请"
    COPY = "COPY", "证明件"
    CASE = "CASE", "办件"
    VOLUME = "VOLUME", "册"
    LOAN = "LOAN", "纸质借阅"
    HANDOVER = "HANDOVER", "纸质交接"
    PACKAGE = "PACKAGE", "归档信息包"
    CAPTURE = "CAPTURE", "上传文件"
    ACCOUNT = "ACCOUNT", "账号"
    PRINT = "PRINT", "签章目录"


def notify(
    session: Session,
    kind: NoticeKind,
    topic: NoticeTopic,
    subject: str,
    *,
    account: str | None = None,
    org: str | None = None,
    act: Act | None = None,
    due_at: datetime | None = None,
) -> Notice:
    """Tell an account, or those of a unit whose role may do the act, in this transaction.

    Raises ValueError for neither or both of them: a defect of the caller.
    """
    if (account is None) == (org is None):
        raise ValueError("a notice is for an account or for a unit")
    # Whoever follows asks for notices after the last one seen: ids come in the order of commits.
    lock_journal(session)
    notice = Notice(
        account=account,
        org=org,
        act=act,
        kind=kind,
        topic=topic,
        subject=subject[:64],
        due_at=due_at,
        at=database_now(session),
    )
    session.add(notice)
    session.flush()
    return notice


def notify_once(
    session: Session,
    kind: NoticeKind,
    topic: NoticeTopic,
    subject: str,
    *,
    account: str | None = None,
    org: str | None = None,
    act: Act | None = None,
    due_at: datetime | None = None,
) -> bool:
    """Tell of a date unless it was told of before; say whether it is told of now."""
    before = select(Notice.id).filter_by(
        kind=kind, topic=topic, subject=subject, account=account, org=org, due_at=due_at
    )
    if session.scalars(before).first() is not None:
        return False
    notify(session, kind, topic, subject, account=account, org=org, act=act, due_at=due_at)
    return True


def _for(reader: Reader) -> ColumnElement[bool]:
    """Return the condition for what is told to a reader: in person, or at the reader's unit."""
    acts = [str(act) for act in acts_of(reader.role)]
    unit = and_(Notice.org == reader.org, or_(Notice.act.is_(None), Notice.act.in_(acts)))
    return or_(Notice.account == reader.account, unit)


def notices_of(
    session: Session, reader: Reader, *, before: int = 0, limit: int
) -> Sequence[Notice]:
    """Return what a reader was told before an id, the latest first."""
    query = select(Notice).where(_for(reader)).order_by(Notice.id.desc()).limit(limit)
    return session.scalars(query.where(Notice.id < before) if before else query).all()


NOTICES = QueryList(
    Notice.id,
    {
        "at": Notice.id,
        "topic": Notice.topic,
        "subject": Notice.subject,
        "kind": Notice.kind,
    },
    "-at",
    day=Notice.at,
)


def part_of_notices(session: Session, reader: Reader, wanted: ListWanted) -> ListPart[Notice]:
    """Return one page of what a reader was told."""
    return NOTICES.part(session, select(Notice).where(_for(reader)), wanted)


def notices_after(session: Session, reader: Reader, after: int, limit: int) -> Sequence[Notice]:
    """Return what a reader was told after an id, the oldest first."""
    query = select(Notice).where(_for(reader), Notice.id > after).order_by(Notice.id)
    return session.scalars(query.limit(limit)).all()


def newest_notice(session: Session) -> int:
    """Return the id of the newest notice of all, 0 when there is none."""
    return session.scalar(select(func.max(Notice.id))) or 0


def read_to(session: Session, reader: Reader) -> int:
    """Return up to which notice the reader has read."""
    query = select(NoticeReader.read_to).filter_by(account=reader.account)
    return session.scalars(query).first() or 0


def count_new(session: Session, reader: Reader) -> int:
    """Count the notices that the reader has not read."""
    query = select(func.count()).select_from(Notice)
    after = read_to(session, reader)
    return session.scalar(query.where(_for(reader), Notice.id > after)) or 0


def mark_read(session: Session, reader: Reader, upto: int) -> None:
    """Note that the reader has read up to a notice; going back changes nothing."""
    upto = min(upto, newest_notice(session))
    row = session.scalars(select(NoticeReader).filter_by(account=reader.account)).first()
    if row is None:
        session.add(NoticeReader(account=reader.account, read_to=upto))
    elif row.read_to < upto:
        row.read_to = upto
    session.flush()


def public_notice(row: Notice, seen: int) -> dict[str, Any]:
    """Return a notice as scripts read it; `seen` is up to which the reader has read."""
    kind, topic = NoticeKind(row.kind), NoticeTopic(row.topic)
    return {
        "id": row.id,
        "kind": kind,
        "topic": topic,
        "label": f"{topic.label} {row.subject} {kind.label}",
        "subject": row.subject,
        "due_at": row.due_at and row.due_at.isoformat(),
        "at": row.at.isoformat(),
        "new": row.id > seen,
    }
