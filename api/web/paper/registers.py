"""登记簿: the registers of paper and of loans, on the screen, as CSV and as PDF; labels."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.http.daily import counted
from api.web.paper.keeping import keeper_of
from api.web.shell.listing import Column, Shape, listed
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
from archive.paper.list_parts import part_of_items
from archive.paper.registers import RegisterKind, RegisterScope, paper_document

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_ITEMS = Shape(
    (
        Column("编号", "number", number=True),
        Column("档号", "code"),
        Column("类别", "kind"),
        Column("页数", "pages", number=True),
        Column("保管单位", "org"),
        Column("库位与盒"),
        Column("现状", "state"),
    ),
    day="登记",
    station="单位",
    usual="number",
    what="件",
)
Kind = Annotated[RegisterKind, Path()]


@router.get("/paper/registers")
def registers_page(
    request: Request,
    web: Web,
    user: LoggedIn,
) -> Response:
    """Draw the register of paper, in the order of registration."""
    user.require(Act.VIEW_PAPER)
    items = listed(request, web.runtime.organisations, _ITEMS)
    with reading(web.runtime.engine) as session:
        part = part_of_items(session, keeper_of(web, user), items.wanted)
    return web.page(
        request,
        user,
        "paper_register.html",
        status=items.status,
        items=items.with_part(part),
        rows=part.rows,
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
