"""What is closed at the window goes to gathering like the parcel of any other source.

From there one way leads on: a package, its inspection, the intake. What that refuses comes back
to the window with its findings. The act CLOSE and the hand-over are one transaction.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Reader
from archive.database.tables_cases import Case, Delivery
from archive.database.tables_gathering import Arrival, GatheredCase
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.database.tables_window import WindowAlert, WindowCase, WindowGrant
from archive.gathering.cases import (
    GatheredFile,
    GatheredPiece,
    Gathering,
    add_piece,
    close_case,
    record_arrival,
)
from archive.gathering.returned import supersede_earlier
from archive.jobs.crashpoints import reach
from archive.reference.case_facts import SPEC_2
from archive.reference.local_time import local_date
from archive.reference.submission_terms import Ending
from archive.reference.vocabulary import ArrivalOutcome, IntakeOutcome, VolumeState
from archive.reference.vocabulary import CaseState as ArchivedState
from archive.reference.window_steps import Step
from archive.reference.worktime import WorkCalendar
from ingest.window.alerts import alerts_of
from ingest.window.cases import Done, Tables, answer_of_archive, do_act
from ingest.window.decide import Asked
from ingest.window.flows import flow_numbered
from ingest.window.forms import promised_on, shown_digest
from ingest.window.ledger import Clock, calendar_version, dates_of
from ingest.window.registering import owe_result
from ingest.window.returned import take_returns
from ingest.window.state import CaseState, Paper, moment
from ingest.window.stated import stated_clock
from ingest.window.terms import WindowAct

SOURCE, SYSTEM = "window", "户籍窗口"


def close_window_case(
    session: Session,
    actor: Reader,
    *,
    case_no: str,
    asked: Asked,
    tables: Tables,
    now: datetime,
) -> Done:
    """Close a case and hand it to gathering. Raises what `do_act` raises."""
    done = do_act(session, actor, case_no=case_no, asked=asked, tables=tables, now=now)
    if done.again:
        return done
    case = session.scalars(select(WindowCase).filter_by(case_no=case_no)).one()
    owe_result(session, case, done.state, now)
    facts = facts_of(session, case, done.state, tables.calendar)
    data = json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()
    arrival = record_arrival(
        session,
        actor.account,
        source=SOURCE,
        system=SYSTEM,
        notice=f"{case_no}-{done.seq}",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        outcome=ArrivalOutcome.TAKEN,
        at=now,
    )
    _hand_over(session, arrival, done.state, facts, now)
    reach("window-closed")
    return done


def _hand_over(
    session: Session, arrival: Arrival, state: CaseState, facts: Mapping[str, Any], now: datetime
) -> None:
    close_case(session, arrival, facts, at=now)
    for no, paper in sorted(state.papers.items()):
        if paper.stated.get("form"):
            continue
        files = tuple(
            GatheredFile(file["sha256"], file["extension"]) for file in paper.stated["files"]
        )
        piece = GatheredPiece(state.opening.case_no, no, files, _material(paper))
        add_piece(session, arrival, piece, at=now)
    supersede_earlier(session, state.opening.case_no, at=now)


def facts_of(
    session: Session, case: WindowCase, state: CaseState, calendar: WorkCalendar | None
) -> dict[str, Any]:
    """Return what the submission states of a case (`case-submission/2`)."""
    opening, ending = state.opening, state.ending or Ending.ISSUED
    flow = flow_numbered(session, state.flow)
    due = promised_on(state, calendar)
    facts = {
        "spec": SPEC_2,
        "case_no": opening.case_no,
        "item": {"code": opening.item["code"], "version": opening.item["version"]},
        "channel": opening.channel,
        "applicant": dict(opening.applicant),
        "subjects": [dict(person) for person in opening.subjects],
        "orgs": {
            "receive": opening.receive_org,
            "accept": opening.home_org,
            "domicile": opening.home_org,
        },
        "due_on": due and due.isoformat(),
        "process": [dict(event) for event in state.process],
        "materials": [_material(paper) for _, paper in sorted(state.papers.items())],
        "flow": {"version": flow.version, "digest": flow.digest},
        "ending": str(ending),
        "clocks": _clocks(session, case, state, calendar),
        "returns": [dict(row) for row in state.returns],
        "identity_checks": [dict(row) for row in state.identity],
        "signatures": _signatures(state, calendar),
        "seal_uses": [dict(use) for use in state.seals],
        "rating": state.rating and dict(state.rating),
        "grant": _grant(session, state),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _material(paper: Paper) -> dict[str, Any]:
    """Return a material as `case.json` states it, without its files."""
    stated = {key: value for key, value in paper.stated.items() if value not in (None, [], ())}
    stated.pop("files", None)
    return stated


def _signatures(state: CaseState, calendar: WorkCalendar | None) -> list[dict[str, Any]]:
    """Return the last signature of each form and signer that fits the form as it is."""
    valid: dict[tuple[str, str], dict[str, Any]] = {}
    for row in state.signatures:
        paper = state.papers.get(row["material"])
        at = moment(row["at"])
        if paper and row["form_sha256"] == shown_digest(state, paper, calendar, at=at):
            valid[row["form"], row["signer"]] = dict(row)
    return list(valid.values())


def _clocks(
    session: Session, case: WindowCase, state: CaseState, calendar: WorkCalendar | None
) -> list[dict[str, Any]]:
    alerts = alerts_of(session, case.id)
    return [
        stated_clock(clock, calendar_version(calendar), _of(clock, alerts), calendar)
        for clock in state.clocks.values()
        if dates_of(clock, calendar) is not None
    ]


def _of(clock: Clock, alerts: Sequence[WindowAlert]) -> list[tuple[str, datetime]]:
    return [(row.rung, row.at) for row in alerts if row.kind == clock.kind]


def _grant(session: Session, state: CaseState) -> dict[str, Any] | None:
    """Return the authorisation under which the case was issued."""
    numbers = [use["grant_ref"] for use in state.seals if use["grant_ref"]]
    if not numbers:
        return None
    row = session.scalars(select(WindowGrant).filter_by(number=numbers[-1])).one()
    return {
        "grantor": row.grantor,
        "grantee": row.grantee,
        "item": str(state.opening.item["code"]),
        "valid_until": local_date(row.ends_at),
    }


def take_answers(session: Session, *, tables: Tables, now: datetime, limit: int = 500) -> int:
    """Enter what became of closed cases at the intake; return how many were answered.

    A refused one is at the window again, with the findings; so is one that was returned at 核对
    before the window knew that it was taken.
    """
    query = (
        select(WindowCase, GatheredCase)
        .join(GatheredCase, GatheredCase.case_no == WindowCase.case_no)
        .where(WindowCase.step == Step.CLOSED, GatheredCase.state == Gathering.SUBMITTED)
        .order_by(WindowCase.id, GatheredCase.id.desc())
        .limit(limit)
    )
    answered: set[str] = set()
    for case, gathered in session.execute(query).all():
        if case.case_no not in answered and _is_newest(session, gathered):
            answered.add(case.case_no)
            answer_of_archive(
                session, case, asked=_answer(session, gathered), tables=tables, now=now
            )
    return len(answered) + take_returns(session, tables=tables, now=now, limit=limit)


def _is_newest(session: Session, gathered: GatheredCase) -> bool:
    newest = (
        select(GatheredCase.id)
        .filter_by(case_no=gathered.case_no)
        .order_by(GatheredCase.id.desc())
        .limit(1)
    )
    return session.scalars(newest).one() == gathered.id


def _answer(session: Session, gathered: GatheredCase) -> Asked:
    key = f"archive-{gathered.id}-{gathered.packages}"
    if gathered.outcome != IntakeOutcome.REFUSED:
        return Asked(WindowAct.ARCHIVE_TOOK, key)
    delivery = session.scalars(
        select(Delivery)
        .filter_by(case_no=gathered.case_no, outcome=IntakeOutcome.REFUSED)
        .order_by(Delivery.id.desc())
    ).first()
    findings = [
        {"code": row["code"], "message": row["message"], "action": row["action"]}
        for row in (delivery.findings if delivery else ())
    ]
    return Asked(WindowAct.ARCHIVE_REFUSED, key, data={"findings": findings})


def owed(session: Session, *, limit: int = 1000) -> list[dict[str, Any]]:
    """Return 应归未归: closed cases that have no archived volume, each with its reason."""
    archived = (
        select(VolumeVersion.id)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(Volume.case_id == Case.id, VolumeVersion.state == VolumeState.COMMITTED)
        .exists()
    )
    query = (
        select(WindowCase, Case.state)
        .outerjoin(Case, Case.case_no == WindowCase.case_no)
        .where(WindowCase.step.in_((Step.CLOSED, Step.AMENDING, Step.ARCHIVED)), ~archived)
        .order_by(WindowCase.moved_at, WindowCase.id)
        .limit(limit)
    )
    return [
        {
            "case_no": case.case_no,
            "since": case.moved_at.isoformat(),
            "step": case.step,
            "why": _why_owed(case, state),
        }
        for case, state in session.execute(query)
    ]


def _why_owed(case: WindowCase, state: str | None) -> str:
    if case.step == Step.AMENDING:
        return "归档退回，待收件单位更正后再送"
    if case.step == Step.CLOSED:
        return "已送归档，尚未组包接收"
    if state in {ArchivedState.CONFIRM, ArchivedState.RETURNED}:
        return f"已接收，{ArchivedState(state).label}"
    return "已接收，待组卷"
