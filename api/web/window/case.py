"""One case at the window: its course and clocks, materials and forms, and the acts on it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.http.window import act_at_window, tables_of
from api.web.shell.kept_forms import refill_of
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from api.web.shell.scope import note_look
from api.web.window.form_values import fillable
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, writing
from archive.reference.submission_terms import IdentityResult, PartyRole
from archive.reference.vocabulary import FormKind
from archive.reference.window_steps import NODES, Step
from ingest.window.decide import Asked
from ingest.window.forms import shown_digest
from ingest.window.offers import DeskCase, days_of, desk_case, forms_of, lamps_of, needed_of
from ingest.window.state import CaseState
from ingest.window.terms import QueryOutcome, WindowAct

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_OPINION, _REASON, _REFUSAL = ("opinion",), ("reason",), ("reason", "basis", "remedy")
FIELDS: Mapping[WindowAct, tuple[str, ...]] = {
    WindowAct.IDENTIFY: ("person", "result", "device", "score", "reason"),
    WindowAct.RECEIVE: _OPINION,
    WindowAct.TRANSFER: _OPINION,
    WindowAct.ACCEPT: ("opinion", "investigate"),
    WindowAct.REFUSE_ACCEPT: _REFUSAL,
    WindowAct.CORRECT: ("reason", "materials", "again"),
    WindowAct.RESUBMIT: _OPINION,
    WindowAct.INVESTIGATE: _OPINION,
    WindowAct.SHOW: ("materials",),
    WindowAct.TICK: ("materials",),
    WindowAct.REVIEW: _OPINION,
    WindowAct.STEP_BACK: _REASON,
    WindowAct.APPROVE: _OPINION,
    WindowAct.REFUSE_APPROVE: _REFUSAL,
    WindowAct.FEEDBACK: _OPINION,
    WindowAct.ISSUE: ("opinion", "delivery"),
    WindowAct.RATE: ("score",),
    WindowAct.WITHDRAW: _REASON,
    WindowAct.EXTEND: ("days", "reason"),
    WindowAct.BEGIN_SPECIAL: _REASON,
    WindowAct.END_SPECIAL: _OPINION,
    WindowAct.URGE: _REASON,
    WindowAct.SUPERVISE: _REASON,
    WindowAct.ANSWER: _REASON,
    WindowAct.CLOSE: _OPINION,
}
"""What the form of each act asks for; what is not here is done by a script of the page."""
PHRASES = {
    WindowAct.RECEIVE: ("材料齐全，予以收件",),
    WindowAct.TRANSFER: ("流转至户籍地派出所",),
    WindowAct.ACCEPT: ("符合受理条件，予以受理",),
    WindowAct.INVESTIGATE: ("经走访、比对，情况属实",),
    WindowAct.REVIEW: ("材料与系统信息一致，同意上报", "经核对属实，同意"),
    WindowAct.APPROVE: ("材料齐全，符合规定，同意", "经调查属实，同意"),
    WindowAct.FEEDBACK: ("办理结果已反馈收件窗口",),
    WindowAct.ISSUE: ("已出件，申报人已领取",),
}
_MAIN = (
    WindowAct.RECEIVE,
    WindowAct.TRANSFER,
    WindowAct.ACCEPT,
    WindowAct.RESUBMIT,
    WindowAct.INVESTIGATE,
    WindowAct.REVIEW,
    WindowAct.APPROVE,
    WindowAct.FEEDBACK,
    WindowAct.ISSUE,
    WindowAct.CLOSE,
    WindowAct.END_SPECIAL,
)
"""The act that leads on from each step; the others stand behind it."""
_USUAL = frozenset({QueryOutcome.KNOWN, QueryOutcome.NOT_ASKED})
_SCRIPTED = frozenset({WindowAct.ADD_MATERIAL, WindowAct.SIGN, WindowAct.SHOW, WindowAct.TICK})


@dataclass(frozen=True, slots=True)
class _Node:
    """A node of the flow as the page shows it: what was done there, or that it is to come."""

    label: str
    state: str
    events: tuple[Mapping[str, Any], ...]


@router.get("/window/{case_no}")
def case_page(request: Request, web: Web, user: LoggedIn, case_no: str) -> Response:
    """Draw a case: clocks, nodes, what I may do, materials, forms, all acts. Journalled."""
    user.require(Act.HANDLE)
    with writing(web.runtime.engine) as session:
        now = database_now(session)
        tables = tables_of(web.runtime)
        desk = desk_case(session, user.reader, case_no=case_no, tables=tables, now=now)
        look = note_look(session, user, JournalAct.WINDOW_LOOK, case_no)
    state = desk.state
    offers = [row for row in desk.offers if row.act in FIELDS and row.act not in _SCRIPTED]
    lamps = lamps_of(desk, now, tables.calendar)
    return web.page(
        request,
        user,
        "window_case.html",
        desk=desk,
        state=state,
        look=look.number,
        key=secrets.token_hex(16),
        nodes=_nodes(state),
        people=_people(state),
        refused=_refused(desk),
        main=next((row for row in offers if row.act in _MAIN and row.why is None), None),
        offers=[row for row in offers if row.why is None and row.act not in _MAIN],
        closed=[row for row in desk.offers if row.why is not None],
        needed=needed_of(state),
        forms=forms_of(state),
        signs=_signs(desk),
        clocks=[
            (clock, lamps[str(kind)], days_of(clock, now, tables.calendar))
            for kind, clock in state.clocks.items()
        ],
        fields=FIELDS,
        fillable=fillable(desk),
        reopened=_reopened(web, user, request),
        phrases=PHRASES,
        adds=desk.offer(WindowAct.ADD_MATERIAL) is not None,
        shows=desk.offer(WindowAct.TICK) is not None,
        seen_by={no for person, no, edition in state.ticked if person == desk.officer.id_number},
        parties=list(PartyRole),
        results=list(IdentityResult),
        shared=bool(web.runtime.settings.cert_url),
    )


def _reopened(web: WebApp, user: User, request: Request) -> str:
    """Return the act or form whose fields come back, so that it lies open."""
    kept = request.query_params.get("kept", "")
    refill = refill_of(web.runtime.engine, user.reader.account, kept) if kept else None
    return refill.action.rpartition("/")[2] if refill else ""


def _refused(desk: DeskCase) -> Mapping[str, Any] | None:
    """Return why the archive gave the case back, while it waits to be amended."""
    if desk.state.step is not Step.AMENDING:
        return None
    answers = [row for row in desk.acts if row.act is WindowAct.ARCHIVE_REFUSED]
    return answers[-1].detail if answers else None


def _people(state: CaseState) -> list[dict[str, Any]]:
    """Return what was learnt of each person at the opening.

    `plain` is what asks for nothing: where no system is connected, every case says so.
    """
    return [
        {
            **row,
            "label": outcome.label,
            "plain": outcome in _USUAL and not row["differs"],
        }
        for row in state.opening.population
        for outcome in (QueryOutcome(row["outcome"]),)
    ]


def _nodes(state: CaseState) -> list[_Node]:
    """Return the nodes that a case passes, with what was done at each."""
    skipped = set()
    if not state.opening.citywide:
        skipped = {"TRANSFER", "FEEDBACK"}
    done = {str(event["node"]) for event in state.process}
    if not state.opening.investigates and "INVESTIGATE" not in done | {str(state.step)}:
        skipped |= {"INVESTIGATE"}
    nodes = []
    for step in NODES:
        if str(step) in skipped:
            continue
        events = tuple(event for event in state.process if event["node"] == step)
        kind = "now" if step is state.step else "done" if events else "todo"
        nodes.append(_Node(step.label, kind, events))
    return nodes


def _signs(desk: DeskCase) -> list[dict[str, Any]]:
    """Return the forms that are signed on the screen, and whether each is as it stands now."""
    if desk.offer(WindowAct.SIGN) is None:
        return []
    rows = []
    for paper in forms_of(desk.state):
        if paper.stated["form"] not in {FormKind.RECEIPT, FormKind.APPROVAL}:
            continue
        digest = shown_digest(desk.state, paper)
        signed = [row for row in desk.state.signatures if row["form"] == paper.stated["form"]]
        rows.append(
            {
                "paper": paper,
                "signed": any(row["form_sha256"] == digest for row in signed),
                "stale": bool(signed) and all(row["form_sha256"] != digest for row in signed),
            }
        )
    return rows


@router.post("/window/{case_no}/acts/{name}")
def do(web: Web, user: LoggedIn, form: Posted, case_no: str, name: str) -> Response:
    """Do an act on a case; what the rules refuse is said beside the form, nothing is lost.

    Each act has an address of its own: so what was typed comes back into the form it stood in.
    """
    user.require(Act.HANDLE)
    asked = _asked(name, form)
    act_at_window(web.runtime, user.reader, case_no, asked)
    return RedirectResponse(f"/window/{case_no}", 303)


@router.post("/window/{case_no}/seen/{material}")
def seen(web: Web, user: LoggedIn, form: Posted, case_no: str, material: int) -> Response:
    """Enter that a material was shown to who reviews, and ticked."""
    user.require(Act.HANDLE)
    key, data = form.get("key", ""), {"materials": [material]}
    if not key:
        raise BadFormError("页面已过期，未作任何更改。", "请刷新页面后重新操作。")
    for act in (WindowAct.SHOW, WindowAct.TICK):
        asked = Asked(act, f"{key}-{act}"[:64], _number(form.get("seen", "")), data)
        act_at_window(web.runtime, user.reader, case_no, asked)
    return RedirectResponse(f"/window/{case_no}#materials", 303)


def _asked(name: str, form: Mapping[str, str]) -> Asked:
    """Return the act that a form asks for. Raises BadFormError for one that no page has."""
    if name not in {str(act) for act in FIELDS} or not form.get("key"):
        raise BadFormError("没有这种操作，未作任何更改。", "请刷新页面后重新操作。")
    act = WindowAct(name)
    return Asked(act, form["key"][:64], _number(form.get("seen", "")), _data(act, form))


def _data(act: WindowAct, form: Mapping[str, str]) -> dict[str, Any]:
    """Return what an act says, as its shape wants it; what is left empty is not said."""
    data: dict[str, Any] = {}
    for name in FIELDS[act]:
        text = form.get(name, "").strip()
        if name == "materials":
            data[name] = [value for key, value in sorted(form.items()) if key.startswith("m-")]
        elif name == "investigate":
            data[name] = text == "1"
        elif name in {"score", "days"} and text:
            data[name] = _written(text)
        elif text:
            data[name] = text
    return data


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004 - an int


def _written(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number
