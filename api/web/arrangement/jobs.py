"""任务: batches of volumes that are being made, what failed and why, and retries."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.jobs.requested import start_making
from api.web.shell.page import BadFormError, LoggedIn, PageRoute, Posted, User, Web, WebApp
from api.web.shell.scope import reach_of
from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.finding_aids.compile_jobs import CompileJob, batches, compile_jobs
from archive.finding_aids.recognition_jobs import failed_pages, recognition_progress
from archive.jobs.job_rows import retry_jobs
from archive.recognition.queue import retry_failed

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN, _LATEST = 8, 30


@router.get("/jobs")
def jobs_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the whole page, with the live part inside."""
    return _drawn(request, web, user, "jobs.html")


@router.get("/jobs/live")
def jobs_live(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw the part that is asked for again every second while something runs."""
    return _drawn(request, web, user, "jobs_live.html")


def _drawn(request: Request, web: WebApp, user: User, template: str) -> Response:
    user.require(Act.COMPILE)
    reach = reach_of(web, user)
    with reading(web.runtime.engine) as session:
        shown = batches(session, reach, _SHOWN)
        failed = compile_jobs(session, reach, "FAILED", _LATEST)
        done = compile_jobs(session, reach, "DONE", _LATEST)
        pages = recognition_progress(session, reach)
    running = any(batch.running for batch in shown)
    # Where no OCR runs pages wait for hours: only when it does is there something to watch.
    recognising = bool(pages.waiting and web.runtime.settings.ocr)
    again = 1 if running else 5 if recognising else 0
    return web.page(
        request,
        user,
        template,
        batches=shown,
        failed=failed,
        retried=_retried_by(web, user, failed),
        done=done,
        running=running,
        again=again,
        pages=pages,
    )


def _retried_by(web: WebApp, user: User, failed: Sequence[CompileJob]) -> frozenset[int]:
    """Return the jobs that the user may let wait again: those of volumes that his unit files."""
    return frozenset(
        job.id for job in failed if web.runtime.filing.is_filer(user.reader, job.filing_org)
    )


@router.post("/jobs/retry")
def retry(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Let one failed job, or all that the user may compile, wait again; start the workers."""
    user.require(Act.COMPILE)
    with writing(web.runtime.engine) as session:
        asked = form.get("job", "")
        failed = [
            job
            for job in compile_jobs(session, reach_of(web, user), "FAILED", _LATEST)
            if asked in {"all", str(job.id)}
        ]
        retried = _retried_by(web, user, failed)
        allowed = [job for job in failed if job.id in retried]
        if not allowed:
            raise BadFormError("没有可重试的任务。", "请刷新任务列表。")
        retry_jobs(session, [job.id for job in allowed])
        for job in allowed:
            journal.record(
                session, user.reader.account, JournalAct.RETRY, job.code, error=job.error_code
            )
    start_making(web.runtime)
    return RedirectResponse("/jobs", 303)


@router.post("/jobs/read-again")
def read_again(web: Web, user: LoggedIn, form: Posted) -> Response:
    """Let one failed page, or all those shown, wait for OCR again."""
    user.require(Act.COMPILE)
    asked = form.get("job", "")
    with writing(web.runtime.engine) as session:
        again = [
            page
            for page in failed_pages(session, reach_of(web, user))
            if asked in {"all", str(page.id)}
        ]
        if not again:
            raise BadFormError("没有可重新识别的页。", "请刷新任务列表。")
        retry_failed(session, [page.id for page in again])
        for page in again:
            journal.record(
                session,
                user.reader.account,
                JournalAct.RETRY,
                page.case_no,
                material=page.material_no,
                page=page.page,
                error=page.error_code,
            )
    return RedirectResponse("/jobs", 303)
