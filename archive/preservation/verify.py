"""The verification of holdings.

Each volume's package and proof, and the invariants I1–I11 that one database and one bucket can
show (volume.md).
"""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, and_, func, select

from archive.audit import journal
from archive.audit.anchor_faults import verify_anchors
from archive.compile.prove import PdfAProver, prove_volume
from archive.database.engine import reading
from archive.database.tables_cases import CaseRevision
from archive.database.tables_volumes import Step, Volume, VolumeVersion
from archive.preservation.bucket import bucket_faults
from archive.preservation.disk_map import DiskMaps
from archive.preservation.faults import Fault
from archive.preservation.number_order import number_faults
from archive.preservation.reconcile import guarded, reconcile
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.service_items import due_materials
from archive.reference.submission_terms import Ending
from archive.reference.vocabulary import PageVerdict, VolumeState
from archive.signing.validation import TrustAnchors
from storage.blobs import BlobStore
from storage.errors import StorageError
from storage.package import read_inventory, verify_package

_AHEAD, _TOGETHER = 4, 500
_PREFIX = re.compile(
    r"volumes/(?P<fonds>[^/]+)/(?P<series>[^/]+)/(?P<year>[0-9]{1,4})"
    r"/(?P<term>[^/]+)-(?P<number>[0-9]{1,9})/v(?P<version>[0-9]{1,9})/"
)


@dataclass(frozen=True, slots=True)
class CommittedVolume:
    """A committed version and what its row says of it.

    `previous` is the commit record that its own must name. `followed_at` is when the next version
    was committed, whose commit record names this one: by then, as the anchored journal shows, its
    bytes were these, and its seal is judged at that time. Its own time-stamps are not renewed any
    more.
    """

    code: str
    version: int
    prefix: str
    pages: int
    sha256: str
    inventory_sha256: str
    previous: str | None
    followed_at: datetime | None = None


def committed(engine: Engine, codes: tuple[str, ...] = ()) -> Iterator[CommittedVolume]:
    """Yield every committed version, or those of the named volumes, in order of 档号.

    Volumes are read some hundred at a time, each time anew: proving takes hours, and no
    transaction stays open so long.
    """
    after = ""
    while True:
        with reading(engine) as session:
            query = select(Volume).where(Volume.code > after).order_by(Volume.code).limit(_TOGETHER)
            volumes = session.scalars(query.where(Volume.code.in_(codes)) if codes else query).all()
            versions = defaultdict[int, list[VolumeVersion]](list)
            for version in session.scalars(
                select(VolumeVersion)
                .where(
                    VolumeVersion.volume_id.in_([volume.id for volume in volumes]),
                    VolumeVersion.state.in_((VolumeState.COMMITTED, VolumeState.QUARANTINED)),
                    VolumeVersion.inventory_sha256.is_not(None),
                )
                .order_by(VolumeVersion.volume_id, VolumeVersion.version)
            ):
                versions[version.volume_id].append(version)
        if not volumes:
            return
        after = volumes[-1].code
        for volume in volumes:
            yield from _committed_of(volume.code, versions[volume.id])


def _committed_of(code: str, versions: Sequence[VolumeVersion]) -> Iterator[CommittedVolume]:
    """Yield the committed ones of the versions of a volume, which are in order.

    A frozen version is not shown to anybody, but the one after it still names it.
    """
    for before, version, following in zip(
        (None, *versions), versions, (*versions[1:], None), strict=False
    ):
        if version.state == VolumeState.COMMITTED:
            yield CommittedVolume(
                code,
                version.version,
                storage_prefix(ArchivalCode.parse(code), version.version),
                version.pages or 0,
                version.sha256 or "",
                version.inventory_sha256 or "",
                before.inventory_sha256 if before else None,
                following.committed_at if following else None,
            )


def count_committed(engine: Engine, codes: tuple[str, ...] = ()) -> int:
    """Return how many versions `committed` yields."""
    query = (
        select(func.count())
        .select_from(VolumeVersion)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(
            VolumeVersion.state == VolumeState.COMMITTED,
            VolumeVersion.inventory_sha256.is_not(None),
        )
    )
    if codes:
        query = query.where(Volume.code.in_(codes))
    with reading(engine) as session:
        return session.scalar(query) or 0


