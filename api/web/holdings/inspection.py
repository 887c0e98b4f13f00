"""四性检测报告: the inspection reports of a volume as a PDF."""

from functools import partial

from fastapi import APIRouter, Response

from api.http.daily import counted
from api.web.holdings.reading import Usage
from api.web.shell.page import LoggedIn, PageRoute, Web
from api.web.shell.scope import consult, reach_of
from api.web.shell.served import HEADERS
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.compile.inspection_sheet import inspections_of
from archive.database.engine import reading
from archive.finding_aids.disclosure import disclosed
from archive.preservation.inspections import inspections

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/volumes/{code}/inspection.pdf")
def inspection_pdf(web: Web, user: LoggedIn, code: str, usage: Usage = "") -> Response:
    """Return all phases on record, one page each, to a user who may VIEW the volume."""
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        opened, _ = consult(
            web, session, user, Act.VIEW, code, JournalAct.VIEW, usage=usage, sheet="inspection"
        )
    with reading(web.runtime.engine) as session:
        reports = inspections(
            session, opened.volume.code, partial(disclosed, session, reach_of(web, user))
        )
    return Response(
        inspections_of(reports, demo=web.runtime.settings.demo_seals),
        media_type="application/pdf",
        headers=HEADERS,
    )
