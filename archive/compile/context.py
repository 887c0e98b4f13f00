"""The context of a worker that compiles, and the order for one version."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from archive.arrangement.page_order import Leaf, orders_of
from archive.arrangement.plan import VolumePlan, plan_volume
from archive.compile.prove import PdfAProver
from archive.database.engine import reading
from archive.database.tables_cases import CaseRevision, Component
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.leases import (
    Claim,
    all_recorded,
)
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.objects import OriginalObject
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import VolumeState
from archive.signing.seal import Sealer
from archive.signing.validation import TrustAnchors
from storage.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class CompileContext:
    """The tools of one worker process; passed, never global."""

    engine: Engine
    store: BlobStore
    organisations: Organisations
    catalogue: Catalogue
    prover: PdfAProver
    trust: TrustAnchors
    sealer_for: Callable[[str], Sealer]
    demo: bool
    owner: str


@dataclass(frozen=True, slots=True)
class CompileOrder:
    """Everything read once at the start: what to make and from what."""

    lease: Claim
    volume: Volume
    version: VolumeVersion
    revision: CaseRevision
    facts: CaseFacts
    plan: VolumePlan
    objects: tuple[OriginalObject, ...]
    orders: dict[int, tuple[Leaf, ...]]
    prefix: str
    previous: VolumeVersion | None
    steps: dict[VolumeState, dict[str, Any]]
    """Results recorded so far. While the lease is ours no other worker adds one: read once."""


def load_order(context: CompileContext, lease: Claim) -> CompileOrder:
    """Read the order for the version that a lease is held on."""
    with reading(context.engine) as session:
        version = session.get_one(VolumeVersion, lease.version_id)
        volume = session.get_one(Volume, version.volume_id)
        revision = session.scalars(
            select(CaseRevision).filter_by(case_id=volume.case_id, revision=version.case_revision)
        ).one()
        objects = tuple(
            OriginalObject(
                row.material_no, row.path, row.sha256, row.size, row.media_type, row.pages
            )
            for row in session.scalars(
                select(Component)
                .filter_by(case_id=volume.case_id, revision=version.case_revision)
                .order_by(Component.path)
            )
        )
        earlier = select(VolumeVersion).where(
            VolumeVersion.volume_id == volume.id, VolumeVersion.version < version.version
        )
        # A version that was frozen since is still the previous one: the next version names it, and
        # is never made of an older one.
        packaged = VolumeVersion.inventory_sha256.is_not(None)
        previous = session.scalars(
            earlier.where(packaged).order_by(VolumeVersion.version.desc()).limit(1)
        ).first()
        steps = all_recorded(session, version)
        orders = orders_of(session, volume.case_id, version.case_revision)
    facts = CaseFacts.model_validate(revision.facts)
    code = ArchivalCode.parse(volume.code)
    plan = plan_volume(
        facts,
        context.catalogue.get(facts.item.code, facts.item.version),
        code,
        objects,
        context.organisations,
        orders,
    )
    return CompileOrder(
        lease,
        volume,
        version,
        revision,
        facts,
        plan,
        objects,
        orders,
        storage_prefix(code, version.version),
        previous,
        steps,
    )
