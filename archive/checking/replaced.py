"""What a further revision keeps of the one before it when a scan was replaced (换页)."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.checking.shown import FORM
from archive.database.engine import database_now
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_checks import ShownPage
from archive.database.tables_volumes import PageOrder


def carry_over(session: Session, actor: str, old: CaseRevision, new: CaseRevision) -> None:
    """Let files that stayed as they are keep their page orders, and that they were seen."""
    same = _same_files(session, old, new)
    for row in session.scalars(
        select(ShownPage).filter_by(case_id=old.case_id, revision=old.revision)
    ).all():
        if row.component_id == FORM or row.component_id in same:
            session.add(
                ShownPage(
                    case_id=row.case_id,
                    revision=new.revision,
                    account=row.account,
                    material_no=row.material_no,
                    component_id=same.get(row.component_id, FORM),
                    page=row.page,
                    at=row.at,
                )
            )
    changed = _changed_materials(session, new, set(same.values()))
    _keep_orders(session, actor, old, new, changed)
    session.flush()


def _same_files(session: Session, old: CaseRevision, new: CaseRevision) -> dict[int, int]:
    """Return the components of the new revision by those of the old one with the same bytes."""
    rows = {
        revision.revision: session.scalars(
            select(Component).filter_by(case_id=old.case_id, revision=revision.revision)
        ).all()
        for revision in (old, new)
    }
    fresh = {(row.path, row.sha256): row.id for row in rows[new.revision]}
    return {
        row.id: fresh[row.path, row.sha256]
        for row in rows[old.revision]
        if (row.path, row.sha256) in fresh
    }


def _changed_materials(session: Session, new: CaseRevision, kept: set[int]) -> set[int]:
    rows = session.scalars(select(Component).filter_by(case_id=new.case_id, revision=new.revision))
    return {row.material_no for row in rows if row.id not in kept}


def _keep_orders(
    session: Session, actor: str, old: CaseRevision, new: CaseRevision, changed: set[int]
) -> None:
    """Set the page orders of materials that did not change for the new revision too."""
    case_no = session.get_one(Case, new.case_id).case_no
    orders = select(PageOrder).filter_by(case_id=old.case_id, revision=old.revision)
    for order in session.scalars(orders).all():
        if order.material_no in changed:
            continue
        session.add(
            PageOrder(
                case_id=new.case_id,
                revision=new.revision,
                material_no=order.material_no,
                edition=1,
                leaves=order.leaves,
                changed_by=order.changed_by,
                changed_at=database_now(session),
            )
        )
        journal.record(
            session,
            actor,
            JournalAct.PAGE_ORDER,
            case_no,
            revision=new.revision,
            material=order.material_no,
            edition=1,
            leaves=order.leaves,
        )
