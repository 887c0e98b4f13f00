"""Committed volumes straight in database and store, without the days of work that the compile steps
mean.
"""

import hashlib
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pikepdf
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from archive.database.engine import writing
from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs import feed
from archive.reference.codes import ArchivalCode, storage_prefix
from archive.reference.vocabulary import Retention, Series
from storage.blobs import BlobStore
from tests.support.factories import HOME, sound_case

START = datetime(2026, 9, 1, 4, tzinfo=UTC)


def text_pdf(*pages: str) -> bytes:
    """A PDF whose pages carry Latin text."""
    pdf = pikepdf.new()
    font = pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
    )
    for text in pages:
        page = pdf.add_blank_page(page_size=(595, 842))
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        page.Contents = pdf.make_stream(
            f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET".encode() if text else b""
        )
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def add_volume(
    session: Session,
    store: BlobStore,
    number: int,
    *,
    pages: tuple[str, ...] = ("first page", ""),
    name: str = "测某",
    announce: bool = True,
) -> int:
    """One committed volume; announces it in the same transaction unless told not to."""
    facts = sound_case(f"{HOME}-20260901-{number:06d}")
    facts["applicant"]["name"] = facts["subjects"][0]["name"] = name
    case = Case(
        case_no=facts["case_no"],
        content_digest="0" * 64,
        state="ACCEPTED",
        facts=facts,
        snapshot={},
        findings=[],
        item_code="CS02",
        item_version="2026-1",
        receive_org=HOME,
        accept_org=HOME,
        domicile_org=HOME,
        completed_at=START + timedelta(minutes=number),
        accepted_at=START,
    )
    session.add(case)
    session.flush()
    code = ArchivalCode("J602", Series.CS, 2026, Retention.Y, number)
    volume = Volume(
        case_id=case.id,
        code=str(code),
        fonds="J602",
        series="CS",
        year=2026,
        term="Y",
        number=number,
        filing_org=HOME,
        completed_at=case.completed_at,
        reserved_at=START,
    )
    session.add(volume)
    session.flush()
    add_version(session, store, volume, 1, pages)
    if announce:
        feed.announce(session, volume.id)
    return volume.id


def add_version(
    session: Session, store: BlobStore, volume: Volume, version: int, pages: tuple[str, ...]
) -> None:
    """One committed version with its PDF in the store."""
    pdf = text_pdf(*pages)
    store.put_new(
        f"{storage_prefix(ArchivalCode.parse(volume.code), version)}/volume.pdf",
        pdf,
        media_type="application/pdf",
    )
    digest = hashlib.sha256(pdf).hexdigest()
    row: dict[str, Any] = {
        "case_revision": 1,
        "state": "COMMITTED",
        "input_digest": "0" * 64,
        "frozen_at": START,
        "pages": len(pages),
    }
    session.add(
        VolumeVersion(
            volume_id=volume.id,
            version=version,
            sha256=digest,
            bytes=len(pdf),
            committed_at=START,
            **row,
        )
    )
    session.flush()


def fill(engine: Engine, store: BlobStore, first: int, last: int, **other: Any) -> list[int]:
    """Volumes `first` to `last`, each in its own transaction."""
    paths = []
    for number in range(first, last + 1):
        with writing(engine) as session:
            paths.append(add_volume(session, store, number, **other))
    return paths
