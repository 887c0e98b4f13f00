"""One round with one source: what is new is fetched, put into the store, and gathered; then the source is told.

Killed at any point it is run again: bytes lie under their content, a notice arrives once, and the cursor moves only when all before it is held.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archive.accession.accession import DeliveryResult, delivery_record, log_delivery
from archive.database.engine import reading, writing
from archive.gathering.cases import (
    REFUSED,
    TAKEN,
    GatheredFile,
    GatheredPiece,
    MissingCertificate,
    add_piece,
    arrival_outcomes,
    close_case,
    missing_certificates,
    record_arrival,
)
from archive.gathering.source_health import record_failure, record_success, state_of
from archive.jobs.crashpoints import reach
from archive.reference.findings import Finding, finding
from archive.reference.objects import blob_key
from archive.reference.vocabulary import IntakeOutcome
from ingest.sources.protocol import Notice, Page, Parcel, RawPiece, Source, SourceError
from storage.blobs import BlobStore

_CASE_NO = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LAST_NO = 999
_LONGEST = (
    180  # what the rows of arrivals, cursors and the journal hold beside the name of the source
)
_DOWN_AFTER = 3


@dataclass(slots=True)
class Pulled:
    """What one round brought. `absent` is what the source does not have yet; with an `error` the round is to be run again."""

    source: str
    taken: int = 0
    known: int = 0
    refused: int = 0
    absent: int = 0
    error: SourceError | None = None


def pull(
    engine: Engine, store: BlobStore, source: Source, actor: str, *, tell: Callable[[Pulled], None]
) -> Pulled:
    """Run one round; commits piece by piece. What the source gets wrong is recorded as its health and never raised."""
    with writing(engine) as session:
        cursor = state_of(session, source.name).cursor
    with reading(engine) as session:
        wanted: Sequence[MissingCertificate] = missing_certificates(session)
    round_ = Pulled(source.name)
    try:
        for page in source.discover(cursor, wanted):
            _require_short(page)
            _take_page(engine, store, source, actor, page, round_, tell)
            if page.cursor is not None and round_.error is None:
                with writing(engine) as session:
                    state_of(session, source.name).cursor = page.cursor
                reach("cursor-moved")
    except SourceError as error:
        round_.error = error
    with writing(engine) as session:
        if round_.error is None:
            record_success(session, source.name, at=datetime.now(UTC))
        else:
            record_failure(
                session,
                source.name,
                code=round_.error.code,
                message=str(round_.error),
                at=datetime.now(UTC),
            )
    return round_


def _require_short(page: Page) -> None:
    if max(map(len, (page.cursor or "", *(one.id for one in page.notices)))) > _LONGEST:
        raise SourceError("SOURCE_ANSWER", "来源系统给出的编号过长。")


def _take_page(
    engine: Engine,
    store: BlobStore,
    source: Source,
    actor: str,
    page: Page,
    round_: Pulled,
    tell: Callable[[Pulled], None],
) -> None:
    with reading(engine) as session:
        known = arrival_outcomes(session, source.name, [one.id for one in page.notices])
    in_a_row = 0
    for notice in {one.id: one for one in page.notices}.values():
        try:
            if notice.id in known:
                # We hold it; whether the source knows that, a kill may have left open.
                source.acknowledge(notice, known[notice.id])
                round_.known += 1
            else:
                _take(engine, store, source, actor, notice, round_)
            in_a_row = 0
        except SourceError as error:
            # One that cannot be had does not keep the others back, but the cursor stays before it; several in a row are a source that is down.
            round_.error, in_a_row = error, in_a_row + 1
            if in_a_row >= _DOWN_AFTER:
                raise
        tell(round_)


def _take(
    engine: Engine, store: BlobStore, source: Source, actor: str, notice: Notice, round_: Pulled
) -> None:
    parcel = source.fetch(notice)
    if parcel is None:
        round_.absent += 1
        return
    at = datetime.now(UTC)
    fault = parcel.fault or _unusable(parcel)
    pieces = (
        [] if fault else [_stored(store, source, notice, parcel, one, at) for one in parcel.pieces]
    )
    key = _kept(store, _name(source, notice), parcel, fault, at) if fault else None
    reach("fetched")
    try:
        with writing(engine) as session:
            _record(session, source, actor, notice, parcel, pieces, fault, key, at)
    except IntegrityError:
        with reading(engine) as session:
            if notice.id not in arrival_outcomes(session, source.name, [notice.id]):
                raise
    reach("arrived")
    source.acknowledge(notice, REFUSED if fault else TAKEN)
    round_.refused += bool(fault)
    round_.taken += not fault


def _unusable(parcel: Parcel) -> Finding | None:
    """A material that names no case or no number cannot gather anywhere."""
    right = all(
        _CASE_NO.fullmatch(one.case_no) and 0 < one.no <= _LAST_NO and one.files
        for one in parcel.pieces
    )
    return None if right else finding("APPLICATION_INVALID", "application")


def _stored(
    store: BlobStore, source: Source, notice: Notice, parcel: Parcel, raw: RawPiece, at: datetime
) -> GatheredPiece:
    """The bytes into the store first: a kill before the row leaves only objects that nobody names."""
    files = []
    for data, extension in raw.files:
        digest = sha256(data).hexdigest()
        store.put_new(blob_key(digest), data)
        files.append(GatheredFile(digest, extension))
    evidence: dict[str, Any] = {
        "system": source.system,
        "id": parcel.system_id or notice.id,
        "fetched_at": at.isoformat(timespec="seconds"),
        "sha256": files[0].sha256,
        "signature": parcel.signature,
    }
    return GatheredPiece(raw.case_no, raw.no, tuple(files), {**raw.stated, "source_ref": evidence})


def _kept(store: BlobStore, name: str, parcel: Parcel, fault: Finding, at: datetime) -> str:
    """What was refused, and the record of it from which its row is made anew, before the row."""
    digest = sha256(parcel.data).hexdigest()
    prefix = f"quarantine/{digest}"
    store.put_new(f"{prefix}/fetched", parcel.data)
    refused = DeliveryResult(IntakeOutcome.REFUSED, (fault,))
    key, record = delivery_record(
        bag=name,
        case_no=None,
        content_digest=digest,
        taken=refused,
        quarantine_prefix=prefix,
        at=at,
    )
    store.put_new(key, record, media_type="application/json")
    return prefix


def _name(source: Source, notice: Notice) -> str:
    return f"{source.name}:{notice.id}"


def _record(
    session: Session,
    source: Source,
    actor: str,
    notice: Notice,
    parcel: Parcel,
    pieces: Sequence[GatheredPiece],
    fault: Finding | None,
    key: str | None,
    at: datetime,
) -> None:
    digest = sha256(parcel.data).hexdigest()
    arrival = record_arrival(
        session,
        actor,
        source=source.name,
        system=source.system,
        notice=notice.id,
        sha256=digest,
        size=len(parcel.data),
        outcome=REFUSED if fault else TAKEN,
        at=at,
    )
    if fault:
        refused = DeliveryResult(IntakeOutcome.REFUSED, (fault,))
        log_delivery(
            session,
            actor,
            bag=_name(source, notice),
            case_no=None,
            content_digest=digest,
            taken=refused,
            quarantine_prefix=key,
            at=at,
        )
    if parcel.closed is not None and not fault:
        close_case(session, arrival, parcel.closed, at=at)
    for one in pieces:
        add_piece(session, arrival, one, at=at)
    state_of(session, source.name).fetched += 1
