"""A case that waits again: its volume would show something else than its materials."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.compile_errors import PageDiffersError
from archive.reference.findings import Finding
from archive.reference.vocabulary import CaseState, JobState, Outcome

PAGE_DIFFERS = "PAGE_DIFFERS"


def wait_again(
    session: Session, actor: str, case_id: int, revision: int, findings: Sequence[Finding]
) -> None:
    """Let a revision wait at 核对 with these findings beside its own; journal it.

    A supplement may have taken its place meanwhile: then it waits no more.
    """
    case = session.scalars(select(Case).where(Case.id == case_id).with_for_update()).one()
    row = session.scalars(select(CaseRevision).filter_by(case_id=case_id, revision=revision)).one()
    if row.state != CaseState.ACCEPTED:
        return
    row.state = CaseState.CONFIRM
    row.findings = [
        *row.findings,
        *(entry.public() for entry in findings if entry.public() not in row.findings),
    ]
    if case.revision == revision:
        case.state, case.findings = CaseState.CONFIRM, row.findings
    journal.record(
        session,
        actor,
        JournalAct.PAGE_DIFFERS,
        case.case_no,
        revision=revision,
        pages=len(findings),
        # Findings quote what pages show: the journal keeps the digest of all that the row has now.
        findings=journal.digest_of(row.findings),
    )


def confirmed_pages(rows: Iterable[Mapping[str, Any]]) -> frozenset[Finding]:
    """Return the findings of pages that differ among those of a revision that was confirmed."""
    return frozenset(
        Finding(**{**row, "outcome": Outcome(row["outcome"])})
        for row in rows
        if row["code"] == PAGE_DIFFERS
    )


def go_on_compiling(session: Session, case_id: int) -> None:
    """Let the job of a volume that waited for this confirmation wait for a worker again."""
    versions = (
        select(VolumeVersion.id)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(Volume.case_id == case_id)
    )
    session.execute(
        update(Job)
        .where(
            Job.version_id.in_(versions),
            Job.state == JobState.FAILED,
            Job.error_code == PageDiffersError.code,
        )
        .values(state=JobState.WAITING, ended_at=None, error=None, error_code=None)
    )
