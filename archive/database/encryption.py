"""Encrypt columns that hold personal data, and digest numbers for look-ups.

Columns are encrypted with AES-256-GCM; look-ups by a number go through a keyed digest (HMAC-SM3,
standards.md §2.8).

The keys are attached to the engine's dialect, which every column type receives: there are no global
keys, and an engine opened without keys can't read what was written with them. A value names its
key, so that keys change one by one while old values stay readable.
"""

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Dialect, Engine
from sqlalchemy.orm import Session

from archive.reference.errors import ArchiveError

_NONCE, _KEY_BYTES = 12, 32  # AES-256-GCM
# A value of the first form is bound to its type only, one of the second to its row.
UNBOUND, BOUND = "yice-sealed/1", "yice-sealed/2"
FIRST_BLIND = "b1"


class ColumnKeyError(ArchiveError):
    """The key that a value names is missing, or does not fit the value."""

    code = "COLUMN_KEY"


def unbound_value() -> ColumnKeyError:
    """Return the refusal of a value that is not bound to its row, or is not encrypted."""
    return ColumnKeyError(
        "数据没有加密，或没有绑定到所在的行，不予打开。",
        "从旧备份恢复的，请运行 yice keys reseal；否则请运行 yice verify --all。",
    )


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys for columns and for the blind index, by id.

    `current` names the key that encrypts new values, `blind` the key of `blinds` that makes new
    digests. `unbound` names the keys of an archive from before values were bound to their rows:
    under these alone a value without its row is still opened. `repr` shows no key.
    """

    current: str
    keys: Mapping[str, bytes] = field(repr=False)
    blind: str
    blinds: Mapping[str, bytes] = field(repr=False)
    unbound: tuple[str, ...] = ()

    def seal(self, text: str, place: str) -> dict[str, str]:
        """Encrypt a text under the current key.

        `place`, the table, column and primary key, is bound to the value: it opens nowhere else.
        """
        nonce = os.urandom(_NONCE)
        bound = f"{BOUND}\0{place}".encode()
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, text.encode(), bound)
        return {
            "sealed": BOUND,
            "key": self.current,
            "value": base64.b64encode(nonce + sealed).decode(),
        }

    def open(self, sealed: Mapping[str, Any], place: str, kind: str) -> str:
        """Return the decrypted text; raises ColumnKeyError.

        `kind` ("json" or "text") is what a value of the first form is bound to.
        """
        key = self.keys.get(str(sealed["key"]))
        if key is None:
            raise ColumnKeyError(
                "缺少解开数据所用的密钥。", "请恢复 columns.json 密钥文件，旧密钥须一并保留。"
            )
        if sealed["sealed"] != BOUND and sealed["key"] not in self.unbound:
            raise unbound_value()
        bound = f"{sealed['sealed']}\0{place if sealed['sealed'] == BOUND else kind}".encode()
        try:
            raw = base64.b64decode(str(sealed["value"]))
            return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], bound).decode()
        except (InvalidTag, ValueError):
            raise ColumnKeyError(
                "加密数据与密钥或所在的行不符，或已被改动。",
                "请核对密钥文件，并运行 yice verify --all。",
            ) from None

    def digest(self, kind: str, value: str) -> str:
        """Return the blind digest of a number under the current blind key."""
        return _digest(self.blinds[self.blind], kind, value)

    def digests(self, kind: str, value: str) -> list[str]:
        """Return the blind digest of a number under each blind key.

        While keys are changed, some entries are still indexed under the key before.
        """
        return [_digest(key, kind, value) for key in self.blinds.values()]

    def with_new_key(self) -> "Keyring":
        """Return the same ring with a new current key.

        The others stay, for old values and backups.
        """
        name = f"k{len(self.keys) + 1}"
        return replace(self, current=name, keys={**self.keys, name: secrets.token_bytes(32)})

    def with_new_blind_key(self) -> "Keyring":
        """Return the same ring with a new key for new digests.

        The others stay, so that old entries are still found.
        """
        name = f"b{len(self.blinds) + 1}"
        return replace(self, blind=name, blinds={**self.blinds, name: secrets.token_bytes(32)})


def _digest(key: bytes, kind: str, value: str) -> str:
    mac = hmac.HMAC(key, hashes.SM3())
    mac.update(f"{kind}\0{value}".encode())
    return mac.finalize().hex()


def new_keyring() -> Keyring:
    """Return a ring with one new key for columns and one for digests."""
    return Keyring(
        "k1", {"k1": secrets.token_bytes(32)}, FIRST_BLIND, {FIRST_BLIND: secrets.token_bytes(32)}
    )


def write_keyring(path: Path, ring: Keyring) -> None:
    """Write a ring to a file that only its owner may read; whole or not at all."""
    text = json.dumps(
        {
            "current": ring.current,
            "keys": _encoded(ring.keys),
            "blind": ring.blind,
            "blinds": _encoded(ring.blinds),
            "unbound": list(ring.unbound),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)


def _encoded(keys: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(key).decode() for name, key in keys.items()}


def _decoded(keys: Mapping[str, str]) -> dict[str, bytes]:
    return {name: base64.b64decode(key) for name, key in keys.items()}


def read_keyring(text: str) -> Keyring:
    """Return a ring from the text that `write_keyring` wrote; raises ColumnKeyError."""
    try:
        data = json.loads(text)
        # A ring written before blind keys could be changed holds one blind key without a name.
        old = "blinds" not in data
        blind, blinds = (
            (FIRST_BLIND, {FIRST_BLIND: data["blind"]}) if old else (data["blind"], data["blinds"])
        )
        # One written before values were bound to rows may have sealed such under each of its keys.
        unbound = tuple(map(str, data.get("unbound", data["keys"])))
        ring = Keyring(data["current"], _decoded(data["keys"]), blind, _decoded(blinds), unbound)
        valid = (
            ring.current in ring.keys
            and ring.blind in ring.blinds
            and all(len(key) == _KEY_BYTES for key in (*ring.keys.values(), *ring.blinds.values()))
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise ColumnKeyError(
            "列加密密钥无法读取。", "请恢复 columns.json，或核对 YICE_COLUMN_KEYS。"
        )
    return ring


def ensure_keyring(path: Path) -> Keyring:
    """Return the ring of a file, which is written on first use.

    Of two processes that start at the same time one writes it and both read it.
    """
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        write_keyring(fresh, new_keyring())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # the ring is the one that the other process wrote
        finally:
            fresh.unlink()
    return read_keyring(path.read_text("utf-8"))


def attach_keys(
    engine: Engine, ring: Keyring, reload: Callable[[], Keyring] | None = None
) -> Engine:
    """Let an engine read and write encrypted columns, and return it.

    `reload` returns the ring anew; it is called when a value names a key that was made after this
    process started.
    """
    engine.dialect.yice_keys = ring  # type: ignore[attr-defined]
    engine.dialect.yice_reload = reload  # type: ignore[attr-defined]
    return engine


def keys_of(dialect: Dialect) -> Keyring | None:
    """Return the keys of an engine; None for one without."""
    return getattr(dialect, "yice_keys", None)


def session_keys(session: Session) -> Keyring | None:
    """Return the keys of the engine of a session."""
    return keys_of(session.get_bind().dialect)


def fresh_keys(session: Session) -> Keyring | None:
    """Return the keys as they are now, read again.

    A digest does not say which key it lacks, so code that makes one first asks here whether keys
    were changed.
    """
    dialect = session.get_bind().dialect
    reload: Callable[[], Keyring] | None = getattr(dialect, "yice_reload", None)
    if reload is not None:
        dialect.yice_keys = reload()  # type: ignore[attr-defined]
    return keys_of(dialect)


def is_sealed(value: object) -> bool:
    """Return whether a stored value is an encrypted one."""
    return isinstance(value, dict) and value.get("sealed") in {UNBOUND, BOUND}
