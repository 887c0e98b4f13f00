"""Requests for use (利用), their decision, and the grants that follow.

R24, standards.md §3.6-3.7.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import (
    Act,
    Capacity,
    Denial,
    Reader,
    Record,
    UsageGrant,
    UseScope,
    capacities,
    decide,
    may,
    scope_of,
)
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_usage import UsageRequest
from archive.database.tables_volumes import Volume
from archive.reference.codes import ArchivalCode
from archive.reference.errors import ArchiveError, ConflictError, NotFoundError
from archive.reference.local_time import local_date
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import LabelledEnum, OrgKind
from archive.usage.papers import papers_missing
from archive.usage.visitors import Visitor, checked

MAX_DAYS = 30
_NUMBER = re.compile(r"LY[0-9]{4}-([0-9]{6,12})")


class RequestState(LabelledEnum):
    """States of a request; GRANTED ends by itself at `ends_at`."""

    REQUESTED = "REQUESTED", "待审批"
    GRANTED = "GRANTED", "已批准"
    REFUSED = "REFUSED", "不批准"
    WITHDRAWN = "WITHDRAWN", "已撤回"


class PapersMissingError(ArchiveError):
    """A request without the papers that it needs."""

    code = "PAPERS_MISSING"


class BadRequestError(ArchiveError):
    """A request for something that cannot be requested."""

    code = "BAD_USAGE_REQUEST"


class NotAllowedError(ArchiveError):
    """A decision that this reader may not make."""

    code = "FORBIDDEN"


@dataclass(frozen=True, slots=True)
class UseApplication:
    """What a reader requests.

    Which volume, in which capacity, to what extent, what for, upon which document and papers, for
    how many days; and who came for it, None where nobody did or none was named.
    """

    code: str
    capacity: str
    scope: str
    purpose: str
    basis: str
    papers: tuple[str, ...]
    days: int
    visitor: Visitor | None


def number_of(request: UsageRequest) -> str:
    """Return the number of a request (利用单号)."""
    return f"LY{request.created_at.year}-{request.id:06d}"


def table_row(capacity: str, scope: str) -> tuple[Capacity, UseScope]:
    """Return the table row of a capacity and one of its scopes. Raises BadRequestError."""
    row = capacities().get(capacity)
    use_scope = next((entry for entry in row.scopes if entry.key == scope), None) if row else None
    if row is None or use_scope is None:
        raise BadRequestError("该主体不能申请此利用范围。", "请对照利用主体表选择主体和范围。")
    return row, use_scope


def request_use(
    session: Session, reader: Reader, wanted: UseApplication, organisations: Organisations
) -> UsageRequest:
    """Enter and journal a request.

    Whether the volume exists is not revealed: an unknown 档号 waits at its fonds like any other.
    Raises BadRequestError, PapersMissingError, BadVisitorError.
    """
    capacity, scope = table_row(wanted.capacity, wanted.scope)
    if not scope.acts:
        raise BadRequestError("此利用范围只给出数目，不调阅档案。", "请用检索的总数答复。")
    missing = papers_missing(capacity, scope, wanted.papers)
    if missing:
        raise PapersMissingError(f"材料不全，缺：{'、'.join(missing)}。", "请补齐材料后重新申请。")
    visitor = _checked_visitor(session, wanted.visitor)
    code = ArchivalCode.parse(wanted.code).volume
    request = UsageRequest(
        account=reader.account,
        org=reader.org,
        code=str(code),
        keeper=_keeper_of(session, code, organisations),
        capacity=capacity.key,
        scope=scope.key,
        purpose=wanted.purpose,
        basis=wanted.basis,
        papers=list(wanted.papers),
        visitor=visitor.row() if visitor else None,
        days=min(max(wanted.days, 1), MAX_DAYS),
        state=RequestState.REQUESTED,
        created_at=database_now(session),
    )
    session.add(request)
    session.flush()
    journal.record(
        session,
        reader.account,
        JournalAct.REQUEST_USE,
        str(code),
        number=number_of(request),
        capacity=capacity.key,
        scope=scope.key,
        org=reader.org,
        days=request.days,
        state=request.state,
    )
    notify(
        session,
        NoticeKind.ASKED,
        NoticeTopic.USE,
        number_of(request),
        org=request.keeper,
        act=Act.DECIDE_USE,
    )
    return request


def _keeper_of(session: Session, code: ArchivalCode, organisations: Organisations) -> str:
    """Return who decides on a volume: its filing unit, else that of the fonds, else the city."""
    volume = session.scalars(select(Volume).where(Volume.code == str(code))).first()
    if volume is not None:
        return volume.filing_org
    fonds = [
        unit.code
        for unit in organisations
        if unit.fonds_no == code.fonds and unit.kind in (OrgKind.DISTRICT, OrgKind.CITY)
    ]
    return fonds[0] if fonds else organisations.of_kind(OrgKind.CITY)[0].code


def _checked_visitor(session: Session, visitor: Visitor | None) -> Visitor | None:
    today = date.fromisoformat(local_date(database_now(session)))
    return checked(visitor, today) if visitor else None


def find_request(session: Session, number: str) -> UsageRequest:
    """Return the request of a 利用单号. Raises NotFoundError."""
    match = _NUMBER.fullmatch(number)
    request = session.get(UsageRequest, int(match[1])) if match else None
    if request is None or number_of(request) != number:
        raise NotFoundError("没有这份利用申请，或您无权查看。", "请核对利用单号。")
    return request


def may_read(
    reader: Reader, request: UsageRequest, organisations: Organisations, session: Session
) -> bool:
    """Return whether the reader made the request or may decide it."""
    return request.account == reader.account or _may_decide(session, reader, request, organisations)


def _may_decide(
    session: Session, reader: Reader, request: UsageRequest, organisations: Organisations
) -> bool:
    """Return whether the policy lets the reader decide the request."""
    record = Record((request.keeper,), request.keeper, request.keeper, request.code)
    return decide(reader, Act.DECIDE_USE, record, organisations, now=database_now(session)).allowed


def decide_request(
    session: Session,
    reader: Reader,
    number: str,
    *,
    approve: bool,
    reason: str,
    organisations: Organisations,
) -> UsageRequest:
    """Grant or refuse a request, and journal it.

    所领导 or a supervisor of the keeping side decides; never the person who made the request.
    Raises NotFoundError, NotAllowedError, ConflictError.
    """
    request = find_request(session, number)
    if may(reader, Act.DECIDE_USE).denial is not None:
        raise NotAllowedError(f"{Denial.ROLE.label}。", "请由保管单位的所领导或上级监督审批。")
    if not _may_decide(session, reader, request, organisations):
        raise NotFoundError("没有这份利用申请，或您无权查看。", "请核对利用单号。")
    if request.account == reader.account:
        raise NotAllowedError("申请人不得审批自己的申请。", "请由他人审批。")
    if request.state != RequestState.REQUESTED:
        raise ConflictError("该申请已有结论。", "如需继续利用，请重新申请。")
    if (
        approve
        and session.scalars(
            select(Volume.id).where(Volume.code == request.code, Volume.void_reason.is_(None))
        ).first()
        is None
    ):
        raise ConflictError("没有此档号的册，不能批准。", "请以“查无此档”为由不予批准。")
    now = database_now(session)
    request.state = RequestState.GRANTED if approve else RequestState.REFUSED
    request.decided_by, request.decided_at, request.reason = reader.account, now, reason
    request.ends_at = now + timedelta(days=request.days) if approve else None
    journal.record(
        session,
        reader.account,
        JournalAct.DECIDE_USE,
        request.code,
        number=number,
        state=request.state,
        days=request.days,
        ends_at=request.ends_at.isoformat() if request.ends_at else None,
    )
    kind = NoticeKind.GRANTED if approve else NoticeKind.REFUSED
    notify(session, kind, NoticeTopic.USE, number, account=request.account, due_at=request.ends_at)
    return request


def grants_of(session: Session, account: str) -> list[UsageGrant]:
    """Return the grants of an account that have not ended."""
    query = select(UsageRequest).where(
        UsageRequest.account == account,
        UsageRequest.state == RequestState.GRANTED,
        UsageRequest.ends_at > database_now(session),
    )
    return [grant_of(request) for request in session.scalars(query.order_by(UsageRequest.id))]


def grant_of(request: UsageRequest) -> UsageGrant:
    """Return a granted request as the policy reads it. Raises BadRequestError."""
    _, scope = table_row(request.capacity, request.scope)
    if request.ends_at is None:
        raise BadRequestError("该申请没有批准。", "请等待审批。")
    return UsageGrant(
        number_of(request), request.account, request.code, scope.acts, scope.fields, request.ends_at
    )


def requests_to_decide(
    session: Session, reader: Reader, organisations: Organisations, limit: int = 100
) -> Sequence[UsageRequest]:
    """Return the requests that wait for this reader's decision, oldest first."""
    query = select(UsageRequest).where(
        UsageRequest.state == RequestState.REQUESTED,
        UsageRequest.keeper.in_(organisations_below(reader, organisations)),
    )
    return session.scalars(query.order_by(UsageRequest.id).limit(limit)).all()


