"""Lists of paper: what is kept, what waits, what lies where, what is out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from archive.administration.policy import Act
from archive.database.engine import database_now
from archive.database.tables_cases import Case
from archive.database.tables_paper import (
    PaperBox,
    PaperItem,
    PaperLoan,
    PaperMove,
    PaperPlace,
    PaperTask,
)
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.boxes import box_name
from archive.paper.moves import is_last_of_box, is_last_of_item
from archive.reference.paper_terms import (
    OPEN_LOANS,
    LoanState,
    PaperKind,
    PaperState,
    PaperTaskState,
)

MAX_ROWS = 1000


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One item with where it is: `place` is the full name of its shelf, "" of none."""

    id: int
    code: str
    case_no: str
    pages: int
    kind: PaperKind
    org: str
    place: str
    box: str
    box_id: int | None
    state: PaperState
    moved_at: datetime
    moved_by: str

    @property
    def line(self) -> str:
        """Return in words where the item is: 在盒 QR-2026-01 · 一号库 · 第1列 …."""
        if self.state is not PaperState.IN_BOX:
            return f"{self.state.label}（原在盒 {self.box}）" if self.box else self.state.label
        return " · ".join(part for part in (f"盒 {self.box}", self.place) if part)

    def public(self) -> dict[str, object]:
        """Return the row as scripts read it."""
        return {
            "id": self.id,
            "code": self.code,
            "case_no": self.case_no,
            "pages": self.pages,
            "kind": self.kind,
            "place": self.place,
            "box": self.box,
            "state": self.state,
        }


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task of registration that waits."""

    id: int
    code: str
    case_no: str
    series: str
    year: int
    pages: int
    kind: PaperKind
    station: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LoanRow:
    """One loan with the item that it is about."""

    loan: PaperLoan
    code: str
    pages: int
    kind: PaperKind
    overdue: bool


def in_reach(keeper: Keeper, column: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Return the condition that an organisation is within reach."""
    return true() if keeper.reach is None else column.in_(keeper.reach)


def paper_rows(
    session: Session,
    keeper: Keeper,
    *,
    box_id: int | None = None,
    state: PaperState | None = None,
    after: int = 0,
    limit: int = MAX_ROWS,
) -> list[PaperRow]:
    """Return items within reach in the order of their numbers, at most `limit` after one."""
    keeper.require(Act.VIEW_PAPER)
    query = item_rows().where(in_reach(keeper, PaperMove.org), PaperItem.id > after)
    if box_id is not None:
        query = query.where(PaperMove.box_id == box_id)
    if state is not None:
        query = query.where(PaperMove.state == state)
    query = query.order_by(PaperItem.id).limit(limit)
    return drawn_rows(session, session.execute(query).all())


def rows_of_items(session: Session, ids: Iterable[int]) -> dict[int, PaperRow]:
    """Return the rows of items whose access the caller has decided, by their number."""
    wanted = list(ids)
    rows: dict[int, PaperRow] = {}
    for start in range(0, len(wanted), 500):
        query = item_rows().where(PaperItem.id.in_(wanted[start : start + 500]))
        rows |= {row.id: row for row in drawn_rows(session, session.execute(query).all())}
    return rows


def paper_of_volumes(session: Session, codes: Iterable[str]) -> dict[str, list[PaperRow]]:
    """Return the paper of volumes by 档号, for readers who may see these volumes."""
    rows: dict[str, list[PaperRow]] = {}
    query = item_rows().where(Volume.code.in_(list(codes))).order_by(PaperItem.id)
    for row in drawn_rows(session, session.execute(query).all()):
        rows.setdefault(row.code, []).append(row)
    return rows


def paper_lines(session: Session, codes: Iterable[str]) -> dict[str, list[str]]:
    """Return in words where the paper of volumes is, by 档号, for readers who may see these."""
    return {
        code: [row.line for row in rows] for code, rows in paper_of_volumes(session, codes).items()
    }


def public_paper(session: Session, code: str) -> list[dict[str, object]]:
    """Return the paper of a volume as scripts read it, with the due time of each loan.

    The caller has decided that the reader may see the volume; no borrower is named.
    """
    due = {
        row.loan.item_id: row.loan.due_at
        for row in loans_of_volume(session, code)
        if row.loan.state == LoanState.LENT
    }
    return [
        {
            **row.public(),
            "state_label": row.state.label,
            "org": row.org,
            "due_at": at.isoformat() if (at := due.get(row.id)) else None,
        }
        for row in paper_of_volumes(session, [code]).get(code, [])
    ]


