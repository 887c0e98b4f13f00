"""The rebuild of the journal from its anchors, as far as they can be read."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.anchors import FOLDER, Head, read_head, segment
from archive.database.tables_audit import JournalEntry
from storage.blobs import BlobStore
from storage.errors import StorageError, StoreUnavailableError

_NOT_BEYOND = "该锚点及其后的日志未取回；请从副本存储恢复后重新重建"


class Report(Protocol):
    """The counts and faults that this adds to."""

    checkpoints: int
    entries: int
    faults: list[str]


def restore_journal(session: Session, store: BlobStore, report: Report) -> list[JournalEntry]:
    """Add the anchored entries exactly as they were; the journal goes on from there.

    At a damaged checkpoint it ends: what is behind it can't be chained to what is before it.
    """
    entries: list[JournalEntry] = []
    keys = [stat.key for stat in store.list(f"{FOLDER}/") if stat.key.endswith("/head.json")]
    for key in keys:
        try:
            head = read_head(store, key)
            added = [journal.from_line(text) for text in segment(store, head)]
        except StoreUnavailableError:
            raise
        except (StorageError, ValueError, KeyError, TypeError) as error:
            report.faults.append(f"{key}：锚点无法读取（{type(error).__name__}），{_NOT_BEYOND}")
            break
        if not _continues(entries, added, head):
            report.faults.append(f"{key}：锚点中的日志不衔接，{_NOT_BEYOND}")
            break
        entries += added
        report.checkpoints += 1
    session.add_all(entries)
    session.flush()
    report.entries = len(entries)
    return entries


def _continues(entries: Sequence[JournalEntry], added: Sequence[JournalEntry], head: Head) -> bool:
    """Return whether the entries of a checkpoint are chained to those before it."""
    seq, digest = (entries[-1].seq, entries[-1].digest) if entries else (0, journal.GENESIS)
    for entry in added:
        if (entry.seq, entry.previous) != (seq + 1, digest):
            return False
        seq, digest = entry.seq, entry.digest
    return seq == head.size and f"{seq}:{digest}" == head.last
