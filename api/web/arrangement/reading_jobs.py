"""The jobs of OCR on the desk: how far the pages of one's own cases are, what failed and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlalchemy.orm import Session

from api.web.shell.page import Seat, WebApp
from api.web.shell.scope import cases_of, orgs_below
from archive.database.tables_cases import Case, Component
from archive.database.tables_jobs import Job
from archive.database.tables_recognition import RecognisedPage
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
class Reading:
    """The pages of the reader's cases: how many are read, wait, failed; and those that failed last."""

    done: int
    waiting: int
    failed: int
    failures: tuple[FailedPage, ...]

    @property
    def total(self) -> int:
        """All of them."""
        return self.done + self.waiting + self.failed


def reading_of(desk: WebApp, session: Session, seat: Seat) -> Reading:
    """How far OCR is with the cases that he may see; a page that two of them share counts once."""
    counts = session.execute(
        select(Job.state, func.count())
        .where(Job.kind == JobKind.OCR, _his(desk, seat))
        .group_by(Job.state)
    ).all()
    states = {state: count for state, count in counts}  # noqa: C416 - rows, not pairs, to mypy
    failed = failed_pages(desk, session, seat) if states.get(JobState.FAILED) else ()
    done, waits, fails = (
        states.get(state, 0) for state in (JobState.DONE, JobState.WAITING, JobState.FAILED)
    )
    return Reading(done, waits, fails, failed)


def failed_pages(desk: WebApp, session: Session, seat: Seat) -> tuple[FailedPage, ...]:
    """The pages that failed last, each with the first of his cases that has it."""
    query = (
        select(Job, RecognisedPage.page, Component.material_no, Case.case_no)
        .join(RecognisedPage, Job.page_id == RecognisedPage.id)
        .join(Component, Component.sha256 == RecognisedPage.sha256)
        .join(Case, and_(Case.id == Component.case_id, cases_of(desk, seat)))
        .where(Job.kind == JobKind.OCR, Job.state == JobState.FAILED)
        .order_by(Job.ended_at.desc(), Job.id.desc(), Case.id)
        .limit(_LATEST * 2)
    )
    found: dict[int, FailedPage] = {}
    for job, page, material_no, case_no in session.execute(query):
        one = FailedPage(
            job.id,
            case_no,
            material_no,
            page,
            job.attempts,
            job.error_code,
            job.error,
            job.ended_at,
        )
        found.setdefault(job.id, one)
    return tuple(found.values())[:_LATEST]


def _his(desk: WebApp, seat: Seat) -> ColumnElement[bool]:
    if orgs_below(desk, seat) is None:
        return true()  # the city sees all, and all is counted fast
    pages = (
        select(RecognisedPage.id)
        .join(Component, Component.sha256 == RecognisedPage.sha256)
        .join(Case, Case.id == Component.case_id)
        .where(cases_of(desk, seat))
    )
    return Job.page_id.in_(pages)
