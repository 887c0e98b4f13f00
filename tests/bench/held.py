"""Holdings to measure among: rows and packages of one committed volume again and again, under
numbers of their own.

A case costs what it costs because of what is held already: rows, their indexes, the journal, files
in the store. All of these grow here as they do in the archive, without the hours that making each
volume takes. What is repeated is not proved; only volumes that are really made are measured.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session

from api.runtime.bootstrap import Runtime
from archive.accession.page_prints import keep_prints
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.base import Base
from archive.database.engine import writing
from archive.database.tables_cases import (
    BlindEntry,
    Case,
    CaseActor,
    CaseRevision,
    Component,
    PagePrint,
)
from archive.database.tables_jobs import IndexFeed, Job
from archive.database.tables_volumes import NumberCounter, Step, Volume, VolumeVersion
from archive.reference.codes import ArchivalCode, storage_prefix

_AT_ONCE = 500
_ENTRIES = 8  # journal entries of one case, from its delivery to its commit record


def fill(runtime: Runtime, count: int) -> None:
    """Repeat the last committed volume until `held` volumes are there; the model must lie in a
    local store.
    """
    root = runtime.settings.data / "store"
    while True:
        with writing(runtime.engine) as session:
            there = session.scalar(select(func.count(Volume.id))) or 0
            model = session.scalars(
                select(VolumeVersion)
                .where(VolumeVersion.state == "COMMITTED", VolumeVersion.version == 1)
                .order_by(VolumeVersion.id)
            ).first()
            if there >= count:
                return
            if model is None:
                raise ValueError("no committed volume to repeat")
            for old, new in _repeat(session, model, min(_AT_ONCE, count - there)):
                _link(root / old, root / new)


def _repeat(session: Session, model: VolumeVersion, count: int) -> Iterator[tuple[str, str]]:
    """The rows of `count` further cases; gives where the model's package lies and where each copy
    belongs.
    """
    volume = session.get_one(Volume, model.volume_id)
    code = ArchivalCode.parse(volume.code)
    counter = session.get_one(
        NumberCounter, (volume.fonds, volume.series, volume.year, volume.term)
    )
    ids = {
        table: session.scalar(select(func.max(table.id))) or 0
        for table in (Case, Volume, VolumeVersion)
    }
    last_job = session.scalar(select(func.max(Job.id))) or 0
    random = np.random.default_rng(counter.last)
    pages = len(
        session.scalars(select(PagePrint.id).where(PagePrint.case_id == volume.case_id)).all()
    )
    own = {
        table: _rows(session, table, column == key)
        for table, column, key in (
            (Case, Case.id, volume.case_id),
            (CaseRevision, CaseRevision.case_id, volume.case_id),
            (Component, Component.case_id, volume.case_id),
            (BlindEntry, BlindEntry.case_id, volume.case_id),
            (CaseActor, CaseActor.case_id, volume.case_id),
            (Volume, Volume.id, volume.id),
            (VolumeVersion, VolumeVersion.id, model.id),
            (Step, Step.volume_version_id, model.id),
            (IndexFeed, IndexFeed.volume_id, volume.id),
            (Job, Job.version_id, model.id),
        )
    }
    new: dict[Any, list[dict[str, Any]]] = {table: [] for table in own}
    places = []
    for step in range(1, count + 1):
        number, case_id, volume_id, version_id = (
            counter.last + step,
            ids[Case] + step,
            ids[Volume] + step,
            ids[VolumeVersion] + step,
        )
        copy = ArchivalCode(code.fonds, code.series, code.year, code.term, number)
        changed: dict[Any, dict[str, Any]] = {
            Case: {
                "id": case_id,
                "case_no": f"held-{case_id}",
                "content_digest": f"{case_id:064x}",
            },
            CaseRevision: {"case_id": case_id, "content_digest": f"{case_id:064x}"},
            Component: {"case_id": case_id},
            BlindEntry: {"case_id": case_id},
            CaseActor: {"case_id": case_id},
            Volume: {"id": volume_id, "case_id": case_id, "code": str(copy), "number": number},
            VolumeVersion: {
                "id": version_id,
                "volume_id": volume_id,
                "input_digest": f"{version_id:064x}",
            },
            Step: {"volume_version_id": version_id},
            IndexFeed: {"volume_id": volume_id},
            Job: {"id": last_job + step, "version_id": version_id},
        }
        for table, rows in own.items():
            new[table] += [{**row, **changed[table]} for row in rows]
        places.append((storage_prefix(code, 1), storage_prefix(copy, 1)))
    for table, rows in new.items():
        session.execute(insert(table), rows)
    for step in range(1, count + 1):
        prints = {(1, page): int.from_bytes(random.bytes(64)) for page in range(1, pages + 1)}
        keep_prints(session, ids[Case] + step, prints)
        for _ in range(_ENTRIES):
            journal.record(session, "bench", JournalAct.COMMITTED, f"case:{ids[Case] + step}")
    counter.last += count
    return iter(places)


def _rows(session: Session, table: Any, where: Any) -> list[dict[str, Any]]:
    """Rows as values, without the key that the database gives anew."""
    mapped: Table = Base.metadata.tables[table.__tablename__]
    return [
        {name: value for name, value in row._mapping.items() if name != "id"}
        for row in session.execute(select(mapped).where(where))
    ]


def _link(old: Path, new: Path) -> None:
    new.mkdir(parents=True)
    for entry in old.iterdir():
        os.link(entry, new / entry.name)
