"""Idempotency-Key: a request that is sent again, because its answer was lost, does nothing and hears the same."""

import hashlib
import json
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Header
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.http.problems import ProblemError
from archive.administration.policy import Reader
from archive.database.engine import database_now
from archive.database.tables_exchange import IdempotentAnswer

KEPT = timedelta(days=7)
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9_-]{8,64}$",
        description="重复发送同一请求时使用同一值",
        examples=["7f9c2ba4e88f827d"],
    ),
]


def _digest(*parts: object) -> str:
    return hashlib.sha256(
        json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()
    ).hexdigest()


def answered(
    session: Session, reader: Reader, key: str | None, request: dict[str, Any]
) -> dict[str, Any] | None:
    """What was answered under this key; None for a new one. Raises the problem for a key that carried another request."""
    if key is None:
        return None
    row = session.scalars(
        select(IdempotentAnswer).where(IdempotentAnswer.key_digest == _digest(reader.account, key))
    ).first()
    if row is None:
        return None
    if row.request_digest != _digest(request):
        raise ProblemError(
            422,
            "IDEMPOTENCY_KEY_REUSED",
            "此 Idempotency-Key 已用于另一请求。",
            "请为新的请求另取一个值。",
        )
    return row.body


def keep_answer(
    session: Session, reader: Reader, key: str | None, request: dict[str, Any], body: dict[str, Any]
) -> None:
    """Keep an answer in the transaction of the act; of two at once the database lets one through. `body` holds no personal data."""
    if key is None:
        return
    now = database_now(session)
    session.execute(delete(IdempotentAnswer).where(IdempotentAnswer.created_at < now - KEPT))
    session.add(
        IdempotentAnswer(
            key_digest=_digest(reader.account, key),
            request_digest=_digest(request),
            status=201,
            body=body,
            created_at=now,
        )
    )
    session.flush()
