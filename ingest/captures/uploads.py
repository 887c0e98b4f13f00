"""Completion of an uploaded capture.

The joined file is identified by content in the sandbox, put into the store, split if it is a
stack, and gathered. A kill at any point leaves its parts or its object, and a repeated request
continues from there. The work is committed here, since objects must lie in the store before
rows.
"""

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from archive.database.engine import database_now, reading, writing
from archive.database.tables_exchange import Upload
from archive.database.tables_gathering import CapturedFile
from archive.gathering.captured_materials import place
from archive.gathering.captures import (
    GIVEN_UP,
    SOURCE,
    SYSTEM,
    Capture,
    captured_file,
    extension_of,
    place_of,
    record_contents,
)
from archive.gathering.cases import record_arrival
from archive.jobs.crashpoints import reach
from archive.jobs.version_steps import LEASE
from archive.reference.findings import Finding, finding
from archive.reference.objects import blob_key
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import ArrivalOutcome
from ingest.captures.parts import (
    discard_parts,
    join_parts,
    part_count,
    pending_uploads,
    received_parts,
)
from ingest.errors import PartsError
from ingest.package.payload import PayloadFile
from ingest.reading.sandbox import examine_file, run_task
from ingest.reading.virus import Scanner
from ingest.sources.protocol import MAX_BODY
from ingest.sources.scans import split_stack
from storage.blobs import BlobStore

MAX_FILE = MAX_BODY
_BATCH = 400  # ids in one query: SQLite takes a limited number of values
_STACKS = {"image/tiff", "application/pdf"}
_BY_HAND = {"CAPTURE_UNPLACED", "STACK_INVALID"}
_UNUSABLE = {"CAPTURE_UNREADABLE", "VIRUS"}
_WHY = {"GD-3-4": "无法打开或不完整", "ENCRYPTED": "需要口令才能打开", None: "格式不被接受"}


def complete_capture(
    engine: Engine,
    store: BlobStore,
    organisations: Organisations,
    actor: str,
    org: str,
    upload: str,
    *,
    scanner: Scanner,
) -> CapturedFile:
    """Join the parts of an upload, scan it, gather its materials, and return its row.

    Raises PartsError while parts are missing, or when they are not the announced file, and
    ScannerDownError, which leaves the parts for another try.
    """
    with reading(engine) as session:
        row = captured_file(session, org, upload)
    if row.state != Capture.RECEIVING:
        return row
    data, report = _joined(store, row, scanner)
    pieces, faults = _pieces(store, row, data, report)
    hints = _hints(data) if any(fault.code in _BY_HAND for fault in faults) else {}
    reach("capture-stored")
    now = datetime.now(UTC)
    with writing(engine) as session:
        row = captured_file(session, org, upload, lock=True)
        if row.state == Capture.RECEIVING:  # else another request completed it first
            unusable = any(fault.code in _UNUSABLE for fault in faults)
            arrival = record_arrival(
                session,
                actor,
                source=SOURCE,
                system=SYSTEM,
                notice=f"upload:{row.id}",
                sha256=row.sha256,
                size=row.size,
                outcome=ArrivalOutcome.REFUSED if unusable else ArrivalOutcome.TAKEN,
                at=now,
            )
            row.media_type, row.pages = (
                (None, None) if unusable else (report["media_type"], report["pages"])
            )
            row.hints = hints
            record_contents(row, arrival, pieces, faults, at=now)
            # After the journal's lock: of two last files of one material that complete at the same
            # time, the second sees the first.
            place(session, row, organisations, at=now)
    discard_parts(store, upload)
    return row


def _hints(data: bytes) -> dict[str, Any]:
    """Return what the codes on the pages say, by page, which helps to place the file."""
    answer = run_task("hints", data)
    hints: dict[str, Any] = {} if isinstance(answer, str) else json.loads(answer)
    return hints


def sweep_parts(engine: Engine, store: BlobStore) -> int:
    """Remove abandoned parts, and return of how many uploads.

    Abandoned are parts of an upload that ended (left by a kill), and of one that was begun a week
    ago and not completed. A client that continues later is told that no part was received, and
    sends all of them again.
    """
    uploads = sorted(pending_uploads(store))
    removed = 0
    for batch in (uploads[at : at + _BATCH] for at in range(0, len(uploads), _BATCH)):
        with reading(engine) as session:
            now = database_now(session)
            rows = [
                row
                for table in (Upload, CapturedFile)
                for row in session.execute(
                    select(table.id, table.created_at, table.ended_at).where(table.id.in_(batch))
                )
            ]
        for upload, begun, ended in rows:
            # Parts of an upload that ended just now may still be read by the request that ends it.
            if (ended is not None and ended < now - LEASE) or begun < now - GIVEN_UP:
                discard_parts(store, upload)
                removed += 1
    return removed


def _joined(store: BlobStore, row: CapturedFile, scanner: Scanner) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes of a file, and what was found out about them.

    Scanned before anything opens them. They are stored as evidence either way; without a media
    type no page shows them and nobody can file them.
    """
    with tempfile.TemporaryDirectory(prefix="yice-capture-") as folder:
        path = Path(folder) / "file"
        if not join_parts(store, row.id, path, size=row.size, sha256=row.sha256):
            if len(received_parts(store, row.id)) == part_count(row.size):
                # All there and not what was announced: sent anew, none may keep the right one out.
                discard_parts(store, row.id)
                raise PartsError("收到的内容与登记的摘要不符。", "请重新上传该文件。")
            raise PartsError("尚有块未送到。", "请按 received 补送后再完成。")
        data = path.read_bytes()
        infected = scanner.infection([data])
        report = None if infected else examine_file(PayloadFile(Path(folder), "file", row.size))
    store.put_new(blob_key(row.sha256), data)
    if report is None:
        return data, {"infected": infected}
    return data, {
        "media_type": report.media_type,
        "pages": max(report.pages, 1),
        "fault": report.fault,
        "why": report.why,
    }


def _pieces(
    store: BlobStore, row: CapturedFile, data: bytes, report: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], tuple[Finding, ...]]:
    """Return the materials in a file, or the finding that says why there are none.

    Each material has its own object in the store.
    """
    if report.get("infected"):
        return [], (finding("VIRUS", "capture", what=report["infected"]),)
    if report["fault"] or report["media_type"] is None:
        why = report["why"] or _WHY.get(report["fault"], "无法安全打开")
        return [], (finding("CAPTURE_UNREADABLE", "capture", why=why),)
    where = place_of(row)
    if where is not None:
        whole = {
            "sha256": row.sha256,
            "extension": extension_of(report["media_type"]),
            "pages": report["pages"],
        }
        return [{"case_no": where.case_no, "no": where.no, "type": where.type, **whole}], ()
    if report["media_type"] not in _STACKS:
        return [], (finding("CAPTURE_UNPLACED", "capture"),)
    head, blobs = split_stack(data)
    if "fault" in head:
        bare = bool(head.get("bare"))
        return [], (
            finding("CAPTURE_UNPLACED", "capture")
            if bare
            else finding("STACK_INVALID", "capture", why=head["fault"]),
        )
    pieces = []
    for entry, blob in zip(head["pieces"], blobs, strict=True):
        digest = sha256(blob).hexdigest()
        store.put_new(blob_key(digest), blob)
        named = {key: entry[key] for key in ("case_no", "no", "type", "pages")}
        pieces.append({**named, "sha256": digest, "extension": head["extension"]})
    return pieces, ()
