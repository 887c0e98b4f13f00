"""What stands on the labels of boxes, places, items and volumes, read from their rows.

No label names a person: it is seen by who passes the shelf.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from archive.administration.policy import Act, Denial
from archive.database.tables_cases import Case
from archive.database.tables_paper import PaperBox, PaperItem, PaperMove, PaperPlace, PaperTask
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.boxes import box_name, find_box
from archive.paper.codes import CodeFault, PaperCodeKind, paper_code, read_code
from archive.paper.errors import PaperError
from archive.paper.labels import MAX_LABELS, Label, LabelFaultError
from archive.paper.moves import is_last_of_box, is_last_of_item
from archive.paper.places import find_place, place_chain
from archive.reference.local_time import LOCAL_TIME
from archive.reference.paper_terms import ENDED_STATES, PaperFault, PaperKind, PlaceKind
from archive.reference.vocabulary import Retention, Series
from archive.usage.looks import DeniedError

YEARLY = (PaperCodeKind.BOX, PaperCodeKind.ITEM, PaperCodeKind.VOLUME)
"""The kinds whose labels are printed for a whole year."""
_MANY = 500  # ids in one question to the database


@dataclass(frozen=True, slots=True)
class LabelYear:
    """The labels of a year: of which kind, and of one series or one organisation only."""

    kind: PaperCodeKind
    year: int
    series: Series | None = None
    org: str | None = None


def labels_of(session: Session, keeper: Keeper, names: Sequence[str]) -> list[Label]:
    """Return the labels of codes, in their order: digits of a label, 档号 or case numbers.

    The code of a place that is no shelf gives the labels of all that is below it. Raises
    DeniedError for what is foreign or missing, PaperError for a text that is no code.
    """
    keeper.require(Act.VIEW_PAPER)
    labels: list[Label] = []
    for name in names:
        code = read_code(name, (*YEARLY, PaperCodeKind.PLACE, PaperCodeKind.CASE))
        if isinstance(code, CodeFault):
            raise PaperError(PaperFault.BAD_CODE, code.message, code.action)
        number = code.number or 0
        if code.kind is PaperCodeKind.BOX:
            box = find_box(session, keeper, number, Act.VIEW_PAPER)
            labels += _box_labels(session, keeper, [box])
        elif code.kind is PaperCodeKind.PLACE:
            labels += _place_labels(
                session, keeper, find_place(session, keeper, number, Act.VIEW_PAPER)
            )
        elif code.kind is PaperCodeKind.ITEM:
            labels += _reached(_item_labels(session, keeper, PaperItem.id == number))
        elif code.kind is PaperCodeKind.VOLUME:
            labels += _reached(_volume_labels(session, keeper, Volume.code == code.text))
        else:
            labels += _reached(_volume_labels(session, keeper, Case.case_no == code.text))
    return labels


def labels_of_year(session: Session, keeper: Keeper, wanted: LabelYear) -> list[Label]:
    """Return the labels of a year that are within reach, in the order of their numbers.

    Raises DeniedError, and LabelFaultError for more than one print takes.
    """
    keeper.require(Act.VIEW_PAPER)
    if wanted.kind is PaperCodeKind.BOX:
        return _box_labels(session, keeper, _boxes_of(session, keeper, wanted))
    filed = [Volume.year == wanted.year]
    if wanted.series is not None:
        filed.append(Volume.series == wanted.series)
    if wanted.kind is PaperCodeKind.ITEM:
        return _item_labels(session, keeper, *filed, org=wanted.org)
    if wanted.kind is PaperCodeKind.VOLUME:
        return _volume_labels(session, keeper, *filed, org=wanted.org)
    raise LabelFaultError("按年度只打印盒、纸质件和册的标签。", "请改选类别，或直接给出库位条码。")


def _boxes_of(session: Session, keeper: Keeper, wanted: LabelYear) -> Sequence[PaperBox]:
    query = (
        select(PaperBox)
        .join(PaperMove, PaperMove.moved_box_id == PaperBox.id)
        .where(
            PaperBox.year == wanted.year,
            is_last_of_box(),
            PaperMove.state.not_in(ENDED_STATES),
            *_within(keeper, wanted.org, PaperMove.org),
        )
        .order_by(PaperBox.org, PaperBox.series, PaperBox.number)
        .limit(MAX_LABELS + 1)
    )
    if wanted.series is not None:
        query = query.where(PaperBox.series == wanted.series)
    return session.scalars(query).all()


def _within(
    keeper: Keeper, org: str | None, column: InstrumentedAttribute[str]
) -> list[ColumnElement[bool]]:
    """Return the conditions on a column of organisations: the one asked for, else the reach."""
    if org is not None:
        return [column == keeper.organisation(org)]
    return [] if keeper.reach is None else [column.in_(keeper.reach)]


def _item_labels(
    session: Session, keeper: Keeper, *filed: ColumnElement[bool], org: str | None = None
) -> list[Label]:
    query = (
        select(PaperItem, Volume, PaperMove.org)
        .join(PaperMove, PaperMove.item_id == PaperItem.id)
        .join(Volume, Volume.id == PaperItem.volume_id)
        .where(
            *filed,
            is_last_of_item(),
            PaperMove.state.not_in(ENDED_STATES),
            *_within(keeper, org, PaperMove.org),
        )
        .order_by(Volume.code, PaperItem.revision)
        .limit(MAX_LABELS + 1)
    )
    return [
        Label(
            paper_code(PaperCodeKind.ITEM, item.id),
            keeper.organisations.get(holder).name,
            _short_title(volume),
            (volume.code, f"{PaperKind(item.kind).label}　{item.pages} 页"),
        )
        for item, volume, holder in session.execute(query)
    ]


def _volume_labels(
    session: Session, keeper: Keeper, *filed: ColumnElement[bool], org: str | None = None
) -> list[Label]:
    """Return the labels of volumes that have paper; stations stick them on before registering."""
    has_paper = exists().where(
        PaperTask.volume_id == Volume.id, *_within(keeper, org, PaperTask.station)
    )
    query = (
        select(Volume, Case.case_no, Case.receive_org)
        .join(Case, Case.id == Volume.case_id)
        .where(*filed, has_paper, Volume.void_reason.is_(None))
        .order_by(Volume.code)
        .limit(MAX_LABELS + 1)
    )
    return [
        Label(
            volume.code,
            keeper.organisations.get(receive).name,
            _short_title(volume),
            (case_no, f"{Retention(volume.term).label}　{_day(volume)} 办结"),
        )
        for volume, case_no, receive in session.execute(query)
    ]


def _box_labels(session: Session, keeper: Keeper, boxes: Iterable[PaperBox]) -> list[Label]:
    rows = list(boxes)
    spans = _spans(session, [box.id for box in rows])
    labels = []
    for box in rows:
        org = keeper.organisations.get(box.org).name
        series = Series(box.series).label
        first_last = spans.get(box.id)
        span = "空盒" if first_last is None else "　至　".join(dict.fromkeys(first_last))
        labels.append(
            Label(
                paper_code(PaperCodeKind.BOX, box.id),
                org,
                f"盒 {box_name(box)}",
                (f"全宗 {box.fonds}　{box.year} 年　{series}", f"册号 {span}"),
                (
                    ("全宗号", box.fonds),
                    ("年　度", str(box.year)),
                    ("卷　目", series),
                    ("保管单位", org),
                    ("起止册号", "—" if first_last is None else span),
                    ("盒　号", f"{box.number:04d}"),
                ),
                box.spine_mm,
            )
        )
    return labels


def _spans(session: Session, boxes: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Return the first and the last 册号 in each box that is not empty."""
    spans = {}
    for start in range(0, len(boxes), _MANY):
        query = (
            select(PaperMove.box_id, func.min(Volume.number), func.max(Volume.number))
            .join(PaperItem, PaperItem.id == PaperMove.item_id)
            .join(Volume, Volume.id == PaperItem.volume_id)
            .where(
                PaperMove.box_id.in_(boxes[start : start + _MANY]),
                PaperMove.state.not_in(ENDED_STATES),
                is_last_of_item(),
            )
            .group_by(PaperMove.box_id)
        )
        for box_id, first, last in session.execute(query):
            spans[box_id or 0] = (f"{first:06d}", f"{last:06d}")
    return spans


