"""Queue of scanned pages for text recognition (文字识别), its leases and results.

A page is known by content, so the same scan is read once. The job row is the truth. A reader
takes a lease with a fencing token; the first text that is recorded is the text of the page.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select, tuple_, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, insert_absent
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_jobs import Job
from archive.database.tables_recognition import RecognisedPage
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs import leases
from archive.jobs.feed import announce
from archive.jobs.job_rows import end_job
from archive.jobs.leases import Lease
from archive.recognition.page_texts import PageText
from archive.reference.case_facts import CaseFacts
from archive.reference.errors import ArchiveError, LeaseLostError
from archive.reference.objects import OriginalObject
from archive.reference.vocabulary import CaseState, JobKind, JobState, SourceKind, VolumeState

LEASE = timedelta(seconds=600)
_IMAGES = frozenset({"image/jpeg", "image/png", "image/tiff"})
_BORN_DIGITAL = frozenset({SourceKind.SHARED_CERT, SourceKind.SYSTEM_FORM})
_CHUNK = 300


class RecognitionError(ArchiveError):
    """A page that can't be read by machine; a person still can read it."""

    code = "OCR_FAILED"


class PageUnreadableError(RecognitionError):
    """A picture that is broken, or data that is no picture."""

    code = "OCR_UNREADABLE"


class PageTooCostlyError(RecognitionError):
    """A page whose reading took more time or memory than one page may cost."""

    code = "OCR_LIMIT"


@dataclass(frozen=True, slots=True)
class PageClaim:
    """A reader's right to record the text of one page; void once another token was given."""

    sha256: str
    page: int
    media_type: str
    lease: Lease[int]


def subject_of(sha256: str, page: int) -> str:
    """Return the name of a page in the journal."""
    return f"{sha256}:{page}"


def is_scan(media_type: str, source: SourceKind) -> bool:
    """Return whether pages of this kind carry text that only a picture shows.

    These are images, and PDFs that scanners and applicants make.
    """
    return media_type in _IMAGES or (
        media_type == "application/pdf" and source not in _BORN_DIGITAL
    )


def queue_pages(
    session: Session, facts: CaseFacts, objects: Iterable[OriginalObject], at: datetime
) -> int:
    """Write a job for every scanned page of these originals that has none.

    Returns how many pages are scans.
    """
    sources = {material.no: material.source for material in facts.materials}
    pages = [
        (original.sha256, page)
        for original in objects
        if original.material_no in sources
        and is_scan(original.media_type, sources[original.material_no])
        for page in range(1, max(original.pages, 1) + 1)
    ]
    for start in range(0, len(pages), _CHUNK):
        chunk = pages[start : start + _CHUNK]
        insert_absent(
            session,
            RecognisedPage,
            [{"sha256": sha256, "page": page, "lease_token": 0} for sha256, page in chunk],
        )
        page_ids = session.scalars(
            select(RecognisedPage.id)
            .where(tuple_(RecognisedPage.sha256, RecognisedPage.page).in_(chunk))
            .order_by(RecognisedPage.id)
        )
        jobs = [
            {
                "kind": JobKind.OCR,
                "page_id": page_id,
                "state": JobState.WAITING,
                "attempts": 0,
                "created_at": at,
                "lease_token": 0,
            }
            for page_id in page_ids
        ]
        insert_absent(session, Job, jobs)
    return len(pages)


def queue_held(session: Session, after: int, at: datetime) -> int | None:
    """Queue the scans of a further few revisions that were taken over while OCR was off.

    Returns the revision id after which to go on, None at the end.
    """
    revisions = session.scalars(
        select(CaseRevision).where(CaseRevision.id > after).order_by(CaseRevision.id).limit(_CHUNK)
    ).all()
    for revision in revisions:
        rows = session.scalars(
            select(Component).filter_by(case_id=revision.case_id, revision=revision.revision)
        )
        objects = [
            OriginalObject(
                row.material_no, row.path, row.sha256, row.size, row.media_type, row.pages
            )
            for row in rows
        ]
        queue_pages(session, CaseFacts.model_validate(revision.facts), objects, at)
    return revisions[-1].id if revisions else None


def waiting_pages(session: Session, limit: int | None = None) -> list[tuple[str, int]]:
    """Return digest and page of the pages that wait, oldest job first."""
    rows = session.execute(
        select(RecognisedPage.sha256, RecognisedPage.page)
        .join(Job, Job.page_id == RecognisedPage.id)
        .where(Job.kind == JobKind.OCR, Job.state == JobState.WAITING)
        .order_by(Job.id)
        .limit(limit)
    )
    return [(sha256, page) for sha256, page in rows]


