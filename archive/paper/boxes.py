"""Boxes (盒): numbered by a locked counter, shelved, filled up to what their spine allows."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, insert_absent
from archive.database.tables_paper import (
    PaperBox,
    PaperBoxCounter,
    PaperItem,
    PaperMove,
    PaperPlace,
)
from archive.paper.access import Keeper
from archive.paper.errors import PaperError
from archive.paper.moves import (
    Cause,
    Destination,
    enter_move,
    is_last_of_item,
    last_move,
    lock,
    refuse_away,
)
from archive.paper.places import shelf_used
from archive.reference.codes import MAX_YEAR
from archive.reference.paper_terms import PaperFault, PaperState, PlaceKind
from archive.reference.vocabulary import Series

SPINES_MM = (20, 30, 40, 50)
"""The spines of the boxes of DA/T 22, of 310 × 220 mm."""
WALLS = 40
"""Tenths of a millimetre that the walls of a box take of its spine."""
LEAF = 1.2
"""Tenths of a millimetre of one leaf with its creases and binding."""


def box_name(box: PaperBox) -> str:
    """Return how people name a box: QR-2024-07."""
    return f"{box.series}-{box.year}-{box.number:02d}"


def capacity(box: PaperBox) -> int:
    """Return what a box can hold, in tenths of a millimetre."""
    return box.spine_mm * 10 - WALLS


def fill(session: Session, box_id: int) -> int:
    """Return how thick the items of a box are, in tenths of a millimetre.

    What is on loan or in transit from it keeps its room.
    """
    kept = (PaperState.IN_BOX, PaperState.ON_LOAN, PaperState.IN_TRANSIT)
    query = (
        select(func.sum(PaperItem.thickness))
        .join(PaperMove, PaperMove.item_id == PaperItem.id)
        .where(PaperMove.box_id == box_id, PaperMove.state.in_(kept), is_last_of_item())
    )
    return session.scalar(query) or 0


def begin_box(
    session: Session, keeper: Keeper, *, org: str | None, series: Series, year: int, spine_mm: int
) -> PaperBox:
    """Give the next box of a station, fonds, year and series its number, and journal it.

    Numbers are unbroken: the counter is locked until the transaction ends. Raises DeniedError,
    PaperError.
    """
    keeper.require(Act.KEEP_PAPER)
    holder = keeper.organisation(org)
    if spine_mm not in SPINES_MM or not 1900 <= year <= MAX_YEAR:  # noqa: PLR2004 - first files
        raise PaperError(
            PaperFault.VALUE, "脊厚应为20、30、40或50毫米，年度为四位。", "请按实物填写。"
        )
    key = {
        "org": holder,
        "fonds": keeper.organisations.fonds_of(holder),
        "series": str(series),
        "year": year,
    }
    insert_absent(session, PaperBoxCounter, [{**key, "last": 0}])
    counter = session.get_one(
        PaperBoxCounter, tuple(key.values()), with_for_update=True, populate_existing=True
    )
    counter.last += 1
    box = PaperBox(
        **key,
        number=counter.last,
        spine_mm=spine_mm,
        created_by=keeper.account,
        created_at=database_now(session),
    )
    session.add(box)
    session.flush()
    journal.record(
        session,
        keeper.account,
        JournalAct.PAPER_BOX,
        f"paper-box/{box.id}",
        **key,
        number=box.number,
        spine_mm=spine_mm,
    )
    enter_move(session, keeper, box, Destination(PaperState.UNSHELVED, holder), Cause("新盒"))
    return box


def find_box(session: Session, keeper: Keeper, box_id: int, act: Act) -> PaperBox:
    """Return a box that is within reach. Raises DeniedError for others and missing ones alike."""
    box = session.get(PaperBox, box_id)
    move = last_move(session, box) if box else None
    keeper.require(act, move.org if move else "-")
    if box is None:
        raise PaperError(PaperFault.UNKNOWN, "没有这个盒。", "请核对盒的条码。")
    return box


def shelve_box(
    session: Session, keeper: Keeper, box: PaperBox, place: PaperPlace, cause: Cause
) -> PaperMove:
    """Put a box on a shelf of the organisation that holds it. Raises DeniedError, PaperError."""
    last = lock(session, box)
    keeper.require(Act.KEEP_PAPER, last.org if last else None)
    keeper.require(Act.KEEP_PAPER, place.org)
    if place.kind != PlaceKind.SHELF:
        raise PaperError(PaperFault.WRONG_KIND, "盒只能放在层上。", "请扫描所在一层的架签。")
    if last is not None and last.org != place.org:
        raise PaperError(PaperFault.OTHER_ORG, "此架属于另一单位。", "请先在交接页办理交接。")
    session.refresh(place, with_for_update=True)
    stays = last is not None and last.place_id == place.id
    if not stays and shelf_used(session, place.id) + box.spine_mm > place.width_mm:
        raise PaperError(
            PaperFault.SHELF_FULL, "此层放不下这一盒。", "请换一层，或核对该层的宽度。"
        )
    return enter_move(
        session,
        keeper,
        box,
        Destination(PaperState.ON_SHELF, place.org, place_id=place.id),
        cause,
    )


def refuse_full(session: Session, box: PaperBox, item: PaperItem) -> None:
    """Raise PaperError where an item does not fit into a box any more; the box is locked."""
    session.refresh(box, with_for_update=True)
    if fill(session, box.id) + item.thickness > capacity(box):
        raise PaperError(
            PaperFault.BOX_FULL, f"盒 {box_name(box)} 已满。", "请另立一盒，或换有余地的盒。"
        )


def put_in_box(
    session: Session, keeper: Keeper, item: PaperItem, box: PaperBox, cause: Cause
) -> PaperMove:
    """Put an item into a box of the organisation that holds it.

    Raises DeniedError, and PaperError for one that is lent or on its way: its loan or hand-over
    would go on beside the box.
    """
    last = lock(session, item)
    keeper.require(Act.KEEP_PAPER, last.org if last else item.station)
    refuse_away(last)
    return enter_box(session, keeper, item, last, box, cause)


def enter_box(
    session: Session,
    keeper: Keeper,
    item: PaperItem,
    last: PaperMove | None,
    box: PaperBox,
    cause: Cause,
) -> PaperMove:
    """Enter an item into a box, for the acts that end what kept it away.

    The caller has locked the item, whose last move this is, and asked the policy for it. Raises
    DeniedError, PaperError.
    """
    held_by = last.org if last else item.station
    boxed = last_move(session, box)
    keeper.require(Act.KEEP_PAPER, boxed.org if boxed else None)
    if boxed is None or boxed.org != held_by:
        raise PaperError(PaperFault.OTHER_ORG, "此盒属于另一单位。", "请先在交接页办理交接。")
    if boxed.state == PaperState.IN_TRANSIT:
        raise PaperError(PaperFault.IN_TRANSIT, "此盒正在交接途中。", "请换一盒，或先完成交接。")
    if last is None or last.box_id != box.id:
        refuse_full(session, box, item)
    return enter_move(
        session, keeper, item, Destination(PaperState.IN_BOX, boxed.org, box_id=box.id), cause
    )
