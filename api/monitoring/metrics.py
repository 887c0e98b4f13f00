"""/metrics: what the rows say, counted at each scrape, in the text format of Prometheus. No names, no case numbers, no 档号."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.jobs.renewal import ends
from api.monitoring.health import readiness
from api.monitoring.status import Standing, disk_free, index_behind, queues, standing
from api.runtime.bootstrap import Runtime
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, reading
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case, Delivery
from archive.database.tables_jobs import Job
from archive.database.tables_preservation import FixityCheck, Replica
from archive.database.tables_volumes import VolumeVersion
from archive.preservation.renewal import Ends, outlook
from archive.recognition.queue import OCR
from archive.reference.vocabulary import IntakeOutcome, VolumeState

JOB_STATES = ("WAITING", "DONE", "FAILED")


class ArchiveCollector(Collector):
    """Gauges of one archive. Known states are there with 0 too: an alert on a missing series never fires."""

    def __init__(self, runtime: Runtime) -> None:
        """Count in this runtime's database."""
        self._runtime = runtime

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing ahead of the first scrape: registration must not need the database."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All gauges from one snapshot."""
        with reading(self._runtime.engine) as session:
            yield from _counts(session)
            yield _oldest(session)
            yield from _holdings(session, self._runtime.settings.renew_within, ends(self._runtime))
            yield from _standing(standing(session))
        yield from _around(self._runtime)


def exposition(registry: CollectorRegistry) -> bytes:
    """The body of /metrics."""
    return generate_latest(registry)


def registry_of(runtime: Runtime) -> CollectorRegistry:
    """A registry of this app alone; the client's global one would outlive a test's archive."""
    registry = CollectorRegistry()
    registry.register(ArchiveCollector(runtime))
    return registry


def _counts(session: Session) -> Iterator[GaugeMetricFamily]:
    states = dict.fromkeys((str(one) for one in VolumeState), 0)
    states |= dict(
        session.execute(select(VolumeVersion.state, func.count()).group_by(VolumeVersion.state))
        .tuples()
        .all()
    )
    yield _gauge("yice_volumes", "Versions of volumes by state", "state", states)
    outcomes = dict.fromkeys((str(one) for one in IntakeOutcome), 0)
    outcomes |= dict(
        session.execute(select(Delivery.outcome, func.count()).group_by(Delivery.outcome))
        .tuples()
        .all()
    )
    yield _gauge("yice_deliveries", "Delivered packages by outcome", "outcome", outcomes)
    cases = dict(
        session.execute(select(Case.state, func.count()).group_by(Case.state)).tuples().all()
    )
    yield _gauge("yice_cases", "Cases by state", "state", cases)
    jobs = GaugeMetricFamily("yice_jobs", "Jobs by kind and state", labels=("kind", "state"))
    counted = {
        (kind, state): count
        for kind, state, count in session.execute(
            select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)
        )
    }
    for kind in sorted({kind for kind, _ in counted} | {"compile"}):
        for state in sorted({*JOB_STATES, *(one for known, one in counted if known == kind)}):
            jobs.add_metric((kind, state), counted.get((kind, state), 0))
    yield jobs
    failed = (
        select(Job.error_code, func.count()).where(Job.state == "FAILED").group_by(Job.error_code)
    )
    yield _gauge(
        "yice_job_failures",
        "Failed jobs by error code",
        "code",
        {code or "UNKNOWN": count for code, count in session.execute(failed)},
    )


