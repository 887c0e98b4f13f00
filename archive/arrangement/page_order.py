"""How a person lays the pages of a material for the volume: their order and which way up. Data beside the originals, which stay as they came.

A leaf names a file of the material by its place in the facts (from 1), a page of it, and a turn clockwise; every page appears exactly once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_volumes import PageOrder, Volume, VolumeVersion
from archive.reference.case_facts import Material
from archive.reference.errors import ConflictError, NotFoundError

TURNS = (0, 90, 180, 270)
NOT_PAGES = frozenset({"application/ofd"})
"""What is kept and has no page of its own in a volume."""


class StaleError(ConflictError):
    """Somebody else was first: nothing is overwritten."""

    code = "STALE"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page in its place."""

    file: int
    page: int
    turn: int = 0


def natural(material: Material, held: Sequence[Component]) -> tuple[Leaf, ...]:
    """The pages as they came."""
    by_path = {
        one.path: one
        for one in held
        if one.material_no == material.no and one.media_type not in NOT_PAGES
    }
    return tuple(
        Leaf(number, page)
        for number, path in enumerate(material.files, 1)
        if path in by_path
        for page in range(1, max(by_path[path].pages, 1) + 1)
    )


def orders_of(session: Session, case_id: int, revision: int) -> dict[int, tuple[Leaf, ...]]:
    """The materials of a revision that a person has laid otherwise than they came."""
    rows = session.scalars(
        select(PageOrder)
        .filter_by(case_id=case_id, revision=revision)
        .order_by(PageOrder.material_no)
    )
    return {row.material_no: tuple(Leaf(*one) for one in row.leaves) for row in rows}


def editions_of(session: Session, case_id: int, revision: int) -> dict[int, int]:
    """How often each material of a revision was laid."""
    rows = session.execute(
        select(PageOrder.material_no, PageOrder.edition).filter_by(
            case_id=case_id, revision=revision
        )
    )
    return {int(no): int(edition) for no, edition in rows}


def orders_record(orders: Mapping[int, Sequence[Leaf]]) -> list[dict[str, Any]]:
    """As the package and the digest of a version's input state it."""
    return [
        {"material": no, "leaves": [[one.file, one.page, one.turn] for one in leaves]}
        for no, leaves in sorted(orders.items())
    ]


def lay_out(
    session: Session,
    actor: str,
    revision: CaseRevision,
    material: Material,
    leaves: Sequence[Leaf],
    *,
    edition: int,
    at: datetime,
) -> int:
    """Lay the pages of a material; gives the new edition. Raises StaleError when another person laid them since `edition`.

    Raises ConflictError when the volume of this revision is begun, and NotFoundError for leaves that are not the pages of the material.
    """
    case = session.get_one(Case, revision.case_id, with_for_update=True)
    _require_unbegun(session, revision)
    held = session.scalars(
        select(Component).filter_by(case_id=case.id, revision=revision.revision)
    ).all()
    came = natural(material, held)
    if sorted((one.file, one.page) for one in leaves) != sorted(
        (one.file, one.page) for one in came
    ) or any(one.turn not in TURNS for one in leaves):
        raise NotFoundError("所排的页与材料的页不符，未作任何更改。", "请刷新页面后重新排列。")
    row = session.scalars(
        select(PageOrder).filter_by(
            case_id=case.id, revision=revision.revision, material_no=material.no
        )
    ).first()
    if (row.edition if row else 0) != edition:
        raise StaleError(
            "他人已调整这份材料的页，您的调整未保存。", "请刷新页面，在他人调整的基础上再改。"
        )
    if row is None:
        row = PageOrder(
            case_id=case.id, revision=revision.revision, material_no=material.no, edition=0
        )
        session.add(row)
    row.edition, row.leaves = edition + 1, [[one.file, one.page, one.turn] for one in leaves]
    row.changed_by, row.changed_at = actor, at
    session.flush()
    journal.record(
        session,
        actor,
        JournalAct.PAGE_ORDER,
        case.case_no,
        revision=revision.revision,
        material=material.no,
        edition=row.edition,
        leaves=row.leaves,
    )
    return row.edition


def _require_unbegun(session: Session, revision: CaseRevision) -> None:
    begun = (
        select(VolumeVersion.id)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(Volume.case_id == revision.case_id, VolumeVersion.case_revision == revision.revision)
    )
    if session.scalars(begun.limit(1)).first() is not None:
        raise ConflictError("该办件已开始组卷，页序不能再改。", "如需更正请送达补充归档。")
