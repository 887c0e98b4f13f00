"""组卷: the cases that are ready, and one act that makes volumes of all that match.

They are listed by month of completion, in the order in which they will be numbered.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api.jobs.requested import start_making
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from api.web.shell.scope import item_name, reach_of, unit_of
from archive.administration.policy import Act
from archive.arrangement.filing import Placement, place
from archive.arrangement.numbering import freeze
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.finding_aids.cases import ready_cases
from archive.reference.case_facts import CaseFacts
from archive.reference.local_time import LOCAL_TIME

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN = 100


@router.get("/compile")
def compile_page(
    request: Request, web: Web, user: LoggedIn, period: Annotated[str, Query(max_length=7)] = ""
) -> Response:
    """Draw what is ready, and what the button will do with it."""
    user.require(Act.COMPILE)
    with reading(web.runtime.engine) as session:
        seen = _seen(web, session, user)
    ready = [case for case in seen if _is_filer(web, user, case)]
    elsewhere = [case for case in seen if not _is_filer(web, user, case)]
    months = Counter(_period(case) for case in ready)
    chosen = [case for case in ready if not period or _period(case) == period]
    rows = [(case, item_name(web, case), _placement(web, case)) for case in chosen[:_SHOWN]]
    return web.page(
        request,
        user,
        "compile.html",
        months=sorted(months.items()),
        period=period,
        rows=rows,
        count=len(chosen),
        total=len(ready),
        elsewhere=[(case, item_name(web, case), unit_of(web, case)) for case in elsewhere[:_SHOWN]],
    )


def _ready(web: WebApp, session: Session, user: User) -> list[Case]:
    """Return the accepted cases without a number that the user's unit files, by completion."""
    return [case for case in _seen(web, session, user) if _is_filer(web, user, case)]


def _seen(web: WebApp, session: Session, user: User) -> list[Case]:
    """Return the accepted cases without a number that the user sees, whoever files them."""
    return list(ready_cases(session, reach_of(web, user)))


def _is_filer(web: WebApp, user: User, case: Case) -> bool:
    return web.runtime.filing.is_filer(user.reader, unit_of(web, case))


def _period(case: Case) -> str:
    return case.completed_at.astimezone(LOCAL_TIME).strftime("%Y-%m")


def _placement(web: WebApp, case: Case) -> Placement:
    item = web.runtime.catalogue.get(case.item_code, case.item_version)
    return place(
        CaseFacts.model_validate(case.facts),
        item,
        web.runtime.organisations,
        web.runtime.settings.filing_rule,
    )


@router.post("/compile")
def compile_(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Give numbers to all that match in one transaction, and start the workers.

    Refused when their count is not the one that was shown.
    """
    user.require(Act.COMPILE)
    runtime, period = web.runtime, form.get("period", "")
    with writing(runtime.engine) as session:
        chosen = [
            case for case in _ready(web, session, user) if not period or _period(case) == period
        ]
        if not chosen or form.get("count") != str(len(chosen)):
            raise BadFormError(
                "待组卷的办件已有变化，未作任何更改。", "请刷新组卷页，核对件数后再开始。"
            )
        freeze(
            session,
            user.reader,
            chosen,
            catalogue=runtime.catalogue,
            units=runtime.filing,
            at=datetime.now(UTC),
        )
    start_making(runtime)
    return RedirectResponse("/jobs", 303)
