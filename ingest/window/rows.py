"""The rows of the window: acts read and written, and columns that say what they come to."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_window import (
    WindowActRow,
    WindowCase,
    WindowClock,
    WindowSealUse,
    WindowSpan,
)
from archive.gathering.window_rows import act_digest, seal_digest
from archive.reference.window_steps import Step
from archive.reference.worktime import WorkCalendar
from ingest.window.fold import fold
from ingest.window.ledger import Clock, calendar_version, dates_of
from ingest.window.state import ActRow, CaseState, moment
from ingest.window.terms import WindowAct


def acts_of(session: Session, case_id: int) -> list[ActRow]:
    """Return the acts of a case, in order."""
    rows = session.scalars(
        select(WindowActRow).filter_by(case_id=case_id).order_by(WindowActRow.seq)
    )
    return [act_of(row) for row in rows]


def act_of(row: WindowActRow) -> ActRow:
    """Return an act as the rules know it."""
    content = json.loads(row.content)
    return ActRow(
        seq=row.seq,
        step=Step(row.step),
        act=WindowAct(row.act),
        at=row.at,
        account=row.account,
        actor=content["actor"],
        actor_no=row.actor_no,
        person=content["person"],
        org=row.org,
        key=row.key,
        opinion=content["opinion"],
        grant=row.grant_number,
        detail=content["detail"],
    )


def state_of(session: Session, case_id: int) -> CaseState:
    """Return the state of a case: the fold of its acts. Raises LookupError for one without."""
    state = fold(acts_of(session, case_id))
    if state is None:
        raise LookupError("a case without an act")
    return state


def enter(session: Session, case: WindowCase, act: ActRow) -> WindowActRow:
    """Add an act of a case, with the seals that it uses, and journal it."""
    content = {
        "actor": act.actor,
        "person": act.person,
        "opinion": act.opinion,
        "detail": act.detail,
    }
    row = WindowActRow(
        case_id=case.id,
        seq=act.seq,
        step=act.step,
        act=act.act,
        at=act.at,
        account=act.account,
        actor_no=act.actor_no,
        org=act.org,
        grant_number=act.grant,
        key=act.key,
        content=json.dumps(content, ensure_ascii=False),
    )
    row.digest = act_digest(case.case_no, row)
    session.add(row)
    session.flush()
    journal.record(
        session,
        act.account,
        JournalAct.WINDOW_ACT,
        case.case_no,
        seq=act.seq,
        did=act.act,
        what=act.act.label,
        step=act.step,
        org=act.org,
        digest=row.digest,
        **({"query": query} if (query := act.detail.get("query")) else {}),
    )
    for seal in act.detail.get("seals", ()):
        _enter_seal(session, case, act, seal)
    return row


def _enter_seal(session: Session, case: WindowCase, act: ActRow, seal: Mapping[str, Any]) -> None:
    """Add a use of a seal: in the transaction of its act, so before any sealed byte leaves."""
    row = WindowSealUse(
        use_no=seal["use_no"],
        case_id=case.id,
        seq=act.seq,
        owner=seal["seal_owner"],
        caller=seal["caller"],
        grant_number=seal["grant_ref"],
        seal=seal["seal"],
        form=seal["form"],
        document_sha256=seal["document_sha256"],
        purpose=seal["purpose"],
        at=moment(seal["at"]),
    )
    session.add(row)
    session.flush()
    journal.record(
        session,
        act.account,
        JournalAct.WINDOW_SEAL,
        row.use_no,
        case_no=case.case_no,
        owner=row.owner,
        caller=row.caller,
        grant=row.grant_number,
        digest=seal_digest(case.case_no, row),
    )


def case_columns(state: CaseState) -> dict[str, Any]:
    """Return what the columns of a case must say of a state."""
    opening = state.opening
    return {
        "case_no": opening.case_no,
        "item_code": str(opening.item["code"]),
        "item_version": str(opening.item["version"]),
        "receive_org": opening.receive_org,
        "home_org": opening.home_org,
        "flow_digest": state.flow,
        "seq": state.seq,
        "step": str(state.step),
        "level": state.level,
        "ending": state.ending and str(state.ending),
        "corrections": state.corrections,
        "opened_at": opening.opened_at,
        "moved_at": state.last_at,
    }


def clock_columns(clock: Clock, calendar: WorkCalendar | None) -> dict[str, Any]:
    """Return what the columns of a clock must say, but for the calendar it was counted by."""
    dates = dates_of(clock, calendar)
    return {
        "kind": str(clock.kind),
        "unit": str(clock.unit),
        "budget": clock.budget,
        "yellow_share": clock.yellow_share,
        "started_at": clock.started,
        "ended_at": clock.ended,
        "due_on": dates and dates.due,
        "yellow_on": dates and dates.yellow,
        "provisional": bool(dates and dates.provisional),
    }


def span_columns(clock: Clock) -> list[dict[str, Any]]:
    """Return what the columns of the spans of a clock must say."""
    return [
        {
            "no": no,
            "began_at": span.began,
            "ended_at": span.ended,
            "reason": str(span.reason),
            "days": span.days,
        }
        for no, span in enumerate(clock.spans, 1)
    ]


def project(
    session: Session, case: WindowCase, state: CaseState, calendar: WorkCalendar | None
) -> None:
    """Let the rows of a case say what its acts come to."""
    _set(case, case_columns(state))
    rows = {
        row.kind: row for row in session.scalars(select(WindowClock).filter_by(case_id=case.id))
    }
    version = calendar_version(calendar)
    for clock in state.clocks.values():
        row = rows.get(clock.kind)
        if row is None:
            row = WindowClock(case_id=case.id, calendar=version, **clock_columns(clock, calendar))
            session.add(row)
            session.flush()
        else:
            _set(row, {**clock_columns(clock, calendar), "calendar": version})
        _project_spans(session, row, span_columns(clock))
    session.flush()


def _project_spans(
    session: Session, clock: WindowClock, wanted: Sequence[Mapping[str, Any]]
) -> None:
    rows = {row.no: row for row in session.scalars(select(WindowSpan).filter_by(clock_id=clock.id))}
    for columns in wanted:
        row = rows.pop(columns["no"], None)
        if row is None:
            session.add(WindowSpan(clock_id=clock.id, **columns))
        else:
            _set(row, columns)
    if rows:  # a clock of its kind began anew
        gone = [row.id for row in rows.values()]
        session.execute(delete(WindowSpan).where(WindowSpan.id.in_(gone)))


def _set(row: object, columns: Mapping[str, Any]) -> None:
    for name, value in columns.items():
        if getattr(row, name) != value:
            setattr(row, name, value)


def cases_numbered(session: Session, numbers: Iterable[str]) -> dict[str, WindowCase]:
    """Return the cases of these numbers, by number."""
    rows = session.scalars(select(WindowCase).where(WindowCase.case_no.in_(list(numbers))))
    return {row.case_no: row for row in rows}
