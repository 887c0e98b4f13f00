"""Answers kept under an Idempotency-Key, so that a request sent again gets the same."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.database.tables_exchange import IdempotentAnswer


def kept_answer(session: Session, key_digest: str) -> IdempotentAnswer | None:
    """Return the answer that is kept under a key, None for a new key."""
    return session.scalars(
        select(IdempotentAnswer).where(IdempotentAnswer.key_digest == key_digest)
    ).first()


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
