"""The journal and its anchors compared: every head, signature, stamp and kept entry (I10)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, select

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.audit.anchors import Head, digest_of_file, heads, segment
from archive.audit.merkle import Frontier
from archive.database.engine import reading
from archive.database.tables_audit import JournalEntry
from archive.signing.detached import read_detached
from archive.signing.validation import TrustAnchors
from storage.blobs import BlobStore
from storage.digest import sha256_hex
from storage.errors import MissingError, StorageError


@dataclass(frozen=True, slots=True)
class AnchorFault:
    """A fault of a checkpoint: its number, the first entry concerned if known, and the reason."""

    checkpoint: int
    seq: int | None
    reason: str


def verify_anchors(
    engine: Engine, store: BlobStore, trust: TrustAnchors | None
) -> list[AnchorFault]:
    """Return every fault found when the journal is compared with its anchors.

    The signatures are checked, too, when `trust` is given.
    """
    try:
        written = heads(store)
    except (StorageError, ValueError, KeyError) as error:
        return [AnchorFault(0, None, f"锚点无法读取（{type(error).__name__}）")]
    faults = list(_chain_faults(written))
    if trust is not None:
        faults += _signature_faults(store, written, trust)
    faults += _entry_faults(engine, store, written)
    for head in written:
        try:
            segment(store, head)
        except StorageError as error:
            reason = f"锚点所存的日志条目无法读取（{type(error).__name__}）"
            faults.append(AnchorFault(head.number, None, reason))
    return faults + list(_journal_faults(engine, store, written))


def _entry_faults(engine: Engine, store: BlobStore, written: list[Head]) -> Iterator[AnchorFault]:
    """Yield the anchors that were journalled and are gone, or are not what was journalled."""
    with reading(engine) as session:
        query = select(JournalEntry.subject, JournalEntry.detail).where(
            JournalEntry.act == JournalAct.ANCHOR
        )
        named = {key: json.loads(detail) for key, detail in session.execute(query)}
    heads_by_key = {head.key: head for head in written}
    for key, detail in sorted(named.items()):
        number, head = int(key.rpartition("/")[2]), heads_by_key.get(key)
        if head is None:
            yield AnchorFault(number, None, "日志登记的锚点不在存储中")
            continue
        if head is not written[-1]:
            continue  # the head after it names them
        for name, file in (("signature", "head.p7s"), ("stamp", "head.tst")):
            try:
                same = detail.get(name) in (None, digest_of_file(store, head, file))
            except StorageError:
                same = False
            if not same:
                yield AnchorFault(number, None, f"锚点的 {file} 不是日志所登记的")


def _chain_faults(written: list[Head]) -> Iterator[AnchorFault]:
    for expected, head in enumerate(written, 1):
        before = written[expected - 2] if expected > 1 else None
        if (
            head.number != expected
            or head.previous != (sha256_hex(before.raw) if before else None)
            or (before and before.size >= head.size)
        ):
            yield AnchorFault(head.number, None, "锚点不连续")


def _signature_faults(
    store: BlobStore, written: list[Head], trust: TrustAnchors
) -> list[AnchorFault]:
    """Return the faults of the signatures and time-stamps, oldest checkpoint first.

    The newest head is judged now, each older one at the time of the stamp whose head names its
    signature and stamp.
    """
    faults, after, moment = [], None, trust.moment
    for head in reversed(written):
        covered = after is not None and after.previous_stamp is not None
        try:
            signature = store.read(f"{head.key}/head.p7s")
            token = (
                store.read(f"{head.key}/head.tst") if store.stat(f"{head.key}/head.tst") else None
            )
        except MissingError:
            faults.append(AnchorFault(head.number, None, "锚点没有签名"))
            after, moment = head, trust.moment
            continue
        except StorageError as error:
            faults.append(AnchorFault(head.number, None, str(error)))
            after, moment = head, trust.moment
            continue
        if after is not None and not _named(after, signature, token):
            faults.append(
                AnchorFault(head.number, None, "锚点的签名或时间戳不是其后的锚点所登记的")
            )
        report = read_detached(
            head.raw, signature, token, trust.at(moment if covered else trust.moment)
        )
        if not report.valid:
            faults.append(AnchorFault(head.number, None, "锚点的签名或时间戳无效"))
        after, moment = head, report.stamped_at or moment
    return faults[::-1]


def _named(after: Head, signature: bytes, token: bytes | None) -> bool:
    """Return whether the next head names this signature and stamp.

    A head that was stamped only after the next one was written is not named, and is judged now.
    """
    if after.previous_signature is not None and after.previous_signature != sha256_hex(signature):
        return False
    return after.previous_stamp is None or (
        token is not None and after.previous_stamp == sha256_hex(token)
    )


def _journal_faults(engine: Engine, store: BlobStore, written: list[Head]) -> Iterator[AnchorFault]:
    """Yield where the journal differs from the anchors, in one pass over the journal.

    At the size of each head the root of the journal must be the signed one.
    """
    tree, waiting = Frontier(), iter(written)
    head = next(waiting, None)
    with reading(engine) as session:
        for entry in journal.entries(session):
            if head is None:
                return
            tree.add(journal.line(entry))
            if tree.size == head.size:
                if tree.root().hex() != head.root:
                    yield AnchorFault(
                        head.number,
                        _first_difference(engine, store, written),
                        "日志与已签名的锚点不符：条目被更改、删除或调换",
                    )
                    return
                head = next(waiting, None)
    if head is not None:
        yield AnchorFault(
            head.number,
            tree.size + 1,
            f"日志尾部被截去：锚点记有 {head.size} 条，现有 {tree.size} 条",
        )


def _first_difference(engine: Engine, store: BlobStore, written: list[Head]) -> int | None:
    """Return the first entry that is not as it was anchored.

    None when the anchored copy itself can't be read.
    """
    with reading(engine) as session:
        walked = journal.entries(session)
        try:
            for head in written:
                for text in segment(store, head):
                    entry = next(walked, None)
                    if entry is None or journal.line(entry) != text:
                        return int(json.loads(text)[0])
        except StorageError:
            return None
    return None
