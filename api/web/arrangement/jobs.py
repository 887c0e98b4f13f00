"""任务: batches of volumes on their way, live; what failed, why, and again."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import ColumnElement, case, exists, func, select, update
from sqlalchemy.orm import Session

from api.jobs.requested import start_making
from api.web.arrangement.reading_jobs import failed_pages, reading_of
from api.web.shell.page import At, BadFormError, PageRoute, Posted, Seat, Seated, WebApp
from api.web.shell.scope import decided, orgs_below, record_of, volumes_of
from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.database.tables_cases import Case
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.recognition.queue import retry_failed
from archive.reference.vocabulary import JobState

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN, _LATEST = 8, 30


@dataclass(frozen=True, slots=True)
class BatchView:
    """The jobs of one reservation: how many, done, failed, and which one is at work."""

    started: datetime
    total: int
    done: int
    failed: int
    ended: datetime | None

    @property
    def running(self) -> bool:
        """Whether there is still something to wait for."""
        return self.done + self.failed < self.total


@dataclass(frozen=True, slots=True)
class JobView:
    """One job: its input, its result or error."""

    id: int
    kind: str
    state: str
    attempts: int
    error_code: str | None
    error: str | None
    ended: datetime | None
    code: str
    case_no: str
    step: str


def jobs_of(desk: WebApp, seat: Seat) -> ColumnElement[bool]:
    """The jobs of volumes that the reader may see."""
    if orgs_below(desk, seat) is None:
        return Job.version_id.is_not(None)
    versions = select(VolumeVersion.id).join(Volume, Volume.id == VolumeVersion.volume_id)
    return exists(versions.where(VolumeVersion.id == Job.version_id, volumes_of(desk, seat)))


def batches(desk: WebApp, session: Session, seat: Seat, limit: int) -> list[BatchView]:
    """The latest batches: jobs written in one transaction bear one time."""

    def tally(state: str) -> ColumnElement[int]:
        return func.sum(case((Job.state == state, 1), else_=0))

    query = (
        select(
            Job.created_at,
            func.count(),
            tally(JobState.DONE),
            tally(JobState.FAILED),
            func.max(Job.ended_at),
        )
        .where(jobs_of(desk, seat))
        .group_by(Job.created_at)
        .order_by(Job.created_at.desc())
        .limit(limit)
    )
    return [
        BatchView(started, total, int(done), int(failed), ended)
        for started, total, done, failed, ended in session.execute(query)
    ]


def _jobs(desk: WebApp, session: Session, seat: Seat, *states: str) -> list[JobView]:
    # The jobs first, by themselves: rows of cases are wide, and only thirty are shown.
    shown = (
        select(Job.id)
        .where(Job.state.in_(states), jobs_of(desk, seat))
        .order_by(Job.id.desc())
        .limit(_LATEST)
    )
    query = (
        select(Job, VolumeVersion, Volume, Case.case_no)
        .join(VolumeVersion, VolumeVersion.id == Job.version_id)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .join(Case, Case.id == Volume.case_id)
        .where(Job.id.in_(session.scalars(shown).all()))
        .order_by(func.coalesce(Job.ended_at, Job.created_at).desc(), Job.id.desc())
    )
    return [
        JobView(
            job.id,
            job.kind,
            job.state,
            job.attempts,
            job.error_code,
            job.error,
            job.ended_at,
            volume.code,
            case_no,
            version.state,
        )
        for job, version, volume, case_no in session.execute(query)
    ]


@router.get("/jobs")
def jobs_page(request: Request, desk: At, seat: Seated) -> Response:
    """All of it, with the live part inside."""
    return _drawn(request, desk, seat, "jobs.html")


@router.get("/jobs/live")
def jobs_live(request: Request, desk: At, seat: Seated) -> Response:
    """The part that is asked for again every second while something runs."""
    return _drawn(request, desk, seat, "jobs_live.html")


def _drawn(request: Request, desk: WebApp, seat: Seat, template: str) -> Response:
    seat.require(Act.COMPILE)
    with reading(desk.runtime.engine) as session:
        shown = batches(desk, session, seat, _SHOWN)
        failed, done = (
            _jobs(desk, session, seat, JobState.FAILED),
            _jobs(desk, session, seat, JobState.DONE),
        )
        pages = reading_of(desk, session, seat)
    # Pages wait for hours where nobody reads them: only with a reader at work is there something to watch.
    running, reads = (
        any(one.running for one in shown),
        bool(pages.waiting and desk.runtime.settings.ocr),
    )
    again = 1 if running else 5 if reads else 0
    return desk.page(
        request,
        seat,
        template,
        batches=shown,
        failed=failed,
        done=done,
        running=running,
        again=again,
        pages=pages,
    )


@router.post("/jobs/retry")
def retry(desk: At, seat: Seated, form: Posted) -> Response:
    """Let one failed job, or all that he may compile, wait again, and see that they are made."""
    seat.require(Act.COMPILE)
    with writing(desk.runtime.engine) as session:
        asked = form.get("job", "")
        failed = [
            one
            for one in _jobs(desk, session, seat, JobState.FAILED)
            if asked in {"all", str(one.id)}
        ]
        allowed = [one for one in failed if _may_compile(desk, session, seat, one.code)]
        if not allowed:
            raise BadFormError("没有可重试的任务。", "请刷新任务列表。")
        again = update(Job).where(
            Job.id.in_([one.id for one in allowed]), Job.state == JobState.FAILED
        )
        session.execute(
            again.values(
                state=JobState.WAITING, ended_at=None, error=None, error_code=None, not_before=None
            )
        )
        for one in allowed:
            journal.record(
                session, seat.reader.account, JournalAct.RETRY, one.code, error=one.error_code
            )
    start_making(desk.runtime)
    return RedirectResponse("/jobs", 303)


@router.post("/jobs/read-again")
def read_again(desk: At, seat: Seated, form: Posted) -> Response:
    """Let one failed page, or those shown, wait again; whoever reads takes them up."""
    seat.require(Act.COMPILE)
    asked = form.get("job", "")
    with writing(desk.runtime.engine) as session:
        again = [one for one in failed_pages(desk, session, seat) if asked in {"all", str(one.id)}]
        if not again:
            raise BadFormError("没有可重新识别的页。", "请刷新任务列表。")
        retry_failed(session, [one.id for one in again])
        for one in again:
            journal.record(
                session,
                seat.reader.account,
                JournalAct.RETRY,
                one.case_no,
                material=one.material_no,
                page=one.page,
                error=one.error_code,
            )
    return RedirectResponse("/jobs", 303)


def _may_compile(desk: WebApp, session: Session, seat: Seat, code: str) -> bool:
    volume, one = session.execute(
        select(Volume, Case).join(Case, Case.id == Volume.case_id).where(Volume.code == code)
    ).one()
    return decided(desk, session, seat, Act.COMPILE, record_of(desk, one, volume)).allowed
