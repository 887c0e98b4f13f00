"""Page orders: how a person arranged the pages of a material for the volume.

An order says sequence and rotation. It is data beside the originals, which stay as they came.
A leaf names a file of the material by its place in the facts (from 1), a page of it, and a
turn clockwise; every page appears exactly once.
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
"""Media types that are kept and have no page of their own in a volume."""


class StaleError(ConflictError):
    """A page order that another person changed first; nothing is overwritten."""

    code = "STALE"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page in its place; `turn` is in degrees clockwise."""

    file: int
    page: int
    turn: int = 0


def natural(material: Material, components: Sequence[Component]) -> tuple[Leaf, ...]:
    """Return the pages of a material as they came."""
    by_path = {
        component.path: component
        for component in components
        if component.material_no == material.no and component.media_type not in NOT_PAGES
    }
    return tuple(
        Leaf(number, page)
        for number, path in enumerate(material.files, 1)
        if path in by_path
        for page in range(1, max(by_path[path].pages, 1) + 1)
    )


def orders_of(session: Session, case_id: int, revision: int) -> dict[int, tuple[Leaf, ...]]:
    """Return the page orders of a revision, by material number.

    Materials whose pages stay as they came are left out.
    """
    rows = session.scalars(
        select(PageOrder)
        .filter_by(case_id=case_id, revision=revision)
        .order_by(PageOrder.material_no)
    )
    return {row.material_no: tuple(Leaf(*values) for values in row.leaves) for row in rows}


def editions_of(session: Session, case_id: int, revision: int) -> dict[int, int]:
    """Return how often the pages of each material of a revision were arranged."""
    rows = session.execute(
        select(PageOrder.material_no, PageOrder.edition).filter_by(
            case_id=case_id, revision=revision
        )
    )
    return {int(no): int(edition) for no, edition in rows}


def orders_record(orders: Mapping[int, Sequence[Leaf]]) -> list[dict[str, Any]]:
    """Return page orders as the package and the input digest of a version state them."""
    return [
        {"material": no, "leaves": [[leaf.file, leaf.page, leaf.turn] for leaf in leaves]}
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
    """Set the page order of a material and return its new edition.

    Raises StaleError when another person set it since `edition`, ConflictError when the volume of
    this revision is begun, and NotFoundError for leaves that are not the pages of the material.
    """
    case = session.get_one(Case, revision.case_id, with_for_update=True)
    _require_unbegun(session, revision)
    components = session.scalars(
        select(Component).filter_by(case_id=case.id, revision=revision.revision)
    ).all()
    as_submitted = natural(material, components)
    if sorted((leaf.file, leaf.page) for leaf in leaves) != sorted(
        (leaf.file, leaf.page) for leaf in as_submitted
    ) or any(leaf.turn not in TURNS for leaf in leaves):
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
    row.edition, row.leaves = edition + 1, [[leaf.file, leaf.page, leaf.turn] for leaf in leaves]
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
    """Raise ConflictError when a version of this revision exists."""
    begun = (
        select(VolumeVersion.id)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(Volume.case_id == revision.case_id, VolumeVersion.case_revision == revision.revision)
    )
    if session.scalars(begun.limit(1)).first() is not None:
        raise ConflictError("该办件已开始组卷，页序不能再改。", "如需更正请送达补充归档。")