def verify_volumes(
    store: BlobStore, volumes: Iterable[CommittedVolume], trust: TrustAnchors, prover: PdfAProver
) -> Iterator[list[Fault]]:
    """Verify I1 for each version, in order; yield its faults.

    Commit record, every object with its digest, PDF/A-2u, signature, pages and 档号. While one is
    proved, packages of the next are read: a store over a network answers each object late. The
    prover is not thread-safe, and its Java would wait for other threads for ever, so only reading
    is done in them.
    """
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="verify") as pool:
        ahead: deque[tuple[CommittedVolume, Future[bytes | list[Fault]]]] = deque()
        try:
            for volume in volumes:
                ahead.append((volume, pool.submit(_read, store, volume)))
                if len(ahead) > _AHEAD:
                    first, content = ahead.popleft()
                    yield _proved(first, content.result(), trust, prover)
            for first, content in ahead:
                yield _proved(first, content.result(), trust, prover)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _read(store: BlobStore, volume: CommittedVolume) -> bytes | list[Fault]:
    """Return the volume's file, or the faults of its package.

    The file is returned when every object of the package is as its commit record says.
    """
    name = f"{volume.code}/v{volume.version}"
    try:
        inventory = read_inventory(store, volume.prefix)
        if inventory is None:
            return [Fault("I1", name, "归档记录 inventory.json 缺失")]
        faults = [
            Fault("I1", name, f"{fault.kind}：{fault.path}")
            for fault in verify_package(store, volume.prefix)
        ]
        if inventory.sha256 != volume.inventory_sha256:
            faults.append(Fault("I1", name, "归档记录与数据库登记的摘要不符"))
        if inventory.previous != volume.previous:
            faults.append(Fault("I1", name, "归档记录没有指明前一版本，或指向别处"))
        return faults or store.read(f"{volume.prefix}/volume.pdf", sha256=volume.sha256)
    except StorageError as error:
        return [Fault("I1", name, str(error))]


def _proved(
    volume: CommittedVolume, pdf: bytes | list[Fault], trust: TrustAnchors, prover: PdfAProver
) -> list[Fault]:
    if isinstance(pdf, list):
        return pdf
    anchors = trust.at(volume.followed_at) if volume.followed_at else trust
    proof = prove_volume(
        pdf, trust=anchors, expected_pages=volume.pages, expected_code=volume.code, prover=prover
    )
    return [Fault("I1", f"{volume.code}/v{volume.version}", fault) for fault in proof.faults]


def verify_holdings(
    engine: Engine, store: BlobStore, trust: TrustAnchors | None = None
) -> Iterator[Fault]:
    """Yield the broken invariants across volumes.

    I1 nothing frozen, I2 and I8 bucket beside rows, I3, I5 numbers, I6 order, I7 materials, I10
    journal, I11 pages on record, I12 to I15 the four witnesses against each other. What can't be
    read is a fault, and the other checks go on.
    """
    yield from guarded("volumes", lambda: _bucket_faults(engine, store))
    yield from guarded("numbers", lambda: number_faults(engine))
    yield from guarded("materials", lambda: _materials(engine))
    yield from guarded("pages", lambda: _undecided_pages(engine))
    yield from guarded("journal", lambda: _chain(engine))
    yield from guarded("anchors", lambda: _anchors(engine, store, trust))
    yield from guarded("bucket", lambda: bucket_faults(engine, store))
    yield from reconcile(engine, store)


def _bucket_faults(engine: Engine, store: BlobStore) -> Iterator[Fault]:
    """Check I2 and I8: what lies under `volumes/` belongs to a committed version."""
    maps = DiskMaps()
    try:
        known = maps.new("prefixes")
        for name, prefix in _frozen(engine):
            known[prefix] = True
            yield Fault("I1", name, "该册因对象损坏已隔离，尚未修复")
        for volume in committed(engine):
            known[volume.prefix] = True
        for stat in store.list("volumes/"):
            prefix = stat.key.rpartition("/")[0]
            while prefix.startswith("volumes/") and prefix not in known:
                prefix = prefix.rpartition("/")[0]
            if prefix not in known and not _is_made_now(engine, stat.key):
                yield Fault(
                    "I2" if stat.key.endswith("/inventory.json") else "I8",
                    stat.key,
                    "存储中有数据库未登记的对象",
                )
    finally:
        maps.close()


