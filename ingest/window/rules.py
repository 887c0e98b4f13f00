"""The rule of each act: what must be there before it, and what it leaves. Pure.

Who may do it and when was asked before (`ingest.window.decide`). A rule answers with what the act
is to remember, or with a refusal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from archive.reference.organisations import Organisations
from archive.reference.service_items import (
    ServiceItem,
    investigation_names,
    missing_investigation,
    required_materials,
    snapshot_materials,
)
from archive.reference.strokes import fault_of
from archive.reference.submission_terms import ClockKind, IdentityResult, PartyRole, Trust
from archive.reference.vocabulary import FormKind, SourceKind
from archive.reference.window_steps import Step
from archive.reference.worktime import WorkCalendar
from ingest.window.asked import (
    CorrectionWanted,
    ExtensionWanted,
    FlowWanted,
    FormWanted,
    IdentityWanted,
    MaterialWanted,
    NumbersWanted,
    RefusalWanted,
    SignatureWanted,
    Wanted,
)
from ingest.window.flow import Flow
from ingest.window.form_fields import faulty
from ingest.window.forms import shown_digest
from ingest.window.ledger import lamp_of, local_day
from ingest.window.refusals import Refusal, refusal
from ingest.window.seal_rules import Grant, SealUseRow, issued_seal, sealed_approval
from ingest.window.state import CaseState, Paper, moment
from ingest.window.terms import Lamp, WindowAct

Detail = Mapping[str, Any]
_TRUST = {
    SourceKind.SHARED_CERT: Trust.A,
    SourceKind.SCANNED_PROOF: Trust.B,
    SourceKind.ONLINE_APPLICATION: Trust.C,
}


class Person(Protocol):
    """Who acts, as the rules know them."""

    @property
    def org(self) -> str:
        """Return the organisation."""
        ...

    @property
    def id_number(self) -> str:
        """Return the ID number."""
        ...

    @property
    def officer_no(self) -> str:
        """Return the police number."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """What the rules know beside the case: tables, the grants of its stations, known flows."""

    organisations: Organisations
    item: ServiceItem
    grants: tuple[Grant, ...] = ()
    flows: frozenset[str] = frozenset()
    calendar: WorkCalendar | None = None


_Rule = Callable[[Flow, CaseState, Any, Any, datetime, World], Detail | Refusal]


def _plain(wanted: Wanted) -> dict[str, Any]:
    return wanted.model_dump(mode="json")


def _material(
    _flow: Flow, state: CaseState, wanted: MaterialWanted, actor: Person, now: datetime, _: World
) -> Detail | Refusal:
    named = state.paper_named(wanted.type)
    number = wanted.no or (named.no if named else max(state.papers, default=0) + 1)
    listed = [row for row in snapshot_materials(state.opening.item) if row.name == wanted.type]
    before = state.papers.get(number)
    form = before is not None and before.stated.get("form")
    if form or wanted.source is SourceKind.SYSTEM_FORM or wanted.type in _system_forms(listed):
        return refusal("MATERIAL_FORM", material=wanted.type)
    stated = _plain(wanted) | {
        "no": number,
        "captured_at": (wanted.captured_at or now).isoformat(),
        "trust": str(wanted.trust or _TRUST.get(wanted.source, Trust.B)),
    }
    if wanted.source is SourceKind.SCANNED_PROOF:
        stated["captured_by"] = actor.officer_no
    return {"material": stated}


def _system_forms(listed: list[Any]) -> set[str]:
    return {row.name for row in listed if row.sources == (SourceKind.SYSTEM_FORM,)}


def _form(
    _flow: Flow, state: CaseState, wanted: FormWanted, _: Person, now: datetime, world: World
) -> Detail | Refusal:
    paper = state.papers.get(wanted.no)
    if paper is None or not paper.stated.get("form"):
        return refusal("NO_SUCH_FORM")
    fault = faulty(world.item.series, wanted.data, local_day(now))
    if fault is not None:
        return refusal("FORM_FIELD", field=fault[0].label, why=fault[1])
    stated = paper.stated.get("data") or {}
    data = _plain(wanted)["data"]
    # An empty field takes a value away, and states nothing where there was none.
    kept = {label: value for label, value in data.items() if value != "" or label in stated}
    return {"no": wanted.no, "data": kept}


def _identity(
    _flow: Flow, _state: CaseState, wanted: IdentityWanted, *_rest: object
) -> Detail | Refusal:
    if wanted.result is IdentityResult.NO_DEVICE:
        if not wanted.reason:
            return refusal("IDENTITY_REASON")
        return {"check": _plain(wanted) | {"device": None, "score": None}}
    if not wanted.device:
        return refusal("IDENTITY_DEVICE")
    return {"check": _plain(wanted)}


def _signature(
    _flow: Flow, state: CaseState, wanted: SignatureWanted, _: Person, now: datetime, world: World
) -> Detail | Refusal:
    paper = _form_paper(state, wanted.form)
    if paper is None:
        return refusal("NO_SUCH_FORM")
    why = fault_of(wanted.strokes)
    if why:
        return refusal("SIGNATURE_BAD", why=why)
    if wanted.form_sha256 != shown_digest(state, paper, world.calendar):
        return refusal("SIGNATURE_OTHER_FORM", form=paper.title)
    return {"signature": _plain(wanted) | {"material": paper.no, "at": now.isoformat()}}


def _form_paper(state: CaseState, form: FormKind) -> Paper | None:
    return next(
        (paper for paper in state.papers.values() if paper.stated.get("form") == form), None
    )


def signed(state: CaseState, form: FormKind, calendar: WorkCalendar | None) -> bool:
    """Return whether the form bears a signature that nothing which it prints is newer than.

    What the home station's investigation brought is not of what the applicant signed for.
    """
    paper = _form_paper(state, form)
    if paper is None:
        return False
    taken = [
        moment(row.stated["captured_at"])
        for row in state.papers.values()
        if not row.stated.get("form") and row.step is not Step.INVESTIGATE
    ]
    return any(
        row["form"] == form
        and (at := moment(row["at"])) >= max(taken, default=at)
        and row["form_sha256"] == shown_digest(state, paper, calendar, at=at)
        for row in state.signatures
    )


def _whole(state: CaseState, world: World) -> Refusal | None:
    """Return what is lacking before a case goes on from the window (R29, R30, R37)."""
    checks = [row for row in state.identity if row["person"] in tuple(PartyRole)]
    if not checks:
        return refusal("IDENTITY_MISSING")
    if checks[-1]["result"] == IdentityResult.MISMATCH:
        return refusal("IDENTITY_MISMATCH")
    missing = [name for name in _missing(state) if not _of_investigation(state, name)]
    if missing:
        return refusal("MATERIALS_MISSING", materials="、".join(missing))
    if not signed(state, FormKind.RECEIPT, world.calendar):
        return refusal("SIGNATURE_MISSING", form=FormKind.RECEIPT.label)
    return None


def _missing(state: CaseState) -> list[str]:
    """Return the required materials that a case has not (R30)."""
    present = {paper.title for paper in state.papers.values()}
    names = [row.name for row in required_materials(state.opening.item)]
    return [name for name in names if name not in present]


def _of_investigation(state: CaseState, name: str) -> bool:
    """Return whether a material is what the home station's investigation brings later."""
    return state.opening.investigates and any(row.covers(name) for row in investigation_names())


