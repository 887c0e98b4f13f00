"""Four witnesses held against each other: journal, rows, bucket and counters (I12, I13).

Whoever writes one of them alone is contradicted by another. docs/operations.md says what no witness
can tell.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from archive.administration.policy import scope_of
from archive.arrangement.numbering import filed
from archive.database.engine import snapshot
from archive.database.tables_audit import JournalEntry
from archive.database.tables_cases import Case
from archive.database.tables_volumes import NumberCounter, Step, Volume, VolumeVersion
from archive.jobs.version_steps import journalled_result
from archive.preservation.faults import Fault
from archive.preservation.journalled import STEPS, Journalled, folded
from archive.preservation.reconcile_accounts import (
    account_faults,
    change_faults,
    configured_faults,
    copy_faults,
    login_faults,
    request_faults,
    webhook_faults,
)
from archive.preservation.reconcile_cases import UNREADABLE, case_faults
from archive.preservation.reconcile_checks import check_faults
from archive.preservation.reconcile_deliveries import delivery_faults, register_faults
from archive.preservation.reconcile_window import window_faults
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.errors import ArchiveError
from archive.reference.organisations import load_organisations
from archive.reference.vocabulary import VersionOrigin, VolumeState
from storage.blobs import BlobStore
from storage.errors import StorageError
from storage.package import read_inventory

_ENDED = (VolumeState.COMMITTED, VolumeState.QUARANTINED)


def reconcile(engine: Engine, store: BlobStore) -> Iterator[Fault]:
    """Yield what the journal, the rows, the bucket and the counters do not agree in.

    A row that can't be read ends no check but its own.
    """
    with snapshot(engine) as session, ExitStack() as stack:
        try:
            state = stack.enter_context(folded(session))
        except (*UNREADABLE, SQLAlchemyError) as error:
            yield Fault("I10", "journal", f"日志条目无法读取（{type(error).__name__}）")
            return
        yield from _checks(session, store, state)


def _checks(session: Session, store: BlobStore, state: Journalled) -> Iterator[Fault]:
    """Yield the faults of each check in turn; one that fails does not end the others."""
    checks: Mapping[str, Callable[[], Iterator[Fault]]] = {
        "cases": lambda: case_faults(session, store, state),
        "check_acts": lambda: check_faults(session, state),
        "volumes": lambda: _numbers(session, state),
        "number_counters": lambda: _counters(session, state),
        "volume_versions": lambda: _versions(session, state),
        "steps": lambda: _steps(session, state),
        "inventory": lambda: _heads(session, store, state),
        "accounts": lambda: account_faults(session, state),
        "account_changes": lambda: change_faults(session, state),
        "logins": lambda: login_faults(session, state),
        "usage_requests": lambda: request_faults(session, state),
        "certified_copies": lambda: copy_faults(session, store, state),
        "configured": lambda: configured_faults(session, state),
        "window": lambda: window_faults(session, state),
        "webhooks": lambda: webhook_faults(session, state),
        "deliveries": lambda: delivery_faults(session, store, state),
        "registers": lambda: register_faults(session, store, state),
    }
    for name, check in checks.items():
        yield from guarded(name, check)


def guarded(name: str, check: Callable[[], Iterator[Fault]]) -> Iterator[Fault]:
    """Yield the faults of a check; one that meets what it can't read says so as a fault."""
    try:
        yield from check()
    except (*UNREADABLE, ArchiveError, SQLAlchemyError, StorageError) as error:
        yield Fault("I12", name, f"登记无法读取，其后未查（{type(error).__name__}）")


def _numbers(session: Session, state: Journalled) -> Iterator[Fault]:
    """Check every number against the entry that gave it, and the reverse."""
    organisations = load_organisations()
    query = select(Volume, Case.case_no, Case.completed_at).outerjoin(
        Case, Case.id == Volume.case_id
    )
    query = query.order_by(Volume.id).execution_options(yield_per=500)
    for volume, case_no, completed_at in session.execute(query):
        state.void.see(volume.code)
        parts = ArchivalCode.parse(volume.code)
        columns = (volume.fonds, volume.series, volume.year, volume.term, volume.number)
        if columns != (parts.fonds, str(parts.series), parts.year, str(parts.term), parts.number):
            yield Fault("I12", volume.code, "登记的全宗、卷目、年度、期限或册号与档号不符")
        if not state.numbers.see(volume.code) or state.numbers.get(volume.code) != case_no:
            yield Fault("I12", volume.code, "日志没有把此档号赋予该办件")
        if state.places.get(volume.code, filed(volume)) != filed(volume):
            yield Fault("I12", volume.code, "归入的单位、互见或补归与日志不符")
        filer = state.filers.get(volume.code)
        if filer and filer not in scope_of((volume.filing_org,), organisations):
            yield Fault("I15", volume.code, "档号不是由立卷单位或其上级单位赋予")
        if volume.completed_at != completed_at:
            yield Fault("I12", volume.code, "办结时间与办件登记不符")
        if volume.void_reason != state.void.get(volume.code):
            yield Fault("I12", volume.code, "作废登记与日志不符")
    for code in itertools.chain(state.numbers.unseen(), state.void.unseen()):
        yield Fault("I12", code, "日志记有赋予此档号，数据库没有登记")


