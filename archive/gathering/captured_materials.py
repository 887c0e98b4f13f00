"""Materials of captured files, gathered under their cases.

What cannot be placed keeps a finding that says why and what to do.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import scope_of
from archive.database.tables_cases import Case
from archive.database.tables_gathering import Arrival, CapturedFile, GatheredCase
from archive.gathering.captures import (
    SYSTEM,
    Capture,
    captured_by,
    newest_at,
    place_of,
)
from archive.gathering.cases import GatheredFile, GatheredPiece, add_piece
from archive.reference.findings import Finding, finding
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import SourceKind

WAITED_FOR = "CAPTURE_NOT_CLOSED"
_ASKED = frozenset({"CAPTURE_BY_PACKAGE", "CAPTURE_UNKNOWN_CASE"})
"""What a person has to see to; anything else is waited for."""


def place(
    session: Session, row: CapturedFile, organisations: Organisations, *, at: datetime
) -> None:
    """Gather each material of a file under its case, where the case is known and in scope.

    What prevents the others stays as findings of the row, and decides its state.
    """
    if row.state != Capture.PENDING:
        return
    kept: list[Finding] = []
    pieces = []
    for piece in row.pieces:
        obstacle = (
            None
            if piece.get("placed")
            else _obstacle(session, row, str(piece["case_no"]), organisations)
        )
        if obstacle is None and not piece.get("placed"):
            obstacle = _gather(session, row, piece, at)
        kept += [obstacle] if obstacle else []
        pieces.append({**piece, "placed": obstacle is None})
    row.pieces, row.findings = pieces, [obstacle.public() for obstacle in kept]
    refused = any(obstacle.code in _ASKED for obstacle in kept)
    row.state = Capture.UNPLACED if refused else Capture.PENDING if kept else Capture.PLACED


def _obstacle(
    session: Session, row: CapturedFile, case_no: str, organisations: Organisations
) -> Finding | None:
    """Return the finding that prevents gathering a material now, or None.

    The case came as a package, or is not closed yet. Another's case and one that nobody knows
    are answered alike; where the number can't be one of the sender's, a person is asked, unless
    they said already that it is to be waited for.
    """
    unseen = finding(
        WAITED_FOR if _may_come(row, case_no, organisations) else "CAPTURE_UNKNOWN_CASE",
        "capture",
        case_no=case_no,
    )
    closed = session.scalars(
        select(GatheredCase).filter_by(case_no=case_no).order_by(GatheredCase.id.desc())
    ).first()
    if closed is None:
        known = session.scalars(select(Case).where(Case.case_no == case_no)).first()
        own = known is not None and row.org in scope_of(
            (known.receive_org, known.accept_org, known.domicile_org), organisations
        )
        return finding("CAPTURE_BY_PACKAGE", "capture", case_no=case_no) if own else unseen
    orgs = [org for org in closed.facts.get("orgs", {}).values() if org in organisations]
    return None if row.org in scope_of(orgs, organisations) else unseen


def _may_come(row: CapturedFile, case_no: str, organisations: Organisations) -> bool:
    """Say whether a case of this number may still be closed for the sender's organisation.

    A number begins with who received the case.
    """
    receiver = case_no.partition("-")[0]
    expected = any(entry["code"] == WAITED_FOR for entry in row.findings)
    return expected or (
        receiver in organisations and row.org in scope_of((receiver,), organisations)
    )


def _gather(
    session: Session, row: CapturedFile, piece: Mapping[str, Any], at: datetime
) -> Finding | None:
    """Add a whole material to its case, or return the finding that its files are incomplete.

    A material in several files is added when the last of them has come.
    """
    where = place_of(row)
    rows = [row]
    if where is not None and where.of > 1:
        newest = newest_at(session, row.org, where)
        rows = [
            newest[position]
            for position in range(1, where.of + 1)
            if position in newest and newest[position].state in (Capture.PENDING, Capture.PLACED)
        ]
        if len(rows) < where.of:
            return finding(
                "CAPTURE_INCOMPLETE", "capture", material=where.no, here=len(rows), of=where.of
            )
    parts = [piece] if len(rows) == 1 else [file.pieces[0] for file in rows]
    evidence = {
        "system": SYSTEM,
        "id": row.id,
        "fetched_at": at.isoformat(timespec="seconds"),
        "sha256": str(parts[0]["sha256"]),
        "signature": None,
    }
    stated = {
        "type": str(piece["type"]),
        "source": str(SourceKind.SCANNED_PROOF),
        "pages": sum(int(part["pages"]) for part in parts),
        "captured_by": captured_by(row.station, row.operator, row.dpi),
        "captured_at": row.captured_at.isoformat(),
        "source_ref": evidence,
    }
    files = tuple(GatheredFile(str(part["sha256"]), str(part["extension"])) for part in parts)
    arrival = session.get_one(Arrival, row.arrival_id)
    add_piece(
        session,
        arrival,
        GatheredPiece(str(piece["case_no"]), int(piece["no"]), files, stated),
        at=at,
    )
    for file in rows:
        if file is not row:
            file.state, file.findings = Capture.PLACED, []
            file.pieces = [{**part, "placed": True} for part in file.pieces]
    return None


def place_pending(
    session: Session,
    organisations: Organisations,
    *,
    at: datetime,
    case_nos: Iterable[str] | None = None,
) -> int:
    """Place again the pending files, as when their case was closed since.

    Returns how many of them are placed now.
    """
    query = select(CapturedFile).where(CapturedFile.state == Capture.PENDING)
    if case_nos is not None:
        query = query.where(CapturedFile.case_no.in_(list(case_nos)))
    rows = session.scalars(
        query.order_by(CapturedFile.created_at, CapturedFile.id).with_for_update()
    ).all()
    for row in rows:
        place(session, row, organisations, at=at)
    return sum(row.state == Capture.PLACED for row in rows)
