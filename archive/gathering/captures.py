"""Files that a scanning window or a station sends, and how far each has come (归集池).

A file waits until it is whole, until the case that it belongs to is known, and until that
case is within the scope of the sender's organisation. No file is dropped: what cannot be
placed stays with a finding that says why and what to do, until a person places or returns it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from archive.administration.notices import NoticeKind, NoticeTopic, notify
from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_exchange import Upload
from archive.database.tables_gathering import Arrival, CapturedFile
from archive.gathering.places import Place
from archive.reference.errors import ArchiveError, ConflictError, NotFoundError
from archive.reference.findings import Finding
from archive.reference.vocabulary import LabelledEnum, UploadState

SYSTEM, SOURCE = "扫描录入", "scans"
"""Names of this source in evidence and in health; the watched folder and the uploads share them."""


class Capture(LabelledEnum):
    """States of a captured file."""

    RECEIVING = "RECEIVING", "上传中"
    PENDING = "PENDING", "等待"
    UNPLACED = "UNPLACED", "待归入"
    PLACED = "PLACED", "已归集"
    RETURNED = "RETURNED", "已退回"
    DIVIDED = "DIVIDED", "已拆分"
    COVER = "COVER", "封面，不归入"


GIVEN_UP = timedelta(days=7)
"""The parts of an upload that was begun so long ago and not completed are removed."""
OPEN = (Capture.RECEIVING, Capture.PENDING, Capture.UNPLACED)


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is announced.

    Without a place it is a stack with separator sheets, or a person will place it.
    """

    name: str
    size: int
    sha256: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Capturing:
    """Where, by whom, at what resolution and when files were captured."""

    station: str
    operator: str
    dpi: int
    at: datetime


class UploadQuotaError(ArchiveError):
    """An organisation announced more than it may have on its way at once."""

    code = "UPLOAD_QUOTA"

    def __init__(self, quota: int) -> None:
        """Name the quota, in bytes."""
        super().__init__(
            f"本单位已登记而未送完的文件将超过 {quota >> 30} GB 的限额。",
            "请先把已登记的送完并完成，再登记其余的；放弃的在登记七日后不再计入。",
        )


def captured_by(station: str, operator: str, dpi: int) -> str:
    """Return station, operator and dpi as one text.

    The facts of a case have one field for the capturer.
    """
    return f"{operator}（{station}，{dpi}dpi）"


def announce(
    session: Session,
    actor: str,
    org: str,
    files: Sequence[NewFile],
    how: Capturing,
    *,
    at: datetime,
    quota: int,
) -> list[CapturedFile]:
    """Enter the files that will be sent, journal them, and return their rows.

    The same file for the same place again returns the row that exists, so that sending twice
    changes nothing. Raises UploadQuotaError when the others exceed `quota` (`require_room`).
    """
    known = _known_rows(session, org, [file.sha256 for file in files])
    more = {(file.sha256, file.place): file.size for file in files}
    require_room(
        session, org, sum(size for key, size in more.items() if key not in known), quota=quota
    )
    rows, fresh = [], 0
    for ordinal, file in enumerate(files):
        row = known.get((file.sha256, file.place))
        if row is None:
            place = file.place
            row = CapturedFile(
                id=uuid4().hex,
                account=actor,
                org=org,
                name=file.name[-200:],
                size=file.size,
                sha256=file.sha256,
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
                ordinal=ordinal,
                hints={},
                pieces=[],
                findings=[],
                created_at=at,
            )
            session.add(row)
            known[(file.sha256, file.place)] = row
            fresh += 1
        rows.append(row)
    session.flush()
    if fresh:
        journal.record(
            session, actor, JournalAct.CAPTURE, org, files=fresh, station=how.station, dpi=how.dpi
        )
    return rows


def require_room(session: Session, org: str, more: int, *, quota: int) -> None:
    """Raise UploadQuotaError when `more` bytes do not fit beside what was announced.

    Captured files and packages count alike, until they are whole or given up. All in bytes.
    """
    since = database_now(session) - GIVEN_UP

    def announced(
        table: type[Upload] | type[CapturedFile], *conditions: ColumnElement[bool]
    ) -> int:
        query = select(func.coalesce(func.sum(table.size), 0))
        return int(session.scalar(query.where(*conditions, table.created_at > since)) or 0)

    files = announced(
        CapturedFile, CapturedFile.org == org, CapturedFile.state == Capture.RECEIVING
    )
    packages = announced(Upload, Upload.org == org, Upload.state == UploadState.RECEIVING)
    if files + packages + more > quota:
        raise UploadQuotaError(quota)


