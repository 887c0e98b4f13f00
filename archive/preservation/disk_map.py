"""Maps that lie on the disk, so that a check of any number of volumes needs little memory."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

Key = str | tuple[str | int, ...]
_PAGE = 500
_TABLE = """CREATE TABLE entries (
    map TEXT, key TEXT, value TEXT, seen INTEGER DEFAULT 0, PRIMARY KEY (map, key)
) WITHOUT ROWID"""
_CACHE_KIB = 8_192


class DiskMaps:
    """A temporary database for any number of maps; it is gone when it is closed."""

    def __init__(self) -> None:
        """Open the database: SQLite keeps one without a name in a deleted temporary file."""
        self._connection = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            f"PRAGMA cache_size=-{_CACHE_KIB}",
            _TABLE,
            "BEGIN",
        ):
            self._connection.execute(statement)

    def new(self, name: str) -> "DiskMap":
        """Return the map of a name."""
        return DiskMap(self._connection, name)

    def close(self) -> None:
        """Delete all maps."""
        self._connection.close()


class DiskMap:
    """A map of JSON values by text or by a tuple of texts and numbers, in order of key.

    A value that was read is a copy: who changes it sets it again.
    """

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        """Keep the entries of this name in an open database."""
        self._connection, self._name = connection, name

    def __setitem__(self, key: Key, value: Any) -> None:  # noqa: ANN401 - any JSON value
        self._connection.execute(
            "INSERT INTO entries (map, key, value) VALUES (?, ?, ?)"
            " ON CONFLICT (map, key) DO UPDATE SET value = excluded.value",
            (self._name, _text(key), json.dumps(value, ensure_ascii=False)),
        )

    def get(self, key: Key, default: Any = None) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value of a key, or the default."""
        row = self._connection.execute(
            "SELECT value FROM entries WHERE map = ? AND key = ?", (self._name, _text(key))
        ).fetchone()
        return json.loads(row[0]) if row else default

    def __contains__(self, key: Key) -> bool:
        return self.get(key, self) is not self

    def update(self, key: Key, **fields: object) -> None:
        """Set some fields of a value that is an object; the others stay."""
        self[key] = {**self.get(key, {}), **fields}

    def add(self, key: Key, number: int = 1) -> None:
        """Add a number to a value that counts."""
        self[key] = self.get(key, 0) + number

    def see(self, key: Key) -> bool:
        """Note that a key was met; return whether the map has it."""
        seen = self._connection.execute(
            "UPDATE entries SET seen = 1 WHERE map = ? AND key = ?", (self._name, _text(key))
        )
        return seen.rowcount > 0

    def unseen(self) -> Iterator[Any]:
        """Yield the keys that were never met."""
        yield from (key for key, _ in self._pages(" AND seen = 0"))

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Yield keys and values; the map may be changed meanwhile."""
        yield from self._pages("")

    def __iter__(self) -> Iterator[Any]:
        """Yield the keys; the map may be changed meanwhile."""
        yield from (key for key, _ in self._pages(""))

    def _pages(self, condition: str) -> Iterator[tuple[Any, Any]]:
        after = ""
        while rows := self._connection.execute(
            "SELECT key, value FROM entries WHERE map = ? AND key > ?"  # noqa: S608 - ours
            f"{condition} ORDER BY key LIMIT {_PAGE}",
            (self._name, after),
        ).fetchall():
            for text, value in rows:
                key = json.loads(text)
                yield tuple(key) if isinstance(key, list) else key, json.loads(value)
            after = rows[-1][0]

    def remove(self, key: Key) -> None:
        """Remove a key, if it is there."""
        self._connection.execute(
            "DELETE FROM entries WHERE map = ? AND key = ?", (self._name, _text(key))
        )

    def clear(self) -> None:
        """Remove all."""
        self._connection.execute("DELETE FROM entries WHERE map = ?", (self._name,))

    def __len__(self) -> int:
        row = self._connection.execute("SELECT count(*) FROM entries WHERE map = ?", (self._name,))
        return int(row.fetchone()[0])


def _text(key: Key) -> str:
    return json.dumps(key, ensure_ascii=False)
