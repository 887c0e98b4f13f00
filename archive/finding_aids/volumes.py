"""The read side: lists for screens and scripts. No personal data: a title names its subject, so lists carry the case number instead."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.vocabulary import VolumeState

_NAMED = 20


def volume_rows(session: Session) -> list[dict[str, Any]]:
    """Each volume with its newest committed version, or how far the first one is, in order of 档号; the fields are promised to scripts."""
    query = (
        select(Volume, VolumeVersion, Case.case_no)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .join(Case, Case.id == Volume.case_id)
        .order_by(Volume.code, VolumeVersion.version)
    )
    rows: dict[str, dict[str, Any]] = {}
    for volume, version, case_no in session.execute(query):
        shown = rows.get(volume.code)
        if shown is not None and shown["state"] == VolumeState.COMMITTED != version.state:
            continue
        rows[volume.code] = {
            "code": volume.code,
            "case_no": case_no,
            "series": volume.series,
            "year": volume.year,
            "state": version.state,
            "version": version.version,
            "pages": version.pages,
            "bytes": version.bytes,
            "completed_at": volume.completed_at.isoformat(),
            "signature_level": version.signature_level,
            "lta_pending": version.lta_pending,
            "stamped_until": version.stamped_until and version.stamped_until.isoformat(),
        }
    return list(rows.values())


def version_rows(session: Session, code: str) -> list[dict[str, Any]]:
    """All versions of one volume, oldest first: each stays readable after the next was committed."""
    query = (
        select(VolumeVersion)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(Volume.code == code)
    )
    return [
        {
            "version": one.version,
            "origin": one.origin,
            "case_revision": one.case_revision,
            "state": one.state,
            "pages": one.pages,
            "sha256": one.sha256,
            "signature_level": one.signature_level,
            "lta_pending": one.lta_pending,
            "stamped_until": one.stamped_until and one.stamped_until.isoformat(),
            "committed_at": one.committed_at and one.committed_at.isoformat(),
        }
        for one in session.scalars(query.order_by(VolumeVersion.version))
    ]


def findings_of(session: Session, case_no: str) -> list[dict[str, Any]]:
    """What the inspection said of a case as it reads now, and of which other case."""
    return list(session.scalars(select(Case.findings).where(Case.case_no == case_no)).one())


def case_rows(session: Session, state: str) -> list[dict[str, Any]]:
    """Cases that have a revision in a state, with the codes of its findings."""
    query = (
        select(Case, CaseRevision)
        .join(CaseRevision, CaseRevision.case_id == Case.id)
        .where(CaseRevision.state == state)
    )
    return [
        {
            "case_no": case.case_no,
            "item": case.item_code,
            "state": one.state,
            "findings": sorted({row["code"] for row in one.findings}),
        }
        for case, one in session.execute(query.order_by(Case.case_no, CaseRevision.revision))
    ]


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """How a series stands: volumes looked at, marked late or void; numbers before which an older case stands, and numbers that are missing."""

    volumes: int
    late: int
    void: int
    disordered: tuple[int, ...]
    missing: tuple[int, ...]


def check_order(
    session: Session, key: tuple[str, str, int, str], seen: ColumnElement[bool], *, whole: bool
) -> OrderCheck:
    """Whether the numbers of a series follow the time of completion, late ones apart (R21). Only who sees the whole series can miss a number."""
    fonds, series, year, term = key
    of_series = (
        Volume.fonds == fonds,
        Volume.series == series,
        Volume.year == year,
        Volume.term == term,
        seen,
    )
    rows = session.execute(
        select(Volume.number, Volume.completed_at, Volume.late, Volume.void_reason.is_not(None))
        .where(*of_series)
        .order_by(Volume.number)
    ).all()
    disordered, newest = [], None
    for number, completed_at, late, void in rows:
        if late or void:
            continue
        if newest is not None and completed_at < newest:
            disordered.append(number)
        newest = completed_at if newest is None else max(newest, completed_at)
    numbers = {number for number, *_ in rows}
    missing = (
        [one for one in range(1, max(numbers, default=0) + 1) if one not in numbers]
        if whole
        else []
    )
    return OrderCheck(
        len(rows),
        sum(1 for row in rows if row[2]),
        sum(1 for row in rows if row[3]),
        tuple(disordered[:_NAMED]),
        tuple(missing[:_NAMED]),
    )