def _place_labels(session: Session, keeper: Keeper, place: PaperPlace) -> list[Label]:
    below = session.scalars(
        select(PaperPlace)
        .where(PaperPlace.path.like(f"{place.path}%"), PaperPlace.kind == PlaceKind.SHELF)
        .order_by(PaperPlace.id)
        .limit(MAX_LABELS + 1)
    ).all()
    # A room without shelves yet has a label for its door.
    places = [place, *(shelf for shelf in below if shelf.id != place.id)]
    names = {part.id: part.name for part in place_chain(session, place)}
    between = select(PaperPlace.id, PaperPlace.name).where(
        PaperPlace.path.like(f"{place.path}%"), PaperPlace.kind != PlaceKind.SHELF
    )
    names |= {number: name for number, name in session.execute(between)}  # noqa: C416 - rows
    return [_place_label(keeper, part, names) for part in places]


def _place_label(keeper: Keeper, place: PaperPlace, names: Mapping[int, str]) -> Label:
    above = [int(part) for part in place.path.strip("/").split("/")[:-1]]
    width = f"可放 {place.width_mm} 毫米" if place.kind == PlaceKind.SHELF else ""
    return Label(
        paper_code(PaperCodeKind.PLACE, place.id),
        keeper.organisations.get(place.org).name,
        place.name,
        tuple(line for line in (" · ".join(names[part] for part in above), width) if line),
    )


def _short_title(volume: Volume) -> str:
    return f"{Series(volume.series).label} {volume.year}-{volume.number:06d}"


def _day(volume: Volume) -> str:
    return volume.completed_at.astimezone(LOCAL_TIME).date().isoformat()


def _reached(labels: list[Label]) -> list[Label]:
    if not labels:
        raise DeniedError(Denial.NOT_HERE)
    return labels
