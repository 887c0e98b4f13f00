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
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.audit.merkle import Frontier, inclusion_path, leaf_hash
from archive.database.engine import reading, writing
from archive.database.tables_audit import JournalEntry
from archive.reference.errors import ConflictError, NotFoundError
from archive.signing.seal import Sealer
from archive.signing.seal_errors import TimestampPendingError
from storage.blobs import BlobStore
from storage.digest import sha256_hex
from storage.errors import KeyTakenError, StorageError, StoreUnavailableError

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


class AnchoredElsewhereError(ConflictError):
    """Another process is anchoring the journal at this moment."""


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
    time of `retention`, and the entry says until when. Raises AnchoredElsewhereError when another
    node anchors at the same time, ConflictError for a journal that is not as it was anchored.
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
            signature=digest_of_file(store, head, "head.p7s"),
            stamp=digest_of_file(store, head, "head.tst"),
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
        "previous_signature": digest_of_file(store, before, "head.p7s"),
        "previous_stamp": digest_of_file(store, before, "head.tst"),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    head = _parsed((json.dumps(fields, indent=1) + "\n").encode())
    try:
        # The head is written first: of two processes that anchor at the same time one writes it,
        # and all the rest follows from it.
        store.put_new(f"{head.key}/head.json", head.raw, media_type="application/json")
    except KeyTakenError:
        raise AnchoredElsewhereError("另一进程正在锚定审计日志。", "请稍后再试。") from None
    return head


def digest_of_file(store: BlobStore, head: Head | None, name: str) -> str | None:
    """Return the digest of a file of a checkpoint; None when there is none."""
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
    # A signature and a stamp are never the same twice: of two processes, that of the first counts.
    if store.stat(f"{head.key}/head.p7s") is None:
        with suppress(KeyTakenError):
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
        with suppress(KeyTakenError):
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
