"""导入台账: a ledger that a station keeps is shown with its faults, confirmed, registered."""

import binascii
from base64 import b64decode

from fastapi import APIRouter, Request, Response

from api.jobs.ledgers import import_ledger, preview
from api.web.paper.keeping import keeper_of
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, Web
from archive.administration.policy import Act
from archive.paper.ledger_preview import LedgerRowState

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_MOST_ROWS = 2_000  # what is registered while a person waits
_SHOWN = 500


@router.get("/paper/ledgers")
def ledger_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the form that takes a ledger."""
    user.require(Act.KEEP_PAPER)
    return web.page(request, user, "paper_ledger.html", seen=None, outcome=None, text="")


@router.post("/paper/ledgers")
def import_page(request: Request, web: Web, user: LoggedIn, form: Posted) -> Response:
    """Show what a ledger would register; once confirmed by its digest, register it."""
    user.require(Act.KEEP_PAPER)
    keeper = keeper_of(web, user)
    text = form.get("file", "")
    data = _bytes_of(text)
    engine = web.runtime.engine
    if confirmed := form.get("confirm"):
        outcome = import_ledger(engine, keeper, data, confirmed, lambda _done, _total: None)
        faulty = [row for row in outcome.preview.rows if row.state is LedgerRowState.FAULTY]
        return web.page(
            request,
            user,
            "paper_ledger.html",
            seen=None,
            outcome=outcome,
            registered=sum(box.items for box in outcome.boxes),
            faulty=faulty[:_SHOWN],
            text="",
        )
    seen = preview(engine, keeper, data)
    if len(seen.rows) > _MOST_ROWS:
        raise BadFormError(
            f"台账超过{_MOST_ROWS}行。",
            "请分成几个文件导入，或由运行人员用 yice paper import 导入。",
        )
    faulty = [row for row in seen.rows if row.state is LedgerRowState.FAULTY]
    return web.page(
        request,
        user,
        "paper_ledger.html",
        seen=seen,
        counts=[(state, seen.count(state)) for state in LedgerRowState],
        ready=seen.count(LedgerRowState.READY),
        new_boxes=sum(box.box_id is None for box in seen.boxes),
        faults_total=len(faulty),
        faulty=faulty[:_SHOWN],
        outcome=None,
        text=text,
    )


def _bytes_of(text: str) -> bytes:
    """Return the file that a page of ours sent as base64. Raises BadFormError."""
    if not text:
        raise BadFormError("没有选择台账文件。", "请选择文件后再看预览。")
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadFormError("台账文件没有传完整。", "请重新选择文件。") from None