def _is_made_now(engine: Engine, key: str) -> bool:
    """Return whether an object is of a version that is being made, or was committed since."""
    match = _PREFIX.match(key)
    if match is None:
        return False
    query = (
        select(VolumeVersion.state)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(
            Volume.fonds == match["fonds"],
            Volume.series == match["series"],
            Volume.year == int(match["year"]),
            Volume.term == match["term"],
            Volume.number == int(match["number"]),
            VolumeVersion.version == int(match["version"]),
        )
    )
    with reading(engine) as session:
        state = session.scalar(query)
    return state is not None and state != VolumeState.VOID


def _chain(engine: Engine) -> Iterator[Fault]:
    with reading(engine) as session:
        _, broken = journal.verify(session)
    if broken:
        yield Fault("I10", str(broken.seq), broken.reason)


def _anchors(engine: Engine, store: BlobStore, trust: TrustAnchors | None) -> Iterator[Fault]:
    for fault in verify_anchors(engine, store, trust):
        yield Fault("I10", str(fault.seq or f"checkpoint/{fault.checkpoint}"), fault.reason)


def _frozen(engine: Engine) -> Iterator[tuple[str, str]]:
    """Yield name and prefix of the committed versions that are set apart."""
    query = (
        select(Volume.code, VolumeVersion.version)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .where(
            VolumeVersion.state == VolumeState.QUARANTINED,
            VolumeVersion.inventory_sha256.is_not(None),
        )
        .order_by(Volume.code, VolumeVersion.version)
        .execution_options(yield_per=500)
    )
    with reading(engine) as session:
        for code, version in session.execute(query):
            yield f"{code}/v{version}", storage_prefix(ArchivalCode.parse(code), version)


def gaps(engine: Engine) -> list[dict[str, str]]:
    """Return the gap report: every number that is not a volume, and why."""
    with reading(engine) as session:
        query = (
            select(Volume.code, Volume.void_reason)
            .where(Volume.void_reason.is_not(None))
            .order_by(Volume.code)
        )
        return [{"code": code, "reason": reason or ""} for code, reason in session.execute(query)]


def _materials(engine: Engine) -> Iterator[Fault]:
    """Check I7 for every version.

    It has the materials that the item required when its revision was taken over.
    """
    with reading(engine) as session:
        query = (
            select(Volume.code, VolumeVersion.version, CaseRevision.facts, CaseRevision.snapshot)
            .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
            .join(
                CaseRevision,
                and_(
                    CaseRevision.case_id == Volume.case_id,
                    CaseRevision.revision == VolumeVersion.case_revision,
                ),
            )
            .where(VolumeVersion.state != VolumeState.VOID)
            .execution_options(yield_per=500)
        )
        for code, version, facts, snapshot in session.execute(query):
            present = {material["type"] for material in facts["materials"]}
            missing = [
                required.name
                for required in due_materials(snapshot, _ending(facts))
                if required.name not in present
            ]
            if missing:
                yield Fault("I7", f"{code}/v{version}", f"缺少必交材料：{'、'.join(missing)}")


def _ending(facts: Mapping[str, Any]) -> Ending | None:
    """Return how a case ended; no case of before submissions stated it did so early."""
    return Ending(facts["ending"]) if facts.get("ending") else None


def _undecided_pages(engine: Engine) -> Iterator[Fault]:
    """Check I11 on record: a page that differs from its original was decided by a person.

    A volume of before pages were compared has no record: `verify_pages` compares it.
    """
    query = (
        select(Volume.code, VolumeVersion.version, Step.result)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .join(Step, Step.volume_version_id == VolumeVersion.id)
        .where(VolumeVersion.state == VolumeState.COMMITTED, Step.step == VolumeState.COMPILED)
        .order_by(Volume.code, VolumeVersion.version)
        .execution_options(yield_per=500)
    )
    undecided = (PageVerdict.DIFFERS, PageVerdict.NOT_DRAWN)
    with reading(engine) as session:
        for code, version, result in session.execute(query):
            for page in result.get("compared", ()):
                if page["verdict"] in undecided:
                    yield Fault(
                        "I11",
                        f"{code}/v{version}",
                        f"第 {page['page']} 页与原件不符，没有人工核对的记录",
                        page["page"],
                        page["material"],
                    )
