"""纸质档案登记簿 and 借阅登记簿: what is kept and what was lent, as documents (R19, R24)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act
from archive.database.engine import database_now
from archive.database.tables_paper import PaperItem, PaperLoan, PaperLoanDecision, PaperMove
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.documents import PaperDocument, PaperTable, TableColumn
from archive.paper.listing import rows_of_items
from archive.paper.loans import is_overdue, loan_number
from archive.paper.moves import is_last_of_item
from archive.reference.citizen_id import mask_name
from archive.reference.local_time import LOCAL_TIME, local_date, local_time
from archive.reference.masking import mask_numbers
from archive.reference.organisations import Organisation
from archive.reference.paper_terms import LoanKind, LoanState, PaperCondition, PaperKind, PaperState
from archive.reference.vocabulary import LabelledEnum

_ITEMS = (
    TableColumn("序号", 11),
    TableColumn("档号", 51, centred=False),
    TableColumn("办件编号", 46, centred=False),
    TableColumn("类别", 14),
    TableColumn("页数", 11),
    TableColumn("盒", 24),
    TableColumn("库位", 46, centred=False),
    TableColumn("现状", 14),
    TableColumn("完好", 13),
    TableColumn("登记", 19),
    TableColumn("备注", centred=False),
)
_LOANS = (
    TableColumn("借阅单号", 26),
    TableColumn("档号", 50, centred=False),
    TableColumn("类别", 13),
    TableColumn("页数", 10),
    TableColumn("借阅人", 16),
    TableColumn("借阅单位", centred=False),
    TableColumn("用途与依据", 42, centred=False),
    TableColumn("批准", 10),
    TableColumn("借出", 19),
    TableColumn("应还", 19),
    TableColumn("归还", 19),
    TableColumn("状态", 15),
)


class RegisterKind(LabelledEnum):
    """The registers of paper."""

    ITEMS = "items", "纸质档案登记簿"
    LOANS = "loans", "纸质档案借阅登记簿"


@dataclass(frozen=True, slots=True)
class RegisterScope:
    """What a register lists: of an organisation and all below it, of a year or of all years.

    The year is that of the volume for items, that of the request for loans.
    """

    org: str | None = None
    year: int | None = None


def paper_document(
    session: Session, keeper: Keeper, kind: RegisterKind, scope: RegisterScope
) -> PaperDocument:
    """Return a register. Raises DeniedError for an organisation out of reach."""
    return (_items if kind is RegisterKind.ITEMS else _loans)(session, keeper, scope)


def _scoped(keeper: Keeper, scope: RegisterScope) -> tuple[Organisation, frozenset[str] | None]:
    """Return whose register it is, and the organisations that it lists; None for all."""
    keeper.require(Act.VIEW_PAPER)
    head = keeper.organisations.get(keeper.organisation(scope.org))
    if head.parent is None:
        return head, None
    codes, fresh = {head.code}, [head.code]
    while fresh:
        fresh = [child.code for code in fresh for child in keeper.organisations.children(code)]
        codes |= set(fresh)
    return head, frozenset(codes)


def _items(session: Session, keeper: Keeper, scope: RegisterScope) -> PaperDocument:
    head, orgs = _scoped(keeper, scope)
    query = (
        select(PaperItem)
        .join(PaperMove, PaperMove.item_id == PaperItem.id)
        .join(Volume, Volume.id == PaperItem.volume_id)
        .where(is_last_of_item())
        .order_by(Volume.code, PaperItem.revision)
    )
    if orgs is not None:
        query = query.where(PaperMove.org.in_(orgs))
    if scope.year is not None:
        query = query.where(Volume.year == scope.year)
    items = session.scalars(query).all()
    places = rows_of_items(session, [item.id for item in items])
    rows = []
    for number, item in enumerate(items, 1):
        row = places[item.id]
        rows.append(
            (
                str(number),
                row.code,
                row.case_no,
                row.kind.label,
                str(item.pages),
                row.box,
                row.place,
                row.state.label,
                PaperCondition(item.condition).label,
                _day(item.registered_at),
                item.note or "",
            )
        )
    kinds = Counter(PaperKind(item.kind).label for item in items)
    states = Counter(places[item.id].state.label for item in items)
    fields = (
        ("件　　数", str(len(items))),
        ("页　　数", str(sum(item.pages for item in items))),
        ("类　　别", _counted(kinds, (kind.label for kind in PaperKind))),
        ("现　　状", _counted(states, (state.label for state in PaperState))),
    )
    return _document(session, RegisterKind.ITEMS, head, scope, fields, _ITEMS, rows)


def _loans(session: Session, keeper: Keeper, scope: RegisterScope) -> PaperDocument:
    """Return the register of loans; a borrower's name is masked, as everywhere by default."""
    head, orgs = _scoped(keeper, scope)
    query = (
        select(PaperLoan, PaperItem, Volume.code)
        .join(PaperItem, PaperItem.id == PaperLoan.item_id)
        .join(Volume, Volume.id == PaperItem.volume_id)
        .order_by(PaperLoan.id)
    )
    if orgs is not None:
        query = query.where(PaperLoan.org.in_(orgs))
    if scope.year is not None:
        query = query.where(*_within_year(scope.year))
    loans = session.execute(query).all()
    approvals = _approvals(session, orgs)
    now = database_now(session)
    rows = [
        (
            loan_number(loan),
            code,
            PaperKind(item.kind).label,
            str(item.pages),
            mask_name(loan.borrower["name"]),
            loan.borrower_unit,
            mask_numbers(f"{loan.purpose}（{loan.basis}）"),
            f"{approvals[loan.id]}/{loan.needed}",
            _day(loan.lent_at),
            _day(loan.due_at),
            _day(loan.returned_at),
            "逾期" if is_overdue(loan, now) else _loan_state(loan),
        )
        for loan, item, code in loans
    ]
    states = Counter(LoanState(loan.state).label for loan, _item, _code in loans)
    overdue = sum(is_overdue(loan, now) for loan, _item, _code in loans)
    fields = (
        ("借阅次数", str(len(loans))),
        ("逾期未还", str(overdue)),
        ("状　　态", _counted(states, (state.label for state in LoanState))),
        ("说　　明", "姓名已遮蔽"),
    )
    return _document(session, RegisterKind.LOANS, head, scope, fields, _LOANS, rows)


