"""Places of paper (库房, 列架, 节, 层): a tree with capacity, loaded one level at a time."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_paper import PaperBox, PaperMove, PaperPlace
from archive.paper.access import Keeper
from archive.paper.errors import PaperError
from archive.paper.moves import is_last_of_box
from archive.reference.paper_terms import PaperFault, PaperState, PlaceKind

MAX_WIDTH_MM = 5000
MAX_PARTS = 200
_BELOW = {
    None: PlaceKind.ROOM,
    PlaceKind.ROOM: PlaceKind.RACK,
    PlaceKind.RACK: PlaceKind.BAY,
    PlaceKind.BAY: PlaceKind.SHELF,
}
NAME_LENGTH = 40


@dataclass(frozen=True, slots=True)
class PlaceLevel:
    """One place of a level: what it can hold, what is on it (mm), how many are below."""

    place: PaperPlace
    used_mm: int
    boxes: int
    parts: int


def find_place(session: Session, keeper: Keeper, place_id: int, act: Act) -> PaperPlace:
    """Return a place that the reader may act on.

    Raises DeniedError for foreign and missing ones.
    """
    place = session.get(PaperPlace, place_id)
    keeper.require(act, place.org if place else "-")
    if place is None:
        raise _missing_place()
    return place


def _missing_place() -> PaperError:
    return PaperError(PaperFault.UNKNOWN, "没有这个库位。", "请核对库位条码。")


def make_place(
    session: Session,
    keeper: Keeper,
    *,
    parent_id: int | None,
    name: str,
    org: str | None,
    width_mm: int = 0,
) -> PaperPlace:
    """Make a room, or the next place below another, and journal it.

    Only a shelf has a width of its own. Raises DeniedError, PaperError.
    """
    keeper.require(Act.KEEP_PAPER)
    parent = (
        find_place(session, keeper, parent_id, Act.KEEP_PAPER) if parent_id is not None else None
    )
    kind = _kind_below(parent)
    name = _checked_name(name)
    if kind is PlaceKind.SHELF and not 1 <= width_mm <= MAX_WIDTH_MM:
        raise PaperError(
            PaperFault.VALUE, f"层的可用宽度应为1至{MAX_WIDTH_MM}毫米。", "请按实际宽度填写。"
        )
    place = PaperPlace(
        parent_id=parent.id if parent else None,
        org=parent.org if parent else keeper.organisation(org),
        kind=kind,
        name=name,
        path="",
        width_mm=width_mm if kind is PlaceKind.SHELF else 0,
        created_at=database_now(session),
    )
    _refuse_taken_name(session, place)
    session.add(place)
    session.flush()
    place.path = f"{parent.path if parent else ''}{place.id}/"
    _widen(session, place)
    session.flush()
    journal.record(
        session,
        keeper.account,
        JournalAct.PAPER_PLACE,
        f"paper-place/{place.id}",
        kind=kind,
        org=place.org,
        parent=parent_id,
        width_mm=place.width_mm,
    )
    return place


def make_rack(
    session: Session,
    keeper: Keeper,
    room_id: int,
    *,
    name: str,
    bays: int,
    shelves: int,
    width_mm: int,
) -> PaperPlace:
    """Make a rack with its bays and shelves at once, and return it. Raises as `make_place`."""
    for count in (bays, shelves):
        if not 1 <= count <= MAX_PARTS:
            raise PaperError(PaperFault.VALUE, f"节数、层数应为1至{MAX_PARTS}。", "请按实物填写。")
    rack = make_place(session, keeper, parent_id=room_id, name=name, org=None)
    for bay_number in range(1, bays + 1):
        bay = make_place(session, keeper, parent_id=rack.id, name=f"第{bay_number}节", org=None)
        for shelf_number in range(1, shelves + 1):
            make_place(
                session,
                keeper,
                parent_id=bay.id,
                name=f"第{shelf_number}层",
                org=None,
                width_mm=width_mm,
            )
    return rack


def _kind_below(parent: PaperPlace | None) -> PlaceKind:
    kind = _BELOW.get(PlaceKind(parent.kind) if parent else None)
    if kind is None:
        raise PaperError(PaperFault.VALUE, "层以下不再分。", "请在节下新建层。")
    return kind


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= NAME_LENGTH:
        raise PaperError(
            PaperFault.VALUE, f"名称应为1至{NAME_LENGTH}字。", "请填写架上所标的名称。"
        )
    return name


def _refuse_taken_name(session: Session, place: PaperPlace) -> None:
    parent = (
        PaperPlace.parent_id.is_(None) & (PaperPlace.org == place.org)
        if place.parent_id is None
        else PaperPlace.parent_id == place.parent_id
    )
    if session.scalar(select(PaperPlace.id).where(parent, PaperPlace.name == place.name)):
        raise PaperError(PaperFault.VALUE, "同一处已有此名称。", "请换一个名称。")


def _widen(session: Session, place: PaperPlace) -> None:
    """Add the width of a new shelf to the places above it."""
    above = [int(part) for part in place.path.strip("/").split("/")[:-1]]
    if place.width_mm and above:
        for parent in session.scalars(
            select(PaperPlace).where(PaperPlace.id.in_(above)).order_by(PaperPlace.id)
        ):
            parent.width_mm = PaperPlace.width_mm + place.width_mm


def place_chain(session: Session, place: PaperPlace) -> list[PaperPlace]:
    """Return a place with all above it, the room first."""
    ids = [int(part) for part in place.path.strip("/").split("/")]
    rows = {
        row.id: row for row in session.scalars(select(PaperPlace).where(PaperPlace.id.in_(ids)))
    }
    return [rows[number] for number in ids]


def place_name(session: Session, place: PaperPlace) -> str:
    """Return the full name of a place: 一号库 · 第3列 · 第2节 · 第4层."""
    return " · ".join(part.name for part in place_chain(session, place))


def level(session: Session, keeper: Keeper, parent_id: int | None) -> list[PlaceLevel]:
    """Return the places below another (the rooms within reach for None), with their fill."""
    keeper.require(Act.VIEW_PAPER)
    query = select(PaperPlace).order_by(PaperPlace.id)
    if parent_id is None:
        query = query.where(PaperPlace.parent_id.is_(None))
        if keeper.reach is not None:
            query = query.where(PaperPlace.org.in_(keeper.reach))
        prefix, org = "", None
    else:
        parent = find_place(session, keeper, parent_id, Act.VIEW_PAPER)
        query = query.where(PaperPlace.parent_id == parent.id)
        prefix, org = parent.path, parent.org
    places = session.scalars(query).all()
    used = _used(session, keeper, prefix, org)
    parts = session.execute(
        select(PaperPlace.parent_id, func.count())
        .where(PaperPlace.parent_id.in_([place.id for place in places]))
        .group_by(PaperPlace.parent_id)
    )
    counts = {number: count for number, count in parts}  # noqa: C416 - rows are tuples of a kind
    return [
        PlaceLevel(place, *used.get(place.id, (0, 0)), counts.get(place.id, 0)) for place in places
    ]


def _used(
    session: Session, keeper: Keeper, prefix: str, org: str | None
) -> dict[int, tuple[int, int]]:
    """Return width and number of the boxes below each place directly under a path."""
    query = (
        select(PaperPlace.path, func.sum(PaperBox.spine_mm), func.count())
        .join(PaperMove, PaperMove.place_id == PaperPlace.id)
        .join(PaperBox, PaperBox.id == PaperMove.moved_box_id)
        .where(
            PaperMove.state == PaperState.ON_SHELF,
            is_last_of_box(),
            PaperPlace.path.like(f"{prefix}%"),
        )
        .group_by(PaperPlace.path)
    )
    # By the moves of who holds them: a tree has many times more places than boxes.
    if org is not None:
        query = query.where(PaperMove.org == org)
    elif keeper.reach is not None:
        query = query.where(PaperMove.org.in_(keeper.reach))
    sums: dict[int, tuple[int, int]] = {}
    for path, width, boxes in session.execute(query):
        child = int(path.removeprefix(prefix).split("/", 1)[0] or 0)
        before = sums.get(child, (0, 0))
        sums[child] = (before[0] + width, before[1] + boxes)
    return sums


def shelf_used(session: Session, place_id: int) -> int:
    """Return how many millimetres of a shelf its boxes take."""
    query = (
        select(func.sum(PaperBox.spine_mm))
        .join(PaperMove, PaperMove.moved_box_id == PaperBox.id)
        .where(
            PaperMove.place_id == place_id,
            PaperMove.state == PaperState.ON_SHELF,
            is_last_of_box(),
        )
    )
    return session.scalar(query) or 0


def find_shelves(session: Session, keeper: Keeper, place_id: int) -> list[PaperPlace]:
    """Return the shelves below a place that the reader may act on. Raises DeniedError."""
    place = find_place(session, keeper, place_id, Act.KEEP_PAPER)
    query = select(PaperPlace).where(
        PaperPlace.path.like(f"{place.path}%"), PaperPlace.kind == PlaceKind.SHELF
    )
    return list(session.scalars(query.order_by(PaperPlace.id)))
