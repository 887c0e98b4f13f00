"""组卷: what is ready, a choice among it, the numbers that it would get, and giving these.

The list and the preview give nothing away. What is confirmed is exactly what was shown: the form
carries the previewed numbers, and the act refuses when they are not those of the moment.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api.http.compilations import MOST_AT_ONCE, ChoiceWanted, CompileWanted
from api.jobs.requested import start_making
from api.web.arrangement.lists import READY, READY_ELSEWHERE
from api.web.shell.filters import clock
from api.web.shell.forms import read_form
from api.web.shell.listing import Listing, listed
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from api.web.shell.scope import note_look, reach_of
from api.web.shell.spreadsheets import as_csv
from archive.administration.policy import Act
from archive.arrangement.choice import Choice
from archive.arrangement.selection import (
    READY_CASES,
    NotReadyError,
    NumberSpan,
    Proposal,
    ReadyCase,
    StalePreviewError,
    number_chosen,
    preview,
    ready_cases,
    spans_of,
)
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading, writing
from archive.finding_aids.cases import facts_by_id
from archive.finding_aids.compile_jobs import CompileJob, compile_jobs
from archive.finding_aids.reach import cases_in
from archive.finding_aids.whom import whom
from archive.reference.compile_errors import can_succeed
from archive.reference.vocabulary import Series

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_FAILED, _LISTED = 30, 300
_SHAPES = (READY, READY_ELSEWHERE)
_FILTERS = ("period", "receive_org", "series", "item")
_PICK = "pick-"
_WORDS: Mapping[str, str] = {
    "period": "办结月份应写作 2026-11 的样子。",
    "receive_org": "请从列表中选择收件单位。",
    "series": "请从列表中选择卷目。",
    "item": "请从列表中选择事项。",
    "case_nos": f"一次至多组 {MOST_AT_ONCE} 件，请按月或按单位分次组卷。",
    "numbers": "预览的内容不完整，未作任何更改。",
}
Word = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a preview shows: the numbers, their spans, and what a confirmation must send back."""

    choice: Choice
    proposals: Sequence[Proposal]
    spans: Sequence[NumberSpan]
    fault: str = ""
    wrong_count: str = ""

    @property
    def count(self) -> int:
        """Return how many numbers would be given."""
        return len(self.proposals)

    @property
    def late(self) -> int:
        """Return how many of them would be 补归."""
        return sum(row.late for row in self.proposals)

    @property
    def listed(self) -> Sequence[Proposal]:
        """Return the first of them, which the page lists."""
        return self.proposals[:_LISTED]

    @property
    def shown(self) -> str:
        """Return every case number with its 档号, as the form carries them."""
        return "\n".join(" ".join(row.numbered) for row in self.proposals)

    @property
    def named(self) -> str:
        """Return the ticked case numbers; empty for all that fit."""
        return " ".join(sorted(self.choice.case_nos))


@router.get("/compile")
def compile_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    period: Word = "",
    receive_org: Word = "",
    series: Word = "",
    item: Word = "",
) -> Response:
    """Draw what is ready, by filters that stay in the address; nothing is ticked yet."""
    user.require(Act.COMPILE)
    asked = {"period": period, "receive_org": receive_org, "series": series, "item": item}
    lists = [listed(request, web.runtime.organisations, shape) for shape in _SHAPES]
    if any(listing.csv for listing in lists):
        return _csv(web, user, _choice(asked), lists)
    return _drawn(request, web, user, asked)


@router.post("/compile/preview")
def preview_page(request: Request, web: Web, user: LoggedIn, form: Posted) -> Response:
    """Draw the numbers that the ticked cases would get; nothing is given."""
    user.require(Act.COMPILE)
    plan = _plan(web, user, _picked(form))
    if request.headers.get("hx-request"):
        return web.page(request, user, "compile_plan.html", plan=plan)
    return _drawn(request, web, user, form, plan=plan)


