"""Spans of scanned pages placed by a person; a file is divided where only some are meant.

Objects must lie in the store before rows, so that the work is committed here: first the division,
then the placing. A kill between the two leaves a divided file, whose parts wait as it did.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from archive.administration.policy import Reader
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import reading, writing
from archive.database.tables_gathering import CapturedFile
from archive.gathering.captures import Capture, part_with
from archive.gathering.places import Place
from archive.gathering.placing import own_file, place_files, require_placeable, set_aside
from archive.reference.errors import ConflictError
from archive.reference.objects import blob_key
from archive.reference.organisations import Organisations
from ingest.reading.sandbox import run_task
from ingest.sources.scans import unpacked
from storage.blobs import BlobStore

_LENGTH = struct.Struct("<I")
_COPIED = (
    "account",
    "org",
    "name",
    "station",
    "operator",
    "dpi",
    "captured_at",
    "media_type",
    "ordinal",
    "findings",
    "arrival_id",
    "created_at",
)
Run = tuple[int, int]
"""First and last page of a file, from 1."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page of a captured file."""

    id: str
    page: int


def place_pages(
    engine: Engine,
    store: BlobStore,
    reader: Reader,
    leaves: Sequence[Leaf],
    where: Place,
    organisations: Organisations,
    *,
    wait: bool,
    now: datetime,
) -> list[CapturedFile]:
    """Place pages, in this order, as one material of a case; return the rows of their files.

    Raises what `place_files` raises, before anything is divided.
    """
    with reading(engine) as session:
        leaves = [_now(session, reader, leaf, organisations) for leaf in leaves]
        ids = list(dict.fromkeys(leaf.id for leaf in leaves))
        require_placeable(session, reader, ids, where, organisations, wait=wait, lock=False)
    files = _whole_files(engine, store, reader, leaves, organisations)
    with writing(engine) as session:
        return place_files(session, reader, files, where, organisations, wait=wait, at=now)


def set_pages_aside(
    engine: Engine,
    store: BlobStore,
    reader: Reader,
    leaves: Sequence[Leaf],
    organisations: Organisations,
    *,
    now: datetime,
) -> list[CapturedFile]:
    """Set pages aside that only say what follows them; return the rows of their files."""
    files = _whole_files(engine, store, reader, leaves, organisations)
    with writing(engine) as session:
        return [set_aside(session, reader, id_, organisations, at=now) for id_ in files]


def _whole_files(
    engine: Engine,
    store: BlobStore,
    reader: Reader,
    leaves: Sequence[Leaf],
    organisations: Organisations,
) -> list[str]:
    """Return the files that hold just these pages; what is more is divided off."""
    with reading(engine) as session:
        leaves = [_now(session, reader, leaf, organisations) for leaf in leaves]
    whole = []
    for id_, chosen in groupby(leaves, key=lambda leaf: leaf.id):
        wanted = {leaf.page for leaf in chosen}
        with reading(engine) as session:
            row = own_file(session, reader, id_, organisations, lock=False)
            pages = set(range(1, (row.pages or 1) + 1))
        if not wanted <= pages:
            raise ConflictError("所选的页已不在此文件中。", "请刷新归集池后重新选择。")
        if wanted == pages:
            whole.append(id_)
        else:
            parts = divide_file(
                engine, store, reader, id_, _runs(wanted, len(pages)), organisations
            )
            whole += [part for part, first in parts if first in wanted]
    return whole


def _now(session: Session, reader: Reader, leaf: Leaf, organisations: Organisations) -> Leaf:
    """Return where a page is now: of a divided file it is in one of the parts."""
    row = own_file(session, reader, leaf.id, organisations, lock=False)
    if row.state != Capture.DIVIDED:
        return leaf
    page = row.first_page + leaf.page - 1
    part = part_with(session, row, page)
    return Leaf(part.id, page - part.first_page + 1) if part else leaf


def _runs(wanted: set[int], pages: int) -> list[Run]:
    """Return the runs of pages that are wanted and those that are not, in order."""
    runs = []
    for _, group in groupby(range(1, pages + 1), key=lambda page: page in wanted):
        members = list(group)
        runs.append((members[0], members[-1]))
    return runs


def divide_file(
    engine: Engine,
    store: BlobStore,
    reader: Reader,
    id_: str,
    runs: Sequence[Run],
    organisations: Organisations,
) -> list[tuple[str, int]]:
    """Divide a file into these runs of pages; return each part's id and first page.

    The whole file stays in the store, and its row says that it was divided. Raises ConflictError.
    """
    with reading(engine) as session:
        row = own_file(session, reader, id_, organisations, lock=False)
        digest = row.sha256
    order = json.dumps({"runs": runs}).encode()
    data = store.read(blob_key(digest), sha256=digest)
    answer = run_task("cut", _LENGTH.pack(len(order)) + order + data)
    head, blobs = ({"fault": "slow"}, []) if isinstance(answer, str) else unpacked(answer)
    if "fault" in head:
        raise ConflictError("此文件不能拆分。", "请退回后按材料分开扫描。")
    for blob in blobs:
        store.put_new(blob_key(sha256(blob).hexdigest()), blob)
    with writing(engine) as session:
        row = own_file(session, reader, id_, organisations)
        if row.state not in (Capture.UNPLACED, Capture.PENDING):
            raise ConflictError("该文件已归集、拆分或退回。", "请刷新归集池。")
        parts = [_part(session, row, run, blob) for run, blob in zip(runs, blobs, strict=True)]
        row.state = Capture.DIVIDED
        journal.record(
            session,
            reader.account,
            JournalAct.CAPTURE_DIVIDE,
            row.id,
            parts=[part.id for part in parts],
            runs=[list(run) for run in runs],
            sha256=row.sha256,
        )
        return [(part.id, run[0]) for part, run in zip(parts, runs, strict=True)]


def _part(session: Session, row: CapturedFile, run: Run, blob: bytes) -> CapturedFile:
    first, last = run
    hints: dict[str, Any] = {
        str(int(page) - first + 1): hint
        for page, hint in row.hints.items()
        if first <= int(page) <= last
    }
    part = CapturedFile(
        **{name: getattr(row, name) for name in _COPIED},
        id=uuid4().hex,
        size=len(blob),
        sha256=sha256(blob).hexdigest(),
        state=Capture.UNPLACED,
        position=1,
        of=1,
        pages=last - first + 1,
        hints=hints,
        part_of=row.part_of or row.id,
        first_page=row.first_page + first - 1,
        pieces=[],
    )
    session.add(part)
    session.flush()
    return part
