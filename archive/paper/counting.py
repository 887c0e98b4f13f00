"""Scans of a stocktake and of a hand-over: what each one means, exactly one verdict."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Act
from archive.database.tables_paper import (
    PaperBox,
    PaperHandover,
    PaperItem,
    PaperMove,
    PaperPlace,
    PaperScan,
    PaperSession,
    PaperStocktake,
)
from archive.paper.access import Keeper
from archive.paper.boxes import box_name
from archive.paper.codes import PaperCodeKind
from archive.paper.errors import PaperError
from archive.paper.handovers import list_items, receive_box, receive_item
from archive.paper.moves import items_in_box, last_move
from archive.paper.outcomes import ScanOutcome, Target, whereabouts, within_reach
from archive.paper.places import place_name
from archive.paper.stocktakes import counted_place, expectation_of
from archive.reference.paper_terms import (
    ENDED_STATES,
    HandoverDifference,
    PaperFault,
    PaperState,
    PlaceKind,
    ScanVerdict,
    StocktakeState,
)


def count(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    """Return the verdict of a stocktake on what was scanned."""
    stocktake = session.get_one(PaperStocktake, row.stocktake_id)
    if stocktake.state != StocktakeState.OPEN:
        raise PaperError(PaperFault.CLOSED, "盘点已关闭。", "这一扫不计入；请另开盘点。")
    if target.code.kind is PaperCodeKind.PLACE:
        return _count_place(session, row, stocktake, target)
    if target.code.kind is PaperCodeKind.BOX:
        return _count_box(session, keeper, row, stocktake, target)
    if not target.names_item:
        raise PaperError(
            PaperFault.WRONG_KIND, f"这是{target.code.kind.label}的条码。", "请扫架签、盒或纸质件。"
        )
    item = target.item
    if item is None:
        return ScanOutcome(ScanVerdict.UNREGISTERED, "架上有，账上没有", "请另放一处，盘点后先登记")
    if not within_reach(session, keeper, target):
        return ScanOutcome(ScanVerdict.FOREIGN, "是其他单位的纸质档案", "请另放一处，联系该单位")
    natural = _count_item(session, row, stocktake, item)
    earlier = _earlier(session, stocktake, item)
    if earlier is None or (
        earlier == ScanVerdict.MISPLACED and natural.verdict is ScanVerdict.PRESENT
    ):
        return natural
    return ScanOutcome(
        ScanVerdict.REPEATED,
        f"已扫过（{ScanVerdict(earlier).label}），不另计",
        natural.message if earlier == ScanVerdict.MISPLACED else "",
        item=item,
    )


def _count_place(
    session: Session, row: PaperSession, stocktake: PaperStocktake, target: Target
) -> ScanOutcome:
    place, counted = target.place, counted_place(session, stocktake)
    if place is None:
        return ScanOutcome(ScanVerdict.UNREGISTERED, "账上没有这个库位", "请核对架签")
    if not place.path.startswith(counted.path):
        raise PaperError(
            PaperFault.WRONG_KIND, "此处不在本次盘点范围内。", "请扫范围内的架签，或另开盘点。"
        )
    if place.kind == PlaceKind.SHELF:
        row.place_id, row.box_id = place.id, None
    return ScanOutcome(
        ScanVerdict.CHOSEN, place_name(session, place), "接着扫这一层的盒", place=place
    )


def _count_box(
    session: Session,
    keeper: Keeper,
    row: PaperSession,
    stocktake: PaperStocktake,
    target: Target,
) -> ScanOutcome:
    box = target.box
    if box is None:
        return ScanOutcome(ScanVerdict.UNREGISTERED, "账上没有这个盒", "请另放一处，盘点后先登记")
    if not within_reach(session, keeper, target):
        return ScanOutcome(ScanVerdict.FOREIGN, "是其他单位的盒", "请另放一处，联系该单位")
    move = last_move(session, box)
    where = whereabouts(session, move)
    row.box_id = box.id
    name = box_name(box)
    if move is not None and move.state == PaperState.TRANSFERRED:
        return ScanOutcome(ScanVerdict.ENDED_ON_SHELF, f"盒 {name} 已移交", "请另放一处", box=box)
    place = session.get(PaperPlace, move.place_id) if move and move.place_id else None
    if place is None or not place.path.startswith(counted_place(session, stocktake).path):
        return ScanOutcome(
            ScanVerdict.FOREIGN, f"盒 {name} 应在{where}", "请放回应在的地方", box=box
        )
    if row.place_id is not None and row.place_id != place.id:
        return ScanOutcome(
            ScanVerdict.MISPLACED, f"盒 {name} 应在{where}", "请放回，放好再扫一次", box=box
        )
    return ScanOutcome(
        ScanVerdict.PRESENT, f"盒 {name}，{place.name}", "接着扫盒内的纸质件", box=box, place=place
    )


def _count_item(
    session: Session, row: PaperSession, stocktake: PaperStocktake, item: PaperItem
) -> ScanOutcome:
    """Return the verdict on an item that is in the books, as if it were scanned first now."""
    move = last_move(session, item)
    state = PaperState(move.state) if move else None
    where = whereabouts(session, move)
    if state in ENDED_STATES:
        return ScanOutcome(
            ScanVerdict.ENDED_ON_SHELF,
            f"账上{state.label if state else ''}，却在架",
            "请另放一处，报档案员查明",
            item=item,
        )
    if state is PaperState.ON_LOAN:
        return ScanOutcome(
            ScanVerdict.LENT_ON_SHELF, f"账上在借，却在架；{where}", "请办理归还", item=item
        )
    shelf = _shelf_of(session, move)
    counted = counted_place(session, stocktake)
    within = shelf is not None and shelf.path.startswith(counted.path)
    if not within:
        expected = expectation_of(session, stocktake, item) is not None
        return ScanOutcome(
            ScanVerdict.MISPLACED if expected else ScanVerdict.FOREIGN,
            f"应在{where}",
            "请放回应在的地方",
            item=item,
        )
    if _elsewhere(row, move, shelf):
        return ScanOutcome(ScanVerdict.MISPLACED, f"应在{where}", "请放回，放好再扫一次", item=item)
    return ScanOutcome(ScanVerdict.PRESENT, where, "", item=item)


def _shelf_of(session: Session, move: PaperMove | None) -> PaperPlace | None:
    """Return the shelf on which the box of an item stands, None of what is on none."""
    if move is None or move.state != PaperState.IN_BOX or move.box_id is None:
        return None
    boxed = last_move(session, session.get_one(PaperBox, move.box_id))
    return session.get(PaperPlace, boxed.place_id) if boxed and boxed.place_id else None


def _elsewhere(row: PaperSession, move: PaperMove | None, shelf: PaperPlace | None) -> bool:
    """Return whether the scanner stands at another box or shelf than the books name."""
    if row.box_id is not None and move is not None:
        return row.box_id != move.box_id
    return row.place_id is not None and shelf is not None and row.place_id != shelf.id


def _earlier(session: Session, stocktake: PaperStocktake, item: PaperItem) -> str | None:
    return session.scalars(
        select(PaperScan.verdict)
        .where(
            PaperScan.stocktake_id == stocktake.id,
            PaperScan.item_id == item.id,
            PaperScan.verdict.not_in((ScanVerdict.REPEATED, ScanVerdict.REFUSED)),
        )
        .order_by(PaperScan.id.desc())
        .limit(1)
    ).first()


def send(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    """Put the scanned box with all in it, or the scanned item, on the list of a hand-over."""
    handover = session.get_one(PaperHandover, row.handover_id)
    if target.box is not None:
        move = last_move(session, target.box)
        keeper.require(Act.KEEP_PAPER, move.org if move else None)
        rows = items_in_box(session, target.box.id)
        if not rows:
            raise PaperError(PaperFault.STATE, "盒里没有纸质件。", "空盒不必交接。")
        added = list_items(session, keeper, handover, [item for item, _ in rows], boxed=True)
        return ScanOutcome(
            ScanVerdict.LISTED if added else ScanVerdict.REPEATED,
            f"盒 {box_name(target.box)}，{len(rows)}件，整盒移出",
            "",
            box=target.box,
        )
    if target.item is None:
        raise PaperError(PaperFault.UNKNOWN, "账上没有这一件或这一盒。", "请核对条码。")
    move = last_move(session, target.item)
    keeper.require(Act.KEEP_PAPER, move.org if move else None)
    added = list_items(session, keeper, handover, [target.item], boxed=False)
    return ScanOutcome(
        ScanVerdict.LISTED if added else ScanVerdict.REPEATED,
        f"{target.item.pages}页，{'列入' if added else '已在单上'}",
        "",
        item=target.item,
    )


def receive(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    """Confirm the scanned box or item on the receiving side of a hand-over."""
    handover = session.get_one(PaperHandover, row.handover_id)
    if target.box is not None:
        items = receive_box(session, keeper, handover, target.box)
        if items:
            return ScanOutcome(
                ScanVerdict.RECEIVED,
                f"盒 {box_name(target.box)}，{items}件",
                "请开盒清点，缺的不要确认",
                box=target.box,
            )
        move = last_move(session, target.box)
        keeper.require(Act.KEEP_PAPER, move.org if move else None)
        row.box_id = target.box.id
        return ScanOutcome(
            ScanVerdict.CHOSEN, f"放入盒 {box_name(target.box)}", "接着扫散件", box=target.box
        )
    if target.item is None:
        raise PaperError(PaperFault.UNKNOWN, "账上没有这一件或这一盒。", "请核对条码。")
    box = session.get(PaperBox, row.box_id) if row.box_id else None
    entry = receive_item(session, keeper, handover, target.item, box)
    if entry.difference == HandoverDifference.EXTRA:
        return ScanOutcome(
            ScanVerdict.FOREIGN,
            "收到、单上无，已记为差异",
            "请另放一处，联系移出单位",
            item=target.item,
        )
    return ScanOutcome(
        ScanVerdict.RECEIVED, f"{target.item.pages}页", "请清点页数", item=target.item
    )
