"""/metrics: counts of rows, taken at each scrape, in the text format of Prometheus.

No names, no case numbers, no 档号.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from api.jobs.renewal import ends
from api.monitoring.health import readiness
from api.monitoring.status import SystemStatus, disk_free, index_behind, queues, system_status
from api.runtime.bootstrap import Runtime
from archive.database.engine import database_now, reading
from archive.finding_aids.monitoring import (
    cases_by_state,
    count_replicas,
    count_versions,
    deliveries_by_outcome,
    journal_extent,
    newest_fixity_check,
    versions_by_state,
)
from archive.jobs.job_rows import counts_by_kind_and_state, failure_counts, oldest_waiting
from archive.preservation.renewal import Ends, outlook
from archive.reference.vocabulary import IntakeOutcome, JobKind, JobState, VolumeState


class ArchiveCollector(Collector):
    """A collector of the gauges of one archive.

    Known states are there with 0 too: an alert on a missing series never fires.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Count in this runtime's database."""
        self._runtime = runtime

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return nothing ahead of the first scrape: registration must not need the database."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all gauges; those of rows come from one snapshot."""
        with reading(self._runtime.engine) as session:
            yield from _counts(session)
            yield _oldest(session)
            yield from _holdings(session, self._runtime.settings.renew_within, ends(self._runtime))
            yield from _status(system_status(session))
        yield from _around(self._runtime)


def exposition(registry: CollectorRegistry) -> bytes:
    """Return the body of /metrics."""
    return generate_latest(registry)


def registry_of(runtime: Runtime) -> CollectorRegistry:
    """Return a registry of this app alone.

    The client's global one would outlive a test's archive.
    """
    registry = CollectorRegistry()
    registry.register(ArchiveCollector(runtime))
    return registry


def _counts(session: Session) -> Iterator[GaugeMetricFamily]:
    states = dict.fromkeys((str(state) for state in VolumeState), 0)
    states |= versions_by_state(session)
    yield _gauge("yice_volumes", "Versions of volumes by state", "state", states)
    outcomes = dict.fromkeys((str(outcome) for outcome in IntakeOutcome), 0)
    outcomes |= deliveries_by_outcome(session)
    yield _gauge("yice_deliveries", "Delivered packages by outcome", "outcome", outcomes)
    yield _gauge("yice_cases", "Cases by state", "state", cases_by_state(session))
    jobs = GaugeMetricFamily("yice_jobs", "Jobs by kind and state", labels=("kind", "state"))
    counts = counts_by_kind_and_state(session)
    for kind in sorted({kind for kind, _ in counts} | {str(JobKind.COMPILE)}):
        seen = {state for job_kind, state in counts if job_kind == kind}
        for state in sorted({*map(str, JobState), *seen}):
            jobs.add_metric((kind, state), counts.get((kind, state), 0))
    yield jobs
    yield _gauge(
        "yice_job_failures",
        "Failed jobs by error code",
        "code",
        {code or "UNKNOWN": count for code, count in failure_counts(session).items()},
    )


def _gauge(name: str, text: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, count in sorted(values.items()):
        family.add_metric((value,), count)
    return family


def _oldest(session: Session) -> GaugeMetricFamily:
    # A page may wait for hours, a volume may not: its text holds nothing up.
    first = oldest_waiting(session, but_kind=JobKind.OCR)
    age = (database_now(session) - first).total_seconds() if first else 0.0
    return GaugeMetricFamily(
        "yice_oldest_waiting_job_age_seconds",
        "Age of the oldest job that still waits; 0 when none does",
        value=max(0.0, age),
    )


def _holdings(session: Session, within: int, algorithm_ends: Ends) -> Iterator[GaugeMetricFamily]:
    """Yield the gauges of preservation: fixity, time-stamps, second copies, journal anchors."""
    checked = newest_fixity_check(session)
    age = (database_now(session) - checked).total_seconds() if checked else -1.0
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
    committed, copied = count_versions(session, VolumeState.COMMITTED), count_replicas(session)
    yield GaugeMetricFamily(
        "yice_packages_without_replica",
        "Committed versions that the second store lacks",
        value=max(0, committed - copied),
    )
    yield GaugeMetricFamily(
        "yice_journal_entries_since_anchor",
        "Journal entries that no anchor covers yet",
        value=journal_extent(session).since_anchor,
    )


def _status(status: SystemStatus) -> Iterator[GaugeMetricFamily]:
    """Yield the gauges of duties, owed time-stamps and what dead workers left.

    An age of -1 is of what never was.
    """
    ages = GaugeMetricFamily(
        "yice_duty_age_seconds",
        "Since a duty was last done; -1 when it never was",
        labels=("duty",),
    )
    failures = GaugeMetricFamily(
        "yice_duty_failures", "Failures of a duty since it was last done", labels=("duty",)
    )
    for duty in status.duties:
        ages.add_metric((duty.name,), -1.0 if duty.age is None else duty.age)
        failures.add_metric((duty.name,), duty.failures)
    yield ages
    yield failures
    yield GaugeMetricFamily(
        "yice_timestamps_owed",
        "Volumes whose newest version owes its time-stamps",
        value=status.owed,
    )
    yield GaugeMetricFamily(
        "yice_staging_orphans",
        "Staged objects that the last reconcile could not remove",
        value=status.orphans,
    )


def _around(runtime: Runtime) -> Iterator[GaugeMetricFamily]:
    """Yield the gauges of what this node depends on.

    A broker that is away has no lengths; an index that is not there is -1.
    """
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
    # On one machine workers come with the work; a message that was one too many lies until then.
    lengths = queues(runtime) if runtime.settings.broker_url else None
    for name, (messages, listening) in (lengths or {}).items():
        waiting.add_metric((name,), messages)
        workers.add_metric((name,), listening)
    yield waiting
    yield workers