def _counters(session: Session, state: Journalled) -> Iterator[Fault]:
    """Check that no counter stands elsewhere than at the highest number ever given."""
    highest: dict[tuple[str, str, int, str], int] = {}
    rows = session.scalars(select(Volume.code).execution_options(yield_per=500))
    for code in itertools.chain(rows, state.numbers):
        parts = ArchivalCode.parse(code)
        key = (parts.fonds, str(parts.series), parts.year, str(parts.term))
        highest[key] = max(highest.get(key, 0), parts.number)
    counters = {
        (row.fonds, row.series, row.year, row.term): row.last
        for row in session.scalars(select(NumberCounter))
    }
    for key in sorted(highest.keys() | counters.keys()):
        if counters.get(key) != highest.get(key, 0):
            yield Fault(
                "I5",
                "·".join(map(str, key)),
                f"计数为 {counters.get(key)}，曾给出的最大册号为 {highest.get(key, 0)}",
            )


def _versions(session: Session, state: Journalled) -> Iterator[Fault]:
    """Check every version against the entries of its steps, and the reverse."""
    query = select(VolumeVersion, Volume.code).join(Volume, Volume.id == VolumeVersion.volume_id)
    query = query.order_by(VolumeVersion.id).execution_options(yield_per=500)
    for version, code in session.execute(query):
        name = f"{code}/v{version.version}"
        unnamed = version.origin == VersionOrigin.RENEWAL and state.renewals_unnamed
        if not state.begun.see(name) and not unnamed:
            yield Fault("I12", name, "日志没有记录此版本的开始")
        yield from _results(state, version, name, code)
    for name in state.begun.unseen():
        yield Fault("I12", name, "日志记有此版本，数据库没有登记")


def _results(state: Journalled, version: VolumeVersion, name: str, code: str) -> Iterator[Fault]:
    """Compare the columns of a version with the results that were journalled."""
    steps = {act: state.steps.get((name, act), {}) for act in STEPS}
    inventory = state.inventory(name)
    if version.inventory_sha256 != inventory:
        yield Fault("I12", name, "归档记录的摘要与日志不符")
    if (version.state in _ENDED) != (
        inventory is not None
    ) and version.state != VolumeState.QUARANTINED:
        yield Fault("I12", name, f"状态 {version.state} 与日志不符")
    alarmed = name in state.alarmed or code in state.alarmed or name in state.rebuilt
    if version.state == VolumeState.QUARANTINED and not alarmed:
        yield Fault("I12", name, "日志没有隔离该册的告警")
    if version.state == VolumeState.VOID and inventory is not None:
        yield Fault("I12", name, "已归档的版本被登记为作废")
    if name in state.rebuilt:
        return
    signed, compiled = steps[VolumeState.SIGNED], steps[VolumeState.COMPILED]
    columns = {
        "sha256": (version.sha256, signed),
        "bytes": (version.bytes, signed),
        "pages": (version.pages, compiled),
    }
    columns |= {
        "level": (version.signature_level, signed),
        "pending": (version.lta_pending, signed),
    }
    differs = [
        key for key, (value, source) in columns.items() if key in source and source[key] != value
    ]
    if differs:
        yield Fault("I12", name, f"登记与日志不符：{'、'.join(differs)}")


def _steps(session: Session, state: Journalled) -> Iterator[Fault]:
    """Check the recorded results of steps against their entries, and the reverse."""
    query = (
        select(Step, Volume.code, VolumeVersion.version)
        .join(VolumeVersion, VolumeVersion.id == Step.volume_version_id)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
    )
    query = query.order_by(Step.id).execution_options(yield_per=500)
    for step, code, version in session.execute(query):
        name = f"{code}/v{version}"
        state.steps.see((name, step.step))
        if name in state.rebuilt:
            continue
        shown, journalled = journalled_result(step.result), state.steps.get((name, step.step))
        # An entry of before the whole result was cited says its plain values only.
        if journalled is None or {"whole": shown.get("whole"), **journalled} != {
            "whole": None,
            **shown,
        }:
            yield Fault("I12", name, f"步骤 {step.step} 的结果与日志不符")
    for name, act in state.steps.unseen():
        if name not in state.rebuilt:
            yield Fault("I12", name, f"日志记有步骤 {act}，数据库没有登记")


def _heads(session: Session, store: BlobStore, state: Journalled) -> Iterator[Fault]:
    """Check I13: what a commit record cites stands in the journal, anchored or not."""
    query = (
        select(Volume.code, VolumeVersion.version, VolumeVersion.committed_at)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .where(VolumeVersion.inventory_sha256.is_not(None))
        .order_by(Volume.code, VolumeVersion.version)
    )
    for code, number, committed_at in session.execute(query.execution_options(yield_per=500)):
        name = f"{code}/v{number}"
        try:
            inventory = read_inventory(store, storage_prefix(ArchivalCode.parse(code), number))
        except (*UNREADABLE, StorageError):
            continue  # I1 names it
        if inventory is None:
            continue
        if committed_at is None or inventory.made_at != committed_at.isoformat():
            yield Fault("I12", name, "归档时间与归档记录不符")
        seq, _, digest = inventory.journal_head.partition(":")
        if name in state.unanchored:  # the journal after the last anchor was lost with the database
            continue
        if int(seq) and not _stands(session, int(seq), digest):
            yield Fault("I13", name, f"归档记录所引的日志第 {seq} 条不在日志中，或已改变")


def _stands(session: Session, seq: int, digest: str) -> bool:
    entry: Any = session.scalar(select(JournalEntry.digest).where(JournalEntry.seq == seq))
    return bool(entry == digest)
