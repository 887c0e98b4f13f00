"""减少和取消纸质: per 旗区, what paper remains and where, and what of it may go (R16).

Copies and prints may go once their 旗区 is 已电子化, the electronic volume is archived, its pages
agree with the paper (or a person gave the reason), and nobody waits for them. An original stays,
until it is handed over. What may go is destroyed by the rules of appraisal alone, never from here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from archive.administration.policy import Act
from archive.database.tables_paper import (
    PaperBox,
    PaperCheck,
    PaperItem,
    PaperLoan,
    PaperMove,
    PaperTask,
)
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.paper.access import Keeper
from archive.paper.listing import PaperRow, rows_of_items
from archive.paper.moves import is_last_of_box, is_last_of_item
from archive.reference.organisations import Organisation
from archive.reference.paper_terms import (
    ENDED_STATES,
    LoanState,
    PaperKind,
    PaperState,
    PaperTaskState,
)
from archive.reference.vocabulary import LabelledEnum, OrgKind, VolumeState

MAX_LISTED = 5_000


class Staying(LabelledEnum):
    """Why paper may not go yet; the first that holds counts."""

    ORIGINAL = "ORIGINAL", "原件，应保留或移交"
    TRANSITION = "TRANSITION", "旗区仍在过渡期"
    NOT_ARCHIVED = "NOT_ARCHIVED", "电子册尚未归档"
    PAGES = "PAGES", "纸电页数未核对一致"
    LOAN = "LOAN", "在借、在途或有借阅申请"


@dataclass(slots=True)
class PaperSum:
    """A sum of items: how many, their pages, and how thick they are in millimetres."""

    items: int = 0
    pages: int = 0
    tenths: int = 0

    def add(self, items: int, pages: int, tenths: int) -> None:
        """Add a part."""
        self.items, self.pages, self.tenths = (
            self.items + items,
            self.pages + pages,
            self.tenths + tenths,
        )

    def public(self) -> dict[str, int]:
        """Return the sum as scripts read it."""
        return {"items": self.items, "pages": self.pages, "mm": round(self.tenths / 10)}


@dataclass(slots=True)
class UnitPaper:
    """What remains at one organisation: by kind, what may go, and why the rest stays."""

    org: Organisation
    kept: PaperSum = field(default_factory=PaperSum)
    kinds: Counter[PaperKind] = field(default_factory=Counter)
    may_go: PaperSum = field(default_factory=PaperSum)
    staying: Counter[Staying] = field(default_factory=Counter)
    boxes: int = 0
    waiting: int = 0

    def public(self) -> dict[str, Any]:
        """Return the figures as scripts read them."""
        return {
            "org": self.org.code,
            "name": self.org.name,
            **self.kept.public(),
            "kinds": {str(kind): self.kinds[kind] for kind in PaperKind},
            "boxes": self.boxes,
            "waiting": self.waiting,
            "may_go": self.may_go.public(),
            "staying": {str(reason): self.staying[reason] for reason in Staying},
        }


@dataclass(frozen=True, slots=True)
class DistrictPaper:
    """What remains in one 旗区, by organisation."""

    district: Organisation
    digitised: bool
    units: tuple[UnitPaper, ...]

    def public(self) -> dict[str, Any]:
        """Return the figures as scripts read them."""
        total = sum_of(self.units, self.district)
        return {
            "district": self.district.code,
            "name": self.district.name,
            "digitised": self.digitised,
            **{key: value for key, value in total.public().items() if key not in ("org", "name")},
            "units": [unit.public() for unit in self.units],
        }


def sum_of(units: Iterable[UnitPaper], org: Organisation) -> UnitPaper:
    """Return the sum of organisations under the name of another."""
    total = UnitPaper(org)
    for unit in units:
        total.kept.add(unit.kept.items, unit.kept.pages, unit.kept.tenths)
        total.may_go.add(unit.may_go.items, unit.may_go.pages, unit.may_go.tenths)
        total.kinds += unit.kinds
        total.staying += unit.staying
        total.boxes += unit.boxes
        total.waiting += unit.waiting
    return total


def remaining_paper(
    session: Session, keeper: Keeper, district: str | None = None
) -> list[DistrictPaper]:
    """Return what remains in each 旗区 within reach, or in one. Raises DeniedError."""
    keeper.require(Act.VIEW_PAPER)
    orgs = keeper.organisations
    if district is not None:
        keeper.organisation(district)
    units: dict[str, UnitPaper] = {}

    def unit(code: str) -> UnitPaper:
        return units.setdefault(code, UnitPaper(orgs.get(code)))

    for org, kind, blocks, items, pages, tenths in session.execute(_figures(keeper)):
        entry = unit(org)
        entry.kept.add(items, pages, tenths)
        entry.kinds[PaperKind(kind)] += items
        reason = _reason(PaperKind(kind), blocks, digitised=orgs.is_digitised(org))
        if reason is None:
            entry.may_go.add(items, pages, tenths)
        else:
            entry.staying[reason] += items
    for org, count in session.execute(_boxes(keeper)):
        unit(org).boxes = count
    for org, count in session.execute(_waiting(keeper)):
        unit(org).waiting = count
    by_district: dict[str, list[UnitPaper]] = defaultdict(list)
    for code, entry in sorted(units.items()):
        by_district[orgs.district_of(code).code].append(entry)
    return [
        DistrictPaper(head, head.digitised, tuple(by_district[head.code]))
        for head in (*orgs.of_kind(OrgKind.CITY), *orgs.of_kind(OrgKind.DISTRICT))
        if (district or head.code) == head.code
        and (
            by_district[head.code] or (head.kind is OrgKind.DISTRICT and keeper.reaches(head.code))
        )
    ]


def removable_items(session: Session, keeper: Keeper, district: str) -> list[PaperRow]:
    """Return the items of a 旗区 that may go, in the order of their 档号, at most MAX_LISTED.

    Empty while the 旗区 is in 过渡期. Raises DeniedError.
    """
    keeper.require(Act.VIEW_PAPER)
    head = keeper.organisations.get(keeper.organisation(district))
    if not keeper.organisations.is_digitised(head.code):
        return []
    holders = [
        org.code
        for org in keeper.organisations
        if keeper.organisations.district_of(org.code).code == head.code
    ]
    archived, agreed, free = _conditions()
    query = (
        _kept(keeper, select(PaperItem.id))
        .where(
            PaperItem.kind != PaperKind.ORIGINAL,
            PaperMove.org.in_(holders),
            archived,
            agreed,
            free,
        )
        .order_by(Volume.code, PaperItem.revision)
        .limit(MAX_LISTED)
    )
    ids = session.scalars(query).all()
    rows = rows_of_items(session, ids)
    return [rows[number] for number in ids]


def _reason(kind: PaperKind, blocks: int, *, digitised: bool) -> Staying | None:
    """Return why items stay, None of what may go.

    `blocks` has a bit for each condition that does not hold: 1 archived, 2 agreed, 4 free.
    """
    if kind is PaperKind.ORIGINAL:
        return Staying.ORIGINAL
    if not digitised:
        return Staying.TRANSITION
    if blocks & 1:
        return Staying.NOT_ARCHIVED
    if blocks & 2:
        return Staying.PAGES
    return Staying.LOAN if blocks & 4 else None


def _conditions() -> tuple[ColumnElement[bool], ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that a volume is archived, that pages agree, that nobody waits."""
    archived = and_(
        Volume.void_reason.is_(None),
        exists().where(
            VolumeVersion.volume_id == Volume.id, VolumeVersion.state == VolumeState.COMMITTED
        ),
    )
    later = aliased(PaperCheck)
    agreed = exists().where(
        PaperCheck.item_id == PaperItem.id,
        ~exists().where(later.item_id == PaperCheck.item_id, later.id > PaperCheck.id),
        or_(PaperCheck.paper_pages == PaperCheck.electronic_pages, PaperCheck.reason.is_not(None)),
    )
    free = and_(
        PaperMove.state == PaperState.IN_BOX,
        ~exists().where(
            PaperLoan.item_id == PaperItem.id,
            PaperLoan.state.in_((LoanState.REQUESTED, LoanState.APPROVED)),
        ),
    )
    return archived, agreed, free