def item_rows() -> Select[PaperItem, PaperMove, str, str]:
    """Return the query of items with their last move, 档号 and case number."""
    return (
        select(PaperItem, PaperMove, Volume.code, Case.case_no)
        .join(PaperMove, PaperMove.item_id == PaperItem.id)
        .join(Volume, Volume.id == PaperItem.volume_id)
        .join(Case, Case.id == Volume.case_id)
        .where(is_last_of_item())
    )


def drawn_rows(
    session: Session, rows: Sequence[tuple[PaperItem, PaperMove, str, str]]
) -> list[PaperRow]:
    """Return items with where each is, from the rows of `item_rows`."""
    boxes, places = _boxes_with_places(session, {move.box_id for _, move, _, _ in rows})
    return [
        PaperRow(
            item.id,
            code,
            case_no,
            item.pages,
            PaperKind(item.kind),
            move.org,
            places.get(move.box_id or 0, ""),
            box_name(boxes[move.box_id]) if move.box_id in boxes else "",
            move.box_id,
            PaperState(move.state),
            move.moved_at,
            move.moved_by,
        )
        for item, move, code, case_no in rows
    ]


def _boxes_with_places(
    session: Session, ids: Iterable[int | None]
) -> tuple[dict[int | None, PaperBox], dict[int, str]]:
    """Return boxes by id, and the full names of the shelves that they stand on."""
    wanted = [number for number in ids if number is not None]
    later = aliased(PaperMove)
    rows = session.execute(
        select(PaperBox, PaperPlace)
        .join(PaperMove, PaperMove.moved_box_id == PaperBox.id)
        .outerjoin(PaperPlace, PaperPlace.id == PaperMove.place_id)
        .where(
            PaperBox.id.in_(wanted),
            ~select(later.id)
            .where(later.moved_box_id == PaperMove.moved_box_id, later.seq > PaperMove.seq)
            .exists(),
        )
    ).all()
    names = place_names(session, [place for _, place in rows if place is not None])
    return (
        {box.id: box for box, _ in rows},
        {box.id: names[place.id] for box, place in rows if place is not None},
    )


def place_names(session: Session, places: Sequence[PaperPlace]) -> dict[int, str]:
    """Return the full names of places by id, from the room down."""
    chains = {
        place.id: [int(part) for part in place.path.strip("/").split("/")] for place in places
    }
    ids = {number for chain in chains.values() for number in chain}
    rows = session.execute(select(PaperPlace.id, PaperPlace.name).where(PaperPlace.id.in_(ids)))
    names = {number: name for number, name in rows}  # noqa: C416 - rows are tuples of a kind
    return {place: " · ".join(names[number] for number in chain) for place, chain in chains.items()}


def boxes_of(
    session: Session,
    keeper: Keeper,
    *,
    place_id: int | None = None,
    year: int | None = None,
    limit: int = MAX_ROWS,
) -> list[tuple[PaperBox, PaperMove, int, int]]:
    """Return boxes within reach: box, its last move, its items, their thickness (1/10 mm)."""
    keeper.require(Act.VIEW_PAPER)
    query = (
        box_query(keeper)
        .order_by(PaperBox.org, PaperBox.series, PaperBox.year.desc(), PaperBox.number)
        .limit(limit)
    )
    if place_id is not None:
        query = query.where(PaperMove.place_id == place_id, PaperMove.state == PaperState.ON_SHELF)
    if year is not None:
        query = query.where(PaperBox.year == year)
    return drawn_boxes(session, session.execute(query).all())


def box_query(keeper: Keeper) -> Select[PaperBox, PaperMove]:
    """Return the query of boxes within reach, each with its last move."""
    return (
        select(PaperBox, PaperMove)
        .join(PaperMove, PaperMove.moved_box_id == PaperBox.id)
        .where(is_last_of_box(), in_reach(keeper, PaperMove.org))
    )


