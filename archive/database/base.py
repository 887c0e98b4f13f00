"""The base of all tables: how times, keys and texts are stored, alike on both databases."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import JSON, BigInteger, Connection, DateTime, Dialect, Integer, MetaData, event
from sqlalchemy.orm import DeclarativeBase, Mapper
from sqlalchemy.types import TypeDecorator

from archive.reference.errors import ArchiveError


class UtcDateTime(TypeDecorator[datetime]):
    """A column type for times with a zone, stored as UTC.

    SQLite does not keep zones, so values are converted to UTC when written and marked as UTC when
    read.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - fixed by SQLAlchemy
    ) -> datetime | None:
        """Return the time in UTC; raises ValueError for one without zone, which is a defect."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without zone")
        return value and value.astimezone(UTC)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - fixed by SQLAlchemy
    ) -> datetime | None:
        """Return the stored time, marked as UTC."""
        return value and (
            value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        )


# SQLite increments only INTEGER primary keys.
Id = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """The declarative base of all tables.

    Constraint names are fixed so that migrations can name them on both databases.
    """

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own form
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


class TooLongError(ArchiveError):
    """A text does not fit its column."""

    code = "VALUE_TOO_LONG"

    def __init__(self, column: str, most: int) -> None:
        """Name the column and its length, never the text."""
        super().__init__(
            f"有一项内容超过{most}字，无法保存（{column}）。",
            "请缩短后重试；系统数据出现此提示的，请联系系统管理员。",
        )


@event.listens_for(Base, "before_insert", propagate=True)
@event.listens_for(Base, "before_update", propagate=True)
def _check_lengths(mapper: Mapper[Any], _connection: Connection, row: object) -> None:
    """Raise TooLongError for a text that is longer than its column.

    PostgreSQL refuses what is longer, SQLite keeps it, and a fault must not show on one of them
    only.
    """
    values = vars(row)
    for name, most in _lengths(mapper):
        value = values.get(name)
        if isinstance(value, str) and len(value) > most:
            raise TooLongError(f"{mapper.local_table}.{name}", most)


@cache
def _lengths(mapper: Mapper[Any]) -> list[tuple[str, int]]:
    columns = [
        (attribute.key, getattr(attribute.columns[0].type, "length", None))
        for attribute in mapper.column_attrs
    ]
    return [(name, length) for name, length in columns if isinstance(length, int)]
