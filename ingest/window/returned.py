"""What 核对 returns of a case that the archive had taken comes back to the window.

The case stands where a refused one does (归档退回待更正), with the reasons of who returned it, and
goes the same way again.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case
from archive.database.tables_checks import CheckAct
from archive.database.tables_window import WindowCase
from archive.reference.check_terms import CheckKind, ReturnReason
from archive.reference.vocabulary import CaseState
from archive.reference.window_steps import Step
from ingest.window.cases import Tables, answer_of_archive
from ingest.window.decide import Asked
from ingest.window.terms import WindowAct

_NEXT = "请更正后重新办结。"


def take_returns(
    session: Session,
    *,
    tables: Tables,
    now: datetime,
    case_no: str | None = None,
    limit: int = 500,
) -> int:
    """Enter the returns of cases that the window takes for archived; return how many.

    With `case_no` that case alone, in the transaction that returns it. A return is entered once.
    """
    query = (
        select(WindowCase, Case.id)
        .join(Case, Case.case_no == WindowCase.case_no)
        .where(WindowCase.step == Step.ARCHIVED, Case.state == CaseState.RETURNED)
        .order_by(WindowCase.id)
        .limit(limit)
    )
    if case_no is not None:
        query = query.where(WindowCase.case_no == case_no)
    count = 0
    for case, case_id in session.execute(query).all():
        act = _last_return(session, case_id)
        if act is not None:
            asked = Asked(WindowAct.ARCHIVE_REFUSED, f"return-{act.id}", data=_why(act))
            done = answer_of_archive(session, case, asked=asked, tables=tables, now=now)
            count += not done.again
    return count


def _last_return(session: Session, case_id: int) -> CheckAct | None:
    query = select(CheckAct).filter_by(case_id=case_id, kind=CheckKind.RETURN)
    return session.scalars(query.order_by(CheckAct.id.desc())).first()


def _why(act: CheckAct) -> dict[str, Any]:
    """Return the reasons as findings; what was written to colleagues stays in the sealed act."""
    findings = [
        {"code": code, "message": ReturnReason(code).label, "action": _NEXT} for code in act.codes
    ]
    return {"findings": findings, "note": act.text or ""}
