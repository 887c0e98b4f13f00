"""Columns that hold personal data are encrypted (AES-256-GCM), and look-ups by a number go through a keyed digest (HMAC-SM3, standards.md §2.8).

The keys hang on the engine's dialect, which every column type is given: none is global, and an engine opened without keys can't read
what was written with them. A value names its key, so that keys change one by one while old values stay readable.
"""

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import JSON, Dialect, Engine, Text
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

from archive.reference.errors import ArchiveError

_NONCE = 12
_MARK = "yice-sealed/1"
FIRST_BLIND = "b1"


class ColumnKeyError(ArchiveError):
    """The key that a value names is not there, or does not fit."""

    code = "COLUMN_KEY"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by id and the current one; those of the blind index and the one that new digests are made with. `repr` shows no key."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)
    blind: str
    blinds: Mapping[str, bytes] = field(repr=False)

    def seal(self, text: str, column: str) -> dict[str, str]:
        """Encrypt under the current key. `column` is bound to the value: it opens in no other."""
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, text.encode(), _bound(column))
        return {
            "sealed": _MARK,
            "key": self.current,
            "value": base64.b64encode(nonce + sealed).decode(),
        }

    def open(self, sealed: Mapping[str, Any], column: str) -> str:
        """Decrypt. Raises ColumnKeyError."""
        key = self.keys.get(str(sealed["key"]))
        if key is None:
            raise ColumnKeyError(
                "缺少解开数据所用的密钥。", "请恢复 columns.json 密钥文件，旧密钥须一并保留。"
            )
        raw = base64.b64decode(str(sealed["value"]))
        try:
            return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _bound(column)).decode()
        except InvalidTag:
            raise ColumnKeyError(
                "加密数据与密钥不符，或已被改动。", "请核对密钥文件，并运行 yice verify --all。"
            ) from None

    def digest(self, kind: str, value: str) -> str:
        """The blind digest of a number, under the current key."""
        return _digest(self.blinds[self.blind], kind, value)

    def digests(self, kind: str, value: str) -> list[str]:
        """The digest under each key there is: while keys are changed, some entries stand under the one before."""
        return [_digest(key, kind, value) for key in self.blinds.values()]

    def with_new_key(self) -> "Keyring":
        """The same ring with a fresh current key; the others stay, for old values and backups."""
        name = f"k{len(self.keys) + 1}"
        return Keyring(name, {**self.keys, name: secrets.token_bytes(32)}, self.blind, self.blinds)

    def with_new_blind_key(self) -> "Keyring":
        """The same ring with a fresh key for new digests; the others stay, so that old entries are still found."""
        name = f"b{len(self.blinds) + 1}"
        return Keyring(
            self.current, self.keys, name, {**self.blinds, name: secrets.token_bytes(32)}
        )


def _digest(key: bytes, kind: str, value: str) -> str:
    made = hmac.HMAC(key, hashes.SM3())
    made.update(f"{kind}\0{value}".encode())
    return made.finalize().hex()


def _bound(column: str) -> bytes:
    return f"{_MARK}\0{column}".encode()


def new_keyring() -> Keyring:
    """A ring with one key."""
    return Keyring(
        "k1", {"k1": secrets.token_bytes(32)}, FIRST_BLIND, {FIRST_BLIND: secrets.token_bytes(32)}
    )


