"""Moves: where a thing is, is its last move (append-only), never a column that is edited."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.orm import Session, aliased

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_paper import PaperBox, PaperItem, PaperMove
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.errors import PaperError
from archive.reference.paper_terms import ENDED_STATES, NEXT_STATES, PaperFault, PaperState

Thing = PaperItem | PaperBox
_BEGINNING = {PaperItem: PaperState.IN_BOX, PaperBox: PaperState.UNSHELVED}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a thing goes: its new state, who holds it then, and what it is in or under."""

    state: PaperState
    org: str
    box_id: int | None = None
    place_id: int | None = None
    loan_id: int | None = None
    handover_id: int | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a thing is moved, and in which session of scanning."""

    reason: str
    scan_session: str | None = None


def is_last() -> ColumnElement[bool]:
    """Return the condition that a move is the last one of its thing."""
    later = aliased(PaperMove)
    return ~exists().where(
        (later.item_id == PaperMove.item_id) & (later.seq > PaperMove.seq)
    ) & ~exists().where(
        (later.moved_box_id == PaperMove.moved_box_id) & (later.seq > PaperMove.seq)
    )


def is_last_of_item() -> ColumnElement[bool]:
    """Return the condition that a move of an item is its last one."""
    later = aliased(PaperMove)
    return and_(
        PaperMove.item_id.is_not(None),
        ~exists().where((later.item_id == PaperMove.item_id) & (later.seq > PaperMove.seq)),
    )


def is_last_of_box() -> ColumnElement[bool]:
    """Return the condition that a move of a box is its last one."""
    later = aliased(PaperMove)
    return and_(
        PaperMove.moved_box_id.is_not(None),
        ~exists().where(
            (later.moved_box_id == PaperMove.moved_box_id) & (later.seq > PaperMove.seq)
        ),
    )


def last_move(session: Session, thing: Thing) -> PaperMove | None:
    """Return the last move of a thing; None before its first."""
    column = PaperMove.item_id if isinstance(thing, PaperItem) else PaperMove.moved_box_id
    return session.scalars(
        select(PaperMove).where(column == thing.id).order_by(PaperMove.seq.desc()).limit(1)
    ).first()


def lock(session: Session, thing: Thing) -> PaperMove | None:
    """Lock a thing until the transaction ends, and return its last move.

    Two who move it at the same time see each other's.
    """
    session.refresh(thing, with_for_update=True)
    return last_move(session, thing)


def items_in_box(session: Session, box_id: int) -> list[tuple[PaperItem, PaperMove]]:
    """Return the items whose last move is into a box, in the order of their codes."""
    rows = session.execute(
        select(PaperItem, PaperMove)
        .join(PaperMove, PaperMove.item_id == PaperItem.id)
        .join(Volume, Volume.id == PaperItem.volume_id)
        .where(PaperMove.box_id == box_id, PaperMove.state == PaperState.IN_BOX, is_last_of_item())
        .order_by(Volume.code, PaperItem.revision)
    )
    return [(item, move) for item, move in rows]


def enter_move(
    session: Session, keeper: Keeper, thing: Thing, destination: Destination, cause: Cause
) -> PaperMove:
    """Move a thing and journal it; raises PaperError where the state does not allow it.

    The caller has asked the policy. The thing is locked, so that the check holds.
    """
    last = lock(session, thing)
    refuse_unless_next(last, thing, (destination.state,))
    now = database_now(session)
    move = PaperMove(
        item_id=thing.id if isinstance(thing, PaperItem) else None,
        moved_box_id=thing.id if isinstance(thing, PaperBox) else None,
        seq=last.seq + 1 if last else 1,
        state=destination.state,
        org=destination.org,
        box_id=destination.box_id,
        place_id=destination.place_id,
        loan_id=destination.loan_id,
        handover_id=destination.handover_id,
        scan_session=cause.scan_session,
        reason=cause.reason,
        moved_by=keeper.account,
        moved_at=now,
    )
    session.add(move)
    session.flush()
    journal.record(
        session,
        keeper.account,
        JournalAct.PAPER_MOVE,
        _subject(thing),
        state=destination.state,
        org=destination.org,
        seq=move.seq,
        **{
            name: value
            for name in ("box_id", "place_id", "loan_id", "handover_id")
            if (value := getattr(destination, name)) is not None
        },
    )
    return move


def refuse_unless_next(
    last: PaperMove | None, thing: Thing, wanted: Collection[PaperState]
) -> None:
    """Raise PaperError unless one of the wanted states may follow the last move."""
    if last is None:
        allowed = frozenset({_BEGINNING[type(thing)]})
    else:
        allowed = NEXT_STATES[PaperState(last.state)]
    if any(state in allowed for state in wanted):
        return
    state = PaperState(last.state) if last else PaperState.UNSHELVED
    if state in ENDED_STATES:
        raise PaperError(PaperFault.ENDED, f"账上{state.label}。", "请另放一处，并报档案员查明。")
    refuse_away(last)
    raise PaperError(
        PaperFault.STATE, f"现在是“{state.label}”，不能这样办理。", "请核对后再扫一次。"
    )


def refuse_away(last: PaperMove | None) -> None:
    """Raise PaperError for a thing that is lent or handed over: what ends that brings it back."""
    if last is not None and last.state == PaperState.ON_LOAN:
        raise PaperError(PaperFault.LENT, "账上在借。", "请先在借阅台办理归还，再移动。")
    if last is not None and last.state == PaperState.IN_TRANSIT:
        raise PaperError(PaperFault.IN_TRANSIT, "正在交接途中。", "请先在交接页接收，再移动。")


def _subject(thing: Thing) -> str:
    return f"paper-item/{thing.id}" if isinstance(thing, PaperItem) else f"paper-box/{thing.id}"
