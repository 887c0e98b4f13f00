"""A captured file that is here whole: identified by content in the sandbox, put into the store, split if it is a stack, and gathered.

A kill at any point leaves its parts or its object; asked again it goes on. Commits its own work, since objects lie in the store before rows.
"""

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from archive.database.engine import database_now, reading, writing
from archive.database.tables_exchange import Upload
from archive.database.tables_gathering import CapturedFile
from archive.gathering.captured_materials import place
from archive.gathering.captures import (
    SOURCE,
    SYSTEM,
    Capture,
    captured_file,
    extension_of,
    place_of,
    record_contents,
)
from archive.gathering.cases import REFUSED, TAKEN, record_arrival
from archive.jobs.crashpoints import reach
from archive.jobs.leases import LEASE_SECONDS
from archive.reference.findings import Finding, finding
from archive.reference.objects import blob_key
from archive.reference.organisations import Organisations
from ingest.captures.parts import discard_parts, part_count, parts_held, put_together, uploads_held
from ingest.errors import PartsError
from ingest.package.payload import PayloadFile
from ingest.reading.sandbox import pooled_look
from ingest.sources.protocol import MAX_BODY
from ingest.sources.scans import split_stack
from storage.blobs import BlobStore

MAX_FILE = MAX_BODY
GIVEN_UP = timedelta(days=7)
_SOME = 400  # ids in one question: SQLite takes a limited number of values
_STACKS = {"image/tiff", "application/pdf"}
_WHY = {"GD-3-4": "无法打开或不完整", "ENCRYPTED": "需要口令才能打开", None: "格式不被接受"}


def complete_capture(
    engine: Engine,
    store: BlobStore,
    organisations: Organisations,
    actor: str,
    org: str,
    upload: str,
) -> CapturedFile:
    """Put the parts together and gather what they are. Raises PartsError while parts are missing, or when they are not what was announced."""
    with reading(engine) as session:
        row = captured_file(session, org, upload)
    if row.state != Capture.RECEIVING:
        return row
    data, look = _whole(store, row)
    pieces, faults = _pieces(store, row, data, look)
    reach("capture-stored")
    now = datetime.now(UTC)
    with writing(engine) as session:
        row = captured_file(session, org, upload, lock=True)
        if row.state == Capture.RECEIVING:  # else another request completed it first
            unusable = any(one.code == "CAPTURE_UNREADABLE" for one in faults)
            arrival = record_arrival(
                session,
                actor,
                source=SOURCE,
                system=SYSTEM,
                notice=f"upload:{row.id}",
                sha256=row.sha256,
                size=row.size,
                outcome=REFUSED if unusable else TAKEN,
                at=now,
            )
            row.media_type, row.pages = (
                (None, None) if unusable else (look["media_type"], look["pages"])
            )
            record_contents(row, arrival, pieces, faults, at=now)
            # After the journal's lock: of two last files of one material at once, the second sees the first.
            place(session, row, organisations, at=now)
    discard_parts(store, upload)
    return row


def sweep_parts(engine: Engine, store: BlobStore) -> int:
    """Remove the parts that nobody will put together: of what has ended, left by a kill, and of what was begun a week ago and not sent whole.

    Returns of how many uploads. Who comes back after that is told that no part is here, and sends them again.
    """
    held = sorted(uploads_held(store))
    removed = 0
    for some in (held[at : at + _SOME] for at in range(0, len(held), _SOME)):
        with reading(engine) as session:
            now = database_now(session)
            rows = [
                row
                for table in (Upload, CapturedFile)
                for row in session.execute(
                    select(table.id, table.created_at, table.ended_at).where(table.id.in_(some))
                )
            ]
        for upload, begun, ended in rows:
            # What has just ended may still be read by the request that ends it.
            if (
                ended is not None and ended < now - timedelta(seconds=LEASE_SECONDS)
            ) or begun < now - GIVEN_UP:
                discard_parts(store, upload)
                removed += 1
    return removed


def _whole(store: BlobStore, row: CapturedFile) -> tuple[bytes, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="yice-capture-") as folder:
        path = Path(folder) / "file"
        if not put_together(store, row.id, path, size=row.size, sha256=row.sha256):
            if len(parts_held(store, row.id)) == part_count(row.size):
                # All there and not what was announced: sent anew, none may keep the right one out.
                discard_parts(store, row.id)
                raise PartsError("收到的内容与登记的摘要不符。", "请重新上传该文件。")
            raise PartsError("尚有块未送到。", "请按 received 补送后再完成。")
        look = pooled_look(PayloadFile(Path(folder), "file", row.size))
        data = path.read_bytes()
    store.put_new(blob_key(row.sha256), data)
    return data, {
        "media_type": look.media_type,
        "pages": max(look.pages, 1),
        "fault": look.fault,
        "why": look.why,
    }


def _pieces(
    store: BlobStore, row: CapturedFile, data: bytes, look: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], tuple[Finding, ...]]:
    """The materials in a file, each with its own object in the store; or the finding that says why there are none."""
    if look["fault"] or look["media_type"] is None:
        why = look["why"] or _WHY.get(look["fault"], "无法安全打开")
        return [], (finding("CAPTURE_UNREADABLE", "capture", why=why),)
    where = place_of(row)
    if where is not None:
        whole = {
            "sha256": row.sha256,
            "extension": extension_of(look["media_type"]),
            "pages": look["pages"],
        }
        return [{"case_no": where.case_no, "no": where.no, "type": where.type, **whole}], ()
    if look["media_type"] not in _STACKS:
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
    for one, blob in zip(head["pieces"], blobs, strict=True):
        digest = sha256(blob).hexdigest()
        store.put_new(blob_key(digest), blob)
        named = {key: one[key] for key in ("case_no", "no", "type", "pages")}
        pieces.append({**named, "sha256": digest, "extension": head["extension"]})
    return pieces, ()
