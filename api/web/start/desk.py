"""工作台: what waits today, for each role what is his."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from api.web.arrangement.jobs import batches, jobs_of
from api.web.collection.collecting import files_of, gathering_of, quarantined
from api.web.holdings.volumes import is_overdue
from api.web.shell.charts import Bar, bars, columns
from api.web.shell.page import At, PageRoute, Seat, Seated, WebApp
from api.web.shell.scope import cases_of, counted, item_name, orgs_below, rows_of, volumes_of
from api.web.statistics.figures import months
from api.web.statistics.statistics import by_district
from archive.administration.accounts import AccountState
from archive.administration.policy import Act
from archive.audit.acts import JournalAct
from archive.database.engine import reading
from archive.database.tables_administration import Account, Login
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case
from archive.database.tables_jobs import Job
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.gathering.captures import Capture, capture_counts
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import CaseState, JobKind, JobState, VolumeState

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_RECENT, _QUEUE, _DAYS, _MONTHS = 8, 6, 14, 8


@router.get("/")
def desk_page(request: Request, desk: At, seat: Seated) -> Response:
    """Today's work in one look."""
    today = datetime.now(UTC).astimezone(LOCAL_TIME)
    with reading(desk.runtime.engine) as session:
        if seat.may(Act.VIEW):
            return desk.page(request, seat, "desk.html", today=today, **_work(desk, session, seat))
        return desk.page(request, seat, "desk_admin.html", today=today, **_administration(session))


def _work(desk: WebApp, session: Session, seat: Seat) -> dict[str, Any]:
    mine, held = cases_of(desk, seat), volumes_of(desk, seat)
    # The few that have no number first, from an index; only then whose they are, which stands in the wide rows.
    one = aliased(Case)
    unnumbered = select(one.id).where(
        one.state == CaseState.ACCEPTED, ~exists().where(Volume.case_id == one.id)
    )
    committed = VolumeVersion.state == VolumeState.COMMITTED
    joined = select(func.count(VolumeVersion.volume_id.distinct())).where(committed)
    if orgs_below(desk, seat) is not None:
        joined = joined.join(Volume, Volume.id == VolumeVersion.volume_id).where(held)
    overdue = select(func.count()).select_from(Volume).join(Case).where(held, is_overdue())
    frozen = select(func.count(VolumeVersion.volume_id.distinct())).join(
        Volume, Volume.id == VolumeVersion.volume_id
    )
    frozen = frozen.where(held, VolumeVersion.state == VolumeState.QUARANTINED)
    failed = (
        select(func.count())
        .select_from(Job)
        .where(Job.state == JobState.FAILED, jobs_of(desk, seat))
    )
    counts = {
        "waiting": counted(session, Case.state == CaseState.CONFIRM, mine),
        "ready": counted(session, Case.id.in_(unnumbered), mine),
        "failed": session.scalar(failed) or 0,
        "owing": session.scalar(joined.where(VolumeVersion.lta_pending)) or 0,
        # The one number of all that grows for ever: told as of the last minute.
        "volumes": desk.recent.get(
            ("volumes", seat.reader.org), lambda: session.scalar(joined) or 0
        ),
        "overdue": desk.recent.get(
            ("overdue", seat.reader.org), lambda: session.scalar(overdue) or 0
        ),
        "frozen": session.scalar(frozen) or 0,
        **(_collecting(desk, session, seat) if seat.may(Act.SUBMIT) else {}),
    }
    latest = (
        select(VolumeVersion.volume_id).where(committed).order_by(VolumeVersion.committed_at.desc())
    )
    if orgs_below(desk, seat) is not None:
        latest = latest.join(Volume, Volume.id == VolumeVersion.volume_id).where(held)
    shown = list(dict.fromkeys(session.scalars(latest.limit(_RECENT * 2))))[:_RECENT]
    found = {
        one.id: (one, case)
        for one, case in session.execute(
            select(Volume, Case).join(Case).where(Volume.id.in_(shown))
        )
    }
    queue = session.scalars(
        select(Case)
        .where(Case.state == CaseState.CONFIRM, mine)
        .order_by(Case.completed_at, Case.case_no)
        .limit(_QUEUE)
    ).all()
    by_month = desk.recent.get(("months", seat.reader.org), lambda: months(session, mine))
    return {
        "counts": counts,
        "recent": rows_of(desk, session, [found[one] for one in shown]),
        "queue": [(case, item_name(desk, case)) for case in queue],
        "batches": batches(desk, session, seat, 3) if seat.may(Act.COMPILE) else [],
        "chart": columns(
            [Bar(f"{first.month}月", count) for first, count in by_month[-_MONTHS:]],
            width=430,
            height=170,
        ),
        "districts": bars(by_district(desk, seat), title="按收件旗区", width=430),
        "pulling": session.scalars(
            select(Job).filter_by(kind=JobKind.PULL, state=JobState.WAITING)
        ).first()
        if seat.may(Act.SUBMIT)
        else None,
    }


def _collecting(desk: WebApp, session: Session, seat: Seat) -> dict[str, int]:
    """What the window has to see to: files for a person, cases that lack something, what was refused."""
    return {
        "unplaced": capture_counts(session, files_of(desk, seat)).get(Capture.UNPLACED, 0),
        "lacking": sum(bool(one["missing"]) for one in gathering_of(desk, session, seat)),
        "refused": len(quarantined(desk, session, seat)),
    }


def _administration(session: Session) -> dict[str, Any]:
    since = datetime.now(UTC) - timedelta(days=_DAYS)
    states = dict(
        session.execute(select(Account.state, func.count()).group_by(Account.state)).tuples().all()
    )
    return {
        "counts": {
            "accounts": states.get(AccountState.ACTIVE, 0),
            "proposed": states.get(AccountState.PROPOSED, 0),
            "logins": session.scalar(
                select(func.count()).select_from(Login).where(Login.expires_at > datetime.now(UTC))
            )
            or 0,
            "entries": session.scalar(select(func.max(JournalEntry.seq))) or 0,
            "alarms": session.scalar(
                select(func.count())
                .select_from(JournalEntry)
                .where(JournalEntry.act == JournalAct.ALARM, JournalEntry.at >= since.isoformat())
            )
            or 0,
        }
    }
