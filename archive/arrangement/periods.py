"""Periodic compilation (统一定期组卷归档): terms, their cases, and the results of runs.

A term is one period of one series of one fonds; a period is a month of completion in local
time. It falls due on its day of the next month (`data/schedule.json`: by fonds and series, by
series, or the default). What comes later is taken by the next run of the same period, which
changes nothing that was made.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from archive.administration.filing_units import FilingRule
from archive.arrangement.filing import place
from archive.arrangement.numbering import unnumbered
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, local_month
from archive.database.tables_cases import Case
from archive.database.tables_jobs import Job, PeriodRun
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference import DATA
from archive.reference.case_facts import CaseFacts
from archive.reference.local_time import LOCAL_TIME
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import (
    NOT_ACCEPTED,
    CaseState,
    JobState,
    OrgKind,
    Series,
    VolumeState,
)

_DATA = DATA / "schedule.json"


@dataclass(frozen=True, slots=True)
class Term:
    """A period of a series of a fonds."""

    fonds: str
    series: Series
    period: str

    @property
    def name(self) -> str:
        """Return the name that the journal uses."""
        return f"{self.fonds}·{self.series}·{self.period}"


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run.

    `volumes` are committed, `missing` are cases of the period that still wait at 核对, `failed`
    those whose volume could not be made.
    """

    fonds: str
    series: str
    period: str
    volumes: int
    missing: int
    failed: int
    register: str | None
    seconds: float

    def public(self) -> dict[str, Any]:
        """Return the report as scripts read it."""
        return {
            "fonds": self.fonds,
            "series": self.series,
            "period": self.period,
            "made": self.volumes,
            "missing": self.missing,
            "failed": self.failed,
            "register": self.register,
            "seconds": self.seconds,
        }


@cache
def days() -> Mapping[str, int]:
    """Return the day of the next month on which a period falls due, by key of the schedule."""
    schedule: dict[str, int] = json.loads(_DATA.read_text("utf-8"))
    return schedule


def period_before(at: datetime) -> str:
    """Return the month before the one of a time, in local time."""
    return (at.astimezone(LOCAL_TIME).replace(day=1) - timedelta(days=1)).strftime("%Y-%m")


def terms_of(period: str, organisations: Organisations) -> list[Term]:
    """Return a term for every series of every fonds in a period."""
    fonds_numbers = (
        unit.fonds_no
        for kind in (OrgKind.CITY, OrgKind.DISTRICT)
        for unit in organisations.of_kind(kind)
    )
    return [
        Term(fonds, series, period)
        for fonds in sorted({number for number in fonds_numbers if number})
        for series in Series
    ]


def due(at: datetime, organisations: Organisations) -> list[Term]:
    """Return the terms of the month before whose day has come, in local time."""
    today, table = at.astimezone(LOCAL_TIME).day, days()
    terms = terms_of(period_before(at), organisations)
    return [
        term
        for term in terms
        if today
        >= table.get(f"{term.fonds}/{term.series}", table.get(str(term.series), table["default"]))
    ]


def late_terms(session: Session, at: datetime, organisations: Organisations) -> list[Term]:
    """Return the terms of earlier months that have accepted cases without a number (补归)."""
    before = period_before(at)
    months = {
        case.completed_at.astimezone(LOCAL_TIME).strftime("%Y-%m") for case in unnumbered(session)
    }
    return [
        term
        for month in sorted(months)
        if month < before
        for term in terms_of(month, organisations)
    ]


def begun_terms(session: Session) -> list[Term]:
    """Return the terms that were begun and have not ended since."""
    runs = session.scalars(
        select(PeriodRun).where(PeriodRun.ended_at.is_(None)).order_by(PeriodRun.id)
    )
    return [Term(run.fonds, Series(run.series), run.period) for run in runs]


def followed_terms(session: Session) -> list[Term]:
    """Return the terms that ended before a further version of one of their volumes.

    Such a version is a supplement, late time-stamps or a renewal. The register of the term names
    versions that are not the newest any more. A new one also bears a new seal, so that registers
    last as long as volumes do.
    """
    query = (
        select(PeriodRun.fonds, PeriodRun.series, PeriodRun.period)
        .join(Volume, and_(Volume.fonds == PeriodRun.fonds, Volume.series == PeriodRun.series))
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .where(
            VolumeVersion.state == VolumeState.COMMITTED,
            VolumeVersion.version > 1,
            VolumeVersion.committed_at > PeriodRun.ended_at,
        )
        .where(local_month(session, Volume.completed_at) == PeriodRun.period)
        .distinct()
        .order_by(PeriodRun.period, PeriodRun.fonds, PeriodRun.series)
    )
    return [Term(fonds, Series(series), period) for fonds, series, period in session.execute(query)]


