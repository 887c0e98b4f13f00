"""The pool (归集池) takes a returned case back: what is scanned again joins what is good.

A case that came as a package was not gathered; from its return on it is, so that a rescan at the
window and a further package both lead to the same case.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_cases import CaseRevision
from archive.database.tables_gathering import Arrival, GatheredCase, GatheredMaterial
from archive.gathering.cases import Gathering, cases_numbered
from archive.reference.objects import OriginalObject
from archive.reference.vocabulary import ArrivalOutcome, IntakeOutcome

SOURCE = "returned"
"""The source of what the archive itself gave back to the pool."""
_NAMED = ("no", "type", "source", "form", "data", "paper")
"""What a closed case says of its materials; the rest is said by whoever brings one."""


def gather_again(
    session: Session,
    revision: CaseRevision,
    objects: Sequence[OriginalObject],
    *,
    at: datetime,
) -> None:
    """Enter a returned case in the pool with all its materials; a gathered one is there."""
    facts = dict(revision.facts)
    case_no = str(facts["case_no"])
    known = select(GatheredCase.id).where(GatheredCase.case_no == case_no)
    if session.scalars(known.limit(1)).first() is not None:
        return
    arrival = Arrival(
        source=SOURCE,
        notice=f"{case_no}/{revision.revision}",
        sha256=revision.content_digest,
        size=sum(original.size for original in objects),
        outcome=ArrivalOutcome.TAKEN,
        fetched_at=at,
    )
    session.add(arrival)
    session.flush()
    for material in facts["materials"]:
        files = _files(material, objects)
        if files:
            session.add(_material(arrival, case_no, material, files))
    facts.pop("supplement", None)
    session.add(
        GatheredCase(
            arrival_id=arrival.id,
            case_no=case_no,
            digest=revision.content_digest,
            facts=facts | {"materials": [_named(row) for row in facts["materials"]]},
            state=Gathering.SUBMITTED,
            packages=1,
            accepted=True,
            outcome=IntakeOutcome.CONFIRM,
            changed_at=at,
        )
    )
    session.flush()


def supersede_earlier(session: Session, case_no: str, *, at: datetime) -> None:
    """Let only what closed a case last be packed: its sender stated all of it anew.

    What came with it would else make the earlier facts due once more, beside the new ones.
    """
    *earlier, _ = cases_numbered(session, case_no)
    for row in earlier:
        if row.state != Gathering.SUBMITTED:
            row.state, row.changed_at = Gathering.SUBMITTED, at
    session.flush()


def _named(material: dict[str, Any]) -> dict[str, Any]:
    """Return what the closed case itself says of a material: all of a form."""
    if material.get("form"):
        return material
    return {name: material[name] for name in _NAMED if material.get(name) is not None}


def _files(material: dict[str, Any], objects: Sequence[OriginalObject]) -> list[dict[str, str]]:
    """Return the files of a material in their order, by content."""
    by_path = {original.path: original for original in objects}
    return [
        {"sha256": by_path[path].sha256, "extension": path.rpartition(".")[2].lower()}
        for path in material.get("files", ())
        if path in by_path
    ]


def _material(
    arrival: Arrival, case_no: str, material: dict[str, Any], files: list[dict[str, str]]
) -> GatheredMaterial:
    stated = {
        name: value
        for name, value in material.items()
        if name not in {*_NAMED, "files"} and value is not None
    }
    digest = hashlib.sha256("".join(file["sha256"] for file in files).encode()).hexdigest()
    return GatheredMaterial(
        arrival_id=arrival.id,
        case_no=case_no,
        no=material["no"],
        digest=digest,
        files=files,
        stated={"type": material["type"], "source": material["source"], **stated},
        used_in=1,
    )