@router.post("/compile")
def compile_(request: Request, web: Web, user: LoggedIn, form: Posted) -> Response:
    """Give the previewed numbers in one transaction, and start the workers.

    A wrong count, and a preview that holds no longer, draw the page again with what was chosen.
    """
    user.require(Act.COMPILE)
    runtime, wanted = web.runtime, _confirmed(form)
    choice, expected = wanted.choice.choice(), wanted.expected()
    typed = unicodedata.normalize("NFKC", form.get("count", "")).strip()
    if typed != str(len(expected)):
        plan = _plan(web, user, choice, wrong_count=typed)
        return _drawn(request, web, user, form, plan=plan, status=422)
    try:
        with writing(runtime.engine) as session:
            number_chosen(
                session,
                user.reader,
                choice,
                expected,
                catalogue=runtime.catalogue,
                units=runtime.filing,
                at=database_now(session),
            )
    except StalePreviewError as stale:
        plan = _plan(web, user, choice, fault=f"{stale.message}{stale.action}")
        return _drawn(request, web, user, form, plan=plan, status=409)
    start_making(runtime)
    return RedirectResponse("/jobs", 303)


def _drawn(
    request: Request,
    web: WebApp,
    user: User,
    asked: Mapping[str, str],
    *,
    plan: Plan | None = None,
    status: int = 200,
) -> Response:
    asked = {name: asked.get(name, "") for name in _FILTERS}
    wanted = _choice(asked)
    lists = [
        listed(request, web.runtime.organisations, shape).within("/compile", asked)
        for shape in _SHAPES
    ]
    with reading(web.runtime.engine) as session:
        mine, others = _ready(web, session, user)
        ready, elsewhere = (
            READY_CASES.part([case for case in cases if case.fits(wanted)], listing.wanted)
            for cases, listing in zip((mine, others), lists, strict=True)
        )
        facts = facts_by_id(session, [case.id for case in (*ready.rows, *elsewhere.rows)])
        failed = _failures(web, session, user)
    return web.page(
        request,
        user,
        "compile.html",
        status=status,
        asked=asked,
        choices=_choices(web, [*mine, *others]),
        rows=[(case, _item(web, case), facts[case.id]) for case in ready.rows],
        elsewhere=[(case, _item(web, case), facts[case.id]) for case in elsewhere.rows],
        ready=lists[0].with_part(ready),
        elsewhere_list=lists[1].with_part(elsewhere),
        total=len(mine),
        plan=plan,
        picked=plan.choice.case_nos if plan else frozenset(),
        failed=failed,
    )


def _ready(web: WebApp, session: Session, user: User) -> tuple[list[ReadyCase], list[ReadyCase]]:
    """Return the ready cases that the user's unit files, and those seen that another files."""
    units = web.runtime.filing
    seen = ready_cases(
        session, cases_in(reach_of(web, user)), catalogue=web.runtime.catalogue, units=units
    )
    filed = {
        unit: units.is_filer(user.reader, unit)
        for unit in {case.placement.filing_org for case in seen}
    }
    mine = [case for case in seen if filed[case.placement.filing_org]]
    return mine, [case for case in seen if not filed[case.placement.filing_org]]


def _choices(web: WebApp, cases: Sequence[ReadyCase]) -> dict[str, list[tuple[str, str, int]]]:
    """Return for each filter its values among the cases: code, label, how many."""
    found_items = {case.item_code: _item(web, case) for case in cases}
    periods = Counter(case.period for case in cases)
    places = Counter(case.receive_org for case in cases)
    series = Counter(case.placement.series for case in cases)
    codes = Counter(case.item_code for case in cases)
    return {
        "period": [(key, f"{key[:4]}年{int(key[5:])}月", n) for key, n in sorted(periods.items())],
        "receive_org": [(key, web.org(key), n) for key, n in sorted(places.items())],
        "series": [(str(key), Series(key).label, n) for key, n in sorted(series.items())],
        "item": [(key, found_items[key], n) for key, n in sorted(codes.items())],
    }


def _item(web: WebApp, case: ReadyCase) -> str:
    return web.runtime.catalogue.get(case.item_code, case.item_version).name