def settled(session: Session, terms: Sequence[Term]) -> list[Term]:
    """Return those of the terms that have no compile job waiting.

    Each number has a committed version, is void, or its job has failed.
    """
    query = (
        select(Volume.fonds, Volume.series, Volume.completed_at)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .join(Job, and_(Job.version_id == VolumeVersion.id, Job.state == JobState.WAITING))
    )
    waiting_terms = {
        (fonds, series, at.astimezone(LOCAL_TIME).strftime("%Y-%m"))
        for fonds, series, at in session.execute(query)
    }
    return [
        term for term in terms if (term.fonds, str(term.series), term.period) not in waiting_terms
    ]


def belongs(
    case: Case, term: Term, catalogue: Catalogue, organisations: Organisations, rule: FilingRule
) -> bool:
    """Return whether a case is filed in this series of this fonds, whatever its month."""
    facts = CaseFacts.model_validate(case.facts)
    placed = place(facts, catalogue.get(facts.item.code, facts.item.version), organisations, rule)
    return (placed.fonds, placed.series) == (term.fonds, term.series)


def cases_of(
    session: Session,
    term: Term,
    catalogue: Catalogue,
    organisations: Organisations,
    rule: FilingRule,
) -> list[Case]:
    """Return the cases of a term that have no number yet, in order of completion."""
    return [
        case
        for case in unnumbered(session, period=term.period)
        if belongs(case, term, catalogue, organisations, rule)
    ]


def begin(session: Session, term: Term) -> PeriodRun:
    """Return the run of a term, entered at the first call.

    It is the same run however often and from whichever node it is begun.
    """
    run = session.scalars(
        select(PeriodRun).filter_by(fonds=term.fonds, series=str(term.series), period=term.period)
    ).first()
    if run is None:
        run = PeriodRun(
            fonds=term.fonds,
            series=str(term.series),
            period=term.period,
            begun_at=database_now(session),
        )
        session.add(run)
        session.flush()
    return run


def _in(at: datetime, period: str) -> bool:
    """Return whether a time is in a period, in local time."""
    return at.astimezone(LOCAL_TIME).strftime("%Y-%m") == period


def register_rows(session: Session, term: Term) -> list[dict[str, Any]]:
    """Return the committed volumes of a term in order of number, as rows of its register.

    Each has its newest version and its digests. Rows hold no name.
    """
    query = (
        select(Volume, VolumeVersion)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .where(
            Volume.fonds == term.fonds,
            Volume.series == str(term.series),
            VolumeVersion.state == VolumeState.COMMITTED,
        )
        .order_by(Volume.year, Volume.number, VolumeVersion.version)
    )
    rows = {
        volume.code: {
            "code": volume.code,
            "version": version.version,
            "completed_on": volume.completed_at.astimezone(LOCAL_TIME).date().isoformat(),
            "late": volume.late,
            "pages": version.pages,
            "sha256": version.sha256,
            "inventory_sha256": version.inventory_sha256,
        }
        for volume, version in session.execute(query)
        if _in(volume.completed_at, term.period)
    }
    return list(rows.values())


def end(
    session: Session,
    actor: str,
    term: Term,
    register: tuple[str, str] | None,
    *,
    catalogue: Catalogue,
    organisations: Organisations,
    rule: FilingRule,
    at: datetime,
) -> Report | None:
    """Record the result of a run and return it; None for a term to which nothing belongs.

    It is journalled when it differs from the result before. `at` is when the rows of the register
    were read: what is committed later is not in it.
    """
    waiting = [
        case
        for case in session.scalars(select(Case).where(Case.state.in_(NOT_ACCEPTED)))
        if _in(case.completed_at, term.period)
    ]
    missing = sum(belongs(case, term, catalogue, organisations, rule) for case in waiting)
    volumes, failed = len(register_rows(session, term)), _unmade(session, term)
    if not (volumes or missing or failed):
        return None
    run = begin(session, term)
    before = (run.made, run.missing, run.failed, run.register, run.ended_at is None)
    run.made, run.missing, run.failed = volumes, missing, failed
    if register is not None:
        run.register, run.register_sha256 = register
    run.ended_at = at
    if before != (run.made, run.missing, run.failed, run.register, False):
        journal.record(
            session,
            actor,
            JournalAct.PERIOD,
            term.name,
            made=run.made,
            missing=run.missing,
            failed=run.failed,
            register=run.register,
        )
    return Report(
        term.fonds,
        str(term.series),
        term.period,
        run.made,
        run.missing,
        run.failed,
        run.register,
        (database_now(session) - run.begun_at).total_seconds(),
    )


def _unmade(session: Session, term: Term) -> int:
    """Return how many numbers of the term have no committed version and are not void."""
    committed = select(VolumeVersion.volume_id).where(VolumeVersion.state == VolumeState.COMMITTED)
    query = (
        select(Volume)
        .join(Case, Case.id == Volume.case_id)
        .where(
            Volume.fonds == term.fonds,
            Volume.series == str(term.series),
            Volume.void_reason.is_(None),
            Volume.id.not_in(committed),
        )
        .where(Case.state == CaseState.ACCEPTED)
    )
    return sum(_in(volume.completed_at, term.period) for volume in session.scalars(query))
