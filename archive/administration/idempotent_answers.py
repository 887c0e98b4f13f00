"""Answers kept under an Idempotency-Key, so that a request sent again gets the same."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archive.database.engine import database_now
from archive.database.tables_exchange import IdempotentAnswer

KEPT = timedelta(days=7)
_CLAIMED = timedelta(minutes=1)
_OPEN, _ANSWERED = 0, 303


def kept_answer(session: Session, key_digest: str) -> IdempotentAnswer | None:
    """Return the answer that is kept under a key, None for a new key."""
    return session.scalars(
        select(IdempotentAnswer).where(IdempotentAnswer.key_digest == key_digest)
    ).first()


def claim_answer(session: Session, key_digest: str) -> bool:
    """Claim a key whose answer is not known yet; False when it is claimed or answered.

    A claim without an answer is of a process that ended: after a minute it is free again.
    """
    now = database_now(session)
    stale = IdempotentAnswer.created_at < now - _CLAIMED
    session.execute(
        delete(IdempotentAnswer).where(
            IdempotentAnswer.key_digest == key_digest, IdempotentAnswer.status == _OPEN, stale
        )
    )
    forget_answers(session, now - KEPT)
    claim = IdempotentAnswer(
        key_digest=key_digest, request_digest="", status=_OPEN, body={}, created_at=now
    )
    try:
        with session.begin_nested():
            session.add(claim)
    except IntegrityError:
        return False
    return True


def settle_answer(session: Session, key_digest: str, body: dict[str, Any] | None) -> None:
    """Keep the answer of a claimed key; None gives the key free."""
    row = kept_answer(session, key_digest)
    if row is None:
        return
    if body is None:
        session.delete(row)
    else:
        row.status, row.body = _ANSWERED, body


def forget_answers(session: Session, before: datetime) -> None:
    """Delete the answers that were kept before a moment."""
    session.execute(delete(IdempotentAnswer).where(IdempotentAnswer.created_at < before))


def keep(
    session: Session, key_digest: str, request_digest: str, body: dict[str, Any], at: datetime
) -> None:
    """Keep an answer; of two requests at once the database lets one through."""
    session.add(
        IdempotentAnswer(
            key_digest=key_digest,
            request_digest=request_digest,
            status=201,
            body=body,
            created_at=at,
        )
    )
    session.flush()
