"""What a person was shown of a case that waits: only that may be ticked (R33).

The server notes each page as it sends it; what a browser says of itself counts for nothing.
"""

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.engine import database_now
from archive.database.tables_cases import CaseRevision, Component
from archive.database.tables_checks import ShownPage
from archive.reference.case_facts import CaseFacts

FORM = 0
"""Stands for a component where the archive draws a form itself."""
NO_PAGES = frozenset({"application/ofd"})
Page = tuple[int, int]
"""Component and page in it."""


def note_shown(
    session: Session, account: str, revision: CaseRevision, *, material: int, page: Page
) -> None:
    """Note that a page was sent to a person in full size; the first time counts."""
    component, number = page
    where = {
        "case_id": revision.case_id,
        "revision": revision.revision,
        "account": account,
        "material_no": material,
        "component_id": component,
        "page": number,
    }
    if session.scalars(select(ShownPage.id).filter_by(**where)).first() is None:
        session.add(ShownPage(**where, at=database_now(session)))
        session.flush()


def pages_not_shown(session: Session, revision: CaseRevision, account: str) -> dict[int, set[Page]]:
    """Return the pages that a person was not shown yet, by material."""
    which = {"case_id": revision.case_id, "revision": revision.revision}
    missing: dict[int, set[Page]] = defaultdict(set)
    for row in session.scalars(select(Component).filter_by(**which)):
        if row.media_type not in NO_PAGES:
            missing[row.material_no] |= {(row.id, page) for page in range(1, max(row.pages, 1) + 1)}
    facts = CaseFacts.model_validate(revision.facts)
    for material in facts.materials:
        if material.form is not None:
            missing[material.no] = {(FORM, 1)}
    rows = select(ShownPage).filter_by(**which, account=account)
    for shown in session.scalars(rows):
        missing[shown.material_no].discard((shown.component_id, shown.page))
    return {no: pages for no, pages in missing.items() if pages}
