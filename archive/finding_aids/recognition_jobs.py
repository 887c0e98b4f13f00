"""Pages that OCR reads: how far those of a reach are, what failed and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, Component
from archive.database.tables_jobs import Job
from archive.database.tables_recognition import RecognisedPage
from archive.finding_aids.reach import Reach, cases_in
from archive.reference.vocabulary import JobKind, JobState

_LATEST = 30


@dataclass(frozen=True, slots=True)
class FailedPage:
    """A page that could not be read: of which case and material, why, how often it was tried."""

    id: int
    case_no: str
    material_no: int
    page: int
    attempts: int
    error_code: str | None
    error: str | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class RecognitionProgress:
    """How many pages are read, wait and failed; and those that failed last."""

    done: int
    waiting: int
    failed: int
    failures: tuple[FailedPage, ...]

    @property
    def total(self) -> int:
        """Return the number of all pages."""
        return self.done + self.waiting + self.failed


def recognition_progress(session: Session, reach: Reach) -> RecognitionProgress:
    """Return how far OCR is with the cases of a reach; a page that two share counts once."""
    counts = session.execute(
        select(Job.state, func.count())
        .where(Job.kind == JobKind.OCR, _within(reach))
        .group_by(Job.state)
    )
    states: dict[str, int] = dict(counts.all())
    failures = failed_pages(session, reach) if states.get("FAILED") else ()
    return RecognitionProgress(
        states.get("DONE", 0), states.get("WAITING", 0), states.get("FAILED", 0), failures
    )


def failed_pages(session: Session, reach: Reach) -> tuple[FailedPage, ...]:
    """Return the pages that failed last, each with the first case of the reach that has it."""
    query = (
        select(Job, RecognisedPage.page, Component.material_no, Case.case_no)
        .join(RecognisedPage, Job.page_id == RecognisedPage.id)
        .join(Component, Component.sha256 == RecognisedPage.sha256)
        .join(Case, and_(Case.id == Component.case_id, cases_in(reach)))
        .where(Job.kind == JobKind.OCR, Job.state == JobState.FAILED)
        .order_by(Job.ended_at.desc(), Job.id.desc(), Case.id)
        .limit(_LATEST * 2)
    )
    pages: dict[int, FailedPage] = {}
    for job, page, material_no, case_no in session.execute(query):
        failed = FailedPage(
            job.id,
            case_no,
            material_no,
            page,
            job.attempts,
            job.error_code,
            job.error,
            job.ended_at,
        )
        pages.setdefault(job.id, failed)
    return tuple(pages.values())[:_LATEST]


def _within(reach: Reach) -> ColumnElement[bool]:
    if reach is None:
        return true()  # the city sees all, and all is counted fast
    pages = (
        select(RecognisedPage.id)
        .join(Component, Component.sha256 == RecognisedPage.sha256)
        .join(Case, Case.id == Component.case_id)
        .where(cases_in(reach))
    )
    return Job.page_id.in_(pages)
