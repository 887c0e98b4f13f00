"""Loans of paper (借阅): asked for, approved by 所领导, handed out, renewed once, returned."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Act, Denial
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_paper import (
    PaperBox,
    PaperItem,
    PaperLoan,
    PaperLoanDecision,
    PaperMove,
)
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.boxes import enter_box
from archive.paper.errors import PaperError
from archive.paper.moves import Cause, Destination, enter_move, lock, refuse_unless_next
from archive.reference.local_time import LOCAL_TIME
from archive.reference.paper_terms import (
    OPEN_LOANS,
    LoanKind,
    LoanState,
    PaperFault,
    PaperKind,
    PaperState,
)
from archive.reference.worktime import add_workdays
from archive.usage.looks import DeniedError

LOAN_WORKDAYS = 10
INSIDE_HOURS = 4
MAX_RENEWALS = 1
_END_OF_DAY = time(18, 0)


@dataclass(frozen=True, slots=True)
class Borrower:
    """Who borrows: a person with papers and their number (an officer: 警号), and the unit."""

    name: str
    papers: str
    number: str
    unit: str


@dataclass(frozen=True, slots=True)
class LoanWanted:
    """What a loan is asked for: away or inside, by whom, what for, upon which document."""

    kind: LoanKind
    borrower: Borrower
    purpose: str
    basis: str


def loan_number(loan: PaperLoan) -> str:
    """Return the number of a loan (借阅单号)."""
    return f"JY{loan.requested_at.year}-{loan.id:06d}"


def is_overdue(loan: PaperLoan, now: datetime) -> bool:
    """Return whether paper is still out after its due time."""
    return loan.state == LoanState.LENT and loan.due_at is not None and loan.due_at < now


def find_loan(session: Session, keeper: Keeper, loan_id: int, act: Act) -> PaperLoan:
    """Return a loan within reach. Raises DeniedError for others and missing ones alike."""
    loan = session.get(PaperLoan, loan_id)
    keeper.require(act, loan.org if loan else "-")
    if loan is None:
        raise DeniedError(Denial.NOT_HERE)
    return loan


def request_loan(
    session: Session, keeper: Keeper, item: PaperItem, wanted: LoanWanted
) -> PaperLoan:
    """Enter a loan that waits for its approvals, and journal it.

    An original leaves with two approvals, all else with one. Raises DeniedError, PaperError: for
    paper that is not in its box or has a loan already, and for a borrower who is overdue.
    """
    last = lock(session, item)
    keeper.require(Act.KEEP_PAPER, last.org if last else item.station)
    refuse_unless_next(last, item, (PaperState.ON_LOAN,))
    _check(wanted)
    if session.scalar(
        select(PaperLoan.id).where(PaperLoan.item_id == item.id, PaperLoan.state.in_(OPEN_LOANS))
    ):
        raise PaperError(PaperFault.RESERVED, "此件已有借阅申请。", "请先办结已有的申请。")
    _refuse_overdue(session, wanted.borrower.number)
    leaves = wanted.kind is LoanKind.AWAY and item.kind == PaperKind.ORIGINAL
    loan = PaperLoan(
        item_id=item.id,
        org=last.org if last else item.station,
        kind=wanted.kind,
        borrower={
            "name": wanted.borrower.name.strip(),
            "papers": wanted.borrower.papers.strip(),
            "number": _normal(wanted.borrower.number),
        },
        borrower_unit=wanted.borrower.unit.strip(),
        purpose=wanted.purpose.strip(),
        basis=wanted.basis.strip(),
        needed=2 if leaves else 1,
        state=LoanState.REQUESTED,
        requested_by=keeper.account,
        requested_at=database_now(session),
    )
    session.add(loan)
    session.flush()
    _note(session, keeper, JournalAct.PAPER_LOAN, loan, kind=loan.kind, needed=loan.needed)
    notify(
        session,
        NoticeKind.ASKED,
        NoticeTopic.LOAN,
        loan_number(loan),
        org=loan.org,
        act=Act.DECIDE_LOAN,
    )
    return loan


def _check(wanted: LoanWanted) -> None:
    person = wanted.borrower
    texts = (person.name, person.papers, person.number, person.unit, wanted.purpose, wanted.basis)
    if not all(text.strip() for text in texts):
        raise PaperError(
            PaperFault.VALUE,
            "借阅人、证件、单位、用途和依据均须填写。",
            "请补齐后再提交。",
        )
    if max(len(text) for text in texts) > 100:  # noqa: PLR2004 - the width of the columns
        raise PaperError(PaperFault.VALUE, "有一项超过100字。", "请缩短后再提交。")


def _normal(number: str) -> str:
    return "".join(number.split()).upper()


def _refuse_overdue(session: Session, number: str, *, but: int | None = None) -> None:
    """Raise PaperError when the bearer of these papers has overdue paper anywhere."""
    now = database_now(session)
    late = session.scalars(
        select(PaperLoan).where(PaperLoan.state == LoanState.LENT, PaperLoan.due_at < now)
    )
    if any(loan.borrower["number"] == _normal(number) for loan in late if loan.id != but):
        raise PaperError(
            PaperFault.OVERDUE, "借阅人有逾期未还的纸质档案。", "请先催还，归还后再借。"
        )


def decide_loan(
    session: Session, keeper: Keeper, loan: PaperLoan, *, approve: bool, reason: str
) -> PaperLoan:
    """Approve or refuse a loan, and journal it.

    Two approvals are of two people, neither of whom asked. Raises DeniedError, PaperError.
    """
    keeper.require(Act.DECIDE_LOAN, loan.org)
    session.refresh(loan, with_for_update=True)
    if loan.state != LoanState.REQUESTED:
        raise PaperError(PaperFault.STATE, "此申请已有结论。", "请刷新页面。")
    decisions = session.scalars(select(PaperLoanDecision).filter_by(loan_id=loan.id)).all()
    if keeper.account in {loan.requested_by, *(row.decided_by for row in decisions)}:
        raise PaperError(
            PaperFault.STATE, "申请人和已审批的人不得再审批。", "请由另一位所领导审批。"
        )
    if not reason.strip():
        raise PaperError(PaperFault.VALUE, "审批须写明意见。", "请填写意见。")
    session.add(
        PaperLoanDecision(
            loan_id=loan.id,
            approved=approve,
            reason=reason.strip(),
            decided_by=keeper.account,
            decided_at=database_now(session),
        )
    )
    if not approve:
        loan.state = LoanState.REFUSED
    elif len(decisions) + 1 >= loan.needed:
        loan.state = LoanState.APPROVED
    session.flush()
    _note(session, keeper, JournalAct.PAPER_LOAN_DECIDE, loan, approve=approve, state=loan.state)
    if loan.state != LoanState.REQUESTED:
        kind = NoticeKind.GRANTED if approve else NoticeKind.REFUSED
        notify(session, kind, NoticeTopic.LOAN, loan_number(loan), account=loan.requested_by)
    return loan


def approvals_of(session: Session, loan: PaperLoan) -> int:
    """Return how many approvals a loan has."""
    query = select(func.count()).where(
        PaperLoanDecision.loan_id == loan.id, PaperLoanDecision.approved
    )
    return session.scalar(query) or 0


def lend(session: Session, keeper: Keeper, item: PaperItem, cause: Cause) -> PaperLoan:
    """Hand out an item under its approved loan, and return the loan with its due time.

    Raises DeniedError, PaperError.
    """
    last = lock(session, item)
    keeper.require(Act.KEEP_PAPER, last.org if last else item.station)
    refuse_unless_next(last, item, (PaperState.ON_LOAN,))
    loan = session.scalars(
        select(PaperLoan)
        .where(PaperLoan.item_id == item.id, PaperLoan.state == LoanState.APPROVED)
        .with_for_update()
    ).first()
    if loan is None or last is None:
        raise PaperError(
            PaperFault.NOT_APPROVED, "此件没有已批准的借阅。", "请先登记申请，经所领导批准。"
        )
    _refuse_overdue(session, loan.borrower["number"])
    now = database_now(session)
    loan.state, loan.lent_at, loan.due_at = LoanState.LENT, now, due_time(loan, now)
    enter_move(
        session,
        keeper,
        item,
        Destination(PaperState.ON_LOAN, last.org, box_id=last.box_id, loan_id=loan.id),
        cause,
    )
    return loan


def due_time(loan: PaperLoan, lent_at: datetime) -> datetime:
    """Return when a loan handed out now is due: after ten working days, or some hours."""
    if loan.kind == LoanKind.INSIDE:
        return lent_at + timedelta(hours=INSIDE_HOURS)
    return _later(lent_at)


def _later(moment: datetime) -> datetime:
    day = add_workdays(moment.astimezone(LOCAL_TIME).date(), LOAN_WORKDAYS)
    return datetime.combine(day, _END_OF_DAY, LOCAL_TIME)


def renew_loan(session: Session, keeper: Keeper, loan: PaperLoan) -> PaperLoan:
    """Give a loan ten further working days, once and before it is overdue. Raises PaperError."""
    keeper.require(Act.KEEP_PAPER, loan.org)
    session.refresh(loan, with_for_update=True)
    now = database_now(session)
    if loan.state != LoanState.LENT or loan.due_at is None or loan.kind != LoanKind.AWAY:
        raise PaperError(PaperFault.STATE, "只有外借中的才能续借。", "请刷新页面。")
    if is_overdue(loan, now):
        raise PaperError(PaperFault.OVERDUE, "已逾期，不能续借。", "请先归还，再另行申请。")
    if loan.renewals >= MAX_RENEWALS:
        raise PaperError(PaperFault.STATE, "已续借过一次。", "请按期归还，再另行申请。")
    loan.renewals += 1
    loan.due_at = _later(loan.due_at)
    _note(session, keeper, JournalAct.PAPER_LOAN_RENEW, loan, due=loan.due_at.isoformat())
    return loan


def withdraw_loan(session: Session, keeper: Keeper, loan: PaperLoan) -> PaperLoan:
    """End a loan that was not handed out, and journal it. Raises PaperError."""
    keeper.require(Act.KEEP_PAPER, loan.org)
    session.refresh(loan, with_for_update=True)
    if loan.state not in (LoanState.REQUESTED, LoanState.APPROVED):
        raise PaperError(PaperFault.STATE, "已借出或已有结论，不能撤回。", "请刷新页面。")
    loan.state = LoanState.WITHDRAWN
    _note(session, keeper, JournalAct.PAPER_LOAN_END, loan)
    return loan


def take_back(
    session: Session, keeper: Keeper, item: PaperItem, cause: Cause
) -> tuple[PaperLoan, PaperMove]:
    """Take an item back from its loan into the box that it came from.

    Returns the loan and the move. Raises DeniedError, PaperError.
    """
    last = lock(session, item)
    keeper.require(Act.KEEP_PAPER, last.org if last else item.station)
    if last is None or last.state != PaperState.ON_LOAN or last.box_id is None:
        raise PaperError(
            PaperFault.STATE, "此件账上不在借。", "请核对条码；如需换盒请用“上架移动”。"
        )
    loan = session.get_one(PaperLoan, last.loan_id, with_for_update=True)
    loan.state, loan.returned_at = LoanState.RETURNED, database_now(session)
    box = session.get_one(PaperBox, last.box_id)
    return loan, enter_box(session, keeper, item, last, box, cause)


def _note(
    session: Session,
    keeper: Keeper,
    act: JournalAct,
    loan: PaperLoan,
    **detail: object,
) -> None:
    code = session.scalar(
        select(Volume.code)
        .join(PaperItem, PaperItem.volume_id == Volume.id)
        .where(PaperItem.id == loan.item_id)
    )
    journal.record(
        session,
        keeper.account,
        act,
        code or f"paper-item/{loan.item_id}",
        loan=loan_number(loan),
        **detail,
    )
