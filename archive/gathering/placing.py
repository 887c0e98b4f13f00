"""Placing by a person: files under a material of a case, taken back, set aside as covers.

A person selects a span of scanned pages and says where it belongs. A number that nobody knows is
asked about: most are slips of the pen, and what waits for one waits for ever. What was placed
wrongly is taken back as long as it was not handed in, and placed anew.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Reader, scope_of
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_cases import Case
from archive.database.tables_gathering import CapturedFile, GatheredCase
from archive.gathering.captured_materials import WAITED_FOR, place
from archive.gathering.captures import Capture, extension_of
from archive.gathering.corrections import take_out_piece
from archive.gathering.places import Place
from archive.reference.errors import ArchiveError, ConflictError, NotFoundError
from archive.reference.findings import finding
from archive.reference.organisations import Organisations

_PLACEABLE = (Capture.UNPLACED, Capture.PENDING)
_TAKEN = (Capture.PLACED, Capture.PENDING, Capture.COVER)


class UnknownCaseError(ArchiveError):
    """A case number was stated of which nothing is known to the sender's organisation."""

    code = "CASE_UNKNOWN"

    def __init__(self, case_no: str) -> None:
        """Ask whether the number is right."""
        super().__init__(
            f"没有办件 {case_no} 的办结信息，未作任何更改：编号可能写错，也可能尚未办结。",
            "请核对编号；编号无误、尚未办结的，请选“等待办结”再归入。",
        )


def own_file(
    session: Session,
    reader: Reader,
    id_: str,
    organisations: Organisations,
    *,
    lock: bool = True,
) -> CapturedFile:
    """Return a file that the reader's organisation or one below it captured.

    Raises NotFoundError, for a foreign one as for a missing one.
    """
    row = session.get(CapturedFile, id_, with_for_update=lock)
    if row is None or reader.org not in scope_of((row.org,), organisations):
        raise NotFoundError("没有这个文件，或您无权查看。", "请核对上传编号。")
    return row


def require_placeable(
    session: Session,
    reader: Reader,
    ids: Sequence[str],
    where: Place,
    organisations: Organisations,
    *,
    wait: bool,
    lock: bool = True,
) -> list[CapturedFile]:
    """Return the files of these ids, if they may be placed there; raises as `place_files`."""
    rows = [own_file(session, reader, id_, organisations, lock=lock) for id_ in ids]
    if not rows or any(row.state not in _PLACEABLE or not row.media_type for row in rows):
        raise ConflictError("该文件不能归入。", "已归集的请先撤回；无法打开的请退回后重新扫描。")
    if not wait and not _is_known(session, where.case_no, rows[0].org, organisations):
        raise UnknownCaseError(where.case_no)
    return rows


def place_files(
    session: Session,
    reader: Reader,
    ids: Sequence[str],
    where: Place,
    organisations: Organisations,
    *,
    wait: bool,
    at: datetime,
) -> list[CapturedFile]:
    """Place whole files, in this order, as one material of a case, and return their rows.

    `wait`: the number is right, though nothing is known of it yet. Raises UnknownCaseError,
    NotFoundError, and ConflictError for a file that can't be used or is placed already.
    """
    rows = require_placeable(session, reader, ids, where, organisations, wait=wait)
    for position, row in enumerate(rows, 1):
        row.case_no, row.material_no, row.material = where.case_no, where.no, where.type
        row.position, row.of = position, len(rows)
        row.pieces = [
            {
                "case_no": where.case_no,
                "no": where.no,
                "type": where.type,
                "sha256": row.sha256,
                "extension": extension_of(row.media_type),
                "pages": row.pages or 1,
            }
        ]
        row.state, row.ended_at = Capture.PENDING, at
        row.findings = (
            [finding(WAITED_FOR, "capture", case_no=where.case_no).public()] if wait else []
        )
        journal.record(
            session,
            reader.account,
            JournalAct.CAPTURE_FILE,
            row.id,
            case_no=where.case_no,
            material=where.no,
        )
    session.flush()
    # The last of them finds all others here, and gathers the material whole.
    for row in rows:
        place(session, row, organisations, at=at)
    return rows


def set_aside(
    session: Session, reader: Reader, id_: str, organisations: Organisations, *, at: datetime
) -> CapturedFile:
    """Set a file aside that only says what follows it, as a scanned 收件单 does.

    The 收件单 of a volume is the system's own form, and never a scan (R9).
    """
    row = own_file(session, reader, id_, organisations)
    if row.state not in _PLACEABLE:
        raise ConflictError("该文件不能作封面。", "请刷新归集池。")
    row.state, row.findings, row.ended_at = Capture.COVER, [], at
    journal.record(session, reader.account, JournalAct.CAPTURE_COVER, row.id, sha256=row.sha256)
    return row


def take_back(
    session: Session, reader: Reader, id_: str, organisations: Organisations, *, at: datetime
) -> list[CapturedFile]:
    """Take back where a file was placed, with the others of its material; return their rows.

    They wait for a person again. Raises NotFoundError, and ConflictError once the material was
    handed in.
    """
    row = own_file(session, reader, id_, organisations)
    if row.state not in _TAKEN:
        raise ConflictError("该文件没有归入，无需撤回。", "请刷新归集池。")
    taken: set[str] = set()
    for piece in row.pieces:
        if piece.get("placed"):
            number = int(piece["no"])
            taken |= take_out_piece(session, str(piece["case_no"]), number, _digests(row), at=at)
    rows = _together(session, row, taken)
    for other in rows:
        journal.record(
            session,
            reader.account,
            JournalAct.CAPTURE_TAKE_BACK,
            other.id,
            case_no=other.case_no,
            material=other.material_no,
        )
        other.case_no = other.material_no = other.material = None
        other.position, other.of, other.pieces = 1, 1, []
        other.state, other.ended_at = Capture.UNPLACED, at
        other.findings = [finding("CAPTURE_UNPLACED", "capture").public()]
    return rows


def _digests(row: CapturedFile) -> set[str]:
    return {str(piece["sha256"]) for piece in row.pieces}


def _together(session: Session, row: CapturedFile, taken: set[str]) -> list[CapturedFile]:
    """Return the files that were placed as one material with this one, itself among them.

    `taken` are the digests of a material that was gathered; what it had replaced stays.
    """
    if row.case_no is None or row.of == 1:
        return [row]
    query = select(CapturedFile).filter_by(
        org=row.org, case_no=row.case_no, material_no=row.material_no, of=row.of
    )
    rows = session.scalars(query.where(CapturedFile.state.in_(_TAKEN)).with_for_update())
    same = [other for other in rows if not taken or _digests(other) & taken]
    return sorted(same, key=lambda other: other.position)


def _is_known(session: Session, case_no: str, org: str, organisations: Organisations) -> bool:
    """Say whether a case of this number is known, and the organisation has a part in it.

    Another's case and one that nobody knows are answered alike.
    """
    closed = session.scalars(select(GatheredCase).filter_by(case_no=case_no)).all()
    orgs = [code for row in closed for code in row.facts.get("orgs", {}).values()]
    case = session.scalars(select(Case).filter_by(case_no=case_no)).first()
    if case is not None:
        orgs += [case.receive_org, case.accept_org, case.domicile_org]
    return org in scope_of([code for code in orgs if code in organisations], organisations)
