"""Acts, seals and grants of the window held to the journal (I12).

A row that was added, changed or taken away differs from the digest that its entry states.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.encryption import ColumnKeyError
from archive.database.tables_window import (
    WindowActRow,
    WindowCase,
    WindowGrant,
    WindowRegistration,
    WindowSealUse,
)
from archive.gathering.window_rows import (
    act_digest,
    grant_digest,
    registration_digest,
    seal_digest,
)
from archive.preservation.faults import Fault
from archive.preservation.journalled import Journalled


def window_faults(session: Session, state: Journalled) -> Iterator[Fault]:
    """Yield what differs between the rows of the window and the entries of the journal."""
    query = select(WindowCase.id, WindowCase.case_no)
    numbers = {row.id: row.case_no for row in session.execute(query)}
    for row_id, case_id, seq in session.execute(
        select(WindowActRow.id, WindowActRow.case_id, WindowActRow.seq).order_by(WindowActRow.id)
    ).all():
        case_no = numbers.get(case_id, "")
        name = f"{case_no}/{seq}"
        try:
            row = session.get_one(WindowActRow, row_id)
            digest = act_digest(case_no, row)
        except ColumnKeyError:
            yield Fault("I14", name, "加密的办理记录不是写入此行的，或已被改动")
            state.window.see(("act", case_no, seq))
            continue
        right = row.digest == digest
        session.expunge(row)
        if not _is_entered(state, ("act", case_no, seq), digest) or not right:
            yield Fault("I12", name, "办理记录与日志不符")
    for use in session.scalars(select(WindowSealUse).order_by(WindowSealUse.id)):
        key = ("seal", use.use_no)
        if not _is_entered(state, key, seal_digest(numbers.get(use.case_id, ""), use)):
            yield Fault("I12", use.use_no, "用章登记与日志不符")
    yield from _grants(session, state)
    registered = select(WindowRegistration).where(WindowRegistration.registration_no.is_not(None))
    for result in session.scalars(registered.order_by(WindowRegistration.id)):
        case_no = numbers.get(result.case_id, "")
        digest = registration_digest(case_no, result)
        if not _is_entered(state, ("registration", case_no), digest):
            yield Fault("I12", case_no, "办理结果的登记号与日志不符")
    for kind, *name in state.window.unseen():
        yield Fault("I12", f"{kind}:{'/'.join(map(str, name))}", "日志记有窗口办理，数据库没有登记")


def _is_entered(state: Journalled, key: tuple[str | int, ...], digest: str) -> bool:
    state.window.see(key)
    entered: dict[str, Any] = state.window.get(key, {})
    return entered.get("digest") == digest


def _grants(session: Session, state: Journalled) -> Iterator[Fault]:
    for grant in session.scalars(select(WindowGrant).order_by(WindowGrant.id)):
        key = ("grant", grant.number)
        ended = state.window.get(key, {}).get("ended_at")
        entered = _is_entered(state, key, grant_digest(grant))
        same = grant.ended_at == (datetime.fromisoformat(ended).astimezone(UTC) if ended else None)
        if not entered or not same:
            yield Fault("I12", grant.number, "用章授权与日志不符")
