"""Lists of volumes and cases for screens and scripts, without personal data.

A title names its subject, so lists carry the case number instead.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case, CaseRevision
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.reference.vocabulary import VolumeState

_NAMED = 20


def volume_rows(session: Session) -> list[dict[str, Any]]:
    """Return each volume with its newest committed version, in order of 档号.

    Without a committed version: how far the first one is. The fields are promised to scripts.
    """
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
    """Return all versions of one volume, oldest first.

    Each stays readable after the next was committed.
    """
    query = (
        select(VolumeVersion)
        .join(Volume, Volume.id == VolumeVersion.volume_id)
        .where(Volume.code == code)
    )
    return [
        {
            "version": version.version,
            "origin": version.origin,
            "case_revision": version.case_revision,
            "state": version.state,
            "pages": version.pages,
            "sha256": version.sha256,
            "signature_level": version.signature_level,
            "lta_pending": version.lta_pending,
            "stamped_until": version.stamped_until and version.stamped_until.isoformat(),
            "committed_at": version.committed_at and version.committed_at.isoformat(),
        }
        for version in session.scalars(query.order_by(VolumeVersion.version))
    ]


def findings_of(session: Session, case_no: str) -> list[dict[str, Any]]:
    """Return the findings of a case as it reads now, with the other case of each if any."""
    return list(session.scalars(select(Case.findings).where(Case.case_no == case_no)).one())


def case_rows(session: Session, state: str) -> list[dict[str, Any]]:
    """Return the cases that have a revision in a state, with the codes of its findings."""
    query = (
        select(Case, CaseRevision)
        .join(CaseRevision, CaseRevision.case_id == Case.id)
        .where(CaseRevision.state == state)
    )
    return [
        {
            "case_no": case.case_no,
            "item": case.item_code,
            "state": revision.state,
            "findings": sorted({row["code"] for row in revision.findings}),
        }
        for case, revision in session.execute(query.order_by(Case.case_no, CaseRevision.revision))
    ]


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """The result of checking the order of a series.

    It holds how many volumes were checked, are late or void; numbers before which an older case
    stands, and numbers that are missing.
    """

    volumes: int
    late: int
    void: int
    disordered: tuple[int, ...]
    missing: tuple[int, ...]


def check_order(
    session: Session, key: tuple[str, str, int, str], seen: ColumnElement[bool], *, whole: bool
) -> OrderCheck:
    """Check whether the numbers of a series follow the time of completion (R21).

    Late volumes are left out. Missing numbers are listed only with `whole`: only a reader of the
    whole series can know that a number is missing.
    """
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
        [number for number in range(1, max(numbers, default=0) + 1) if number not in numbers]
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
