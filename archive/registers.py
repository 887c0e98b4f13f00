"""The read side: lists for screens and scripts. No personal data: a title names its subject, so lists carry the case number instead."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.models import Case, Volume, VolumeVersion


def volume_rows(session: Session) -> list[dict[str, Any]]:
    """Each volume with its newest version, in order of 档号; the fields are promised to scripts."""
    query = (
        select(Volume, VolumeVersion, Case.case_no)
        .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
        .join(Case, Case.id == Volume.case_id)
        .order_by(Volume.code, VolumeVersion.version)
    )
    rows = {
        volume.code: {
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
        }
        for volume, version, case_no in session.execute(query)
    }
    return list(rows.values())


def case_rows(session: Session, state: str) -> list[dict[str, Any]]:
    """Cases in a state with the codes of their findings."""
    query = select(Case).where(Case.state == state).order_by(Case.case_no)
    return [
        {"case_no": case.case_no, "item": case.item_code, "state": case.state, "findings": sorted({row["code"] for row in case.findings})}
        for case in session.scalars(query)
    ]
