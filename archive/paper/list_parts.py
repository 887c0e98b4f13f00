"""Pages of the lists of paper: sorted, narrowed by days and stations, counted."""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act
from archive.database.engine import database_now
from archive.database.listing import ListPart, ListWanted, QueryList
from archive.database.tables_paper import (
    PaperBox,
    PaperHandover,
    PaperItem,
    PaperLoan,
    PaperMove,
    PaperStocktake,
    PaperTask,
)
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.listing import (
    LoanRow,
    PaperRow,
    TaskRow,
    box_query,
    drawn_boxes,
    drawn_loans,
    drawn_rows,
    drawn_tasks,
    in_reach,
    item_rows,
    loan_query,
    task_query,
)
from archive.reference.paper_terms import LoanState

_ITEMS = QueryList(
    PaperItem.id,
    {
        "number": PaperItem.id,
        "code": Volume.code,
        "kind": PaperItem.kind,
        "pages": PaperItem.pages,
        "org": PaperMove.org,
        "state": PaperMove.state,
    },
    "number",
    day=PaperItem.registered_at,
    stations=(PaperMove.org, PaperItem.station),
)
_TASKS = QueryList(
    PaperTask.id,
    {"code": (Volume.code, PaperTask.revision), "org": PaperTask.station},
    "code",
    day=PaperTask.created_at,
    stations=(PaperTask.station,),
)
_LOANS = QueryList(
    PaperLoan.id,
    {
        "number": PaperLoan.id,
        "kind": PaperItem.kind,
        "unit": PaperLoan.borrower_unit,
        "due": PaperLoan.due_at,
        "state": PaperLoan.state,
    },
    "-number",
    day=PaperLoan.requested_at,
    stations=(PaperLoan.org,),
)
_BOXES = QueryList(
    PaperBox.id,
    {
        "box": (PaperBox.org, PaperBox.series, PaperBox.year, PaperBox.number),
        "org": PaperMove.org,
        "spine": PaperBox.spine_mm,
    },
    "box",
    day=PaperBox.created_at,
    stations=(PaperMove.org,),
)
_HANDOVERS = QueryList(
    PaperHandover.id,
    {
        "number": PaperHandover.id,
        "from": PaperHandover.from_org,
        "to": PaperHandover.to_name,
        "state": PaperHandover.state,
    },
    "-number",
    day=PaperHandover.opened_at,
    stations=(PaperHandover.from_org, PaperHandover.to_org),
)
_STOCKTAKES = QueryList(
    PaperStocktake.id,
    {
        "number": PaperStocktake.id,
        "expected": PaperStocktake.expected,
        "state": PaperStocktake.state,
        "opened": PaperStocktake.opened_at,
        "closed": PaperStocktake.closed_at,
    },
    "-number",
    day=PaperStocktake.opened_at,
    stations=(PaperStocktake.org,),
)


def part_of_items(session: Session, keeper: Keeper, wanted: ListWanted) -> ListPart[PaperRow]:
    """Return one page of the register of paper."""
    keeper.require(Act.VIEW_PAPER)
    query = item_rows().where(in_reach(keeper, PaperMove.org))
    part = _ITEMS.part(session, query, wanted)
    return replace(part, rows=drawn_rows(session, part.rows))


def part_of_tasks(session: Session, keeper: Keeper, wanted: ListWanted) -> ListPart[TaskRow]:
    """Return one page of the tasks of registration that wait."""
    part = _TASKS.part(session, task_query(keeper), wanted)
    return replace(part, rows=drawn_tasks(part.rows))


def part_of_loans(
    session: Session, keeper: Keeper, wanted: ListWanted, states: Collection[LoanState]
) -> ListPart[LoanRow]:
    """Return one page of the loans in these states."""
    keeper.require(Act.VIEW_PAPER)
    query = loan_query().where(in_reach(keeper, PaperLoan.org), PaperLoan.state.in_(states))
    part = _LOANS.part(session, query, wanted)
    return replace(part, rows=drawn_loans(session, part.rows))


def count_late_loans(session: Session, keeper: Keeper) -> int:
    """Count the loans that should have come back."""
    query = select(func.count()).where(
        in_reach(keeper, PaperLoan.org),
        PaperLoan.state == LoanState.LENT,
        PaperLoan.due_at < database_now(session),
    )
    return session.scalar(query) or 0


def part_of_boxes(
    session: Session, keeper: Keeper, wanted: ListWanted
) -> ListPart[tuple[PaperBox, PaperMove, int, int]]:
    """Return one page of the boxes: box, its last move, its items, their thickness."""
    keeper.require(Act.VIEW_PAPER)
    part = _BOXES.part(session, box_query(keeper), wanted)
    return replace(part, rows=drawn_boxes(session, part.rows))


def part_of_handovers(
    session: Session, keeper: Keeper, wanted: ListWanted
) -> ListPart[PaperHandover]:
    """Return one page of the hand-overs of which either side is within reach."""
    keeper.require(Act.VIEW_PAPER)
    query: Select[PaperHandover] = select(PaperHandover)
    if keeper.reach is not None:
        query = query.where(
            PaperHandover.from_org.in_(keeper.reach) | PaperHandover.to_org.in_(keeper.reach)
        )
    return _HANDOVERS.part(session, query, wanted)


def part_of_stocktakes(
    session: Session, keeper: Keeper, wanted: ListWanted
) -> ListPart[PaperStocktake]:
    """Return one page of the stocktakes within reach."""
    keeper.require(Act.VIEW_PAPER)
    query = select(PaperStocktake).where(in_reach(keeper, PaperStocktake.org))
    return _STOCKTAKES.part(session, query, wanted)
