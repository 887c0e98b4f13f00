"""The proof of pages, repeated for volumes of today (I11)."""

import json
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from archive.accession.recheck import confirmed_pages
from archive.arrangement.plan import VolumePlan
from archive.compile.metadata import read_metadata
from archive.compile.original_pages import DrawOriginals
from archive.compile.page_proof import PageResult, foreign_pages, prove_pages
from archive.compile.planned import planned_version
from archive.database.engine import reading
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.preservation.faults import Fault
from archive.preservation.verify import CommittedVolume
from archive.reference.errors import ArchiveError
from archive.reference.findings import Finding
from archive.reference.objects import blob_key
from archive.reference.organisations import Organisations
from archive.reference.service_items import Catalogue
from storage.blobs import BlobStore
from storage.errors import StorageError

_SAME = 0.05


@dataclass(frozen=True, slots=True)
class PageTools:
    """What pages are compared with: the holdings, the reference data, and the second program."""

    engine: Engine
    store: BlobStore
    catalogue: Catalogue
    organisations: Organisations
    draw_originals: DrawOriginals


@dataclass(frozen=True, slots=True)
class VolumePages:
    """How many pages of a volume were compared, and what is wrong with them."""

    compared: int
    faults: tuple[Fault, ...]


def verify_pages(tools: PageTools, volume: CommittedVolume) -> VolumePages:
    """Compare each page from outside of a committed version with its original again (I11).

    The volume and the originals are read from the store; what was recorded before is not used, but
    for what a person confirmed.
    """
    name = f"{volume.code}/v{volume.version}"
    try:
        with reading(tools.engine) as session:
            plan, confirmed = _plan_of(session, tools, volume)
        metadata = read_metadata(tools.store.read(f"{volume.prefix}/metadata.xml"))
        pdf = tools.store.read(f"{volume.prefix}/volume.pdf", sha256=volume.sha256)
        results = prove_pages(
            pdf,
            foreign_pages(plan, metadata["contents"]),
            lambda original: tools.store.read(blob_key(original.sha256), sha256=original.sha256),
            tools.draw_originals,
            (),
        )
        inspection = json.loads(tools.store.read(f"{volume.prefix}/inspection.json"))
    except (StorageError, ArchiveError) as error:
        return VolumePages(0, (Fault("I11", name, f"页面无法比对：{error}"),))
    seen = {int(page["page"]): float(page["distance"]) for page in inspection.get("pages", ())}
    faults = tuple(
        _fault(name, result)
        for result in results
        if result.waits
        and not (result.finding() in confirmed and _as_confirmed(result, seen.get(result.page)))
    )
    return VolumePages(len(results), faults)


def _as_confirmed(result: PageResult, distance: float | None) -> bool:
    """Return whether a page still is as far from its original as when a person confirmed it.

    One that was exchanged since is another page, which nobody confirmed.
    """
    return distance is not None and abs(result.distance - distance) <= _SAME * max(1.0, distance)


def _fault(name: str, result: PageResult) -> Fault:
    message = f"第 {result.page} 页（材料 {result.material}）{result.verdict.label}：{result.why}"
    return Fault("I11", name, message, page=result.page, material=result.material)


def _plan_of(
    session: Session, tools: PageTools, volume: CommittedVolume
) -> tuple[VolumePlan, frozenset[Finding]]:
    """Return the plan by which a version was made, and what a person confirmed of its pages."""
    row, version = session.execute(
        select(Volume, VolumeVersion)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .where(Volume.code == volume.code, VolumeVersion.version == volume.version)
    ).one()
    planned = planned_version(session, row, version, tools.catalogue, tools.organisations)
    return planned.plan, confirmed_pages(planned.revision.findings)