def _receive(
    flow: Flow, state: CaseState, wanted: Wanted, _: Person, _now: datetime, world: World
) -> Detail | Refusal:
    lacking = _whole(state, world)
    return lacking or _plain(wanted) | {"yellow_share": flow.limits.yellow_share}


def _resubmit(
    _flow: Flow, state: CaseState, wanted: Wanted, _: Person, _now: datetime, world: World
) -> Detail | Refusal:
    came = {paper.title for paper in state.papers.values() if paper.added > state.corrected_at}
    lacking = [name for name in state.awaited if name not in came]
    if lacking:
        return refusal("CORRECTION_PARTIAL", materials="、".join(lacking))
    return _whole(state, world) or _plain(wanted)


def _correct(
    _flow: Flow, state: CaseState, wanted: CorrectionWanted, *_rest: object
) -> Detail | Refusal:
    known = {row.name for row in snapshot_materials(state.opening.item)}
    known |= {paper.title for paper in state.papers.values()}
    strange = [name for name in wanted.materials if name not in known]
    forms = {paper.title for paper in state.papers.values() if paper.stated.get("form")}
    if strange or set(wanted.materials) & forms:
        names = strange or sorted(set(wanted.materials) & forms)
        return refusal("CORRECTION_UNKNOWN", materials="、".join(names))
    if state.corrections and not wanted.again:
        return refusal("CORRECTION_AGAIN")
    return _plain(wanted)


