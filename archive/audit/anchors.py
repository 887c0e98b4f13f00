"""Anchors of the journal: signed, time-stamped Merkle heads in the bucket (I10, R14).

They are out of the reach of anybody who can write the database only.

    journal/checkpoint/<n>/
      entries.jsonl   the entries since the checkpoint before, one line each, as they are digested
      head.json       size, root, last entry, digest of entries.jsonl and of the head before
      head.p7s        detached CMS signature over head.json; it completes the checkpoint
      head.tst        RFC 3161 time-stamp over head.p7s; owed while the authority is unavailable

The hash chain shows a change after which the digests were not recomputed; the anchors show also
one after which they were, and entries cut off at the end.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.audit.merkle import Frontier, inclusion_path, leaf_hash
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.reference.errors import ConflictError, NotFoundError
from archive.signing.detached import read_detached
from archive.signing.seal import Sealer
from archive.signing.seal_errors import TimestampPendingError
from archive.signing.validation import TrustAnchors
from storage.blobs import BlobStore
from storage.digest import sha256_hex
from storage.errors import KeyTakenError, MissingError, StorageError, StoreUnavailableError

FOLDER = "journal/checkpoint"
SPEC = "journal-checkpoint/1"


@dataclass(frozen=True, slots=True)
class Head:
    """The head of one checkpoint: the journal's first `size` entries have this Merkle root.

    `raw` are the bytes that were signed.
    """

    number: int
    size: int
    root: str
    last: str
    entries_sha256: str
    previous: str | None
    previous_signature: str | None
    previous_stamp: str | None
    raw: bytes

    @property
    def key(self) -> str:
        """Return the folder of the checkpoint in the store."""
        return f"{FOLDER}/{self.number:06d}"


@dataclass(frozen=True, slots=True)
class AnchorFault:
    """A fault of a checkpoint: its number, the first entry concerned if known, and the reason."""

    checkpoint: int
    seq: int | None
    reason: str


def anchor(
    engine: Engine,
    store: BlobStore,
    sealer: Sealer,
    actor: str,
    *,
    retention: timedelta = timedelta(0),
) -> Head | None:
    """Sign the journal as it stands and return the new head; stamp heads without time-stamp.

    None when nothing but anchors was journalled since the last checkpoint. What a killed process
    left half-written is completed. A store that locks objects keeps the checkpoint locked for the
    time of `retention`, and the entry says until when. Raises ConflictError when another node
    anchors at the same time.
    """
    written = heads(store)
    for head in written:
        begin = written[head.number - 2].size if head.number > 1 else 0
        _finish(engine, store, sealer, head, begin)
    before = written[-1] if written else None
    start = before.size if before else 0
    tree, lines, last, news = Frontier(), [], "", False
    with reading(engine) as session:
        for entry in journal.entries(session):
            text = journal.line(entry)
            tree.add(text)
            if tree.size > start:
                lines.append(text)
                last, news = f"{entry.seq}:{entry.digest}", news or entry.act != JournalAct.ANCHOR
    if tree.size < start:
        raise ConflictError("审计日志比已锚定的短，未作锚定。", "请运行 yice journal verify。")
    if not news:
        return None
    head = _write(store, before, lines, tree, last)
    _finish(engine, store, sealer, head, start)
    with writing(engine) as session:
        journal.record(
            session,
            actor,
            JournalAct.ANCHOR,
            head.key,
            size=head.size,
            root=head.root,
            # The next head names both, too; until there is one, this entry does.
            signature=_digest_of(store, head, "head.p7s"),
            stamp=_digest_of(store, head, "head.tst"),
            locked_until=_lock(store, head, retention),
        )
    return head


def _lock(store: BlobStore, head: Head, retention: timedelta) -> str | None:
    """Lock the objects of a checkpoint; return until when, None where the store locks nothing."""
    if not retention or not store.locks:
        return None
    until = datetime.now(UTC) + retention
    for stat in store.list(f"{head.key}/"):
        try:
            store.pin(stat.key, until)
        except StoreUnavailableError:
            raise
        except StorageError:
            return None  # a bucket that was made without object lock
    return until.isoformat(timespec="seconds")


def _write(
    store: BlobStore, before: Head | None, lines: list[bytes], tree: Frontier, last: str
) -> Head:
    number = before.number + 1 if before else 1
    fields = {
        "spec": SPEC,
        "number": number,
        "size": tree.size,
        "root": tree.root().hex(),
        "last": last,
        "entries_sha256": sha256_hex(_text(lines)),
        "previous": sha256_hex(before.raw) if before else None,
        # With these the stamp of each head proves the stamp before it, which may then expire: the
        # chain renews itself.
        "previous_signature": _digest_of(store, before, "head.p7s"),
        "previous_stamp": _digest_of(store, before, "head.tst"),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    head = _parsed((json.dumps(fields, indent=1) + "\n").encode())
    try:
        # The head is written first: of two processes that anchor at the same time one writes it,
        # and all the rest follows from it.
        store.put_new(f"{head.key}/head.json", head.raw, media_type="application/json")
    except KeyTakenError:
        raise ConflictError("另一进程正在锚定审计日志。", "请稍后再试。") from None
    return head


def _digest_of(store: BlobStore, head: Head | None, name: str) -> str | None:
    return (
        sha256_hex(store.read(f"{head.key}/{name}"))
        if head and store.stat(f"{head.key}/{name}")
        else None
    )


def _text(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _finish(engine: Engine, store: BlobStore, sealer: Sealer, head: Head, start: int) -> None:
    """Write, sign and stamp what a checkpoint still lacks.

    A time-stamp that can't be had is owed; the next run asks again.
    """
    if store.stat(f"{head.key}/entries.jsonl") is None:
        with reading(engine) as session:
            text = _text(
                [
                    journal.line(entry)
                    for entry in journal.entries(session, start)
                    if entry.seq <= head.size
                ]
            )
        if sha256_hex(text) != head.entries_sha256:
            raise ConflictError("审计日志与未完成的锚点不符。", "请运行 yice journal verify。")
        store.put_new(f"{head.key}/entries.jsonl", text, media_type="application/jsonl")
    if store.stat(f"{head.key}/head.p7s") is None:
        store.put_new(
            f"{head.key}/head.p7s",
            sealer.sign_detached(head.raw),
            media_type="application/pkcs7-signature",
        )
    if store.stat(f"{head.key}/head.tst") is None:
        try:
            token = sealer.stamp(store.read(f"{head.key}/head.p7s"))
        except TimestampPendingError:
            return
        store.put_new(f"{head.key}/head.tst", token, media_type="application/timestamp-reply")


def _parsed(raw: bytes) -> Head:
    fields = json.loads(raw)
    names = (
        "number",
        "size",
        "root",
        "last",
        "entries_sha256",
        "previous",
        "previous_signature",
        "previous_stamp",
    )
    return Head(**{name: fields.get(name) for name in names}, raw=raw)


def heads(store: BlobStore) -> list[Head]:
    """Return the heads of all checkpoints in the bucket, oldest first."""
    return [
        _parsed(store.read(stat.key))
        for stat in store.list(f"{FOLDER}/")
        if stat.key.endswith("/head.json")
    ]


def read_head(store: BlobStore, key: str) -> Head:
    """Return the head at a key; raises StorageError or ValueError for one that is damaged."""
    return _parsed(store.read(key))


def segment(store: BlobStore, head: Head) -> list[bytes]:
    """Return the lines that a checkpoint added, verified against its head."""
    return store.read(f"{head.key}/entries.jsonl", sha256=head.entries_sha256).splitlines()


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
        for name, file in (("signature", "head.p7s"), ("stamp", "head.tst")):
            try:
                same = detail.get(name) in (None, _digest_of(store, head, file))
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


def inclusion(engine: Engine, store: BlobStore, seq: int) -> dict[str, bytes]:
    """Return the files by which a third party checks when an entry was journalled.

    They prove that it was before the time of a stamp; docs/operations.md has the recipe. Raises
    NotFoundError for an entry that does not exist or is in no checkpoint yet.
    """
    head = next((head for head in heads(store) if head.size >= seq), None)
    with reading(engine) as session:
        if (
            head is None
            or seq > (session.scalar(select(func.max(JournalEntry.seq))) or 0)
            or seq < 1
        ):
            raise NotFoundError("没有这条记录，或尚未锚定。", "请先运行 yice journal anchor。")
        lines = [
            journal.line(entry) for entry in journal.entries(session) if entry.seq <= head.size
        ]
    path = inclusion_path([leaf_hash(line) for line in lines], seq - 1)
    proof = {
        "index": seq - 1,
        "size": head.size,
        "path": [digest.hex() for digest in path],
        "root": head.root,
    }
    files = {
        "entry.txt": lines[seq - 1],
        "proof.json": (json.dumps(proof, indent=1) + "\n").encode(),
        "head.json": head.raw,
    }
    for name in ("head.p7s", "head.tst"):
        if store.stat(f"{head.key}/{name}"):
            files[name] = store.read(f"{head.key}/{name}")
    return files