def withdraw_request(session: Session, reader: Reader, number: str) -> UsageRequest:
    """Withdraw a request of the reader's own that is not decided yet.

    Raises NotFoundError, ConflictError.
    """
    request = find_request(session, number)
    if request.account != reader.account:
        raise NotFoundError("没有这份利用申请，或您无权查看。", "请核对利用单号。")
    if request.state != RequestState.REQUESTED:
        raise ConflictError("该申请已有结论。", "如需继续利用，请重新申请。")
    request.state = RequestState.WITHDRAWN
    journal.record(
        session,
        reader.account,
        JournalAct.WITHDRAW_USE,
        request.code,
        number=number,
        state=request.state,
    )
    return request


def end_grant(
    session: Session, reader: Reader, number: str, *, reason: str, organisations: Organisations
) -> UsageRequest:
    """End a grant before its time: a reader who may decide it may also end it.

    Raises NotFoundError, NotAllowedError, ConflictError.
    """
    request = find_request(session, number)
    if may(reader, Act.DECIDE_USE).denial is not None:
        raise NotAllowedError(f"{Denial.ROLE.label}。", "请由保管单位的所领导或上级监督收回。")
    if not _may_decide(session, reader, request, organisations):
        raise NotFoundError("没有这份利用申请，或您无权查看。", "请核对利用单号。")
    now = database_now(session)
    if request.state != RequestState.GRANTED or request.ends_at is None or request.ends_at <= now:
        raise ConflictError("该申请没有在用的授权。", "请刷新页面。")
    request.ends_at = now
    journal.record(
        session,
        reader.account,
        JournalAct.END_USE,
        request.code,
        number=number,
        reason=reason,
        ends_at=now.isoformat(),
    )
    notify(session, NoticeKind.ENDED, NoticeTopic.USE, number, account=request.account)
    return request


def may_decide(
    session: Session, reader: Reader, request: UsageRequest, organisations: Organisations
) -> bool:
    """Return whether this reader may decide a request.

    The keeping side and those above it may, never the person who made the request.
    """
    return request.account != reader.account and _may_decide(
        session, reader, request, organisations
    )


def organisations_below(reader: Reader, organisations: Organisations) -> frozenset[str]:
    """Return the reader's organisation and all below it.

    The reader decides their requests and keeps their register of use.
    """
    return frozenset(
        unit.code for unit in organisations if reader.org in scope_of((unit.code,), organisations)
    )