def _kept(keeper: Keeper, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    kept = (
        query.select_from(PaperItem)
        .join(PaperMove, PaperMove.item_id == PaperItem.id)
        .join(Volume, Volume.id == PaperItem.volume_id)
        .where(is_last_of_item(), PaperMove.state.not_in(ENDED_STATES))
    )
    return kept if keeper.reach is None else kept.where(PaperMove.org.in_(keeper.reach))


def _figures(keeper: Keeper) -> Select[*tuple[Any, ...]]:
    archived, agreed, free = _conditions()
    blocks = _bit(archived, 1) + _bit(agreed, 2) + _bit(free, 4)
    items = _kept(
        keeper,
        select(
            PaperMove.org,
            PaperItem.kind,
            blocks.label("blocks"),
            PaperItem.pages,
            PaperItem.thickness,
        ),
    ).subquery()
    keys = (items.c.org, items.c.kind, items.c.blocks)
    return (
        select(*keys, func.count(), func.sum(items.c.pages), func.sum(items.c.thickness))
        .group_by(*keys)
        .order_by(*keys)
    )


def _bit(condition: ColumnElement[bool], bit: int) -> ColumnElement[int]:
    return case((condition, 0), else_=bit)


def _boxes(keeper: Keeper) -> Select[*tuple[Any, ...]]:
    query = (
        select(PaperMove.org, func.count())
        .join(PaperBox, PaperBox.id == PaperMove.moved_box_id)
        .where(is_last_of_box(), PaperMove.state.not_in(ENDED_STATES))
        .group_by(PaperMove.org)
    )
    return query if keeper.reach is None else query.where(PaperMove.org.in_(keeper.reach))


def _waiting(keeper: Keeper) -> Select[*tuple[Any, ...]]:
    query = (
        select(PaperTask.station, func.count())
        .where(PaperTask.state == PaperTaskState.PENDING)
        .group_by(PaperTask.station)
    )
    return query if keeper.reach is None else query.where(PaperTask.station.in_(keeper.reach))
