"""The fold: what each act makes of the state of its case. It checks nothing; `decide` has."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from archive.reference.submission_terms import (
    ClockKind,
    ClockUnit,
    Ending,
    ReturnKind,
    SpanReason,
)
from archive.reference.vocabulary import ProcessResult
from archive.reference.window_steps import Step
from ingest.window.ledger import Clock, Span
from ingest.window.state import ActRow, CaseState, Opening, Paper
from ingest.window.terms import ASIDE, WindowAct

_Change = Callable[[CaseState, ActRow], CaseState]


def fold(rows: Iterable[ActRow]) -> CaseState | None:
    """Return the state after these acts, the first of which opened the case."""
    state: CaseState | None = None
    for row in rows:
        state = opened(row) if state is None else after(state, row)
    return state


def opened(row: ActRow) -> CaseState:
    """Return the state of a case that was just opened."""
    detail = row.detail
    opening = Opening(
        case_no=str(detail["case_no"]),
        item=detail["item"],
        receive_org=row.org,
        home_org=str(detail["home"]),
        channel=str(detail["channel"]),
        applicant=detail["applicant"],
        subjects=tuple(detail["subjects"]),
        household=frozenset(detail["household"]),
        investigates=bool(detail["investigates"]),
        opened_at=row.at,
        query=str(detail["query"]),
        population=tuple(detail["population"]),
    )
    papers = {
        stated["no"]: Paper(stated["no"], 1, stated, row.person, row.seq, row.step)
        for stated in detail["forms"]
    }
    return CaseState(
        opening,
        str(detail["flow"]),
        row.at,
        papers=papers,
        keys=frozenset({row.key}),
        seq=row.seq,
    )


def after(state: CaseState, row: ActRow) -> CaseState:
    """Return the state after a further act."""
    changed = _CHANGES.get(row.act, _nothing)(state, row)
    return replace(
        changed,
        seq=row.seq,
        last_at=row.at,
        moved=state.moved if row.act in ASIDE else row.seq,
        keys=state.keys | {row.key},
        seals=(*state.seals, *row.detail.get("seals", ())),
    )


def _nothing(state: CaseState, _row: ActRow) -> CaseState:
    return state


def _event(row: ActRow, result: ProcessResult, **more: str) -> Mapping[str, Any]:
    """Return the act as one row of the process that the submission states."""
    return {
        "node": str(row.step),
        "org": row.org,
        "actor_no": row.actor_no,
        "actor": row.actor,
        "at": row.at.isoformat(),
        "result": str(result),
        "opinion": row.opinion,
        **more,
    }


def _passed(
    state: CaseState,
    row: ActRow,
    step: Step,
    result: ProcessResult = ProcessResult.AGREE,
    **more: str,
) -> CaseState:
    """Return the state at another step, with the act in the process."""
    return replace(state, step=step, process=(*state.process, _event(row, result, **more)))


def _went_back(state: CaseState, row: ActRow, kind: ReturnKind) -> CaseState:
    """Return the state with what an act returned or refused, and why."""
    detail = row.detail
    entry = {
        "kind": str(kind),
        "node": str(row.step),
        "at": row.at.isoformat(),
        "org": row.org,
        "actor_no": row.actor_no,
        "actor": row.actor,
        "reason": detail.get("reason", ""),
        "basis": detail.get("basis"),
        "remedy": detail.get("remedy"),
        "materials": list(detail.get("materials", ())),
    }
    return replace(state, returns=(*state.returns, entry))


def _add_material(state: CaseState, row: ActRow) -> CaseState:
    stated = row.detail["material"]
    before = state.papers.get(stated["no"])
    paper = Paper(
        stated["no"], before.edition + 1 if before else 1, stated, row.person, row.seq, row.step
    )
    return replace(state, papers={**state.papers, paper.no: paper})


def _fill_form(state: CaseState, row: ActRow) -> CaseState:
    paper = state.papers[row.detail["no"]]
    data = {**(paper.stated.get("data") or {}), **row.detail["data"]}
    filled = replace(paper, edition=paper.edition + 1, stated={**paper.stated, "data": data})
    return replace(state, papers={**state.papers, paper.no: filled})


def _identify(state: CaseState, row: ActRow) -> CaseState:
    entry = {**row.detail["check"], "at": row.at.isoformat(), "actor_no": row.actor_no}
    return replace(state, identity=(*state.identity, entry))


def _sign(state: CaseState, row: ActRow) -> CaseState:
    return replace(state, signatures=(*state.signatures, row.detail["signature"]))


def _receive(state: CaseState, row: ActRow) -> CaseState:
    opening = state.opening
    budget = opening.item["limit_workdays"]
    if budget is not None and ClockKind.PROMISE not in state.clocks:
        share = row.detail["yellow_share"]
        clock = Clock(
            ClockKind.PROMISE, ClockUnit.WORKING_DAY, budget, opening.opened_at, yellow_share=share
        )
        state = state.with_clock(clock)
    # Who is received is received when the case was opened; what is signed shows that time.
    first = not any(event["node"] == row.step for event in state.process)
    at = opening.opened_at if first else row.at
    step = Step.TRANSFER if opening.citywide else Step.ACCEPT
    return _passed(state, replace(row, at=at), step)


def _transfer(state: CaseState, row: ActRow) -> CaseState:
    return _passed(state, row, Step.ACCEPT)


def _accept(state: CaseState, row: ActRow) -> CaseState:
    looks = state.opening.investigates or row.detail.get("investigate")
    return _passed(state, row, Step.INVESTIGATE if looks else Step.REVIEW)


def _decided(state: CaseState, row: ActRow) -> CaseState:
    """Return the state at what follows the last decision: 反馈 or, at home, 出件."""
    if not state.opening.citywide:
        return replace(state, step=Step.ISSUE)
    limit = row.detail["feedback"]
    clock = Clock(ClockKind.FEEDBACK, ClockUnit(limit["unit"]), limit["budget"], row.at)
    return replace(state.with_clock(clock), step=Step.FEEDBACK)


def _refuse_accept(state: CaseState, row: ActRow) -> CaseState:
    state = _passed(state, row, state.step, ProcessResult.REFUSE)
    state = _went_back(state, row, ReturnKind.NOT_ACCEPTED)
    return replace(_decided(state, row), ending=Ending.NOT_ACCEPTED)


def _correct(state: CaseState, row: ActRow) -> CaseState:
    state = _passed(state, row, Step.CORRECTION, ProcessResult.RETURN)
    state = _went_back(state, row, ReturnKind.CORRECTION)
    return replace(
        _stopped(state, row, SpanReason.CORRECTION),
        back_to=row.step,
        corrections=state.corrections + 1,
        awaited=tuple(row.detail["materials"]),
        corrected_at=row.seq,
    )


def _stopped(state: CaseState, row: ActRow, reason: SpanReason) -> CaseState:
    clock = state.clocks.get(ClockKind.PROMISE)
    return state.with_clock(clock.with_span(Span(row.at, None, reason))) if clock else state


def _goes_on(state: CaseState, row: ActRow) -> CaseState:
    """Return the state back at the step that waited, with its clock going on."""
    clock = state.clocks.get(ClockKind.PROMISE)
    if clock:
        state = state.with_clock(clock.going_on(row.at))
    return replace(state, step=state.back_to or state.step, back_to=None, awaited=())


def _investigate(state: CaseState, row: ActRow) -> CaseState:
    return _passed(state, row, Step.REVIEW)


def _show(state: CaseState, row: ActRow) -> CaseState:
    return replace(state, shown=state.shown | _marks(state, row))


def _tick(state: CaseState, row: ActRow) -> CaseState:
    return replace(state, ticked=state.ticked | _marks(state, row))


def _marks(state: CaseState, row: ActRow) -> set[tuple[str, int, int]]:
    return {(row.person, no, state.papers[no].edition) for no in row.detail["materials"]}


def _review(state: CaseState, row: ActRow) -> CaseState:
    return replace(_passed(state, row, Step.APPROVE), level=0)


def _step_back(state: CaseState, row: ActRow) -> CaseState:
    more = {"level": str(state.current_level)} if row.step is Step.APPROVE else {}
    step, level = step_before(state)
    state = _passed(state, row, step, ProcessResult.RETURN, **more)
    return replace(_went_back(state, row, ReturnKind.STEP_BACK), level=level)


def step_before(state: CaseState) -> tuple[Step, int]:
    """Return the step before the one at which a case stands, and its level of approval."""
    if state.step is Step.APPROVE:
        return (Step.APPROVE, state.level - 1) if state.level else (Step.REVIEW, 0)
    if state.step is Step.ACCEPT:
        return Step.RECEIVE, 0
    looked = any(event["node"] == Step.INVESTIGATE for event in state.process)
    step = Step.INVESTIGATE if state.step is Step.REVIEW and looked else Step.ACCEPT
    return step, 0


def _approve(state: CaseState, row: ActRow) -> CaseState:
    last = state.level + 1 >= len(state.opening.levels)
    level = str(state.current_level)
    state = _passed(state, row, state.step, level=level)
    if not last:
        return replace(state, level=state.level + 1)
    return replace(_concluded(_decided(state, row), row), ending=Ending.ISSUED)


def _refuse_approve(state: CaseState, row: ActRow) -> CaseState:
    level = str(state.current_level)
    state = _passed(state, row, state.step, ProcessResult.REFUSE, level=level)
    state = _went_back(state, row, ReturnKind.NOT_APPROVED)
    return replace(_concluded(_decided(state, row), row), ending=Ending.NOT_APPROVED)


def _concluded(state: CaseState, row: ActRow) -> CaseState:
    """Return the state whose 审批表 states the conclusion."""
    papers = {
        no: replace(
            paper,
            edition=paper.edition + 1,
            stated={**paper.stated, "data": {**(paper.stated.get("data") or {}), **concluded}},
        )
        if paper.no == row.detail.get("approval_form") and (concluded := row.detail["conclusion"])
        else paper
        for no, paper in state.papers.items()
    }
    return replace(state, papers=papers)


def _feedback(state: CaseState, row: ActRow) -> CaseState:
    clock = state.clocks.get(ClockKind.FEEDBACK)
    if clock:
        state = state.with_clock(replace(clock, ended=row.at))
    return _passed(state, row, Step.ISSUE)


def _issue(state: CaseState, row: ActRow) -> CaseState:
    return _passed(_promise_ended(state, row), row, Step.CLOSING)


def _promise_ended(state: CaseState, row: ActRow) -> CaseState:
    clock = state.clocks.get(ClockKind.PROMISE)
    if clock is None or clock.ended is not None:
        return state
    return state.with_clock(replace(clock.going_on(row.at), ended=row.at))


def _withdraw(state: CaseState, row: ActRow) -> CaseState:
    state = _went_back(_promise_ended(state, row), row, ReturnKind.WITHDRAWN)
    return replace(state, step=Step.CLOSING, ending=Ending.WITHDRAWN, back_to=None, awaited=())


def _extend(state: CaseState, row: ActRow) -> CaseState:
    clock = state.clocks[ClockKind.PROMISE]
    span = Span(row.at, None, SpanReason.EXTENSION, int(row.detail["days"]))
    return state.with_clock(clock.with_span(span))


def _begin_special(state: CaseState, row: ActRow) -> CaseState:
    state = replace(_stopped(state, row, SpanReason.STATUTORY), back_to=state.step)
    return replace(state, step=Step.SPECIAL)


def _urge(state: CaseState, _row: ActRow) -> CaseState:
    return replace(state, urged=state.urged + 1)


def _supervise(state: CaseState, row: ActRow) -> CaseState:
    limit = row.detail["answer_in"]
    clock = Clock(ClockKind.SUPERVISION, ClockUnit(limit["unit"]), limit["budget"], row.at)
    return replace(state.with_clock(clock), unanswered=state.unanswered + 1)


def _answer(state: CaseState, row: ActRow) -> CaseState:
    clock = replace(state.clocks[ClockKind.SUPERVISION], ended=row.at)
    return replace(state.with_clock(clock), unanswered=0)


def _rate(state: CaseState, row: ActRow) -> CaseState:
    return replace(state, rating={**row.detail["rating"], "at": row.at.isoformat()})


def _migrate(state: CaseState, row: ActRow) -> CaseState:
    return replace(state, flow=str(row.detail["flow"]))


def _close(state: CaseState, _row: ActRow) -> CaseState:
    return replace(state, step=Step.CLOSED)


def _archive_refused(state: CaseState, _row: ActRow) -> CaseState:
    return replace(state, step=Step.AMENDING, refused_by_archive=state.refused_by_archive + 1)


def _archive_took(state: CaseState, _row: ActRow) -> CaseState:
    return replace(state, step=Step.ARCHIVED)


_CHANGES: Mapping[WindowAct, _Change] = {
    WindowAct.ADD_MATERIAL: _add_material,
    WindowAct.FILL_FORM: _fill_form,
    WindowAct.IDENTIFY: _identify,
    WindowAct.SIGN: _sign,
    WindowAct.RECEIVE: _receive,
    WindowAct.TRANSFER: _transfer,
    WindowAct.ACCEPT: _accept,
    WindowAct.REFUSE_ACCEPT: _refuse_accept,
    WindowAct.CORRECT: _correct,
    WindowAct.RESUBMIT: _goes_on,
    WindowAct.INVESTIGATE: _investigate,
    WindowAct.SHOW: _show,
    WindowAct.TICK: _tick,
    WindowAct.REVIEW: _review,
    WindowAct.STEP_BACK: _step_back,
    WindowAct.APPROVE: _approve,
    WindowAct.REFUSE_APPROVE: _refuse_approve,
    WindowAct.FEEDBACK: _feedback,
    WindowAct.ISSUE: _issue,
    WindowAct.RATE: _rate,
    WindowAct.WITHDRAW: _withdraw,
    WindowAct.EXTEND: _extend,
    WindowAct.BEGIN_SPECIAL: _begin_special,
    WindowAct.END_SPECIAL: _goes_on,
    WindowAct.URGE: _urge,
    WindowAct.SUPERVISE: _supervise,
    WindowAct.ANSWER: _answer,
    WindowAct.MIGRATE: _migrate,
    WindowAct.CLOSE: _close,
    WindowAct.ARCHIVE_REFUSED: _archive_refused,
    WindowAct.ARCHIVE_TOOK: _archive_took,
}