def claim_page(
    session: Session, sha256: str, page: int, owner: str, *, length: timedelta = LEASE
) -> PageClaim | None:
    """Take the lease of a page and return it as a claim.

    Returns None when another reader has it, or when its text exists; then its job is ended.
    """
    row = session.scalars(select(RecognisedPage).filter_by(sha256=sha256, page=page)).first()
    if row is None:
        return None
    if row.text_sha256 is not None:
        end_job(session, Job.page_id == row.id, JobState.DONE)
        return None
    lease = leases.claim(
        session,
        RecognisedPage,
        row.id,
        owner,
        RecognisedPage.text_sha256.is_(None),
        length=length,
    )
    media_type = session.scalars(
        select(Component.media_type).filter_by(sha256=sha256).limit(1)
    ).first()
    if lease is None or media_type is None:
        return None
    return PageClaim(sha256, page, media_type, lease)


def record_text(session: Session, claim: PageClaim, text: PageText, derivative: str) -> None:
    """Record the digest of a page's text, end its job, and queue its volumes for indexing.

    These are the volumes with an archived version that holds this page. Raises LeaseLostError.
    """
    letters, sure = text.measure()
    recorded = leases.release(
        session,
        claim.lease,
        RecognisedPage.text_sha256.is_(None),
        text_sha256=derivative,
        engine=text.engine,
        engine_version=text.engine_version,
        characters=letters,
        confidence=sure,
        recognised_at=database_now(session),
    )
    if not recorded:
        raise LeaseLostError("租约已失效，本次识别结果未记录。", "无需处理，另一工作进程会继续。")
    end_job(session, Job.page_id == claim.lease.key, JobState.DONE)
    journal.record(
        session,
        claim.lease.owner,
        JournalAct.RECOGNISE,
        subject_of(claim.sha256, claim.page),
        text=derivative,
        engine=text.engine,
        lines=len(text.lines),
    )
    for volume_id in session.scalars(_archived_with(claim.sha256)):
        announce(session, volume_id)


def _archived_with(sha256: str) -> Any:  # noqa: ANN401 - a select
    """Return a query of the volumes of which an archived version holds this file."""
    return (
        select(Volume.id)
        .join(Component, Component.case_id == Volume.case_id)
        .join(
            VolumeVersion,
            and_(
                VolumeVersion.volume_id == Volume.id,
                VolumeVersion.case_revision == Component.revision,
            ),
        )
        .where(Component.sha256 == sha256, VolumeVersion.state == VolumeState.COMMITTED)
        .distinct()
        .order_by(Volume.id)
    )


def fail_page(session: Session, claim: PageClaim, error_code: str, error: str | None) -> None:
    """Release the lease and record the reason on the job.

    A reader who lost the lease changes nothing.
    """
    if leases.release(session, claim.lease):
        end_job(
            session,
            Job.page_id == claim.lease.key,
            JobState.FAILED,
            error_code=error_code,
            error=error,
        )


def retry_failed(session: Session, ids: Sequence[int] | None = None) -> int:
    """Let failed pages wait again, all or those of the jobs named, and return how many."""
    again = update(Job).where(Job.kind == JobKind.OCR, Job.state == JobState.FAILED)
    if ids is not None:
        again = again.where(Job.id.in_(ids))
    done = session.execute(
        again.values(state=JobState.WAITING, ended_at=None, error=None, error_code=None)
    )
    return done.rowcount if isinstance(done, CursorResult) else 0


def free_gone_readers(session: Session, is_gone: Callable[[str], bool]) -> None:
    """Free the pages whose readers are gone."""
    leases.free_gone(session, RecognisedPage, is_gone)


def progress_of(session: Session) -> Mapping[str, int]:
    """Return how many pages wait, are done, and failed, by job state."""
    counted = select(Job.state, func.count()).where(Job.kind == JobKind.OCR).group_by(Job.state)
    return dict.fromkeys(JobState, 0) | dict(session.execute(counted).all())


def unread_cases(session: Session, since: datetime) -> int:
    """Return how many cases have a page that still waits: a compile may wait for them.

    These are accepted cases without a number, taken over since then.
    """
    query = (
        select(func.count(Case.id.distinct()))
        .join(Component, and_(Component.case_id == Case.id, Component.revision == Case.revision))
        .join(RecognisedPage, RecognisedPage.sha256 == Component.sha256)
        .join(Job, Job.page_id == RecognisedPage.id)
        .outerjoin(Volume, Volume.case_id == Case.id)
        .where(
            Case.state == CaseState.ACCEPTED,
            Case.accepted_at > since,
            Volume.id.is_(None),
            Job.state == JobState.WAITING,
        )
    )
    return session.scalar(query) or 0
