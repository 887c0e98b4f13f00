"""What a scan names and what comes of it: the values that every flow of scanning shares."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.arrangement.volume_names import has_name
from archive.database.tables_cases import Case
from archive.database.tables_paper import PaperBox, PaperItem, PaperMove, PaperPlace
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.boxes import box_name
from archive.paper.codes import PaperCodeKind, ScannedCode
from archive.paper.moves import last_move
from archive.paper.places import place_name
from archive.reference.paper_terms import PaperFault, PaperState, ScanVerdict


@dataclass(frozen=True, slots=True)
class Target:
    """What a scanned code names: at most one of item, box and place, None of what is unknown."""

    code: ScannedCode
    item: PaperItem | None = None
    box: PaperBox | None = None
    place: PaperPlace | None = None

    @property
    def names_item(self) -> bool:
        """Return whether the code is one of an item: its own, a 档号 or a case number."""
        return self.code.kind in (PaperCodeKind.ITEM, PaperCodeKind.VOLUME, PaperCodeKind.CASE)


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """The verdict on a scan, what happened, and what to do next."""

    verdict: ScanVerdict
    message: str
    action: str = ""
    item: PaperItem | None = None
    box: PaperBox | None = None
    place: PaperPlace | None = None
    fault: PaperFault | None = None


def refused(fault: PaperFault, message: str, action: str, target: Target | None) -> ScanOutcome:
    """Return the outcome of a scan that changes nothing."""
    return ScanOutcome(
        ScanVerdict.REFUSED,
        message,
        action,
        target.item if target else None,
        target.box if target else None,
        target.place if target else None,
        fault,
    )


def resolve(session: Session, code: ScannedCode) -> Target:
    """Return what a code names in the books."""
    match code.kind:
        case PaperCodeKind.ITEM:
            return Target(code, item=session.get(PaperItem, code.number))
        case PaperCodeKind.BOX:
            return Target(code, box=session.get(PaperBox, code.number))
        case PaperCodeKind.PLACE:
            return Target(code, place=session.get(PaperPlace, code.number))
        case PaperCodeKind.VOLUME | PaperCodeKind.CASE:
            return Target(code, item=first_item_of(session, code.text))
        case _:
            return Target(code)


def first_item_of(session: Session, name: str) -> PaperItem | None:
    """Return the paper that the cover of a volume lies on, by 档号 or case number."""
    return session.scalars(
        select(PaperItem)
        .join(Volume, Volume.id == PaperItem.volume_id)
        .join(Case, Case.id == Volume.case_id)
        .where(has_name(name))
        .order_by(PaperItem.revision)
        .limit(1)
    ).first()


def within_reach(session: Session, keeper: Keeper, target: Target) -> bool:
    """Return whether what a code names is kept within the reader's reach."""
    if target.place is not None:
        return keeper.reaches(target.place.org)
    thing = target.item or target.box
    if thing is None:
        return False
    move = last_move(session, thing)
    return keeper.reaches(move.org if move else None)


def whereabouts(session: Session, move: PaperMove | None) -> str:
    """Return in words where a thing is after a move: 盒 QR-2024-07 · 一号库 · 第3列 …."""
    if move is None:
        return "尚未登记位置"
    state = PaperState(move.state)
    if move.box_id is None:
        place = session.get(PaperPlace, move.place_id) if move.place_id else None
        return place_name(session, place) if place else state.label
    box = session.get_one(PaperBox, move.box_id)
    name = f"盒 {box_name(box)}"
    if state is not PaperState.IN_BOX:
        return f"{state.label}（原在{name}）"
    shelved = last_move(session, box)
    return f"{name} · {whereabouts(session, shelved)}"
