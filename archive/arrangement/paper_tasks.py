"""Tasks of registering paper, opened when a volume gets its number (R16, R19).

A volume whose materials say `kept`, and whose receiving district is in 过渡期, makes one at the
station that received the case; where a district is 已电子化 none is made.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_paper import PaperTask
from archive.database.tables_volumes import Volume
from archive.reference.case_facts import CaseFacts, Material
from archive.reference.organisations import Organisations
from archive.reference.paper_terms import PaperKind, PaperTaskState
from archive.reference.vocabulary import CaseState, SourceKind


def kept_materials(facts: CaseFacts) -> list[dict[str, Any]]:
    """Return the materials whose paper is kept: {no, kind, pages, electronic}.

    `pages` are those of the paper as the case states, `electronic` those of the volume.
    """
    return [
        {
            "no": material.no,
            "kind": str(_kind_of(material)),
            "pages": material.paper.pages,
            "electronic": material.pages,
        }
        for material in facts.materials
        if material.paper and material.paper.kept
    ]


def _kind_of(material: Material) -> PaperKind:
    if material.paper and material.paper.original:
        return PaperKind.ORIGINAL
    return PaperKind.PRINT if material.source is SourceKind.SYSTEM_FORM else PaperKind.COPY


def open_paper_task(
    session: Session,
    volume: Volume,
    revision: CaseRevision,
    organisations: Organisations,
    at: datetime,
) -> PaperTask | None:
    """Open the task of a revision of a volume; None where no paper is to be kept.

    A supplement makes a task for the materials that no earlier task of the volume names.
    """
    facts = CaseFacts.model_validate(revision.facts)
    station = facts.orgs.receive
    if organisations.is_digitised(station):
        return None
    earlier = session.execute(
        select(PaperTask.revision, PaperTask.materials).where(PaperTask.volume_id == volume.id)
    ).all()
    known = {material["no"] for _revision, materials in earlier for material in materials}
    materials = [row for row in kept_materials(facts) if row["no"] not in known]
    if not materials or any(number == revision.revision for number, _materials in earlier):
        return None
    task = PaperTask(
        volume_id=volume.id,
        revision=revision.revision,
        station=station,
        materials=materials,
        state=PaperTaskState.PENDING,
        created_at=at,
    )
    session.add(task)
    session.flush()
    return task


def end_paper_tasks(session: Session, volume: Volume, actor: str, at: datetime) -> None:
    """Waive the waiting tasks of a volume whose number is void."""
    for task in session.scalars(
        select(PaperTask).filter_by(volume_id=volume.id, state=PaperTaskState.PENDING)
    ):
        task.state, task.reason = PaperTaskState.WAIVED, "档号作废"
        task.settled_by, task.settled_at = actor, at


def open_missing_paper_tasks(session: Session, organisations: Organisations, at: datetime) -> int:
    """Open the task of each volume that has none, and return how many; for a rebuilt database."""
    rows = session.execute(
        select(Volume, CaseRevision)
        .join(Case, Case.id == Volume.case_id)
        .join(CaseRevision, CaseRevision.case_id == Case.id)
        .where(CaseRevision.state == CaseState.ACCEPTED, Volume.void_reason.is_(None))
        .order_by(Volume.id, CaseRevision.revision)
    ).all()
    return sum(
        open_paper_task(session, volume, revision, organisations, at) is not None
        for volume, revision in rows
    )