def drawn_boxes(
    session: Session, rows: Sequence[tuple[PaperBox, PaperMove]]
) -> list[tuple[PaperBox, PaperMove, int, int]]:
    """Return boxes with how many items they hold, and how thick these are."""
    fills = _fills(session, [box.id for box, _ in rows])
    return [(box, move, *fills.get(box.id, (0, 0))) for box, move in rows]


def _fills(session: Session, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    query = (
        select(PaperMove.box_id, func.count(), func.sum(PaperItem.thickness))
        .join(PaperItem, PaperItem.id == PaperMove.item_id)
        .where(
            PaperMove.box_id.in_(ids),
            PaperMove.state.in_((PaperState.IN_BOX, PaperState.ON_LOAN)),
            is_last_of_item(),
        )
        .group_by(PaperMove.box_id)
    )
    return {box: (count, width) for box, count, width in session.execute(query) if box}


def waiting_tasks(session: Session, keeper: Keeper, limit: int = MAX_ROWS) -> list[TaskRow]:
    """Return the tasks of registration that wait within reach, oldest 档号 first."""
    query = task_query(keeper).order_by(Volume.code, PaperTask.revision).limit(limit)
    return drawn_tasks(session.execute(query))


def task_query(keeper: Keeper) -> Select[PaperTask, Volume, str]:
    """Return the query of the tasks that wait within reach, with volume and case number."""
    keeper.require(Act.VIEW_PAPER)
    return (
        select(PaperTask, Volume, Case.case_no)
        .join(Volume, Volume.id == PaperTask.volume_id)
        .join(Case, Case.id == Volume.case_id)
        .where(PaperTask.state == PaperTaskState.PENDING, in_reach(keeper, PaperTask.station))
    )


def drawn_tasks(rows: Iterable[tuple[PaperTask, Volume, str]]) -> list[TaskRow]:
    """Return tasks from the rows of `task_query`."""
    return [
        TaskRow(
            task.id,
            volume.code,
            case_no,
            volume.series,
            volume.year,
            sum(material["pages"] for material in task.materials),
            next(kind for kind in PaperKind if kind in {row["kind"] for row in task.materials}),
            task.station,
            task.created_at,
        )
        for task, volume, case_no in rows
    ]


def count_waiting(session: Session, keeper: Keeper) -> int:
    """Return how many tasks of registration wait within reach."""
    query = select(func.count()).where(
        PaperTask.state == PaperTaskState.PENDING, in_reach(keeper, PaperTask.station)
    )
    return session.scalar(query) or 0


def loan_rows(
    session: Session, keeper: Keeper, *, ended: bool = False, limit: int = MAX_ROWS
) -> list[LoanRow]:
    """Return the open loans within reach, the soonest due first; or the ended, newest first."""
    keeper.require(Act.VIEW_PAPER)
    query = loan_query().where(in_reach(keeper, PaperLoan.org)).limit(limit)
    if ended:
        query = query.where(PaperLoan.state.not_in(OPEN_LOANS)).order_by(PaperLoan.id.desc())
    else:
        query = query.where(PaperLoan.state.in_(OPEN_LOANS)).order_by(
            PaperLoan.due_at.is_(None), PaperLoan.due_at, PaperLoan.id
        )
    return drawn_loans(session, session.execute(query))


def loans_of_volume(session: Session, code: str) -> list[LoanRow]:
    """Return the loans of the paper of a volume, newest first, for who may see the volume."""
    query = loan_query().where(Volume.code == code).order_by(PaperLoan.id.desc())
    return drawn_loans(session, session.execute(query))


def loan_query() -> Select[PaperLoan, str, int, str]:
    """Return the query of loans with 档号, pages and kind of what is lent."""
    return (
        select(PaperLoan, Volume.code, PaperItem.pages, PaperItem.kind)
        .join(PaperItem, PaperItem.id == PaperLoan.item_id)
        .join(Volume, Volume.id == PaperItem.volume_id)
    )


def drawn_loans(session: Session, rows: Iterable[tuple[PaperLoan, str, int, str]]) -> list[LoanRow]:
    """Return loans from the rows of `loan_query`."""
    now = database_now(session)
    return [
        LoanRow(
            loan,
            code,
            pages,
            PaperKind(kind),
            loan.state == LoanState.LENT and loan.due_at is not None and loan.due_at < now,
        )
        for loan, code, pages, kind in rows
    ]
