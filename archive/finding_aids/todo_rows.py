"""The rows of 待办: one function for each kind of work, and counts of what may be long."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from archive.administration.account_changes import changes_waiting
from archive.administration.account_lists import accounts_by_login, proposed_accounts
from archive.database.tables_cases import Case
from archive.finding_aids.cases import (
    count_ready,
    count_waiting,
    earliest_ready,
    waiting_cases,
)
from archive.finding_aids.check_lists import cases_asked_of, returned_to
from archive.finding_aids.compile_jobs import compile_jobs, count_failed_jobs
from archive.finding_aids.gathering_lists import (
    gathering_cases,
    refused_packages,
    unplaced_groups,
)
from archive.finding_aids.todo_terms import (
    ARCHIVE_WORKDAYS,
    DECIDE_WORKDAYS,
    SOON_WORKDAYS,
    Desk,
    Todo,
    TodoKind,
    Waiting,
    todo_row,
)
from archive.finding_aids.whom import handled_by, whom
from archive.finding_aids.window_todo import window_cases
from archive.paper.handovers import handover_number, handovers_within_reach
from archive.paper.listing import count_waiting as count_papers
from archive.paper.listing import loan_rows, waiting_tasks
from archive.paper.loans import loan_number
from archive.paper.stocktakes import stocktake_number, stocktakes_within_reach
from archive.reference.local_time import LOCAL_TIME
from archive.reference.paper_terms import HandoverState, LoanState, StocktakeState
from archive.reference.vocabulary import JobState
from archive.usage.requests import number_of, requests_to_decide, table_row

_READ = 1000


def _uses(session: Session, desk: Desk, limit: int) -> list[Todo]:
    """Return the requests for use that others made and this unit decides."""
    waiting = requests_to_decide(session, desk.reader, desk.reference.organisations, limit)
    rows = [row for row in waiting if row.account != desk.reader.account]
    names = accounts_by_login(session, {row.account for row in rows})
    return [
        todo_row(
            desk,
            TodoKind.USE,
            number_of(row),
            row.code,
            desk.due_after(row.created_at, DECIDE_WORKDAYS),
            who=names[row.account].name if row.account in names else "",
            org=row.org,
            note=table_row(row.capacity, row.scope)[0].label,
        )
        for row in rows
    ]


def _loans(session: Session, desk: Desk, limit: int) -> list[Todo]:
    rows = [
        row
        for row in loan_rows(session, desk.keeper, limit=_READ)
        if row.loan.state == LoanState.REQUESTED and row.loan.requested_by != desk.reader.account
    ]
    return [
        todo_row(
            desk,
            TodoKind.LOAN,
            loan_number(row.loan),
            row.code,
            desk.due_after(row.loan.requested_at, DECIDE_WORKDAYS),
            who=row.loan.borrower_unit,
            org=row.loan.org,
        )
        for row in rows[:limit]
    ]


def _late_loans(session: Session, desk: Desk, limit: int) -> list[Todo]:
    rows = [row for row in loan_rows(session, desk.keeper, limit=_READ) if row.overdue]
    return [
        todo_row(
            desk,
            TodoKind.LOAN_LATE,
            loan_number(row.loan),
            row.code,
            row.loan.due_at.astimezone(LOCAL_TIME).date() if row.loan.due_at else None,
            who=row.loan.borrower_unit,
            org=row.loan.org,
        )
        for row in rows[:limit]
    ]


def _case_rows(desk: Desk, kind: TodoKind, cases: Sequence[Case]) -> list[Todo]:
    catalogue = desk.reference.catalogue
    rows = []
    for case in cases:
        org, officer = handled_by(case.facts)
        rows.append(
            todo_row(
                desk,
                kind,
                case.case_no,
                f"{whom(case.facts)} {catalogue.get(case.item_code, case.item_version).name}",
                desk.due_after(case.completed_at, ARCHIVE_WORKDAYS),
                who=f"{desk.name(org)} 警号 {officer}" if officer else desk.name(org),
                org=desk.reference.filing.unit_of(case.receive_org, case.domicile_org),
                note="全域通办" if case.receive_org != case.domicile_org else "",
            )
        )
    return rows


def _checks(session: Session, desk: Desk, limit: int) -> list[Todo]:
    rule = desk.reference.filing.rule
    return _case_rows(desk, TodoKind.CONFIRM, waiting_cases(session, desk.reach, rule, limit=limit))


def _asked(session: Session, desk: Desk, limit: int) -> list[Todo]:
    rule = desk.reference.filing.rule
    return _case_rows(
        desk,
        TodoKind.ASKED,
        cases_asked_of(session, desk.reader, desk.reach, rule, limit=limit),
    )


def _returned(session: Session, desk: Desk, limit: int) -> list[Todo]:
    return [
        todo_row(
            desk,
            TodoKind.CORRECT,
            entry.case.case_no,
            "、".join(reason.label for reason in entry.reasons),
            desk.due_after(entry.at, ARCHIVE_WORKDAYS),
            who=f"{desk.name(entry.org)} {entry.signatory}",
            org=entry.case.receive_org,
        )
        for entry in returned_to(session, desk.reach, limit)
    ]


def _ready(session: Session, desk: Desk, limit: int) -> list[Todo]:
    rule = desk.reference.filing.rule
    return _case_rows(
        desk, TodoKind.COMPILE, earliest_ready(session, desk.reach, rule, limit=limit)
    )


def _failed(session: Session, desk: Desk, limit: int) -> list[Todo]:
    return [
        todo_row(
            desk,
            TodoKind.COMPILE_FAILED,
            job.case_no,
            job.code,
            desk.due_after(job.ended, 1) if job.ended else None,
            who=job.error or "",
            org=job.filing_org,
        )
        for job in compile_jobs(session, desk.reach, JobState.FAILED, limit)
    ]


def _gathering(session: Session, desk: Desk, limit: int) -> list[Todo]:
    rows = gathering_cases(session, desk.reach, desk.reference.catalogue)
    return [
        todo_row(
            desk,
            TodoKind.GATHER,
            row["case_no"],
            row["item"] or row["case_no"],
            desk.due_after(datetime.fromisoformat(row["since"]), ARCHIVE_WORKDAYS),
            who=f"缺 {'、'.join(row['missing'])}",
            org=row["case_no"][:12],
        )
        for row in rows
        if row["missing"]
    ][:limit]


def _files(session: Session, desk: Desk, limit: int) -> list[Todo]:
    return [
        todo_row(
            desk, TodoKind.PLACE, f"{count} 个文件", message, None, who="", org=desk.reader.org
        )
        for _, message, count in unplaced_groups(session, desk.reach)[:limit]
    ]


def _refused(session: Session, desk: Desk, limit: int) -> list[Todo]:
    return [
        todo_row(
            desk,
            TodoKind.REFUSED,
            row.case_no or "无办件编号",
            row.findings[0]["message"] if row.findings else "",
            desk.due_after(row.received_at, DECIDE_WORKDAYS),
            who=desk.name(row.sender or ""),
            org=row.sender or "",
        )
        for row in refused_packages(session, desk.reach, min(limit, 100))
    ]


def _papers(session: Session, desk: Desk, limit: int) -> list[Todo]:
    return [
        todo_row(
            desk,
            TodoKind.REGISTER,
            row.code,
            f"{row.kind.label} {row.pages} 页",
            desk.due_after(row.since, ARCHIVE_WORKDAYS),
            who=desk.name(row.station),
            org=row.station,
        )
        for row in waiting_tasks(session, desk.keeper, limit)
    ]


def _stocktakes(session: Session, desk: Desk, limit: int) -> list[Todo]:
    return [
        todo_row(
            desk,
            TodoKind.STOCKTAKE,
            stocktake_number(row),
            f"应盘 {row.expected} 件",
            None,
            who="",
            org=row.org,
        )
        for row in stocktakes_within_reach(session, desk.keeper, limit)
        if row.state == StocktakeState.OPEN
    ]


def _handovers(session: Session, desk: Desk, limit: int) -> list[Todo]:
    return [
        todo_row(
            desk,
            TodoKind.RECEIVE,
            handover_number(row),
            row.reason,
            desk.due_after(row.sent_at, ARCHIVE_WORKDAYS) if row.sent_at else None,
            who=desk.name(row.from_org),
            org=row.to_org or "",
        )
        for row in handovers_within_reach(session, desk.keeper, limit)
        if row.state == HandoverState.SENT and desk.keeper.reaches(row.to_org)
    ]


def _accounts(session: Session, desk: Desk, limit: int) -> list[Todo]:
    new = [(account.login, account, account.created_at) for account in proposed_accounts(session)]
    changed = [
        (account.login, account, change.proposed_at) for change, account in changes_waiting(session)
    ]
    return [
        todo_row(
            desk,
            TodoKind.ACCOUNT,
            login,
            account.name,
            desk.due_after(since, DECIDE_WORKDAYS),
            who=desk.name(account.org),
            org=account.org,
        )
        for login, account, since in [*new, *changed][:limit]
    ]


FINDERS: Mapping[TodoKind, Callable[[Session, Desk, int], list[Todo]]] = {
    TodoKind.USE: _uses,
    TodoKind.LOAN: _loans,
    TodoKind.WINDOW: window_cases,
    TodoKind.ASKED: _asked,
    TodoKind.CORRECT: _returned,
    TodoKind.CONFIRM: _checks,
    TodoKind.COMPILE: _ready,
    TodoKind.COMPILE_FAILED: _failed,
    TodoKind.GATHER: _gathering,
    TodoKind.PLACE: _files,
    TodoKind.REFUSED: _refused,
    TodoKind.REGISTER: _papers,
    TodoKind.LOAN_LATE: _late_loans,
    TodoKind.STOCKTAKE: _stocktakes,
    TodoKind.RECEIVE: _handovers,
    TodoKind.ACCOUNT: _accounts,
}


def _waiting(count: Callable[[datetime | None], int], desk: Desk) -> Waiting:
    late = count(desk.completed_before(0))
    return Waiting(count(None), late, count(desk.completed_before(SOON_WORKDAYS + 1)) - late)


def _count_checks(session: Session, desk: Desk) -> Waiting:
    rule = desk.reference.filing.rule
    return _waiting(lambda before: count_waiting(session, desk.reach, rule, before=before), desk)


def _count_ready(session: Session, desk: Desk) -> Waiting:
    rule = desk.reference.filing.rule
    return _waiting(lambda before: count_ready(session, desk.reach, rule, before=before), desk)


COUNTERS: Mapping[TodoKind, Callable[[Session, Desk], Waiting]] = {
    TodoKind.CONFIRM: _count_checks,
    TodoKind.COMPILE: _count_ready,
    TodoKind.COMPILE_FAILED: lambda session, desk: Waiting(count_failed_jobs(session, desk.reach)),
    TodoKind.REGISTER: lambda session, desk: Waiting(count_papers(session, desk.keeper)),
}