def write_keyring(path: Path, ring: Keyring) -> None:
    """Keep a ring in a file that only its owner reads; whole or not at all."""
    text = json.dumps(
        {
            "current": ring.current,
            "keys": _written(ring.keys),
            "blind": ring.blind,
            "blinds": _written(ring.blinds),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)


def _written(keys: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(key).decode() for name, key in keys.items()}


def _read(keys: Mapping[str, str]) -> dict[str, bytes]:
    return {name: base64.b64decode(key) for name, key in keys.items()}


def read_keyring(text: str) -> Keyring:
    """Read a ring as `write_keyring` wrote it. Raises ColumnKeyError."""
    try:
        data = json.loads(text)
        # A ring from before blind keys could be changed holds one, without a name.
        old = "blinds" not in data
        blind, blinds = (
            (FIRST_BLIND, {FIRST_BLIND: data["blind"]}) if old else (data["blind"], data["blinds"])
        )
        ring = Keyring(data["current"], _read(data["keys"]), blind, _read(blinds))
        whole = all(len(key) == 32 for key in (*ring.keys.values(), *ring.blinds.values()))  # noqa: PLR2004 - AES-256
        fits = ring.current in ring.keys and ring.blind in ring.blinds and whole
    except (ValueError, KeyError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise ColumnKeyError(
            "列加密密钥无法读取。", "请恢复 columns.json，或核对 YICE_COLUMN_KEYS。"
        )
    return ring


def ensure_keyring(path: Path) -> Keyring:
    """The ring of a file, made on first use; of two processes that start at once one makes it and both read it."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        write_keyring(fresh, new_keyring())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # the other one's is the ring
        finally:
            fresh.unlink()
    return read_keyring(path.read_text("utf-8"))


def give_keys(engine: Engine, ring: Keyring, reload: Callable[[], Keyring] | None = None) -> Engine:
    """Let an engine read and write encrypted columns. `reload` gets the ring anew when a value names a key that came after we started."""
    engine.dialect.yice_keys = ring  # type: ignore[attr-defined]
    engine.dialect.yice_reload = reload  # type: ignore[attr-defined]
    return engine


def keys_of(dialect: Dialect) -> Keyring | None:
    """The keys of an engine; None for one without."""
    return getattr(dialect, "yice_keys", None)


def session_keys(session: Session) -> Keyring | None:
    """The keys of the engine of a session."""
    return keys_of(session.get_bind().dialect)


def fresh_keys(session: Session) -> Keyring | None:
    """The keys as they are now: a digest does not say which key it lacks, so whoever makes one asks first whether keys were changed."""
    dialect = session.get_bind().dialect
    reload: Callable[[], Keyring] | None = getattr(dialect, "yice_reload", None)
    if reload is not None:
        dialect.yice_keys = reload()  # type: ignore[attr-defined]
    return keys_of(dialect)


def is_sealed(value: object) -> bool:
    """Whether a stored value is an encrypted one."""
    return isinstance(value, dict) and value.get("sealed") == _MARK


def _opened(value: Mapping[str, Any], column: str, dialect: Dialect) -> str:
    ring = keys_of(dialect)
    if ring is None:
        raise ColumnKeyError("未加载列加密密钥。", "请经由 yice 命令或服务打开数据库。")
    reload: Callable[[], Keyring] | None = getattr(dialect, "yice_reload", None)
    if value["key"] not in ring.keys and reload is not None:
        ring = reload()
        dialect.yice_keys = ring  # type: ignore[attr-defined]
    return ring.open(value, column)


class SealedJson(TypeDecorator[dict[str, Any]]):
    """JSON that is encrypted as a whole. What was written before there were keys is read as it is; the rotation job seals it."""

    impl = JSON
    cache_ok = True

    def process_bind_param(
        self, value: dict[str, Any] | None, dialect: Dialect
    ) -> dict[str, Any] | None:
        """Encrypt."""
        ring = keys_of(dialect)
        if value is None or ring is None:
            return value
        return dict(ring.seal(json.dumps(value, ensure_ascii=False), "json"))

    def process_result_value(
        self, value: dict[str, Any] | None, dialect: Dialect
    ) -> dict[str, Any] | None:
        """Decrypt."""
        if value is None or not is_sealed(value):
            return value
        found: dict[str, Any] = json.loads(_opened(value, "json", dialect))
        return found


class SealedText(TypeDecorator[str]):
    """A secret that we must be able to use again, such as that of a webhook: never written without keys."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt. Raises ColumnKeyError without keys."""
        ring = keys_of(dialect)
        if value is None:
            return None
        if ring is None:
            raise ColumnKeyError("未加载列加密密钥。", "请经由 yice 命令或服务打开数据库。")
        return json.dumps(ring.seal(value, "text"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Decrypt."""
        return None if value is None else _opened(json.loads(value), "text", dialect)