def _failures(web: WebApp, session: Session, user: User) -> list[tuple[CompileJob, bool, bool]]:
    """Return what was not made: the job, whether it may succeed, whether the user retries it."""
    return [
        (
            job,
            can_succeed(job.error_code, job.attempts),
            web.runtime.filing.is_filer(user.reader, job.filing_org),
        )
        for job in compile_jobs(session, reach_of(web, user), "FAILED", _FAILED)
    ]


def _plan(
    web: WebApp, user: User, choice: Choice | None, *, fault: str = "", wrong_count: str = ""
) -> Plan:
    """Return the preview of a choice; None: nothing was ticked.

    What was named and waits no longer is left out, and said.
    """
    if choice is None:
        return Plan(Choice(), (), ())
    runtime = web.runtime
    with reading(runtime.engine) as session:
        try:
            rows = preview(
                session, user.reader, choice, catalogue=runtime.catalogue, units=runtime.filing
            )
        except NotReadyError as absent:
            left = choice.case_nos - set(absent.case_nos)
            fault = fault or f"{absent.message}{absent.action}"
            choice = Choice(left)
            rows = (
                preview(
                    session, user.reader, choice, catalogue=runtime.catalogue, units=runtime.filing
                )
                if left
                else []
            )
        return Plan(choice, rows, spans_of(session, rows), fault, wrong_count)


def _choice(fields: Mapping[str, str], case_nos: Sequence[str] = ()) -> Choice:
    """Return what the filters of a page, or the ticks of a form, mean. Raises ProblemError."""
    stated: dict[str, Any] = {name: fields[name] for name in _FILTERS if fields.get(name)}
    wanted = {"case_nos": list(case_nos)} if case_nos else stated
    return read_form(ChoiceWanted, wanted, _WORDS).choice()


def _picked(form: Mapping[str, str]) -> Choice | None:
    """Return what is ticked: one case alone, all that fit, or the ticked rows; None: nothing."""
    if form.get("only"):
        return _choice({}, [form["only"]])
    if form.get("all"):
        return _choice(form)
    ticked = [name.removeprefix(_PICK) for name in form if name.startswith(_PICK)]
    return _choice({}, ticked) if ticked else None


def _confirmed(form: Mapping[str, str]) -> CompileWanted:
    """Return what a confirmation states: the choice and the numbers that were shown."""
    named = form.get("named", "").split()
    choice: dict[str, Any] = {name: form[name] for name in _FILTERS if form.get(name)}
    pairs = [line.split() for line in form.get("shown", "").splitlines()]
    if not pairs or any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004 - number and 档号
        raise BadFormError("没有要组卷的办件，未作任何更改。", "请在组卷页勾选办件并预览。")
    numbers = [{"case_no": case_no, "code": code} for case_no, code in pairs]
    wanted = {"choice": {"case_nos": named} if named else choice, "numbers": numbers}
    return read_form(CompileWanted, wanted, _WORDS)


def _csv(web: WebApp, user: User, choice: Choice, lists: Sequence[Listing]) -> Response:
    """Return what fits as CSV, with the names masked as on the page."""
    with reading(web.runtime.engine) as session:
        parts = [
            (listing, READY_CASES.part([case for case in ready if case.fits(choice)], whole))
            for listing, ready in zip(lists, _ready(web, session, user), strict=True)
            for whole in [listing.wanted]
            if listing.csv
        ]
        for listing, part in parts:
            listing.with_part(part)
        cases = [case for _, part in parts for case in part.rows]
        facts = facts_by_id(session, [case.id for case in cases])
    with writing(web.runtime.engine) as session:
        note_look(session, user, JournalAct.EXPORT_LIST, "ready", rows=len(cases))
    rows = [
        (
            case.case_no,
            whom(facts[case.id]),
            _item(web, case),
            web.org(case.receive_org),
            web.org(case.domicile_org),
            case.placement.series.label,
            web.org(case.placement.filing_org),
            clock(case.completed_at),
        )
        for case in cases
    ]
    heading = ("办件编号", "当事人", "事项", "收件单位", "户籍地", "卷目", "立卷单位", "办结时间")
    return as_csv("待组卷", heading, rows)