def _known_rows(
    session: Session, org: str, digests: Sequence[str]
) -> dict[tuple[str, Place | None], CapturedFile]:
    """Return the rows of this organisation with these digests, by digest and place."""
    query = select(CapturedFile).where(
        CapturedFile.org == org,
        CapturedFile.sha256.in_(digests),
        CapturedFile.state != Capture.RETURNED,
    )
    newest = {
        (row.sha256, place_of(row)): row
        for row in session.scalars(query.order_by(CapturedFile.created_at))
    }
    # A file that a newer one replaced counts again only when it is sent again.
    return {
        key: row
        for key, row in newest.items()
        if key[1] is None or newest_at(session, org, key[1]).get(key[1].position) is row
    }


def place_of(row: CapturedFile) -> Place | None:
    """Return the place that the sender, the path or a person stated, or None."""
    if row.case_no is None or row.material_no is None:
        return None
    return Place(row.case_no, row.material_no, row.material or "", row.position, row.of)


def newest_at(session: Session, org: str, place: Place) -> dict[int, CapturedFile]:
    """Return the last file that came for each position of a material, by position."""
    query = select(CapturedFile).filter_by(
        org=org, case_no=place.case_no, material_no=place.no, of=place.of
    )
    rows = session.scalars(
        query.where(CapturedFile.state != Capture.RETURNED).order_by(
            CapturedFile.created_at, CapturedFile.id
        )
    )
    return {row.position: row for row in rows}


def captured_file(session: Session, org: str, id_: str, *, lock: bool = False) -> CapturedFile:
    """Return a captured file of this organisation. Raises NotFoundError."""
    row = session.get(CapturedFile, id_, with_for_update=lock)
    if row is None or row.org != org:
        raise NotFoundError("没有这个文件，或您无权查看。", "请核对上传编号。")
    return row


def part_with(session: Session, row: CapturedFile, page: int) -> CapturedFile | None:
    """Return the part of a divided file that holds a page of the whole; None: there is none."""
    query = select(CapturedFile).where(
        CapturedFile.part_of == (row.part_of or row.id),
        CapturedFile.state != Capture.DIVIDED,
        CapturedFile.first_page <= page,
        CapturedFile.first_page + CapturedFile.pages > page,
    )
    return session.scalars(query).first()


def record_contents(
    row: CapturedFile,
    arrival: Arrival,
    pieces: Sequence[Mapping[str, Any]],
    faults: Sequence[Finding],
    *,
    at: datetime,
) -> None:
    """Record the contents of a file whose bytes are in the store, or its faults."""
    row.pieces, row.arrival_id, row.ended_at = [dict(piece) for piece in pieces], arrival.id, at
    row.findings = [fault.public() for fault in faults]
    row.state = Capture.UNPLACED if faults else Capture.PENDING


_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "application/pdf": "pdf",
    "application/ofd": "ofd",
}


def extension_of(media_type: str | None) -> str:
    """Return the file extension under which a file of this media type is packed."""
    return _EXTENSIONS.get(media_type or "", "bin")


def return_files(
    session: Session, actor: str, rows: Sequence[CapturedFile], *, reason: str, at: datetime
) -> None:
    """Mark files as returned to those who captured them, and journal actor and reason.

    The bytes stay in the store. Raises ConflictError for a file that is not open.
    """
    for row in rows:
        if row.state not in OPEN:
            raise ConflictError("该文件已归集或已退回。", "请刷新归集池。")
        row.state, row.ended_at = Capture.RETURNED, at
        journal.record(
            session, actor, JournalAct.CAPTURE_RETURN, row.id, reason=reason, sha256=row.sha256
        )
    # One notice for each unit, however many of its files came back.
    for org, first in {row.org: row for row in reversed(rows)}.items():
        notify(session, NoticeKind.RETURNED, NoticeTopic.CAPTURE, first.id, org=org, act=Act.SUBMIT)


def newest_captures(
    session: Session, *where: ColumnElement[bool], limit: int
) -> list[CapturedFile]:
    """Return the newest files that fulfil these conditions."""
    query = (
        select(CapturedFile).where(*where).order_by(CapturedFile.created_at.desc(), CapturedFile.id)
    )
    return list(session.scalars(query.limit(limit)))


def capture_counts(session: Session, *where: ColumnElement[bool]) -> dict[str, int]:
    """Return how many of the files that fulfil these conditions are in each state."""
    query = select(CapturedFile.state, func.count()).where(*where).group_by(CapturedFile.state)
    return {row[0]: row[1] for row in session.execute(query)}
