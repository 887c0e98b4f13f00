"""借阅: the desk that hands out and takes back, what is due, and approvals."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.web.paper.keeping import ScanPanel, keeper_of
from api.web.shell.forms import text_of
from api.web.shell.listing import Column, Shape, listed
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from archive.administration.policy import Act
from archive.database.engine import reading, writing
from archive.paper.errors import PaperError
from archive.paper.list_parts import count_late_loans, part_of_loans
from archive.paper.listing import LoanRow
from archive.paper.loans import (
    Borrower,
    LoanWanted,
    approvals_of,
    decide_loan,
    find_loan,
    loan_number,
    renew_loan,
    request_loan,
    withdraw_loan,
)
from archive.paper.named import item_named
from archive.reference.citizen_id import mask_name
from archive.reference.paper_terms import LoanKind, LoanState, PaperFault, ScanFlow

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_STATES = (
    (LoanState.LENT,),
    (LoanState.REQUESTED, LoanState.APPROVED),
    (LoanState.RETURNED, LoanState.REFUSED, LoanState.WITHDRAWN),
)
_ABOUT = (Column("借阅单", "number"), Column("纸质", "kind"), Column("借阅人", "unit"))
_SHAPES = (
    Shape(
        (*_ABOUT, Column("应还", "due"), Column("办理")),
        day="申请",
        station="保管单位",
        usual="due",
        what="件",
    ),
    Shape(
        (*_ABOUT, Column("用途与依据"), Column("审批", "state"), Column("办理")),
        name="waiting",
        day="申请",
        station="保管单位",
        usual="number",
        what="件",
    ),
    Shape(
        (*_ABOUT, Column("结果", "state")),
        name="ended",
        day="申请",
        station="保管单位",
        usual="-number",
        what="件",
    ),
)
Flow = Annotated[str, Query(max_length=12)]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A loan as the page shows it: its number, the borrower masked, how many approved."""

    row: LoanRow
    number: str
    name: str
    approvals: int


@router.get("/paper/loans")
def loans_page(request: Request, web: Web, user: LoggedIn, flow: Flow = "") -> Response:
    """Draw the desk: the input, what is due, what waits for approval."""
    return _drawn(request, web, user, "paper_loans.html", flow)


@router.get("/paper/loans/live")
def loans_live(request: Request, web: Web, user: LoggedIn, flow: Flow = "") -> Response:
    """Draw the lists again after a scan."""
    return _drawn(request, web, user, "paper_loans_live.html", flow)


def _drawn(request: Request, web: WebApp, user: User, template: str, flow: str) -> Response:
    user.require(Act.VIEW_PAPER)
    keeper = keeper_of(web, user)
    chosen = ScanFlow.LEND if flow == ScanFlow.LEND else ScanFlow.RETURN
    asked = [listed(request, web.runtime.organisations, shape) for shape in _SHAPES]
    with reading(web.runtime.engine) as session:
        parts = [
            part_of_loans(session, keeper, loans.wanted, states)
            for loans, states in zip(asked, _STATES, strict=True)
        ]
        rows = [
            [
                _Shown(
                    row,
                    loan_number(row.loan),
                    mask_name(row.loan.borrower["name"]),
                    approvals_of(session, row.loan),
                )
                for row in part.rows
            ]
            for part in parts
        ]
        late = count_late_loans(session, keeper)
    out, waiting, ended = (loans.with_part(part) for loans, part in zip(asked, parts, strict=True))
    panel = ScanPanel(
        chosen,
        "扫要借出的纸质件" if chosen is ScanFlow.LEND else "扫归还的纸质件",
        f"/paper/loans/live?{asked[0].query}",
        may=user.may(Act.KEEP_PAPER),
    )
    return web.page(
        request,
        user,
        template,
        status=max(loans.status for loans in asked),
        out=out,
        waiting=waiting,
        ended=ended,
        rows=rows,
        late=late,
        panel=panel,
        kinds=list(LoanKind),
    )


@router.post("/paper/loans")
def ask(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Enter a loan that waits for its approvals."""
    user.require(Act.KEEP_PAPER)
    keeper = keeper_of(web, user)
    kind = form.get("kind", "")
    if kind not in set(LoanKind):
        raise BadFormError("请选择外借或当场查阅。", "请返回上一页填写后重新提交。")
    borrower = Borrower(*(text_of(form, name) for name in ("name", "papers", "number", "unit")))
    with writing(web.runtime.engine) as session:
        item = item_named(session, keeper, form.get("code", ""), Act.KEEP_PAPER)
        wanted = LoanWanted(
            LoanKind(kind), borrower, text_of(form, "purpose"), text_of(form, "basis")
        )
        request_loan(session, keeper, item, wanted)
    return RedirectResponse("/paper/loans#waiting", 303)


@router.post("/paper/loans/{loan_id}")
def change(web: Web, user: LoggedIn, form: Posted, loan_id: int) -> Response:
    """Approve, refuse, renew or withdraw one loan."""
    keeper = keeper_of(web, user)
    act = form.get("act", "")
    with writing(web.runtime.engine) as session:
        if act in {"approve", "refuse"}:
            loan = find_loan(session, keeper, loan_id, Act.DECIDE_LOAN)
            decide_loan(
                session, keeper, loan, approve=act == "approve", reason=text_of(form, "reason")
            )
        elif act == "renew":
            renew_loan(session, keeper, find_loan(session, keeper, loan_id, Act.KEEP_PAPER))
        elif act == "withdraw":
            withdraw_loan(session, keeper, find_loan(session, keeper, loan_id, Act.KEEP_PAPER))
        else:
            raise PaperError(PaperFault.VALUE, "没有这种操作。", "请刷新页面后重新操作。")
    return RedirectResponse("/paper/loans", 303)
