"""A round of pulling from the sources, and handing in what is whole."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from api.jobs.acts import ingest_paths
from api.jobs.progress import Advance, Progress
from api.runtime.bootstrap import Runtime
from api.runtime.settings import Settings
from archive.database.engine import reading, writing
from archive.gathering.cases import complete_cases
from archive.gathering.source_health import state_of
from archive.reference.vocabulary import IntakeOutcome
from ingest.intake.gathered import earlier_outcome, record_outcome, write_package
from ingest.sources.certificates import CertificateLibrary
from ingest.sources.forms import PopulationFeed
from ingest.sources.portal import OnlinePortal
from ingest.sources.protocol import Source
from ingest.sources.pull import Pulled, pull
from ingest.sources.scans import ScanFolder

_TOGETHER = 64


class SourceName(StrEnum):
    """The sources, in the order of a round.

    What a closed case names is known before certificates are asked for.
    """

    FORMS = "forms"
    SCANS = "scans"
    PORTAL = "portal"
    CERTIFICATES = "certificates"


def open_sources(settings: Settings) -> list[Source]:
    """Open the sources that the settings name, in the order of a round."""
    sources: list[Source] = []
    rate = settings.source_rate
    if settings.forms_url:
        sources.append(
            PopulationFeed(settings.forms_url, key=settings.forms_key.get_secret_value(), rate=rate)
        )
    if settings.scan_folder:
        sources.append(ScanFolder(settings.scan_folder))
    if settings.portal_url:
        sources.append(
            OnlinePortal(settings.portal_url, key=settings.portal_key.get_secret_value(), rate=rate)
        )
    if settings.cert_url:
        roots = settings.cert_roots.read_bytes() if settings.cert_roots else b""
        secret = settings.cert_secret.get_secret_value()
        sources.append(
            CertificateLibrary(
                settings.cert_url,
                client=settings.cert_client,
                secret=secret,
                rate=rate,
                roots=roots,
            )
        )
    return sources


def pull_round(
    runtime: Runtime, actor: str, sources: Sequence[Source], progress: Progress
) -> tuple[list[Pulled], dict[IntakeOutcome, int]]:
    """Ask each source once, then hand in everything that is whole.

    A source that failed lately is not asked until its time, unless it is the only one.
    """
    pulled = []
    for source in sources:
        with writing(runtime.engine) as session:
            not_before = state_of(session, source.name).not_before
        if not_before and not_before > datetime.now(UTC) and len(sources) > 1:
            continue
        with progress.pieces(source.system, None) as advance:

            def show(so_far: Pulled, advance: Advance = advance) -> None:
                advance(so_far.taken, _counts(so_far))

            pulled.append(pull(runtime.engine, runtime.store, source, actor, on_progress=show))
            if error := pulled[-1].error:
                advance(pulled[-1].taken, f"[red]{error.code}[/red] {error.message}")
    return pulled, submit_whole(runtime, actor, progress)


def submit_whole(runtime: Runtime, actor: str, progress: Progress) -> dict[IntakeOutcome, int]:
    """Pack every case that is whole and receive it, until none is left; count by outcome."""
    counts: dict[IntakeOutcome, int] = {}
    folder = runtime.settings.data / "gathered"
    # A case that was whole would be refused for a scanner that is down; it waits instead.
    runtime.intake_rules.scanner.require_answer()
    while True:
        with reading(runtime.engine) as session:
            batch = complete_cases(session, _TOGETHER)
        if not batch:
            return counts
        fresh = []
        for case in batch:
            earlier = earlier_outcome(runtime.engine, case)
            if earlier is None:
                fresh.append(write_package(runtime.store, folder, case))
            else:
                record_outcome(runtime.engine, actor, case, earlier, package=folder / case.bag)
        received = (
            {
                package.bag: package.outcome
                for package in ingest_paths(runtime, actor, fresh, progress)
            }
            if fresh
            else {}
        )
        for case in batch:
            if (outcome := received.get(case.bag)) is not None:
                record_outcome(runtime.engine, actor, case, outcome, package=folder / case.bag)
                counts[outcome] = counts.get(outcome, 0) + 1


def _counts(pulled: Pulled) -> str:
    return f"取得 {pulled.taken}　已有 {pulled.known}　退回 {pulled.refused}　未到 {pulled.absent}"
