"""The context of a worker that compiles, and the order for one version."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from archive.arrangement.page_order import Leaf
from archive.arrangement.plan import VolumePlan
from archive.checking.acts import Decision, decisions_of
from archive.compile.normalise import Confined
from archive.compile.original_pages import DrawOriginals
from archive.compile.planned import planned_version
from archive.compile.prove import PdfAProver
from archive.database.engine import reading, writing
from archive.database.tables_cases import CaseRevision
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.leases import Lease
from archive.jobs.version_steps import all_recorded, record_step
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import storage_prefix
from archive.reference.objects import OriginalObject
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import VolumeState
from archive.signing.seal import Sealer
from archive.signing.validation import TrustAnchors
from storage.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class CompileContext:
    """The tools of one worker process; passed, never global.

    `confined` opens foreign PDFs: the sandbox, which stands above this package.
    """

    engine: Engine
    store: BlobStore
    organisations: Organisations
    catalogue: Catalogue
    prover: PdfAProver
    confined: Confined
    trust: TrustAnchors
    sealer_for: Callable[[str], Sealer]
    draw_originals: DrawOriginals
    demo: bool
    owner: str


class RecordedSteps:
    """The results recorded so far for one version, and those that its worker adds.

    While the lease is ours no other worker adds one, so they are read once.
    """

    def __init__(self, results: Mapping[VolumeState, dict[str, Any]]) -> None:
        """Begin with what was recorded before."""
        self._results = dict(results)

    def __getitem__(self, step: VolumeState) -> dict[str, Any]:
        """Return the result of a step; raises KeyError."""
        return self._results[step]

    def get(self, step: VolumeState) -> dict[str, Any] | None:
        """Return the result of a step, None when it is not recorded."""
        return self._results.get(step)

    def add(self, step: VolumeState, result: dict[str, Any]) -> None:
        """Add the result that was recorded for a step."""
        self._results[step] = result


@dataclass(frozen=True, slots=True)
class CompileOrder:
    """Everything read once at the start: what to make and from what."""

    lease: Lease[int]
    volume: Volume
    version: VolumeVersion
    revision: CaseRevision
    facts: CaseFacts
    plan: VolumePlan
    objects: tuple[OriginalObject, ...]
    orders: Mapping[int, tuple[Leaf, ...]]
    decisions: tuple[Decision, ...]
    prefix: str
    previous: VolumeVersion | None
    steps: RecordedSteps

    @property
    def readers(self) -> tuple[str, ...]:
        """Return the organisations whose people read the volume without being granted it."""
        orgs, volume = self.facts.orgs, self.volume
        cross = (volume.cross_org,) if volume.cross_org else ()
        return orgs.receive, orgs.accept, orgs.domicile, volume.filing_org, *cross


def load_order(context: CompileContext, lease: Lease[int]) -> CompileOrder:
    """Read the order for the version that a lease is held on."""
    with reading(context.engine) as session:
        version = session.get_one(VolumeVersion, lease.key)
        volume = session.get_one(Volume, version.volume_id)
        planned = planned_version(
            session, volume, version, context.catalogue, context.organisations
        )
        decisions = decisions_of(session, volume.case_id, version.case_revision)
        earlier = select(VolumeVersion).where(
            VolumeVersion.volume_id == volume.id, VolumeVersion.version < version.version
        )
        # A version that was frozen since is still the previous one: the next version names it, and
        # is never made of an older one.
        packaged = VolumeVersion.inventory_sha256.is_not(None)
        previous = session.scalars(
            earlier.where(packaged).order_by(VolumeVersion.version.desc()).limit(1)
        ).first()
        steps = RecordedSteps(all_recorded(session, version))
    return CompileOrder(
        lease,
        volume,
        version,
        planned.revision,
        planned.facts,
        planned.plan,
        planned.objects,
        planned.orders,
        decisions,
        storage_prefix(planned.plan.code, version.version),
        previous,
        steps,
    )


def record_result(
    context: CompileContext,
    order: CompileOrder,
    step: VolumeState,
    result: Mapping[str, Any],
    **columns: Any,  # noqa: ANN401 - column values
) -> dict[str, Any]:
    """Return the result of a step as it is kept, recorded with the columns of the version."""
    with writing(context.engine) as session:
        kept = record_step(session, context.owner, order.lease, step, dict(result), **columns)
    order.steps.add(step, kept)
    return kept
