"""文字识别: which scanned pages wait, who reads one, and what came of it. A page is known by content, so the same scan is read once.

The job row is the truth. A reader takes a lease with a fencing token; the first text that is recorded is the text of the page.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, and_, cast, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now, insert_absent
from archive.database.tables_cases import Case, CaseRevision, Component
from archive.database.tables_jobs import Job
from archive.database.tables_recognition import RecognisedPage
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.jobs.feed import announce
from archive.recognition.page_texts import PageText
from archive.reference.case_facts import CaseFacts
from archive.reference.errors import ArchiveError, LeaseLostError
from archive.reference.objects import OriginalObject
from archive.reference.vocabulary import ACCEPTED, SourceKind

OCR = "ocr"
"""The kind of its jobs; the subject of one is `digest:page`, which no version's number can be."""
LEASE_SECONDS = 600
_IMAGES = frozenset({"image/jpeg", "image/png", "image/tiff"})
_BORN_DIGITAL = frozenset({SourceKind.SHARED_CERT, SourceKind.SYSTEM_FORM})
_CHUNK = 300


class RecognitionError(ArchiveError):
    """A page that can't be read by machine; a person still can."""

    code = "OCR_FAILED"


class PageUnreadableError(RecognitionError):
    """The picture is broken, or no picture at all."""

    code = "OCR_UNREADABLE"


class PageTooCostlyError(RecognitionError):
    """Reading it took more time or memory than one page may cost."""

    code = "OCR_LIMIT"


@dataclass(frozen=True, slots=True)
class PageClaim:
    """A reader's right to record the text of one page; void as soon as another token was given."""

    id: int
    sha256: str
    page: int
    media_type: str
    owner: str
    token: int


def subject_of(sha256: str, page: int) -> str:
    """How the job of a page is named."""
    return f"{sha256}:{page}"


def is_scan(media_type: str, source: SourceKind) -> bool:
    """Whether pages of this kind carry text that only a picture shows: images, and PDFs that scanners and applicants make."""
    return media_type in _IMAGES or (
        media_type == "application/pdf" and source not in _BORN_DIGITAL
    )


def queue_pages(
    session: Session, facts: CaseFacts, objects: Iterable[OriginalObject], at: datetime
) -> int:
    """Write a job for every scanned page of these originals that has none; returns how many pages are scans."""
    sources = {material.no: material.source for material in facts.materials}
    pages = [
        (one.sha256, page)
        for one in objects
        if one.material_no in sources and is_scan(one.media_type, sources[one.material_no])
        for page in range(1, max(one.pages, 1) + 1)
    ]
    for start in range(0, len(pages), _CHUNK):
        some = pages[start : start + _CHUNK]
        insert_absent(
            session,
            RecognisedPage,
            [{"sha256": sha256, "page": page, "lease_token": 0} for sha256, page in some],
        )
        jobs = [
            {
                "kind": OCR,
                "subject": subject_of(sha256, page),
                "state": "WAITING",
                "attempts": 0,
                "created_at": at,
            }
            for sha256, page in some
        ]
        insert_absent(session, Job, jobs)
    return len(pages)


def queue_held(session: Session, after: int, at: datetime) -> int | None:
    """Queue the scans of a further few revisions that were taken over while OCR was off; returns where to go on, None at the end."""
    revisions = session.scalars(
        select(CaseRevision).where(CaseRevision.id > after).order_by(CaseRevision.id).limit(_CHUNK)
    ).all()
    for one in revisions:
        rows = session.scalars(
            select(Component).filter_by(case_id=one.case_id, revision=one.revision)
        )
        objects = [
            OriginalObject(
                row.material_no, row.path, row.sha256, row.size, row.media_type, row.pages
            )
            for row in rows
        ]
        queue_pages(session, CaseFacts.model_validate(one.facts), objects, at)
    return revisions[-1].id if revisions else None


def waiting_pages(session: Session, limit: int | None = None) -> list[tuple[str, int]]:
    """The pages that wait, in the order in which they came."""
    rows = session.scalars(
        select(Job.subject)
        .where(Job.kind == OCR, Job.state == "WAITING")
        .order_by(Job.id)
        .limit(limit)
    )
    return [(subject[:64], int(subject[65:])) for subject in rows]


def claim_page(
    session: Session, sha256: str, page: int, owner: str, *, seconds: int = LEASE_SECONDS
) -> PageClaim | None:
    """Take the lease of a page; None when another reader holds it, or its text is there, in which case its job is ended."""
    now = database_now(session)
    row = session.scalars(select(RecognisedPage).filter_by(sha256=sha256, page=page)).first()
    if row is None:
        return None
    if row.text_sha256 is not None:
        _end(session, row, "DONE")
        return None
    free = or_(
        RecognisedPage.lease_until.is_(None),
        RecognisedPage.lease_until < now,
        RecognisedPage.lease_owner == owner,
    )
    token = session.execute(
        update(RecognisedPage)
        .where(RecognisedPage.id == row.id, RecognisedPage.text_sha256.is_(None), free)
        .values(
            lease_owner=owner,
            lease_token=RecognisedPage.lease_token + 1,
            lease_until=now + timedelta(seconds=seconds),
        )
        .returning(RecognisedPage.lease_token)
    ).scalar_one_or_none()
    media_type = session.scalars(
        select(Component.media_type).filter_by(sha256=sha256).limit(1)
    ).first()
    return (
        None
        if token is None or media_type is None
        else PageClaim(row.id, sha256, page, media_type, owner, token)
    )


