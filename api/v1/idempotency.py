"""Idempotency-Key: a request sent again, as its answer was lost, gets the same answer.

Its act is not done a second time.
"""

import hashlib
import json
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Header
from sqlalchemy.orm import Session

from api.http.problems import ProblemError
from archive.administration.idempotent_answers import forget_answers, keep, kept_answer
from archive.administration.policy import Reader
from archive.database.engine import database_now

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
    """Return what was answered under this key, None for a new one.

    Raises ProblemError for a key that was used for another request.
    """
    if key is None:
        return None
    row = kept_answer(session, _digest(reader.account, key))
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
    """Keep an answer in the transaction of the act; `body` holds no personal data.

    Of two requests at once the database lets one through.
    """
    if key is None:
        return
    now = database_now(session)
    forget_answers(session, now - KEPT)
    keep(session, _digest(reader.account, key), _digest(request), body, now)
