"""The making of one volume.

It goes through the states of volume.md in order, each recorded once, so that after a worker was
killed at any point another goes on.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.compile.context import CompileContext, CompileOrder, load_order, record_result
from archive.compile.package_files import package_files
from archive.compile.prove import prove_volume
from archive.compile.sealing import signed_volume, staging
from archive.database.engine import database_now, reading, writing
from archive.database.tables_volumes import VolumeVersion
from archive.inspection.kept import compared_counts
from archive.jobs.crashpoints import reach
from archive.jobs.job_rows import begin_attempt, require_survivors
from archive.jobs.leases import release
from archive.jobs.version_steps import (
    ENDED,
    claim_version,
    fail_job,
    settle_ended,
)
from archive.reference.compile_errors import InventoryConflictError, NotProvedError
from archive.reference.errors import LeaseLostError
from archive.reference.objects import blob_key
from archive.reference.vocabulary import VolumeState
from storage.blobs import Stat
from storage.errors import MissingError
from storage.package import Inventory, SharedObject, read_inventory, verify_package, write_package


def make_volume(context: CompileContext, version_id: int) -> str | None:
    """Carry one version to COMMITTED.

    Returns its 档号, or None when another worker holds it or it is done already. Raises a
    CompileError or a storage error after recording it on the job; the next run goes on from the
    last recorded step. A version at whose step three workers died in a row fails.
    """
    with writing(context.engine) as session:
        lease = claim_version(session, version_id, context.owner)
        version = session.get_one(VolumeVersion, version_id)
        begun = begin_attempt(session, version_id) if lease else 0
    if lease is None:
        if version.state in ENDED:
            _close(context, version)
        return None
    reach("claimed")
    try:
        require_survivors(begun)
        order = load_order(context, lease)
        _make(context, order)
    except LeaseLostError:
        # Another worker has the lease, and ends the job.
        raise
    except Exception as error:
        with writing(context.engine) as session:
            release(session, lease)
            fail_job(session, version_id, error)
        raise
    return order.volume.code


def _make(context: CompileContext, order: CompileOrder) -> None:
    inventory = read_inventory(context.store, order.prefix)
    if inventory is None:
        signed = signed_volume(context, order)
        pdf = context.store.read(signed["staged"], sha256=signed["sha256"])
        proof = _proved(context, order, pdf)
        inventory = _stored(context, order, pdf, signed, proof)
    else:
        _agrees(context, order, inventory)
    _commit(context, order, inventory)


def _proved(context: CompileContext, order: CompileOrder, pdf: bytes) -> dict[str, Any]:
    """Take the step PROVED and return its result.

    The bytes as the store returns them are PDF/A-2u, validly signed, and as long as the contents
    say.
    """
    result = order.steps.get(VolumeState.PROVED)
    if result is not None:
        return result
    compiled = order.steps[VolumeState.COMPILED]
    proof = prove_volume(
        pdf,
        trust=context.trust,
        expected_pages=compiled["pages"],
        expected_code=order.volume.code,
        prover=context.prover,
    )
    if not proof.ok:
        raise NotProvedError(
            "成册后的证明未通过：" + "；".join(proof.faults), "请查看任务记录并重试；原件未受影响。"
        )
    reach("proved")
    stamp = proof.signature.stamp
    until, algorithm = (stamp.until, stamp.algorithm) if stamp else (None, None)
    with reading(context.engine) as session:
        at = database_now(session).isoformat(timespec="seconds")
    result = {
        "pdfa": "2u",
        "pages": proof.pages,
        "level": str(proof.signature.level),
        "ok": True,
        "at": at,
        **compared_counts(compiled.get("compared")),
    }
    kept = record_result(
        context, order, VolumeState.PROVED, result, stamped_until=until, stamp_algorithm=algorithm
    )
    reach("proved-recorded")
    return kept


def _stored(
    context: CompileContext,
    order: CompileOrder,
    pdf: bytes,
    signed: Mapping[str, Any],
    proof: Mapping[str, Any],
) -> Inventory:
    """Take the step STORED, then write `inventory.json`.

    Final objects come first, the commit record last.
    """
    compiled = order.steps[VolumeState.COMPILED]
    files = {"volume.pdf": pdf, **package_files(context, order, compiled, signed, proof)}
    shared = [
        SharedObject(
            path=f"originals/{original.path}",
            key=blob_key(original.sha256),
            sha256=original.sha256,
            size=original.size,
            media_type=original.media_type,
        )
        for original in order.objects
    ]

    def recorded_first() -> None:
        reach("objects-written")
        record_result(context, order, VolumeState.STORED, {"objects": len(files) + len(shared)})
        reach("stored-recorded")

    with reading(context.engine) as session:
        head, now = journal.head(session), database_now(session)
    inventory = write_package(
        context.store,
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


def _agrees(context: CompileContext, order: CompileOrder, inventory: Inventory) -> None:
    """Check a commit record that is there while the row is behind.

    Roll forward when they agree, else quarantine the version and raise the alarm.
    """
    faults = verify_package(context.store, order.prefix)
    listed = {item.path: item.sha256 for item in inventory.objects}
    signed = order.steps.get(VolumeState.SIGNED)
    if (
        not faults
        and signed is not None
        and listed.get("volume.pdf") == signed["sha256"]
        and inventory.code == order.volume.code
    ):
        return
    with writing(context.engine) as session:
        session.get_one(VolumeVersion, order.version.id).state = VolumeState.QUARANTINED
        journal.record(
            session,
            context.owner,
            JournalAct.ALARM,
            order.volume.code,
            reason="commit record and row disagree",
            faults=len(faults),
        )
    raise InventoryConflictError(
        "存储中的归档记录与数据库不符，该册已隔离。", "请运行 yice verify 并联系管理员。"
    )


def _commit(context: CompileContext, order: CompileOrder, inventory: Inventory) -> None:
    record_result(
        context,
        order,
        VolumeState.COMMITTED,
        {"inventory": inventory.sha256},
        inventory_sha256=inventory.sha256,
        committed_at=datetime.fromisoformat(inventory.made_at),
        lease_until=None,
    )
    reach("committed-recorded")
    signed = order.steps.get(VolumeState.SIGNED)
    if order.lease.token > 1 or signed is None:
        _close(context, order.version)
        return
    # A first attempt left one object at most, and a stat costs less than a listing.
    if staged := context.store.stat(signed["staged"]):
        _discard(context, staged)
    with writing(context.engine) as session:
        settle_ended(session, order.version.id)


def _close(context: CompileContext, version: VolumeVersion) -> None:
    """Tidy up after a version that has ended.

    Row first, objects later, and the job last, so that a kill in between is made good.
    """
    for staged in list(context.store.list(staging(version))):
        _discard(context, staged)
    with writing(context.engine) as session:
        settle_ended(session, version.id)


def _discard(context: CompileContext, staged: Stat) -> None:
    with suppress(MissingError):  # another worker tidied up first
        context.store.discard(staged.key, staged.version)
