"""What the page of a stocktake shows: its shelves with each box, and the latest scans."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act
from archive.database.tables_paper import (
    PaperBox,
    PaperExpectation,
    PaperItem,
    PaperPlace,
    PaperScan,
    PaperStocktake,
)
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.boxes import box_name
from archive.paper.listing import boxes_of
from archive.paper.places import level
from archive.paper.stocktakes import results_of
from archive.reference.paper_terms import CountResult, PlaceKind, StocktakeState

_MOST_SHELVES = 40


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A box as it is drawn: where it begins on the shelf, how wide it is, how it stands."""

    id: int
    name: str
    start_mm: int
    spine_mm: int
    tone: str
    note: str


@dataclass(frozen=True, slots=True)
class DrawnShelf:
    """A shelf as it is drawn, with its boxes from the left."""

    place: PaperPlace
    used_mm: int
    boxes: tuple[DrawnBox, ...]


def shelves_below(
    session: Session, keeper: Keeper, place: PaperPlace, *, standing: Mapping[int, str] | None
) -> list[DrawnShelf]:
    """Return the shelves at or below a place with their boxes, at most forty.

    `standing` gives the tone of each box of a stocktake; None draws how full each one is.
    """
    keeper.require(Act.VIEW_PAPER, place.org)
    shelves = session.scalars(
        select(PaperPlace)
        .where(PaperPlace.path.like(f"{place.path}%"), PaperPlace.kind == PlaceKind.SHELF)
        .order_by(PaperPlace.id)
        .limit(_MOST_SHELVES)
    ).all()
    return [_drawn(session, keeper, shelf, standing) for shelf in shelves]


def _drawn(
    session: Session, keeper: Keeper, shelf: PaperPlace, standing: Mapping[int, str] | None
) -> DrawnShelf:
    boxes, start = [], 0
    for box, _move, items, _thickness in boxes_of(session, keeper, place_id=shelf.id):
        tone = ("in" if items else "empty") if standing is None else standing.get(box.id, "")
        note = f"盒 {box_name(box)}，{items}件" + (f"，{_TONES[tone]}" if standing else "")
        boxes.append(DrawnBox(box.id, box_name(box), start, box.spine_mm, tone, note))
        start += box.spine_mm
    return DrawnShelf(shelf, start, tuple(boxes))


_TONES = {
    "in": "在位",
    "": "待扫",
    "off": "有错位",
    "lent": "有在借",
    "gone": "有缺",
    "empty": "空盒",
}
_ORDER = (
    (CountResult.MISPLACED, "off"),
    (CountResult.LENT_ON_SHELF, "off"),
    (CountResult.ABSENT, "gone"),
    (CountResult.MOVED, "in"),
    (CountResult.ON_LOAN, "lent"),
    (CountResult.PRESENT, "in"),
)


def standing_of(session: Session, stocktake: PaperStocktake) -> dict[int, str]:
    """Return the tone of each box that a stocktake expects something in.

    What was not scanned is pending until the stocktake is closed, then missing.
    """
    results = results_of(session, stocktake)
    counts: dict[int, Counter[CountResult]] = defaultdict(Counter)
    for item, box in session.execute(
        select(PaperExpectation.item_id, PaperExpectation.box_id).where(
            PaperExpectation.stocktake_id == stocktake.id
        )
    ):
        counts[box][results[item]] += 1
    closed = stocktake.state == StocktakeState.CLOSED
    return {box: _tone(count, closed=closed) for box, count in counts.items()}


def _tone(count: Counter[CountResult], *, closed: bool) -> str:
    if not closed and count[CountResult.ABSENT]:
        return "off" if count[CountResult.MISPLACED] or count[CountResult.LENT_ON_SHELF] else ""
    return next((tone for result, tone in _ORDER if count[result]), "")


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One scan with the 档号 of what it named."""

    scan: PaperScan
    code: str
    total: int


def latest_scans(
    session: Session, *, stocktake_id: int | None = None, account: str = "", limit: int = 12
) -> list[ScanRow]:
    """Return the latest scans of a stocktake, or of an account, newest first.

    The caller has decided who may see them.
    """
    condition = (
        PaperScan.stocktake_id == stocktake_id
        if stocktake_id is not None
        else PaperScan.scanned_by == account
    )
    total = session.scalar(select(func.count()).where(condition)) or 0
    rows = session.execute(
        select(PaperScan, Volume.code)
        .outerjoin(PaperItem, PaperItem.id == PaperScan.item_id)
        .outerjoin(Volume, Volume.id == PaperItem.volume_id)
        .where(condition)
        .order_by(PaperScan.id.desc())
        .limit(limit)
    )
    boxes = {
        box.id: box
        for box in session.scalars(
            select(PaperBox).where(
                PaperBox.id.in_(
                    select(PaperScan.box_id)
                    .where(condition, PaperScan.box_id.is_not(None))
                    .order_by(PaperScan.id.desc())
                    .limit(limit)
                )
            )
        )
    }
    return [
        ScanRow(
            scan,
            code
            or (f"盒 {box_name(boxes[scan.box_id])}" if scan.box_id in boxes else "")
            or scan.code
            or "—",
            total,
        )
        for scan, code in rows
    ]


def rooms_of(session: Session, keeper: Keeper) -> Sequence[PaperPlace]:
    """Return the rooms within reach."""
    return [row.place for row in level(session, keeper, None)]
