"""Leases with a fencing token on the rows of any table that has the columns of `Leased`.

A row is claimed for a time by the database's clock. What a worker writes is written only while its
token is the newest: that is checked in the WHERE of the statement that writes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, inspect, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from archive.database.engine import database_now
from archive.database.leased import Leased

K = TypeVar("K", int, str)


@dataclass(frozen=True, slots=True)
class Lease(Generic[K]):
    """A worker's right to one row; void once another token was given."""

    table: type[Leased]
    key: K
    owner: str
    token: int


def is_free(table: type[Leased], now: datetime) -> ColumnElement[bool]:
    """Return the condition that nobody has a lease, or that it ran out."""
    return or_(table.lease_until.is_(None), table.lease_until < now)


def is_held(row: Leased, now: datetime) -> bool:
    """Return whether somebody has a row under a lease that runs."""
    return row.lease_until is not None and row.lease_until > now


def claim(
    session: Session,
    table: type[Leased],
    key: K,
    owner: str,
    *conditions: ColumnElement[bool],
    length: timedelta,
    **columns: Any,  # noqa: ANN401 - column values
) -> Lease[K] | None:
    """Take the lease of a row that is free or `owner`'s own, and set further columns with it.

    None when another has it, or when the row does not fulfil the conditions.
    """
    now = database_now(session)
    token = session.execute(
        update(table)
        .where(
            _is_row(table, key),
            or_(is_free(table, now), table.lease_owner == owner),
            *conditions,
        )
        .values(
            lease_owner=owner,
            lease_token=table.lease_token + 1,
            lease_until=now + length,
            **columns,
        )
        .returning(table.lease_token)
    ).scalar_one_or_none()
    return None if token is None else Lease(table, key, owner, token)


def write(
    session: Session,
    lease: Lease[K],
    *conditions: ColumnElement[bool],
    **columns: Any,  # noqa: ANN401 - column values
) -> bool:
    """Write columns of the leased row; False, and nothing written, when the lease is lost."""
    written = session.execute(
        update(lease.table)
        .where(
            _is_row(lease.table, lease.key),
            lease.table.lease_owner == lease.owner,
            lease.table.lease_token == lease.token,
            *conditions,
        )
        .values(**columns)
    )
    return isinstance(written, CursorResult) and written.rowcount == 1


def keep(
    session: Session,
    lease: Lease[K],
    *,
    length: timedelta,
    **columns: Any,  # noqa: ANN401 - column values
) -> bool:
    """Renew a lease, and set further columns with it; False when the lease is lost."""
    return write(session, lease, lease_until=database_now(session) + length, **columns)


def release(
    session: Session,
    lease: Lease[K],
    *conditions: ColumnElement[bool],
    **columns: Any,  # noqa: ANN401 - column values
) -> bool:
    """End a lease, and set further columns with it; False when the lease is lost.

    A retry then need not wait for its end.
    """
    return write(session, lease, *conditions, lease_owner=None, lease_until=None, **columns)


def fence_off(row: Leased) -> None:
    """Free a row whose lease has run out; a worker that comes back late writes nothing more."""
    row.lease_owner, row.lease_until = None, None
    row.lease_token += 1


def owners(session: Session, table: type[Leased], *conditions: ColumnElement[bool]) -> set[str]:
    """Return who has rows of a table under a lease, whether or not it has run out."""
    query = select(table.lease_owner).where(table.lease_owner.is_not(None), *conditions).distinct()
    return {owner for owner in session.scalars(query) if owner}


def free_gone(
    session: Session,
    table: type[Leased],
    is_gone: Callable[[str], bool],
    *conditions: ColumnElement[bool],
) -> None:
    """Free the rows of owners that are gone: they can't come back."""
    for owner in owners(session, table, *conditions):
        if is_gone(owner):
            session.execute(
                update(table)
                .where(table.lease_owner == owner, *conditions)
                .values(lease_owner=None, lease_until=None)
            )


def _is_row(table: type[Leased], key: int | str) -> ColumnElement[bool]:
    (column,) = inspect(table).primary_key
    condition: ColumnElement[bool] = column == key
    return condition
