"""组卷: what is ready, by month of completion, in the order in which it will be numbered; one act makes volumes of all that match."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from api.jobs.requested import start_making
from api.web.shell.page import At, BadFormError, PageRoute, Posted, Seat, Seated, WebApp
from api.web.shell.scope import cases_of, decided, item_name, record_of
from archive.administration.policy import Act
from archive.arrangement.filing import Placement, place
from archive.arrangement.numbering import freeze
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume
from archive.reference.case_facts import CaseFacts
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import CaseState

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN = 100


@router.get("/compile")
def compile_page(
    request: Request, desk: At, seat: Seated, period: Annotated[str, Query(max_length=7)] = ""
) -> Response:
    """What is ready, and what the button will do with it."""
    seat.require(Act.COMPILE)
    with reading(desk.runtime.engine) as session:
        ready = _ready(desk, session, seat)
    months = Counter(_period(case) for case in ready)
    chosen = [case for case in ready if not period or _period(case) == period]
    rows = [(case, item_name(desk, case), _placement(desk, case)) for case in chosen[:_SHOWN]]
    return desk.page(
        request,
        seat,
        "compile.html",
        months=sorted(months.items()),
        period=period,
        rows=rows,
        count=len(chosen),
        total=len(ready),
    )


def _ready(desk: WebApp, session: Session, seat: Seat) -> list[Case]:
    """Accepted cases without a number that the reader may compile, in order of completion."""
    # The few that have no number first, from an index; only their rows, which are wide with sealed facts, are then read.
    one = aliased(Case)
    unnumbered = select(one.id).where(
        one.state == CaseState.ACCEPTED, ~exists().where(Volume.case_id == one.id)
    )
    query = select(Case).where(Case.id.in_(unnumbered), cases_of(desk, seat))
    found = session.scalars(query.order_by(Case.completed_at, Case.case_no)).all()
    return [
        case
        for case in found
        if decided(desk, session, seat, Act.COMPILE, record_of(desk, case)).allowed
    ]


def _period(case: Case) -> str:
    return case.completed_at.astimezone(LOCAL_TIME).strftime("%Y-%m")


def _placement(desk: WebApp, case: Case) -> Placement:
    item = desk.runtime.catalogue.get(case.item_code, case.item_version)
    return place(
        CaseFacts.model_validate(case.facts),
        item,
        desk.runtime.organisations,
        desk.runtime.settings.filing_rule,
    )


@router.post("/compile")
def compile_(desk: At, seat: Seated, form: Posted) -> Response:
    """Give all that match their numbers in one transaction, and begin to make them. Refused when it is not the number that was shown."""
    seat.require(Act.COMPILE)
    runtime, period = desk.runtime, form.get("period", "")
    with writing(runtime.engine) as session:
        chosen = [
            case for case in _ready(desk, session, seat) if not period or _period(case) == period
        ]
        if not chosen or form.get("count") != str(len(chosen)):
            raise BadFormError(
                "待组卷的办件已有变化，未作任何更改。", "请刷新组卷页，核对件数后再开始。"
            )
        freeze(
            session,
            seat.reader.account,
            chosen,
            catalogue=runtime.catalogue,
            organisations=runtime.organisations,
            rule=runtime.settings.filing_rule,
            at=datetime.now(UTC),
        )
    start_making(runtime)
    return RedirectResponse("/jobs", 303)
