"""What a gathering case lacks, and taking out what was gathered for it by mistake."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables_gathering import GatheredCase
from archive.gathering.cases import Gathering, cases_numbered, missing_of, pieces_of
from archive.reference.errors import ConflictError


def lacking_materials(session: Session, case_no: str) -> list[dict[str, Any]]:
    """Return what the newest closed case of a number still lacks, as its facts name it."""
    row = session.scalars(
        select(GatheredCase).filter_by(case_no=case_no).order_by(GatheredCase.id.desc()).limit(1)
    ).first()
    if row is None:
        return []
    return missing_of(row, {piece.no for piece in pieces_of(session, case_no)})


def take_out_piece(
    session: Session, case_no: str, no: int, files: Collection[str], *, at: datetime
) -> set[str]:
    """Take a material out of its case again, and return the digests of its files.

    `files` are digests of which the material has one. The case lacks it then, as before. Raises
    ConflictError once it was handed in, or is about to be; one that was refused may be mended.
    """
    rows = cases_numbered(session, case_no)
    piece = next(
        (
            piece
            for piece in reversed(pieces_of(session, case_no))
            if piece.no == no and any(file["sha256"] in files for file in piece.files)
        ),
        None,
    )
    if piece is None:
        return set()
    if any(row.state in (Gathering.READY, Gathering.LATE) for row in rows):
        raise ConflictError(
            "该办件材料已齐，正在送归档，不能撤回。", "请稍候；归档后有误的，以补充归档更正。"
        )
    if piece.used_in is not None and any(row.accepted for row in rows):
        raise ConflictError(
            "该材料已随办件归档，不能撤回。", "请退回补正，或由来源以补充归档更正。"
        )
    session.delete(piece)
    session.flush()
    numbers = {left.no for left in pieces_of(session, case_no)}
    for row in rows:
        if row.state == Gathering.SUBMITTED and not row.accepted and missing_of(row, numbers):
            row.state, row.changed_at = Gathering.COLLECTING, at
    return {str(file["sha256"]) for file in piece.files}
