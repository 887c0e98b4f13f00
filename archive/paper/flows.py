"""The flows of scanning that move paper: registering, shelving, lending, taking back."""

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from archive.administration.policy import Act
from archive.database.tables_paper import PaperBox, PaperPlace, PaperSession
from archive.paper.access import Keeper
from archive.paper.boxes import box_name, put_in_box, shelve_box
from archive.paper.codes import PaperCodeKind
from archive.paper.errors import PaperError
from archive.paper.handovers import put_back_from_transit
from archive.paper.loans import lend, loan_number, take_back
from archive.paper.moves import Cause, last_move
from archive.paper.outcomes import ScanOutcome, Target, whereabouts
from archive.paper.places import place_name
from archive.paper.registration import CountedPaper, find_task, register_paper
from archive.reference.local_time import local_time
from archive.reference.paper_terms import (
    PaperFault,
    PaperState,
    PlaceKind,
    ScanFlow,
    ScanVerdict,
)

Flow = Callable[[Session, Keeper, PaperSession, Target], ScanOutcome]


def _unknown(target: Target) -> PaperError:
    label = target.code.kind.label
    return PaperError(PaperFault.UNKNOWN, f"账上没有这个{label}。", "请核对条码；新的请先登记。")


def _wrong_kind(target: Target, wanted: str) -> PaperError:
    return PaperError(
        PaperFault.WRONG_KIND, f"这是{target.code.kind.label}的条码。", f"请扫描{wanted}。"
    )


def _chosen_box(session: Session, row: PaperSession) -> PaperBox:
    box = session.get(PaperBox, row.box_id) if row.box_id else None
    if box is None:
        raise PaperError(PaperFault.NO_BOX, "还没有选定盒。", "请先扫要放入的盒，再扫纸质件。")
    return box


def choose_box(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    """Choose the scanned box for the scans that follow."""
    if target.box is None:
        raise _unknown(target)
    move = last_move(session, target.box)
    keeper.require(Act.KEEP_PAPER, move.org if move else None)
    row.box_id = target.box.id
    return ScanOutcome(
        ScanVerdict.CHOSEN,
        f"盒 {box_name(target.box)}，在{whereabouts(session, move)}",
        "接着扫要放入的纸质件",
        box=target.box,
    )


def register(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    """Register the paper of the scanned cover into the chosen box."""
    if target.code.kind is PaperCodeKind.BOX:
        return choose_box(session, keeper, row, target)
    if target.code.kind not in (PaperCodeKind.VOLUME, PaperCodeKind.CASE):
        raise _wrong_kind(target, "盒，或册的封面条码")
    task = find_task(session, keeper, target.code.text)
    box = _chosen_box(session, row)
    item = register_paper(session, keeper, task, box, CountedPaper(), Cause("登记入盒", row.id))
    return ScanOutcome(
        ScanVerdict.REGISTERED,
        f"{item.pages}页，入盒 {box_name(box)}",
        "页数不同的请在“纸电核对”改记",
        item=item,
        box=box,
    )


def file(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    """Put boxes on the chosen shelf, and items into the chosen box."""
    if target.code.kind is PaperCodeKind.PLACE:
        return _choose_shelf(session, keeper, row, target)
    if target.code.kind is PaperCodeKind.BOX:
        return _file_box(session, keeper, row, target)
    if not target.names_item:
        raise _wrong_kind(target, "架签、盒或纸质件")
    return _file_item(session, keeper, row, target)


def _choose_shelf(
    session: Session, keeper: Keeper, row: PaperSession, target: Target
) -> ScanOutcome:
    place = target.place
    if place is None:
        raise _unknown(target)
    keeper.require(Act.KEEP_PAPER, place.org)
    if place.kind != PlaceKind.SHELF:
        raise PaperError(
            PaperFault.WRONG_KIND,
            f"这是{PlaceKind(place.kind).label}的条码。",
            "请扫所在一层的架签。",
        )
    row.place_id, row.box_id = place.id, None
    return ScanOutcome(
        ScanVerdict.CHOSEN, place_name(session, place), "接着扫要放上的盒", place=place
    )


def _file_box(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    chosen = choose_box(session, keeper, row, target)
    box = target.box
    if row.place_id is None or box is None:
        return chosen
    shelf = session.get_one(PaperPlace, row.place_id)
    move = last_move(session, box)
    if move is not None and move.place_id == shelf.id and move.state == PaperState.ON_SHELF:
        return ScanOutcome(
            ScanVerdict.CHOSEN,
            f"盒 {box_name(box)} 已在此层",
            "接着扫要放入的纸质件，或下一盒",
            box=box,
            place=shelf,
        )
    shelve_box(session, keeper, box, shelf, Cause("上架", row.id))
    return ScanOutcome(
        ScanVerdict.SHELVED,
        f"盒 {box_name(box)} 放上{place_name(session, shelf)}",
        "",
        box=box,
        place=shelf,
    )


def _file_item(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    item = target.item
    if item is None:
        raise _unknown(target)
    box = _chosen_box(session, row)
    move = last_move(session, item)
    keeper.require(Act.KEEP_PAPER, move.org if move else None)
    if move is not None and (move.state, move.box_id) == (PaperState.IN_BOX, box.id):
        return ScanOutcome(ScanVerdict.PRESENT, f"已在盒 {box_name(box)}", "", item=item, box=box)
    if move is not None and move.state == PaperState.ON_LOAN:
        raise PaperError(PaperFault.LENT, "账上在借。", "请先用“归还”扫一次，再换盒。")
    cause = Cause("换盒", row.id)
    if move is not None and move.state == PaperState.IN_TRANSIT:
        put_back_from_transit(session, keeper, item, box, Cause("途中找回", row.id))
    else:
        put_in_box(session, keeper, item, box, cause)
    return ScanOutcome(
        ScanVerdict.MOVED,
        f"移入盒 {box_name(box)}，原在{whereabouts(session, move)}",
        "",
        item=item,
        box=box,
    )


def hand_out(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    """Hand out the scanned item under its approved loan."""
    if not target.names_item:
        raise _wrong_kind(target, "要借出的纸质件")
    if target.item is None:
        raise _unknown(target)
    loan = lend(session, keeper, target.item, Cause("借出", row.id))
    due = local_time(loan.due_at) if loan.due_at else ""
    return ScanOutcome(
        ScanVerdict.LENT,
        f"{loan_number(loan)}，应于 {due} 前归还",
        "请借阅人核对页数后签收",
        item=target.item,
    )


def take_in(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    """Take the scanned item back from its loan into its own box."""
    if not target.names_item:
        raise _wrong_kind(target, "归还的纸质件")
    if target.item is None:
        raise _unknown(target)
    loan, move = take_back(session, keeper, target.item, Cause("归还", row.id))
    return ScanOutcome(
        ScanVerdict.RETURNED,
        f"{loan_number(loan)} 已归还，共{target.item.pages}页",
        f"清点后放回{whereabouts(session, move)}",
        item=target.item,
    )


MOVING: Mapping[ScanFlow, Flow] = {
    ScanFlow.REGISTER: register,
    ScanFlow.FILE: file,
    ScanFlow.LEND: hand_out,
    ScanFlow.RETURN: take_in,
}
"""The flows that move paper, by the flow of the session."""