def _concludes(flow: Flow) -> dict[str, Any]:
    return {"feedback": flow.limits.feedback.model_dump(mode="json")}


def _refuse_accept(
    flow: Flow, _state: CaseState, wanted: Wanted, *_rest: object
) -> Detail | Refusal:
    return _plain(wanted) | _concludes(flow)


def _marked(
    _flow: Flow, state: CaseState, wanted: NumbersWanted, *_rest: object
) -> Detail | Refusal:
    if any(no not in state.papers for no in wanted.materials):
        return refusal("NO_SUCH_MATERIAL")
    return _plain(wanted)


def _tick(
    _flow: Flow, state: CaseState, wanted: NumbersWanted, actor: Person, *_rest: object
) -> Detail | Refusal:
    unseen = state.unseen(actor.id_number, wanted.materials)
    if unseen:
        return refusal("NOT_SHOWN", numbers="、".join(map(str, unseen)))
    return _plain(wanted)


def _review(
    _flow: Flow, state: CaseState, wanted: Wanted, actor: Person, _: datetime, world: World
) -> Detail | Refusal:
    lacking = missing_investigation(world.item, [paper.title for paper in state.papers.values()])
    if lacking:
        return refusal("INVESTIGATION_MISSING", materials="、".join(row.label for row in lacking))
    missing = _missing(state)
    if missing:
        return refusal("INVESTIGATION_MISSING", materials="、".join(missing))
    unticked = state.unticked(actor.id_number)
    if unticked:
        names = "、".join(paper.title for paper in unticked)
        return refusal("NOT_TICKED", materials=names)
    return _plain(wanted)


def _conclusion(state: CaseState, concluded: Mapping[str, str]) -> dict[str, Any]:
    """Return what the 审批表 states from now on, and which material it is."""
    paper = _form_paper(state, FormKind.APPROVAL)
    return {"approval_form": paper.no if paper else None, "conclusion": dict(concluded)}


def _approve(
    flow: Flow, state: CaseState, wanted: Wanted, actor: Person, now: datetime, world: World
) -> Detail | Refusal:
    detail = _plain(wanted) | _concludes(flow)
    if state.level + 1 == len(state.opening.levels):
        basis = "、".join(world.item.legal_basis)[:200]
        detail |= _conclusion(state, {"审批结论": "同意", "审批依据": basis})
    return detail | {"seals": [sealed_approval(state, detail, actor.org, now, world.calendar)]}


def _refuse_approve(
    flow: Flow,
    state: CaseState,
    wanted: RefusalWanted,
    actor: Person,
    now: datetime,
    world: World,
) -> Detail | Refusal:
    concluded = {"审批结论": "不同意", "审批依据": wanted.basis}
    detail = _plain(wanted) | _concludes(flow) | _conclusion(state, concluded)
    return detail | {"seals": [sealed_approval(state, detail, actor.org, now, world.calendar)]}


