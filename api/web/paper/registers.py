"""登记簿: the registers of paper and of loans, on the screen, as CSV and as PDF; labels."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.http.daily import counted
from api.web.paper.keeping import keeper_of
from api.web.shell.page import LoggedIn, PageRoute, Posted, Web
from api.web.shell.scope import note_look
from api.web.shell.served import HEADERS
from api.web.shell.spreadsheets import as_csv
from archive.administration.daily_use import Shown
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.paper.documents import printed_pdf
from archive.paper.label_rows import labels_of
from archive.paper.labels import LabelSheet, Printing, labels_pdf
from archive.paper.listing import paper_rows
from archive.paper.registers import RegisterKind, RegisterScope, paper_document

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN = 200
Kind = Annotated[RegisterKind, Path()]


@router.get("/paper/registers")
def registers_page(
    request: Request,
    web: Web,
    user: LoggedIn,
    after: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Response:
    """Draw the register of paper, in the order of registration."""
    user.require(Act.VIEW_PAPER)
    with reading(web.runtime.engine) as session:
        rows = paper_rows(session, keeper_of(web, user), after=after, limit=_SHOWN + 1)
    following = rows[_SHOWN - 1].id if len(rows) > _SHOWN else None
    return web.page(
        request,
        user,
        "paper_register.html",
        rows=rows[:_SHOWN],
        next=following,
        kinds=list(RegisterKind),
    )


@router.get("/paper/registers/{kind}.csv")
def register_csv(web: Web, user: LoggedIn, kind: Kind) -> Response:
    """Export a register as CSV; the export is journalled."""
    user.require(Act.VIEW_PAPER)
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        document = paper_document(session, keeper_of(web, user), kind, RegisterScope())
        (table,) = document.tables
        note_look(session, user, JournalAct.EXPORT_LIST, f"paper-{kind}", rows=len(table.rows))
    return as_csv(document.title, table.heading, table.rows)


@router.get("/paper/registers/{kind}.pdf")
def register_pdf(web: Web, user: LoggedIn, kind: Kind) -> Response:
    """Export a register as PDF for printing; it says that it is not sealed."""
    user.require(Act.VIEW_PAPER)
    with counted(web.runtime, user.reader, Shown.LOOKS) as session:
        document = paper_document(session, keeper_of(web, user), kind, RegisterScope())
        rows = sum(len(table.rows) for table in document.tables)
        note_look(session, user, JournalAct.EXPORT_LIST, f"paper-{kind}", rows=rows)
    return as_pdf(printed_pdf(document, demo=web.runtime.settings.demo_seals), f"paper-{kind}")


@router.post("/paper/labels")
def labels(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Return the sheets of labels of boxes or places, by their digits or numbers."""
    user.require(Act.KEEP_PAPER)
    sheet = form.get("sheet", "")
    printing = Printing(LabelSheet(sheet) if sheet in set(LabelSheet) else LabelSheet.THREE)
    with reading(web.runtime.engine) as session:
        rows = labels_of(session, keeper_of(web, user), form.get("names", "").split())
    return as_pdf(labels_pdf(printing, rows), "paper-labels")


def as_pdf(pdf: bytes, name: str) -> Response:
    """Return a PDF to be opened by the browser."""
    named = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers={**HEADERS, **named})
