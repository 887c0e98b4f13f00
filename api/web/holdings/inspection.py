"""四性检测报告: the inspection reports of a volume as a PDF."""

from fastapi import APIRouter, Response

from api.web.holdings.reading import Usage
from api.web.shell.page import HEADERS, LoggedIn, PageRoute, Web
from api.web.shell.scope import note_look, open_volume
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.compile.inspection_sheet import inspections_of
from archive.database.engine import reading, writing
from archive.preservation.inspections import inspections

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/volumes/{code}/inspection.pdf")
def inspection_pdf(web: Web, user: LoggedIn, code: str, usage: Usage = "") -> Response:
    """Return all phases on record, one page each, to a user who may VIEW the volume."""
    with writing(web.runtime.engine) as session:
        opened = open_volume(web, session, user, Act.VIEW, code, usage=usage)
        note_look(session, user, JournalAct.VIEW, code, sheet="inspection", usage=opened.usage)
    with reading(web.runtime.engine) as session:
        reports = inspections(session, code)
    return Response(
        inspections_of(reports, demo=web.runtime.settings.demo_seals),
        media_type="application/pdf",
        headers=HEADERS,
    )
