"""Make one volume: the states of volume.md in order, each recorded once, so that a worker killed anywhere is followed by one that goes on."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from archive.arrangement.page_order import Leaf, orders_of
from archive.arrangement.plan import VolumePlan, plan_volume, process_record
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.compile.build import Filing, build
from archive.compile.inspection_sheet import inspection_sheet
from archive.compile.metadata import write_metadata
from archive.compile.prove import PdfAProver, prove_volume
from archive.compile.seal_art import seal_pdf
from archive.compile.sheets import SEAL_BOX
from archive.database.engine import database_now, reading, writing
from archive.database.tables_cases import CaseRevision, Component
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.inspection.kept import taken_over
from archive.inspection.report import report
from archive.inspection.table import Phase
from archive.jobs.crashpoints import reach
from archive.jobs.leases import (
    ENDED,
    Claim,
    all_recorded,
    claim,
    finish_job,
    record_step,
    recorded,
    release,
    settle_ended,
)
from archive.recognition.page_texts import texts_of
from archive.reference.case_facts import CaseFacts
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.compile_errors import InventoryConflictError, NotProvedError
from archive.reference.errors import LeaseLostError
from archive.reference.objects import OriginalObject, blob_key
from archive.reference.organisations import Organisations, fonds_unit
from archive.reference.service_items import Catalogue
from archive.reference.vocabulary import FROM_CASE, FROM_RENEWAL, Series, VolumeState
from archive.signing.seal import Sealed, Sealer
from archive.signing.validation import TrustAnchors
from storage.blobs import BlobStore, Stat
from storage.errors import MissingError
from storage.package import Inventory, SharedObject, read_inventory, verify_package, write_package


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
class _Order:
    """Everything read once at the start: what to make and from what."""

    held: Claim
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
    """Results recorded so far. While the lease is ours nobody else adds one, so they are read once."""


def make_volume(shop: CompileContext, version_id: int) -> str | None:
    """Carry one version to COMMITTED. Returns its 档号, or None when another worker holds it or it is done already.

    Raises a CompileError or a storage error after recording it on the job; the next run goes on from the last recorded step.
    """
    with writing(shop.engine) as session:
        held = claim(session, version_id, shop.owner)
        version = session.get_one(VolumeVersion, version_id)
    if held is None:
        if version.state in ENDED:
            _close(shop, version)
        return None
    reach("claimed")
    try:
        order = _load(shop, held)
        _make(shop, order)
    except LeaseLostError:
        # Another worker has it: the job is that one's to end.
        raise
    except Exception as error:
        with writing(shop.engine) as session:
            release(session, held)
            # The text of a parser's exception may quote the record, so only its class is kept.
            finish_job(
                session,
                version_id,
                state="FAILED",
                error_code=getattr(error, "code", type(error).__name__),
                error=getattr(error, "message", None),
            )
        raise
    return order.volume.code


def _load(shop: CompileContext, held: Claim) -> _Order:
    with reading(shop.engine) as session:
        version = session.get_one(VolumeVersion, held.version_id)
        volume = session.get_one(Volume, version.volume_id)
        revision = session.scalars(
            select(CaseRevision).filter_by(case_id=volume.case_id, revision=version.case_revision)
        ).one()
        objects = tuple(
            OriginalObject(
                one.material_no, one.path, one.sha256, one.size, one.media_type, one.pages
            )
            for one in session.scalars(
                select(Component)
                .filter_by(case_id=volume.case_id, revision=version.case_revision)
                .order_by(Component.path)
            )
        )
        earlier = select(VolumeVersion).where(
            VolumeVersion.volume_id == volume.id, VolumeVersion.version < version.version
        )
        # One that was frozen since is still the one before: what follows it names it, and is never made of an older one.
        held_before = VolumeVersion.inventory_sha256.is_not(None)
        previous = session.scalars(
            earlier.where(held_before).order_by(VolumeVersion.version.desc()).limit(1)
        ).first()
        steps = all_recorded(session, version)
        orders = orders_of(session, volume.case_id, version.case_revision)
    facts = CaseFacts.model_validate(revision.facts)
    code = ArchivalCode.parse(volume.code)
    plan = plan_volume(
        facts,
        shop.catalogue.get(facts.item.code, facts.item.version),
        code,
        objects,
        shop.organisations,
        orders,
    )
    return _Order(
        held,
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


def _make(shop: CompileContext, order: _Order) -> None:
    inventory = read_inventory(shop.store, order.prefix)
    if inventory is None:
        signed = _signed(shop, order)
        pdf = shop.store.read(signed["staged"], sha256=signed["sha256"])
        proof = _proved(shop, order, pdf)
        inventory = _stored(shop, order, pdf, signed, proof)
    else:
        _agrees(shop, order, inventory)
    _commit(shop, order, inventory)


def _record(
    shop: CompileContext,
    order: _Order,
    step: VolumeState,
    result: Mapping[str, Any],
    **columns: Any,  # noqa: ANN401 - column values
) -> dict[str, Any]:
    with writing(shop.engine) as session:
        kept = record_step(session, shop.owner, order.held, step, dict(result), **columns)
    order.steps[step] = kept
    return kept


def _signed(shop: CompileContext, order: _Order) -> dict[str, Any]:
    """COMPILED and SIGNED. Signing is not deterministic: the first recorded result is the volume, other bytes are staging orphans."""
    found = order.steps.get(VolumeState.SIGNED)
    if found is not None:
        return found
    if order.version.origin != FROM_CASE:
        return _timestamped(shop, order)
    with reading(shop.engine) as session:
        # Only what was there when the version was begun: compiled again after a crash it is the same.
        texts = texts_of(
            session,
            shop.store,
            (one.sha256 for one in order.objects),
            before=order.version.frozen_at,
        )
    built = build(
        shop.store,
        order.plan,
        order.facts,
        shop.organisations,
        order.version.frozen_at,
        demo=shop.demo,
        prover=shop.prover,
        filing=_filing(shop, order),
        texts=texts,
        # What waited for a person is compiled only after it was confirmed.
        inspection=inspection_sheet(
            report(order.revision.findings, Phase.GD),
            Phase.GD,
            order.revision.accepted_at,
            confirmed=True,
        ),
    )
    reach("compiled")
    _record(
        shop,
        order,
        VolumeState.COMPILED,
        {"pages": built.pages, "contents": built.contents, "routes": built.routes},
        pages=built.pages,
    )
    reach("compiled-recorded")
    owner = fonds_unit(shop.organisations, order.volume.fonds)
    sealed = shop.sealer_for(order.volume.fonds).seal(
        built.pdf,
        appearance_pdf=seal_pdf(owner.name, shop.demo),
        page=0,
        box=SEAL_BOX,
        reason="归档",
        at=None,
    )
    return _stage(shop, order, sealed)


def _filing(shop: CompileContext, order: _Order) -> Filing:
    volume, cross = order.volume, None
    if volume.cross_fonds and volume.cross_series and volume.cross_org:
        unit = shop.organisations.get(volume.cross_org).name
        cross = f"{volume.cross_fonds}·{Series(volume.cross_series).label}（{unit}）"
    return Filing(cross, volume.late, order.version.version if order.previous else 1)


def _timestamped(shop: CompileContext, order: _Order) -> dict[str, Any]:
    """The signed bytes of the version before, with the time-stamps they owed or a further one: they stay the beginning of the new ones."""
    before = order.previous
    if before is None or before.sha256 is None or before.state != VolumeState.COMMITTED:
        raise NotProvedError("没有可补时间戳的已归档版本。", "请运行 yice verify 并联系管理员。")
    pdf = shop.store.read(
        f"{storage_prefix(order.plan.code, before.version)}/volume.pdf", sha256=before.sha256
    )
    with reading(shop.engine) as session:
        compiled = recorded(
            session, session.get_one(VolumeVersion, before.id), VolumeState.COMPILED
        )
    if compiled is None:
        raise NotProvedError("已归档版本缺少组卷记录。", "请运行 yice verify 并联系管理员。")
    _record(shop, order, VolumeState.COMPILED, compiled, pages=compiled["pages"])
    reach("compiled-recorded")
    sealer = shop.sealer_for(order.volume.fonds)
    sealed = (
        sealer.renew_timestamps(pdf)
        if order.version.origin == FROM_RENEWAL
        else sealer.complete_timestamps(pdf)
    )
    reach("timestamped")
    return _stage(shop, order, sealed)


def _stage(shop: CompileContext, order: _Order, sealed: Sealed) -> dict[str, Any]:
    digest = hashlib.sha256(sealed.pdf).hexdigest()
    staged = f"{_staging(order.version)}{order.held.token}-{digest[:16]}/volume.pdf"
    shop.store.put_new(staged, sealed.pdf, media_type="application/pdf")
    reach("signed-staged")
    result = {
        "sha256": digest,
        "staged": staged,
        "bytes": len(sealed.pdf),
        "level": str(sealed.level),
        "pending": sealed.pending,
    }
    kept = _record(
        shop,
        order,
        VolumeState.SIGNED,
        result,
        sha256=digest,
        bytes=len(sealed.pdf),
        signature_level=str(sealed.level),
        lta_pending=sealed.pending,
    )
    reach("signed-recorded")
    return kept


def _staging(version: VolumeVersion) -> str:
    return f"staging/{version.id}-"


def _proved(shop: CompileContext, order: _Order, pdf: bytes) -> dict[str, Any]:
    """PROVED: the bytes as the store gives them back are PDF/A-2u, validly signed, and as long as the contents say."""
    found = order.steps.get(VolumeState.PROVED)
    if found is not None:
        return found
    compiled = order.steps[VolumeState.COMPILED]
    proof = prove_volume(
        pdf,
        trust=shop.trust,
        expected_pages=compiled["pages"],
        expected_code=order.volume.code,
        prover=shop.prover,
    )
    if not proof.ok:
        raise NotProvedError(
            "成册后的证明未通过：" + "；".join(proof.faults), "请查看任务记录并重试；原件未受影响。"
        )
    reach("proved")
    stamp = proof.signature.stamp
    until, algorithm = (stamp.until, stamp.algorithm) if stamp else (None, None)
    with reading(shop.engine) as session:
        at = database_now(session).isoformat(timespec="seconds")
    result = {
        "pdfa": "2u",
        "pages": proof.pages,
        "level": str(proof.signature.level),
        "ok": True,
        "at": at,
    }
    kept = _record(
        shop, order, VolumeState.PROVED, result, stamped_until=until, stamp_algorithm=algorithm
    )
    reach("proved-recorded")
    return kept


def _stored(
    shop: CompileContext,
    order: _Order,
    pdf: bytes,
    signed: Mapping[str, Any],
    proof: Mapping[str, Any],
) -> Inventory:
    """STORED, then `inventory.json`: final objects first, the commit record last."""
    compiled = order.steps[VolumeState.COMPILED]
    files = {"volume.pdf": pdf, **_records(shop, order, compiled, signed, proof)}
    shared = [
        SharedObject(
            path=f"originals/{one.path}",
            key=blob_key(one.sha256),
            sha256=one.sha256,
            size=one.size,
            media_type=one.media_type,
        )
        for one in order.objects
    ]

    def recorded_first() -> None:
        reach("objects-written")
        _record(shop, order, VolumeState.STORED, {"objects": len(files) + len(shared)})
        reach("stored-recorded")

    with reading(shop.engine) as session:
        head, now = journal.head(session), database_now(session)
    inventory = write_package(
        shop.store,
        order.prefix,
        files,
        shared,
        code=order.volume.code,
        version=order.version.version,
        previous=order.previous.inventory_sha256 if order.previous else None,
        journal_head=head,
        made_at=now,
        before_inventory=recorded_first,
    )
    reach("inventory-written")
    return inventory


def _records(
    shop: CompileContext,
    order: _Order,
    compiled: Mapping[str, Any],
    signed: Mapping[str, Any],
    proof: Mapping[str, Any],
) -> dict[str, bytes]:
    """The data files beside the PDF; readable without our software, same inputs same bytes."""
    inspection = {
        "spec": "volume-inspection/1",
        "code": order.volume.code,
        "findings": order.revision.findings,
        "inspected_at": order.revision.accepted_at.isoformat(timespec="seconds"),
        "report": report(order.revision.findings, Phase.GD),
        "proof": dict(proof),
        "taken_over": {"at": proof.get("at"), "report": taken_over(proof)},
        "signature": {
            "level": signed["level"],
            "pending": signed["pending"],
            "sha256": signed["sha256"],
        },
        "routes": compiled["routes"],
    }
    records = {
        "case.json": order.revision.facts,
        "process.json": process_record(order.facts, order.plan, order.orders),
        "inspection.json": inspection,
    }
    files = {
        name: (json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
        for name, record in records.items()
    }
    files["metadata.xml"] = write_metadata(
        order.volume,
        order.version.version,
        order.plan.title,
        order.facts,
        order.revision.snapshot,
        compiled["contents"],
        compiled["pages"],
        shop.organisations,
    )
    return files


def _agrees(shop: CompileContext, order: _Order, inventory: Inventory) -> None:
    """A commit record is there and the row is behind: roll forward when they agree, else quarantine and raise the alarm."""
    faults = verify_package(shop.store, order.prefix)
    listed = {one.path: one.sha256 for one in inventory.objects}
    signed = order.steps.get(VolumeState.SIGNED)
    if (
        not faults
        and signed is not None
        and listed.get("volume.pdf") == signed["sha256"]
        and inventory.code == order.volume.code
    ):
        return
    with writing(shop.engine) as session:
        session.get_one(VolumeVersion, order.version.id).state = VolumeState.QUARANTINED
        journal.record(
            session,
            shop.owner,
            JournalAct.ALARM,
            order.volume.code,
            reason="commit record and row disagree",
            faults=len(faults),
        )
    raise InventoryConflictError(
        "存储中的归档记录与数据库不符，该册已隔离。", "请运行 yice verify 并联系管理员。"
    )


def _commit(shop: CompileContext, order: _Order, inventory: Inventory) -> None:
    _record(
        shop,
        order,
        VolumeState.COMMITTED,
        {"inventory": inventory.sha256},
        inventory_sha256=inventory.sha256,
        committed_at=datetime.fromisoformat(inventory.made_at),
        lease_until=None,
    )
    reach("committed-recorded")
    signed = order.steps.get(VolumeState.SIGNED)
    if order.held.token > 1 or signed is None:
        _close(shop, order.version)
        return
    # A first attempt left one object at most, and a look costs less than a listing.
    if held := shop.store.stat(signed["staged"]):
        _discard(shop, held)
    with writing(shop.engine) as session:
        settle_ended(session, order.version.id)


def _close(shop: CompileContext, version: VolumeVersion) -> None:
    """Tidy up after a version that has ended: row first, objects later, and the job last, so that a kill in between is made good."""
    for held in list(shop.store.list(_staging(version))):
        _discard(shop, held)
    with writing(shop.engine) as session:
        settle_ended(session, version.id)


def _discard(shop: CompileContext, held: Stat) -> None:
    with suppress(MissingError):  # another worker tidied up first
        shop.store.discard(held.key, held.version)
