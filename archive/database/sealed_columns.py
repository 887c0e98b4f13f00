"""Column types that are encrypted and bound to their row (I14).

What is bound is table, column and primary key: a value that is put into another row, or another
column, opens nowhere. A column type sees no
row: what is read arrives with the primary key, which the type adds to every SELECT; what is written
brings the key along (`in_row`), which rows of the unit of work do by themselves.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Dialect, String, Text, cast, event
from sqlalchemy import type_coerce as coerced
from sqlalchemy.orm import Mapper
from sqlalchemy.types import TypeDecorator, TypeEngine

from archive.database.base import Base
from archive.database.encryption import (
    ColumnKeyError,
    Keyring,
    is_sealed,
    keys_of,
    unbound_value,
)
from archive.database.engine import next_id


class _RowJson(dict[str, Any]):
    """A JSON object on its way into a row."""

    row: str


class _RowText(str):  # noqa: SLOT000 - a subclass of str has no slots with a value
    """A text on its way into a row."""

    row: str


def in_row(value: dict[str, Any] | str, row: object) -> dict[str, Any] | str:
    """Return a value that is bound to the primary key of the row which it is written to."""
    bound: _RowJson | _RowText = _RowJson(value) if isinstance(value, dict) else _RowText(value)
    bound.row = str(row)
    return bound


class _Sealed(TypeDecorator[Any]):
    """What both types share: the row is read along with each value."""

    cache_ok = True
    kind = ""

    def __init__(self, place: str) -> None:
        """Bind the type to its table and column, `table.column`."""
        super().__init__()
        self.place = place

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the primary key and the stored value as one text."""
        table: Any = column.table
        row = cast(table.c.id, String)
        return coerced(row + ":" + cast(coerced(column, self.impl), Text), self)

    def result_processor(
        self,
        dialect: Dialect,
        coltype: object,  # noqa: ARG002 - fixed by SQLAlchemy
    ) -> Callable[[str | None], Any]:
        """Return the function that opens what `column_expression` selects."""

        def opened(raw: str | None) -> Any:  # noqa: ANN401 - text or JSON
            if raw is None:
                return None
            row, _, stored = raw.partition(":")
            return self.read(stored, f"{self.place}:{row}", dialect)

        return opened

    def read(self, stored: str, place: str, dialect: Dialect) -> Any:  # noqa: ANN401 - either
        """Return what a stored value holds; raises ColumnKeyError."""
        raise NotImplementedError

    def sealed(self, text: str, value: object, ring: Keyring) -> dict[str, str]:
        """Return a text encrypted for the row that its value names.

        Raises TypeError for one that names none, which is a defect.
        """
        if not isinstance(value, _RowJson | _RowText):
            raise TypeError(f"{self.place}: a value without its row")
        return ring.seal(text, f"{self.place}:{value.row}")


def _decrypted(value: Mapping[str, Any], place: str, kind: str, dialect: Dialect) -> str:
    ring = keys_of(dialect)
    if ring is None:
        raise ColumnKeyError("未加载列加密密钥。", "请经由 yice 命令或服务打开数据库。")
    reload: Callable[[], Keyring] | None = getattr(dialect, "yice_reload", None)
    if value["key"] not in ring.keys and reload is not None:
        ring = reload()
        dialect.yice_keys = ring  # type: ignore[attr-defined]
    return ring.open(value, place, kind)


class SealedJson(_Sealed):
    """A column type for JSON that is encrypted as a whole.

    A value written before there were keys is read as it is while the ring allows values without
    their row; the rotation job encrypts it.
    """

    impl = JSON
    cache_ok = True
    kind = "json"

    def process_bind_param(
        self, value: dict[str, Any] | None, dialect: Dialect
    ) -> dict[str, Any] | None:
        """Return the value encrypted for its row."""
        ring = keys_of(dialect)
        if value is None or ring is None:
            return value
        return dict(self.sealed(json.dumps(value, ensure_ascii=False), value, ring))

    def read(self, stored: str, place: str, dialect: Dialect) -> dict[str, Any] | None:
        """Return the value decrypted; raises ColumnKeyError."""
        value: dict[str, Any] | None = json.loads(stored)
        if value is None or not is_sealed(value):
            ring = keys_of(dialect)
            if value is not None and ring is not None and not ring.unbound:
                raise unbound_value()
            return value
        facts: dict[str, Any] = json.loads(_decrypted(value, place, self.kind, dialect))
        return facts


class SealedText(_Sealed):
    """A column type for a secret that must be readable again, such as that of a webhook.

    It is never written without keys.
    """

    impl = Text
    cache_ok = True
    kind = "text"

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the value encrypted for its row; raises ColumnKeyError without keys."""
        ring = keys_of(dialect)
        if value is None:
            return None
        if ring is None:
            raise ColumnKeyError("未加载列加密密钥。", "请经由 yice 命令或服务打开数据库。")
        return json.dumps(self.sealed(value, value, ring))

    def read(self, stored: str, place: str, dialect: Dialect) -> str:
        """Return the value decrypted; raises ColumnKeyError."""
        return _decrypted(json.loads(stored), place, self.kind, dialect)


def sealed_type(kind: TypeEngine[Any]) -> bool:
    """Return whether a column type is an encrypted one."""
    return isinstance(kind, _Sealed)


@event.listens_for(Base, "before_insert", propagate=True)
@event.listens_for(Base, "before_update", propagate=True)
def _bind(mapper: Mapper[Any], connection: Connection, row: Any) -> None:  # noqa: ANN401 - any row
    """Give a row its primary key before it is written, and bind its sealed values to it."""
    names = [
        attribute.key for attribute in mapper.column_attrs if sealed_type(attribute.columns[0].type)
    ]
    if names and row.id is None:
        row.id = next_id(connection, mapper.local_table.name)  # type: ignore[attr-defined]
    for name in names:
        if vars(row).get(name) is not None:
            # The unit of work compares values, and the bound one is equal to what it binds.
            vars(row)[name] = in_row(vars(row)[name], row.id)
