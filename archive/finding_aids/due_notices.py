"""Notices of dates: grants and loans that end within a working day, and late paper."""

from datetime import datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify_once
from archive.administration.policy import Act
from archive.database.engine import database_now
from archive.database.tables_paper import PaperLoan
from archive.database.tables_usage import UsageRequest
from archive.paper.loans import loan_number
from archive.reference.local_time import LOCAL_TIME
from archive.reference.paper_terms import LoanState
from archive.reference.worktime import add_workdays
from archive.usage.requests import RequestState, number_of


def tell_of_dates(session: Session) -> int:
    """Tell once of each date that is near or past; return how many are told of now."""
    now = database_now(session)
    following = add_workdays(now.astimezone(LOCAL_TIME).date(), 1) + timedelta(days=1)
    soon = datetime.combine(following, time(), LOCAL_TIME)
    return _grants(session, now, soon) + _loans(session, now, soon)


def _grants(session: Session, now: datetime, soon: datetime) -> int:
    ending = select(UsageRequest).where(
        UsageRequest.state == RequestState.GRANTED,
        UsageRequest.ends_at > now,
        UsageRequest.ends_at < soon,
    )
    return sum(
        notify_once(
            session,
            NoticeKind.DUE,
            NoticeTopic.USE,
            number_of(request),
            account=request.account,
            due_at=request.ends_at,
        )
        for request in session.scalars(ending).all()
    )


def _loans(session: Session, now: datetime, soon: datetime) -> int:
    out = select(PaperLoan).where(PaperLoan.state == LoanState.LENT, PaperLoan.due_at < soon)
    return sum(
        notify_once(
            session,
            NoticeKind.LATE if loan.due_at and loan.due_at < now else NoticeKind.DUE,
            NoticeTopic.LOAN,
            loan_number(loan),
            org=loan.org,
            act=Act.KEEP_PAPER,
            due_at=loan.due_at,
        )
        for loan in session.scalars(out).all()
    )