def _issue(
    _flow: Flow, state: CaseState, wanted: Wanted, actor: Person, now: datetime, world: World
) -> Detail | Refusal:
    seal: SealUseRow | None = issued_seal(state, actor.org, now, world.grants, world.calendar)
    if seal is None:
        names = world.organisations
        return refusal(
            "NO_GRANT",
            grantor=names.get(state.opening.home_org).name,
            grantee=names.get(state.opening.receive_org).name,
        )
    return _plain(wanted) | {"seals": [seal], "grant": seal["grant_ref"]}


def _rate(_flow: Flow, state: CaseState, wanted: Wanted, *_rest: object) -> Detail | Refusal:
    return refusal("RATED_ALREADY") if state.rating else {"rating": _plain(wanted)}


def _extend(
    flow: Flow, state: CaseState, wanted: ExtensionWanted, _: Person, now: datetime, world: World
) -> Detail | Refusal:
    clock = state.clocks.get(ClockKind.PROMISE)
    if clock is None:
        return refusal("NO_CLOCK")
    longest = flow.limits.longest_extension
    if wanted.days > longest or any(span.days for span in clock.spans):
        return refusal("EXTENSION_LONG", days=longest)
    if lamp_of(clock, now, world.calendar) in {Lamp.RED, Lamp.PROVISIONAL}:
        return refusal("EXTENSION_LATE")
    return _plain(wanted)


def _supervise(flow: Flow, state: CaseState, wanted: Wanted, *_rest: object) -> Detail | Refusal:
    if state.unanswered:
        return refusal("SUPERVISED_ALREADY")
    return _plain(wanted) | {"answer_in": flow.limits.supervision.model_dump(mode="json")}


def _answer(_flow: Flow, state: CaseState, wanted: Wanted, *_rest: object) -> Detail | Refusal:
    return _plain(wanted) if state.unanswered else refusal("NOT_SUPERVISED")


def _migrate(
    _flow: Flow, state: CaseState, wanted: FlowWanted, _: Person, _now: datetime, world: World
) -> Detail | Refusal:
    if wanted.flow not in world.flows:
        return refusal("FLOW_UNKNOWN")
    return refusal("FLOW_SAME") if wanted.flow == state.flow else _plain(wanted)


def _close(
    _flow: Flow, state: CaseState, wanted: Wanted, _: Person, _now: datetime, world: World
) -> Detail | Refusal:
    received = any(event["node"] == Step.RECEIVE for event in state.process)
    if (
        state.refused_by_archive
        and received
        and not signed(state, FormKind.RECEIPT, world.calendar)
    ):
        return refusal("SIGNATURE_MISSING", form=FormKind.RECEIPT.label)
    return _plain(wanted)


RULES: Mapping[WindowAct, _Rule] = {
    WindowAct.ADD_MATERIAL: _material,
    WindowAct.FILL_FORM: _form,
    WindowAct.IDENTIFY: _identity,
    WindowAct.SIGN: _signature,
    WindowAct.RECEIVE: _receive,
    WindowAct.RESUBMIT: _resubmit,
    WindowAct.CORRECT: _correct,
    WindowAct.REFUSE_ACCEPT: _refuse_accept,
    WindowAct.SHOW: _marked,
    WindowAct.TICK: _tick,
    WindowAct.REVIEW: _review,
    WindowAct.APPROVE: _approve,
    WindowAct.REFUSE_APPROVE: _refuse_approve,
    WindowAct.ISSUE: _issue,
    WindowAct.RATE: _rate,
    WindowAct.EXTEND: _extend,
    WindowAct.SUPERVISE: _supervise,
    WindowAct.ANSWER: _answer,
    WindowAct.MIGRATE: _migrate,
    WindowAct.CLOSE: _close,
}
"""The rule of each act that asks for more than its shape; by act."""
