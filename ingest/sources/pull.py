"""One round with one source: new material is fetched, stored, gathered and acknowledged.

A round that was killed at any point is run again: bytes lie under their content, a notice
arrives once, and the cursor moves only when everything before it is stored.
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

from archive.accession.accession import DeliveryResult, delivery_record
from archive.accession.deliveries import log_delivery
from archive.database.engine import reading, writing
from archive.gathering.cases import (
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
from archive.reference.vocabulary import ArrivalOutcome, IntakeOutcome
from ingest.sources.protocol import Notice, Page, Parcel, RawPiece, Source, SourceError
from storage.blobs import BlobStore

_CASE_NO = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LAST_NO = 999
# Characters that the rows of arrivals, cursors and the journal hold next to the source's name.
_LONGEST = 180
_DOWN_AFTER = 3


@dataclass(slots=True)
class Pulled:
    """The result of one round.

    `absent` counts what the source does not have yet. With an `error` the round is to be run again.
    """

    source: str
    taken: int = 0
    known: int = 0
    refused: int = 0
    absent: int = 0
    error: SourceError | None = None


def pull(
    engine: Engine,
    store: BlobStore,
    source: Source,
    actor: str,
    *,
    on_progress: Callable[[Pulled], None],
) -> Pulled:
    """Run one round and return its result; commits piece by piece.

    A fault of the source is recorded as its health and never raised.
    """
    with writing(engine) as session:
        cursor = state_of(session, source.name).cursor
    with reading(engine) as session:
        wanted: Sequence[MissingCertificate] = missing_certificates(session)
    result = Pulled(source.name)
    try:
        for page in source.discover(cursor, wanted):
            _require_short(page)
            _take_page(engine, store, source, actor, page, result, on_progress)
            if page.cursor is not None and result.error is None:
                with writing(engine) as session:
                    state_of(session, source.name).cursor = page.cursor
                reach("cursor-moved")
    except SourceError as error:
        result.error = error
    with writing(engine) as session:
        if result.error is None:
            record_success(session, source.name, at=datetime.now(UTC))
        else:
            record_failure(
                session,
                source.name,
                code=result.error.code,
                message=str(result.error),
                at=datetime.now(UTC),
                not_sooner=result.error.retry_after,
            )
    return result


def _require_short(page: Page) -> None:
    if max(map(len, (page.cursor or "", *(notice.id for notice in page.notices)))) > _LONGEST:
        raise SourceError("SOURCE_ANSWER", "来源系统给出的编号过长。")


def _take_page(
    engine: Engine,
    store: BlobStore,
    source: Source,
    actor: str,
    page: Page,
    result: Pulled,
    on_progress: Callable[[Pulled], None],
) -> None:
    with reading(engine) as session:
        known = arrival_outcomes(session, source.name, [notice.id for notice in page.notices])
    in_a_row = 0
    for notice in {announced.id: announced for announced in page.notices}.values():
        try:
            if notice.id in known:
                # We hold it, but a kill may have prevented the acknowledgement.
                source.acknowledge(notice, known[notice.id])
                result.known += 1
            else:
                _take(engine, store, source, actor, notice, result)
            in_a_row = 0
        except SourceError as error:
            # A notice that fails does not stop the others, but the cursor stays before it; several
            # failures in a row mean that the source is down.
            result.error, in_a_row = error, in_a_row + 1
            if in_a_row >= _DOWN_AFTER:
                raise
        on_progress(result)


def _take(
    engine: Engine, store: BlobStore, source: Source, actor: str, notice: Notice, result: Pulled
) -> None:
    parcel = source.fetch(notice)
    if parcel is None:
        result.absent += 1
        return
    at = datetime.now(UTC)
    fault = parcel.fault or _unusable(parcel)
    pieces = (
        []
        if fault
        else [_stored(store, source, notice, parcel, piece, at) for piece in parcel.pieces]
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
    source.acknowledge(notice, ArrivalOutcome.REFUSED if fault else ArrivalOutcome.TAKEN)
    result.refused += bool(fault)
    result.taken += not fault


def _unusable(parcel: Parcel) -> Finding | None:
    """Return a finding when a material names no case or no number, and cannot be gathered."""
    right = all(
        _CASE_NO.fullmatch(piece.case_no) and 0 < piece.no <= _LAST_NO and piece.files
        for piece in parcel.pieces
    )
    return None if right else finding("APPLICATION_INVALID", "application")


def _stored(
    store: BlobStore, source: Source, notice: Notice, parcel: Parcel, raw: RawPiece, at: datetime
) -> GatheredPiece:
    """Put the bytes into the store and return the piece that names them.

    The store comes first: a kill before the row leaves only objects that no row names.
    """
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
    """Put a refused fetch and its record into quarantine, and return the prefix.

    They are written before the row, which can be made again from the record.
    """
    digest = sha256(parcel.data).hexdigest()
    prefix = f"quarantine/{digest}"
    store.put_new(f"{prefix}/fetched", parcel.data)
    refused = DeliveryResult(IntakeOutcome.REFUSED, (fault,))
    key, record = delivery_record(
        bag=name,
        case_no=None,
        sender=None,
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
        outcome=ArrivalOutcome.REFUSED if fault else ArrivalOutcome.TAKEN,
        at=at,
    )
    if fault:
        refused = DeliveryResult(IntakeOutcome.REFUSED, (fault,))
        log_delivery(
            session,
            actor,
            bag=_name(source, notice),
            case_no=None,
            sender=None,
            content_digest=digest,
            taken=refused,
            quarantine_prefix=key,
            at=at,
        )
    if parcel.closed is not None and not fault:
        close_case(session, arrival, parcel.closed, at=at)
    for piece in pieces:
        add_piece(session, arrival, piece, at=at)
    state_of(session, source.name).fetched += 1
