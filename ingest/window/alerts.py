"""The sweep of deadlines: each lamp that turns yellow or red rings once for its due day."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import insert_absent
from archive.database.tables_window import WindowAlert, WindowCase, WindowClock
from archive.jobs.crashpoints import reach
from archive.reference.submission_terms import Rung
from ingest.window.ledger import local_day

_BATCH = 500


def ring(session: Session, actor: str, *, now: datetime) -> int:
    """Enter the alerts that are due and not entered yet; return how many.

    A day that holidays may still move makes nobody late. The clocks are locked, so that of two
    workers the second sees what the first rang.
    """
    today = local_day(now)
    count = 0
    near = and_(WindowClock.yellow_on <= today, WindowClock.due_on >= today, WindowClock.budget > 0)
    late = and_(WindowClock.due_on < today, WindowClock.provisional.is_(False))
    for rung, due in ((Rung.YELLOW, near), (Rung.RED, late)):
        count += _ring(session, actor, rung, due, now)
    reach("window-rung")
    return count


def _ring(session: Session, actor: str, rung: Rung, due: ColumnElement[bool], now: datetime) -> int:
    rings = (
        select(WindowAlert.id)
        .where(
            WindowAlert.case_id == WindowClock.case_id,
            WindowAlert.kind == WindowClock.kind,
            WindowAlert.rung == rung,
            WindowAlert.due_on == WindowClock.due_on,
        )
        .exists()
    )
    query = (
        select(WindowClock, WindowCase.case_no)
        .join(WindowCase, WindowCase.id == WindowClock.case_id)
        .where(WindowClock.ended_at.is_(None), due, ~rings)
        .order_by(WindowClock.id)
        .with_for_update(of=WindowClock)
    )
    rows = session.execute(query).all()
    fresh = [
        {
            "case_id": clock.case_id,
            "kind": clock.kind,
            "rung": str(rung),
            "due_on": clock.due_on,
            "at": now,
        }
        for clock, _ in rows
    ]
    for begin in range(0, len(fresh), _BATCH):
        insert_absent(session, WindowAlert, fresh[begin : begin + _BATCH])
    for clock, case_no in rows:
        journal.record(
            session,
            actor,
            JournalAct.WINDOW_ALERT,
            case_no,
            kind=clock.kind,
            rung=str(rung),
            due_on=str(clock.due_on),
        )
    return len(rows)


def alerts_of(session: Session, case_id: int) -> list[WindowAlert]:
    """Return the alerts of a case, in order."""
    query = select(WindowAlert).filter_by(case_id=case_id).order_by(WindowAlert.id)
    return list(session.scalars(query))