def record_text(session: Session, held: PageClaim, text: PageText, derivative: str) -> None:
    """Record where the text of a page lies, end its job, and have every archived volume with this page indexed anew. Raises LeaseLostError."""
    letters, sure = text.measure()
    done = session.execute(
        update(RecognisedPage)
        .where(
            RecognisedPage.id == held.id,
            RecognisedPage.lease_owner == held.owner,
            RecognisedPage.lease_token == held.token,
            RecognisedPage.text_sha256.is_(None),
        )
        .values(
            text_sha256=derivative,
            engine=text.engine,
            engine_version=text.engine_version,
            characters=letters,
            confidence=sure,
            recognised_at=database_now(session),
            lease_owner=None,
            lease_until=None,
        )
    )
    if not isinstance(done, CursorResult) or done.rowcount != 1:
        raise LeaseLostError("租约已失效，本次识别结果未记录。", "无需处理，另一工作进程会继续。")
    row = session.get_one(RecognisedPage, held.id)
    _end(session, row, "DONE")
    journal.record(
        session,
        held.owner,
        JournalAct.RECOGNISE,
        subject_of(held.sha256, held.page),
        text=derivative,
        engine=text.engine,
        lines=len(text.lines),
    )
    for volume_id in session.scalars(_archived_with(held.sha256)):
        announce(session, volume_id)


def _archived_with(sha256: str) -> Any:  # noqa: ANN401 - a select
    """The volumes of which an archived version holds this file."""
    return (
        select(Volume.id)
        .join(Component, Component.case_id == Volume.case_id)
        .join(
            VolumeVersion,
            and_(
                VolumeVersion.volume_id == Volume.id,
                VolumeVersion.case_revision == Component.revision,
            ),
        )
        .where(Component.sha256 == sha256, VolumeVersion.state == "COMMITTED")
        .distinct()
        .order_by(Volume.id)
    )


def fail_page(session: Session, held: PageClaim, error_code: str, error: str | None) -> None:
    """Give the lease back and leave the reason on the job; who lost the lease leaves nothing."""
    row = session.get_one(RecognisedPage, held.id, with_for_update=True)
    if (row.lease_owner, row.lease_token) == (held.owner, held.token):
        row.lease_owner, row.lease_until = None, None
        _end(session, row, "FAILED", error_code, error)


def _end(
    session: Session,
    row: RecognisedPage,
    state: str,
    error_code: str | None = None,
    error: str | None = None,
) -> None:
    session.execute(
        update(Job)
        .where(
            Job.kind == OCR, Job.subject == subject_of(row.sha256, row.page), Job.state != "DONE"
        )
        .values(
            state=state,
            error_code=error_code,
            error=error,
            attempts=Job.attempts + 1,
            ended_at=database_now(session),
        )
    )


def retry_failed(session: Session, ids: Sequence[int] | None = None) -> int:
    """Let failed pages wait again, all or those of the jobs named; returns how many."""
    again = update(Job).where(Job.kind == OCR, Job.state == "FAILED")
    if ids is not None:
        again = again.where(Job.id.in_(ids))
    done = session.execute(
        again.values(state="WAITING", ended_at=None, error=None, error_code=None)
    )
    return done.rowcount if isinstance(done, CursorResult) else 0


def leased(session: Session) -> Sequence[RecognisedPage]:
    """The pages that somebody reads just now, or read when he was killed."""
    return session.scalars(
        select(RecognisedPage).where(RecognisedPage.lease_owner.is_not(None))
    ).all()


def progress_of(session: Session) -> Mapping[str, int]:
    """How many pages wait, are done, failed."""
    counted = select(Job.state, func.count()).where(Job.kind == OCR).group_by(Job.state)
    return dict.fromkeys(("WAITING", "DONE", "FAILED"), 0) | dict(session.execute(counted).all())


def unread_cases(session: Session, since: datetime) -> int:
    """How many accepted cases without a number, taken over since then, have a page that still waits: what a compile may wait for."""
    query = (
        select(func.count(Case.id.distinct()))
        .join(Component, and_(Component.case_id == Case.id, Component.revision == Case.revision))
        .join(RecognisedPage, RecognisedPage.sha256 == Component.sha256)
        .join(
            Job,
            and_(
                Job.kind == OCR,
                Job.subject == RecognisedPage.sha256 + ":" + cast(RecognisedPage.page, String),
            ),
        )
        .outerjoin(Volume, Volume.case_id == Case.id)
        .where(
            Case.state == ACCEPTED,
            Case.accepted_at > since,
            Volume.id.is_(None),
            Job.state == "WAITING",
        )
    )
    return session.scalar(query) or 0
