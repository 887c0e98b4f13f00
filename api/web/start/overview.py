"""工作台: what waits today, for each role its own work."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from api.web.shell.charts import Bar, bars, columns
from api.web.shell.page import LoggedIn, PageRoute, User, Web, WebApp
from api.web.shell.scope import findings_of, item_name, reach_of, rows_of
from api.web.statistics.statistics import by_district
from archive.administration.account_lists import account_counts, count_logins
from archive.administration.accounts import AccountState
from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.entries import count_alarms
from archive.database.engine import reading
from archive.finding_aids.cases import count_ready, count_waiting, waiting_cases
from archive.finding_aids.check_lists import count_on_desk
from archive.finding_aids.compile_jobs import batches, count_failed_jobs
from archive.finding_aids.figures import months
from archive.finding_aids.gathering_lists import count_refused, gathering_cases
from archive.finding_aids.reach import Reach, files_in
from archive.finding_aids.volume_lists import (
    count_archived,
    count_overdue,
    count_quarantined,
    latest_archived,
)
from archive.gathering.captures import Capture, capture_counts
from archive.jobs.job_rows import first_job
from archive.reference.check_terms import Desk
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import JobKind, JobState

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_RECENT, _QUEUE, _DAYS, _MONTHS, _BATCHES = 8, 6, 14, 8, 3


@router.get("/overview")
def overview_page(request: Request, web: Web, user: LoggedIn) -> Response:
    """Draw today's work on one page."""
    today = datetime.now(UTC).astimezone(LOCAL_TIME)
    with reading(web.runtime.engine) as session:
        if user.may(Act.VIEW):
            return web.page(request, user, "desk.html", today=today, **_work(web, session, user))
        return web.page(request, user, "desk_admin.html", today=today, **_administration(session))


def _work(web: WebApp, session: Session, user: User) -> dict[str, Any]:
    reach, org = reach_of(web, user), user.reader.org
    rule = web.runtime.settings.filing_rule
    queue = waiting_cases(session, reach, rule, limit=_QUEUE)
    by_month = web.recent.get(("months", org), lambda: months(session, reach))
    return {
        "counts": _counts(web, session, user, reach),
        "recent": rows_of(web, session, latest_archived(session, reach, _RECENT)),
        "queue": [(case, item_name(web, case)) for case in queue],
        "findings": findings_of(web, session, user, queue),
        "batches": batches(session, reach, _BATCHES) if user.may(Act.COMPILE) else [],
        "chart": columns(
            [Bar(f"{first.month}月", count) for first, count in by_month[-_MONTHS:]],
            width=430,
            height=170,
        ),
        "districts": bars(by_district(web, user), title="按收件旗区", width=430),
        "pulling": first_job(session, JobKind.PULL, JobState.WAITING)
        if user.may(Act.SUBMIT)
        else None,
    }


def _counts(web: WebApp, session: Session, user: User, reach: Reach) -> dict[str, int]:
    """Count what waits and what is held. What only ever grows is counted once a minute."""
    org, rule = user.reader.org, web.runtime.settings.filing_rule
    return {
        "waiting": count_waiting(session, reach, rule),
        "asked": count_on_desk(session, user.reader, Desk.MINE, reach, rule),
        "ready": count_ready(session, reach, rule),
        "failed": count_failed_jobs(session, reach),
        "owing": count_archived(session, reach, without_timestamp=True),
        "volumes": web.recent.get(("volumes", org), lambda: count_archived(session, reach)),
        "overdue": web.recent.get(("overdue", org), lambda: count_overdue(session, reach)),
        "frozen": count_quarantined(session, reach),
        **(_collecting(web, session, reach) if user.may(Act.SUBMIT) else {}),
    }


def _collecting(web: WebApp, session: Session, reach: Reach) -> dict[str, int]:
    """Count the files that wait for a person, cases that lack something, and what was refused."""
    gathering = gathering_cases(session, reach, web.runtime.catalogue)
    return {
        "unplaced": capture_counts(session, files_in(reach)).get(Capture.UNPLACED, 0),
        "lacking": sum(bool(row["missing"]) for row in gathering),
        "refused": count_refused(session, reach),
    }


def _administration(session: Session) -> dict[str, Any]:
    now = datetime.now(UTC)
    states = account_counts(session)
    return {
        "counts": {
            "accounts": states.get(AccountState.ACTIVE, 0),
            "proposed": states.get(AccountState.PROPOSED, 0),
            "logins": count_logins(session, now),
            "entries": journal.length(session),
            "alarms": count_alarms(session, now - timedelta(days=_DAYS)),
        }
    }
