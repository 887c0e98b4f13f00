"""Hand-overs (交接): a list that both sides confirm by scanning; differences stand on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Act, Denial
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_paper import (
    PaperBox,
    PaperHandover,
    PaperHandoverEntry,
    PaperItem,
    PaperLoan,
    PaperMove,
)
from archive.paper.access import Keeper
from archive.paper.boxes import refuse_full
from archive.paper.errors import PaperError
from archive.paper.moves import (
    Cause,
    Destination,
    enter_move,
    items_in_box,
    last_move,
    lock,
    refuse_unless_next,
)
from archive.reference.paper_terms import (
    OPEN_LOANS,
    HandoverDifference,
    HandoverState,
    PaperFault,
    PaperState,
)
from archive.usage.looks import DeniedError

TEXT_LENGTH = 100


@dataclass(frozen=True, slots=True)
class HandoverWanted:
    """A hand-over to be begun: from whom, to an organisation of ours or to `to_name` outside."""

    from_org: str | None
    to_org: str | None
    to_name: str
    reason: str


def handover_number(handover: PaperHandover) -> str:
    """Return the number of a hand-over (交接单号)."""
    return f"JJ{handover.opened_at.year}-{handover.id:06d}"


def open_handover(session: Session, keeper: Keeper, wanted: HandoverWanted) -> PaperHandover:
    """Begin the list of a hand-over, and journal it. Raises DeniedError, PaperError."""
    keeper.require(Act.KEEP_PAPER)
    source = keeper.organisation(wanted.from_org)
    if wanted.to_org is not None:
        if wanted.to_org not in keeper.organisations or wanted.to_org == source:
            raise PaperError(
                PaperFault.VALUE, "接收单位不在机构表中，或就是移出单位。", "请另选接收单位。"
            )
        name = keeper.organisations.get(wanted.to_org).name
    else:
        name = wanted.to_name.strip()
    if not name or not wanted.reason.strip() or len(wanted.reason) > TEXT_LENGTH:
        raise PaperError(
            PaperFault.VALUE,
            f"接收单位和依据均须填写，依据不超过{TEXT_LENGTH}字。",
            "请补齐后重试。",
        )
    handover = PaperHandover(
        from_org=source,
        to_org=wanted.to_org,
        to_name=name[:TEXT_LENGTH],
        reason=wanted.reason.strip(),
        state=HandoverState.LISTING,
        opened_by=keeper.account,
        opened_at=database_now(session),
    )
    session.add(handover)
    session.flush()
    _note(session, keeper, JournalAct.PAPER_HANDOVER, handover, to=wanted.to_org or "OUTSIDE")
    return handover


def find_handover(session: Session, keeper: Keeper, handover_id: int, act: Act) -> PaperHandover:
    """Return a hand-over of which either side is within reach. Raises DeniedError."""
    handover = session.get(PaperHandover, handover_id)
    sides = (handover.from_org, handover.to_org) if handover else ("-",)
    keeper.require(act, *sides)
    if handover is None:
        raise DeniedError(Denial.NOT_HERE)
    return handover


def list_items(
    session: Session,
    keeper: Keeper,
    handover: PaperHandover,
    items: Sequence[PaperItem],
    *,
    boxed: bool,
) -> int:
    """Put items on the list; return how many were not on it yet.

    Raises DeniedError, PaperError.
    """
    keeper.require(Act.KEEP_PAPER, handover.from_org)
    session.refresh(handover, with_for_update=True)
    if handover.state != HandoverState.LISTING:
        raise PaperError(PaperFault.CLOSED, "交接单已发出，不能再列入。", "请另立一张交接单。")
    now, added = database_now(session), 0
    for item in items:
        last = lock(session, item)
        refuse_unless_next(last, item, (PaperState.IN_TRANSIT,))
        if last is None or last.org != handover.from_org:
            raise PaperError(PaperFault.OTHER_ORG, "此件不由移出单位保管。", "请核对交接单。")
        _refuse_reserved(session, item)
        if session.get(PaperHandoverEntry, (handover.id, item.id)) is None:
            session.add(
                PaperHandoverEntry(
                    handover_id=handover.id,
                    item_id=item.id,
                    box_id=last.box_id if boxed else None,
                    boxed=boxed,
                    listed_at=now,
                )
            )
            added += 1
    session.flush()
    return added


def _refuse_reserved(session: Session, item: PaperItem) -> None:
    if session.scalar(
        select(PaperLoan.id).where(PaperLoan.item_id == item.id, PaperLoan.state.in_(OPEN_LOANS))
    ):
        raise PaperError(PaperFault.RESERVED, "此件有未办结的借阅。", "请先办结借阅。")


def entries_of(session: Session, handover: PaperHandover) -> list[PaperHandoverEntry]:
    """Return the entries of a hand-over in the order of their items."""
    return list(
        session.scalars(
            select(PaperHandoverEntry)
            .filter_by(handover_id=handover.id)
            .order_by(PaperHandoverEntry.item_id)
        )
    )


def send_handover(session: Session, keeper: Keeper, handover: PaperHandover) -> PaperHandover:
    """Send what is on the list: in transit, or transferred when it leaves the city's hands.

    A box goes along when everything in it is on the list with it. Raises DeniedError, PaperError.
    """
    keeper.require(Act.KEEP_PAPER, handover.from_org)
    session.refresh(handover, with_for_update=True)
    entries = entries_of(session, handover)
    if handover.state != HandoverState.LISTING or not entries:
        raise PaperError(
            PaperFault.STATE, "交接单是空的，或已发出。", "请先扫描要移出的盒或纸质件。"
        )
    now = database_now(session)
    outside = handover.to_org is None
    for entry in entries:
        _send_item(session, keeper, handover, entry)
    for box in _boxes(session, entries):
        _send_box(session, keeper, handover, box)
    handover.state = HandoverState.CLOSED if outside else HandoverState.SENT
    handover.sent_by, handover.sent_at = keeper.account, now
    if outside:
        handover.closed_by, handover.closed_at = keeper.account, now
    _note(session, keeper, JournalAct.PAPER_HANDOVER_SENT, handover, items=len(entries))
    if handover.to_org is not None:
        notify(
            session,
            NoticeKind.SENT,
            NoticeTopic.HANDOVER,
            handover_number(handover),
            org=handover.to_org,
            act=Act.KEEP_PAPER,
        )
    return handover


def _send_item(
    session: Session, keeper: Keeper, handover: PaperHandover, entry: PaperHandoverEntry
) -> None:
    item = session.get_one(PaperItem, entry.item_id)
    last, state = lock(session, item), _sent_state(handover)
    refuse_unless_next(last, item, (state,))
    _refuse_reserved(session, item)
    if last is not None and entry.boxed and last.box_id != entry.box_id:
        entry.boxed, entry.box_id = False, None  # taken out of the box in the meantime
    destination = Destination(
        state,
        handover.from_org,
        box_id=last.box_id if last else None,
        handover_id=handover.id,
    )
    enter_move(session, keeper, item, destination, _cause(handover))


def _send_box(session: Session, keeper: Keeper, handover: PaperHandover, box: PaperBox) -> None:
    if items_in_box(session, box.id):
        raise PaperError(
            PaperFault.STATE, "有的盒清点后又放入了纸质件。", "请重新扫描该盒，再发出。"
        )
    # What leaves the city's hands is in transit first, as each of its moves must follow.
    for state in dict.fromkeys((PaperState.IN_TRANSIT, _sent_state(handover))):
        destination = Destination(state, handover.from_org, handover_id=handover.id)
        enter_move(session, keeper, box, destination, _cause(handover))


def _sent_state(handover: PaperHandover) -> PaperState:
    return PaperState.TRANSFERRED if handover.to_org is None else PaperState.IN_TRANSIT


def _cause(handover: PaperHandover) -> Cause:
    return Cause(f"交接 {handover_number(handover)}")


def _boxes(session: Session, entries: Sequence[PaperHandoverEntry]) -> list[PaperBox]:
    ids = sorted({entry.box_id for entry in entries if entry.boxed and entry.box_id})
    return [session.get_one(PaperBox, number) for number in ids]


def receive_box(session: Session, keeper: Keeper, handover: PaperHandover, box: PaperBox) -> int:
    """Confirm what a box of the list holds; return how many items. Raises PaperError."""
    _refuse_unless_sent(session, keeper, handover)
    entries = [
        entry
        for entry in entries_of(session, handover)
        if entry.boxed and entry.box_id == box.id and entry.listed_at
    ]
    now = database_now(session)
    for entry in entries:
        entry.received_at = entry.received_at or now
    session.flush()
    return len(entries)


def receive_item(
    session: Session,
    keeper: Keeper,
    handover: PaperHandover,
    item: PaperItem,
    box: PaperBox | None,
) -> PaperHandoverEntry:
    """Confirm one item; a loose one goes into `box` of the receiving side.

    One that is not on the list is entered as a difference. Raises DeniedError, PaperError.
    """
    _refuse_unless_sent(session, keeper, handover)
    now = database_now(session)
    entry = session.get(PaperHandoverEntry, (handover.id, item.id), with_for_update=True)
    if entry is None:
        entry = PaperHandoverEntry(
            handover_id=handover.id,
            item_id=item.id,
            boxed=False,
            received_at=now,
            difference=HandoverDifference.EXTRA,
        )
        session.add(entry)
    elif not entry.boxed and entry.difference is None:
        if box is None:
            raise PaperError(PaperFault.NO_BOX, "还没有选定接收的盒。", "请先扫本单位要放入的盒。")
        boxed = last_move(session, box)
        if boxed is None or boxed.org != handover.to_org:
            raise PaperError(PaperFault.OTHER_ORG, "此盒不属于接收单位。", "请换本单位的盒。")
        refuse_full(session, box, item)
        entry.box_id = box.id
    entry.received_at = entry.received_at or now
    session.flush()
    return entry


def _refuse_unless_sent(session: Session, keeper: Keeper, handover: PaperHandover) -> None:
    keeper.require(Act.KEEP_PAPER, handover.to_org)
    session.refresh(handover, with_for_update=True)
    if handover.state != HandoverState.SENT:
        raise PaperError(PaperFault.CLOSED, "交接单还没有发出，或已办结。", "请核对交接单。")


def close_handover(session: Session, keeper: Keeper, handover: PaperHandover) -> PaperHandover:
    """Take over what was confirmed; what was not stays in transit and stands as a difference.

    Done by the receiving side, once. Raises DeniedError, PaperError.
    """
    _refuse_unless_sent(session, keeper, handover)
    org = handover.to_org or ""
    entries = entries_of(session, handover)
    confirmed = [entry for entry in entries if entry.listed_at and entry.received_at]
    cause = Cause(f"交接 {handover_number(handover)}")
    for box in _boxes(session, confirmed):
        enter_move(
            session,
            keeper,
            box,
            Destination(PaperState.UNSHELVED, org, handover_id=handover.id),
            cause,
        )
    for entry in confirmed:
        item = session.get_one(PaperItem, entry.item_id)
        if not entry.boxed and entry.box_id is not None:
            refuse_full(session, session.get_one(PaperBox, entry.box_id), item)
        enter_move(
            session,
            keeper,
            item,
            Destination(PaperState.IN_BOX, org, box_id=entry.box_id, handover_id=handover.id),
            cause,
        )
    missing = [entry for entry in entries if entry.listed_at and not entry.received_at]
    for entry in missing:
        entry.difference = HandoverDifference.MISSING
    handover.state = HandoverState.CLOSED
    handover.closed_by, handover.closed_at = keeper.account, database_now(session)
    session.flush()
    _note(
        session,
        keeper,
        JournalAct.PAPER_HANDOVER_END,
        handover,
        received=len(confirmed),
        missing=len(missing),
        extra=sum(entry.listed_at is None for entry in entries),
    )
    return handover


def put_back_from_transit(
    session: Session, keeper: Keeper, item: PaperItem, box: PaperBox, cause: Cause
) -> PaperMove:
    """Put an item that a closed hand-over lost into a box of either side.

    Raises DeniedError, PaperError: while the hand-over is open, its own pages receive.
    """
    last = lock(session, item)
    refuse_unless_next(last, item, (PaperState.IN_BOX,))
    handover = session.get(PaperHandover, last.handover_id) if last else None
    boxed = last_move(session, box)
    if handover is None or boxed is None or handover.state != HandoverState.CLOSED:
        raise PaperError(PaperFault.IN_TRANSIT, "正在交接途中。", "请在交接页接收。")
    keeper.require(Act.KEEP_PAPER, boxed.org)
    if boxed.org not in (handover.from_org, handover.to_org):
        raise PaperError(PaperFault.OTHER_ORG, "此盒不属于交接的任何一方。", "请换盒。")
    if boxed.state == PaperState.IN_TRANSIT:
        raise PaperError(PaperFault.IN_TRANSIT, "此盒正在交接途中。", "请换一盒。")
    refuse_full(session, box, item)
    return enter_move(
        session, keeper, item, Destination(PaperState.IN_BOX, boxed.org, box_id=box.id), cause
    )


def _note(
    session: Session, keeper: Keeper, act: JournalAct, handover: PaperHandover, **detail: object
) -> None:
    journal.record(
        session,
        keeper.account,
        act,
        handover_number(handover),
        from_org=handover.from_org,
        **detail,
    )


def handovers_within_reach(
    session: Session, keeper: Keeper, limit: int = 100
) -> Sequence[PaperHandover]:
    """Return the hand-overs of which either side is within reach, newest first."""
    keeper.require(Act.VIEW_PAPER)
    query = select(PaperHandover).order_by(PaperHandover.id.desc()).limit(limit)
    if keeper.reach is not None:
        query = query.where(
            PaperHandover.from_org.in_(keeper.reach) | PaperHandover.to_org.in_(keeper.reach)
        )
    return session.scalars(query).all()