def _gauge(name: str, text: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, count in sorted(values.items()):
        family.add_metric((value,), count)
    return family


def _oldest(session: Session) -> GaugeMetricFamily:
    # A page may wait for hours, a volume may not: its text holds nothing up.
    first = session.scalar(
        select(func.min(Job.created_at)).where(Job.state == "WAITING", Job.kind != OCR)
    )
    age = (database_now(session) - first).total_seconds() if first else 0.0
    return GaugeMetricFamily(
        "yice_oldest_waiting_job_age_seconds",
        "Age of the oldest job that still waits; 0 when none does",
        value=max(0.0, age),
    )


def _holdings(session: Session, within: int, algorithm_ends: Ends) -> Iterator[GaugeMetricFamily]:
    """What keeps the holdings whole: when the scrub last looked, what has no second copy, what is in no anchor."""
    looked = session.scalar(select(func.max(FixityCheck.checked_at)))
    age = (database_now(session) - looked).total_seconds() if looked else -1.0
    yield GaugeMetricFamily(
        "yice_fixity_age_seconds",
        "Age of the newest fixity check; -1 when there was none",
        value=age,
    )
    ahead = outlook(session, database_now(session) + timedelta(days=within), algorithm_ends)
    left = (ahead.first_end - database_now(session)).total_seconds() if ahead.first_end else -1.0
    yield GaugeMetricFamily(
        "yice_timestamp_remaining_seconds",
        "Until the first time-stamp ends; -1 when there is none",
        value=left,
    )
    yield GaugeMetricFamily(
        "yice_timestamps_due", "Volumes whose time-stamp is due for renewal", value=ahead.due
    )
    committed = (
        session.scalar(select(func.count()).where(VolumeVersion.state == VolumeState.COMMITTED))
        or 0
    )
    copied = session.scalar(select(func.count()).select_from(Replica)) or 0
    yield GaugeMetricFamily(
        "yice_packages_without_replica",
        "Committed versions that the second store lacks",
        value=max(0, committed - copied),
    )
    last = session.scalar(select(func.max(JournalEntry.seq))) or 0
    anchored = (
        session.scalar(
            select(func.max(JournalEntry.seq)).where(JournalEntry.act == JournalAct.ANCHOR)
        )
        or 0
    )
    yield GaugeMetricFamily(
        "yice_journal_entries_since_anchor",
        "Journal entries that no anchor covers yet",
        value=last - anchored,
    )


def _standing(now: Standing) -> Iterator[GaugeMetricFamily]:
    """Duties, time-stamps that are owed, what dead workers left; -1 is an age of what never was."""
    ages = GaugeMetricFamily(
        "yice_duty_age_seconds",
        "Since a duty was last done; -1 when it never was",
        labels=("duty",),
    )
    failures = GaugeMetricFamily(
        "yice_duty_failures", "Failures of a duty since it was last done", labels=("duty",)
    )
    for one in now.duties:
        ages.add_metric((one.name,), -1.0 if one.age is None else one.age)
        failures.add_metric((one.name,), one.failures)
    yield ages
    yield failures
    yield GaugeMetricFamily(
        "yice_timestamps_owed", "Volumes whose newest version owes its time-stamps", value=now.owed
    )
    yield GaugeMetricFamily(
        "yice_staging_orphans",
        "Staged objects that the last reconcile could not remove",
        value=now.orphans,
    )


def _around(runtime: Runtime) -> Iterator[GaugeMetricFamily]:
    """What this node depends on. A broker that is away has no lengths, an index that is not there is -1."""
    up = GaugeMetricFamily(
        "yice_dependency_up", "1 when a dependency of this node answers", labels=("name",)
    )
    for name, state in readiness(runtime).items():
        up.add_metric((name,), state.state == "ok")
    yield up
    yield GaugeMetricFamily(
        "yice_disk_free_bytes", "Bytes free where the data folder lies", value=disk_free(runtime)
    )
    behind = index_behind(runtime)
    yield GaugeMetricFamily(
        "yice_index_behind",
        "Changes that the index of this node has not taken in; -1 without an index",
        value=-1 if behind is None else behind,
    )
    waiting = GaugeMetricFamily(
        "yice_queue_messages", "Messages that wait in a queue", labels=("queue",)
    )
    workers = GaugeMetricFamily(
        "yice_queue_workers", "Workers that listen to a queue", labels=("queue",)
    )
    # On one machine workers come with the work, and a message that was one too many lies until then.
    lengths = queues(runtime) if runtime.settings.broker_url else None
    for name, (messages, listening) in (lengths or {}).items():
        waiting.add_metric((name,), messages)
        workers.add_metric((name,), listening)
    yield waiting
    yield workers
