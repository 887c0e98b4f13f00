"""归集池: files that a window or a station sends. Each waits until it is whole, until it is known to whom it belongs, and until that case is ours.

Nothing is dropped: what cannot be placed stays with a finding that says why and what to do, until a person places it or returns it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from archive.administration.policy import scope_of
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.tables_cases import Case
from archive.database.tables_gathering import Arrival, CapturedFile, GatheredCase
from archive.gathering.cases import GatheredFile, GatheredPiece, add_piece
from archive.reference.errors import ConflictError, NotFoundError
from archive.reference.findings import Finding, finding
from archive.reference.organisations import Organisations
from archive.reference.vocabulary import LabelledEnum, SourceKind

SYSTEM, SOURCE = "扫描录入", "scans"
"""As evidence and health name this source: the watched folder and the uploads are one."""


class Capture(LabelledEnum):
    """How far a captured file is."""

    RECEIVING = "RECEIVING", "上传中"
    PENDING = "PENDING", "等待"
    UNPLACED = "UNPLACED", "待归入"
    PLACED = "PLACED", "已归集"
    RETURNED = "RETURNED", "已退回"


OPEN = (Capture.RECEIVING, Capture.PENDING, Capture.UNPLACED)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file belongs: which file of how many of which material."""

    case_no: str
    no: int
    type: str
    position: int = 1
    of: int = 1


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is going to be sent. Without a place it is a stack with sheets, or a person will place it."""

    name: str
    size: int
    sha256: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Capturing:
    """Where, by whom, how fine and when it was captured."""

    station: str
    operator: str
    dpi: int
    at: datetime


def captured_by(station: str, operator: str, dpi: int) -> str:
    """Station, operator and dpi in one line, since the facts of a case know one field for who captured."""
    return f"{operator}（{station}，{dpi}dpi）"


_CASE = re.compile(r"(?<![0-9])\d{12}-\d{8}-\d{6}(?![0-9])")
_MATERIAL = re.compile(r"^(\d{1,3})[-_. 　]+(\S.*)$")
_PAGE = re.compile(r"^(.*?)[-_ 　]+(\d{1,4})$")


def places_by_path(paths: Sequence[str]) -> list[Place | None]:
    """What folder and file names say, as scanning programs write them: `办件编号/004-材料名/1.jpg` or `办件编号_004_材料名_1.jpg`."""
    said = [_said(one) for one in paths]
    order: dict[tuple[str, int], list[int]] = {}
    for at, one in enumerate(said):
        if one:
            order.setdefault((one[0], one[1]), []).append(at)
    places: list[Place | None] = [None] * len(paths)
    for (case_no, no), members in order.items():
        # 2 before 10: people and scanners number without leading zeros.
        members.sort(
            key=lambda at: [
                (int(part), "") if part.isdigit() else (0, part)
                for part in re.split(r"(\d+)", paths[at])
            ]
        )
        for position, at in enumerate(members, 1):
            if found := said[at]:
                places[at] = Place(case_no, no, found[2], position, len(members))
    return places


def _said(path: str) -> tuple[str, int, str] | None:
    parts = PurePosixPath(path).parts
    found = next(
        ((at, match) for at, part in enumerate(parts) if (match := _CASE.search(part))), None
    )
    if found is None:
        return None
    at, case = found
    rest = [parts[at][case.end() :].strip("-_ 　"), *parts[at + 1 :]]
    rest[-1] = rest[-1].rpartition(".")[0] or rest[-1]
    for depth, part in enumerate(rest):
        if match := _MATERIAL.match(part):
            kind = match[2]
            # The last number of a file's own name counts pages; a folder's does not.
            if depth == len(rest) - 1 and (paged := _PAGE.match(kind)):
                kind = paged[1]
            return (case[0], int(match[1]), kind[:200]) if int(match[1]) else None
    return None


def announce(
    session: Session,
    actor: str,
    org: str,
    files: Sequence[NewFile],
    how: Capturing,
    *,
    at: datetime,
) -> list[CapturedFile]:
    """Write down what will be sent. The same file for the same place again is the row that is there: sending twice does nothing twice."""
    known = _known(session, org, [one.sha256 for one in files])
    rows, fresh = [], 0
    for one in files:
        held = known.get((one.sha256, one.place))
        if held is None:
            place = one.place
            held = CapturedFile(
                id=uuid4().hex,
                account=actor,
                org=org,
                name=one.name[-200:],
                size=one.size,
                sha256=one.sha256,
                state=Capture.RECEIVING,
                station=how.station,
                operator=how.operator,
                dpi=how.dpi,
                captured_at=how.at,
                case_no=place.case_no if place else None,
                material_no=place.no if place else None,
                material=place.type if place else None,
                position=place.position if place else 1,
                of=place.of if place else 1,
                pieces=[],
                findings=[],
                created_at=at,
            )
            session.add(held)
            known[(one.sha256, one.place)] = held
            fresh += 1
        rows.append(held)
    session.flush()
    if fresh:
        journal.record(
            session, actor, JournalAct.CAPTURE, org, files=fresh, station=how.station, dpi=how.dpi
        )
    return rows


def _known(
    session: Session, org: str, digests: Sequence[str]
) -> dict[tuple[str, Place | None], CapturedFile]:
    query = select(CapturedFile).where(
        CapturedFile.org == org,
        CapturedFile.sha256.in_(digests),
        CapturedFile.state != Capture.RETURNED,
    )
    found = {
        (one.sha256, place_of(one)): one
        for one in session.scalars(query.order_by(CapturedFile.created_at))
    }
    # One that something newer stands in for must come again to count again.
    return {
        key: one
        for key, one in found.items()
        if key[1] is None or _newest_at(session, org, key[1]).get(key[1].position) is one
    }


def place_of(row: CapturedFile) -> Place | None:
    """Where the sender, a path or a person said that it belongs."""
    if row.case_no is None or row.material_no is None:
        return None
    return Place(row.case_no, row.material_no, row.material or "", row.position, row.of)


def _newest_at(session: Session, org: str, place: Place) -> dict[int, CapturedFile]:
    """The file that stands at each position of a material: the last that came."""
    query = select(CapturedFile).filter_by(
        org=org, case_no=place.case_no, material_no=place.no, of=place.of
    )
    held = session.scalars(
        query.where(CapturedFile.state != Capture.RETURNED).order_by(
            CapturedFile.created_at, CapturedFile.id
        )
    )
    return {one.position: one for one in held}


def mine(session: Session, org: str, id_: str, *, lock: bool = False) -> CapturedFile:
    """A file of this organisation. Raises NotFoundError."""
    row = session.get(CapturedFile, id_, with_for_update=lock)
    if row is None or row.org != org:
        raise NotFoundError("没有这个文件，或您无权查看。", "请核对上传编号。")
    return row


def arrived_whole(
    row: CapturedFile,
    arrival: Arrival,
    pieces: Sequence[Mapping[str, Any]],
    faults: Sequence[Finding],
    *,
    at: datetime,
) -> None:
    """The bytes are in the store: what is in the file, or why it cannot be used."""
    row.pieces, row.arrival_id, row.ended_at = [dict(one) for one in pieces], arrival.id, at
    row.findings = [one.public() for one in faults]
    row.state = Capture.UNPLACED if faults else Capture.PENDING


def place(
    session: Session, row: CapturedFile, organisations: Organisations, *, at: datetime
) -> None:
    """Gather each material of a file under its case, as far as the case is known and ours; what keeps the others stands as findings."""
    if row.state != Capture.PENDING:
        return
    kept: list[Finding] = []
    pieces = []
    for one in row.pieces:
        found = (
            None if one.get("placed") else _keeps(session, row, str(one["case_no"]), organisations)
        )
        if found is None and not one.get("placed"):
            found = _gather(session, row, one, at)
        kept += [found] if found else []
        pieces.append({**one, "placed": found is None})
    row.pieces, row.findings = pieces, [one.public() for one in kept]
    refused = any(one.code in {"CAPTURE_NOT_YOURS", "CAPTURE_BY_PACKAGE"} for one in kept)
    row.state = Capture.UNPLACED if refused else Capture.PENDING if kept else Capture.PLACED


def _keeps(
    session: Session, row: CapturedFile, case_no: str, organisations: Organisations
) -> Finding | None:
    """Why a material cannot be gathered now: a case of others, one that came as a package, or one that is not closed yet."""
    closed = session.scalars(
        select(GatheredCase).filter_by(case_no=case_no).order_by(GatheredCase.id.desc())
    ).first()
    if closed is None:
        known = session.scalars(select(Case.id).where(Case.case_no == case_no)).first()
        return finding(
            "CAPTURE_BY_PACKAGE" if known else "CAPTURE_NOT_CLOSED", "capture", case_no=case_no
        )
    orgs = [one for one in closed.facts.get("orgs", {}).values() if one in organisations]
    return (
        None
        if row.org in scope_of(orgs, organisations)
        else finding("CAPTURE_NOT_YOURS", "capture", case_no=case_no)
    )


def _gather(
    session: Session, row: CapturedFile, piece: Mapping[str, Any], at: datetime
) -> Finding | None:
    """Hand a whole material to its case; of one in several files, when the last of them is here."""
    where = place_of(row)
    rows = [row]
    if where is not None and where.of > 1:
        held = _newest_at(session, row.org, where)
        rows = [
            held[at_]
            for at_ in range(1, where.of + 1)
            if at_ in held and held[at_].state in (Capture.PENDING, Capture.PLACED)
        ]
        if len(rows) < where.of:
            return finding(
                "CAPTURE_INCOMPLETE", "capture", material=where.no, here=len(rows), of=where.of
            )
    parts = [piece] if len(rows) == 1 else [one.pieces[0] for one in rows]
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
        "pages": sum(int(one["pages"]) for one in parts),
        "captured_by": captured_by(row.station, row.operator, row.dpi),
        "captured_at": row.captured_at.isoformat(),
        "source_ref": evidence,
    }
    files = tuple(GatheredFile(str(one["sha256"]), str(one["extension"])) for one in parts)
    arrival = session.get_one(Arrival, row.arrival_id)
    add_piece(
        session,
        arrival,
        GatheredPiece(str(piece["case_no"]), int(piece["no"]), files, stated),
        at=at,
    )
    for one in rows:
        if one is not row:
            one.state, one.findings = Capture.PLACED, []
            one.pieces = [{**part, "placed": True} for part in one.pieces]
    return None


def place_pending(
    session: Session,
    organisations: Organisations,
    *,
    at: datetime,
    case_nos: Iterable[str] | None = None,
) -> int:
    """Try again what waited, as when its case has been closed since; returns how many are placed now."""
    query = select(CapturedFile).where(CapturedFile.state == Capture.PENDING)
    if case_nos is not None:
        query = query.where(CapturedFile.case_no.in_(list(case_nos)))
    rows = session.scalars(
        query.order_by(CapturedFile.created_at, CapturedFile.id).with_for_update()
    ).all()
    for row in rows:
        place(session, row, organisations, at=at)
    return sum(one.state == Capture.PLACED for one in rows)


def file_under(
    session: Session,
    actor: str,
    row: CapturedFile,
    where: Place,
    organisations: Organisations,
    *,
    at: datetime,
) -> None:
    """A person says where a file belongs. Raises ConflictError for one that cannot be used or is placed."""
    if row.state != Capture.UNPLACED or not row.media_type:
        raise ConflictError("该文件不能归入。", "已归集的无需再归；无法打开的请退回后重新扫描。")
    row.case_no, row.material_no, row.material, row.position, row.of = (
        where.case_no,
        where.no,
        where.type,
        where.position,
        where.of,
    )
    whole = {
        "sha256": row.sha256,
        "extension": _EXTENSIONS[row.media_type],
        "pages": row.pages or 1,
    }
    row.pieces = [{"case_no": where.case_no, "no": where.no, "type": where.type, **whole}]
    row.state = Capture.PENDING
    journal.record(
        session, actor, JournalAct.CAPTURE_FILE, row.id, case_no=where.case_no, material=where.no
    )
    place(session, row, organisations, at=at)


_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "application/pdf": "pdf",
    "application/ofd": "ofd",
}


def extension_of(media_type: str | None) -> str:
    """The ending under which a file of this type is packed."""
    return _EXTENSIONS.get(media_type or "", "bin")


def return_files(
    session: Session, actor: str, rows: Sequence[CapturedFile], *, reason: str, at: datetime
) -> None:
    """Give files back to who captured them. Their bytes stay in the store; who, why and when are journalled."""
    for row in rows:
        if row.state not in OPEN:
            raise ConflictError("该文件已归集或已退回。", "请刷新归集池。")
        row.state, row.ended_at = Capture.RETURNED, at
        journal.record(
            session, actor, JournalAct.CAPTURE_RETURN, row.id, reason=reason, sha256=row.sha256
        )


def captured(session: Session, *where: ColumnElement[bool], limit: int) -> list[CapturedFile]:
    """The newest files that fulfil these conditions."""
    query = (
        select(CapturedFile).where(*where).order_by(CapturedFile.created_at.desc(), CapturedFile.id)
    )
    return list(session.scalars(query.limit(limit)))


def capture_counts(session: Session, *where: ColumnElement[bool]) -> dict[str, int]:
    """How many are in each state."""
    query = select(CapturedFile.state, func.count()).where(*where).group_by(CapturedFile.state)
    return dict(session.execute(query).tuples().all())