def _within_year(year: int) -> tuple[ColumnElement[bool], ...]:
    first, after = (datetime(number, 1, 1, tzinfo=LOCAL_TIME) for number in (year, year + 1))
    return PaperLoan.requested_at >= first, PaperLoan.requested_at < after


def _approvals(session: Session, orgs: frozenset[str] | None) -> Mapping[int, int]:
    query = (
        select(PaperLoanDecision.loan_id)
        .join(PaperLoan, PaperLoan.id == PaperLoanDecision.loan_id)
        .where(PaperLoanDecision.approved)
    )
    if orgs is not None:
        query = query.where(PaperLoan.org.in_(orgs))
    return defaultdict(int, Counter(session.scalars(query)))


def _loan_state(loan: PaperLoan) -> str:
    state = LoanState(loan.state)
    inside = state is LoanState.LENT and loan.kind == LoanKind.INSIDE
    return LoanKind.INSIDE.label if inside else state.label


def _counted(counts: Mapping[str, int], order: Iterable[str]) -> str:
    return "　".join(f"{label} {counts[label]}" for label in order if counts[label])


def _day(moment: datetime | None) -> str:
    return local_date(moment) if moment else ""


def _document(
    session: Session,
    kind: RegisterKind,
    head: Organisation,
    scope: RegisterScope,
    fields: tuple[tuple[str, str], ...],
    columns: tuple[TableColumn, ...],
    rows: Sequence[tuple[str, ...]],
) -> PaperDocument:
    now = database_now(session)
    span = f"{scope.year} 年度" if scope.year is not None else "全部年度"
    return PaperDocument(
        kind.label,
        f"{head.code}·{scope.year or '全部'}",
        head,
        local_time(now),
        (("单　　位", head.name), ("年　　度", span), *fields),
        (PaperTable("", columns, tuple(rows), "没有登记。"),),
    )
