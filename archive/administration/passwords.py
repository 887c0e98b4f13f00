"""Hashes of passwords and client secrets (Argon2id)."""

import re
import secrets
from dataclasses import dataclass, field
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from zxcvbn import zxcvbn

_PARAMETERS = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),")
_ITERATIONS, _MEMORY_KIB = 2, 19_456  # OWASP's lower bound for Argon2id: 50 ms and 19 MB a login


@dataclass(frozen=True, slots=True)
class FreshSecret:
    """A random secret, at the one moment when it is known, and its hash."""

    text: str = field(repr=False)
    hashed: str


def fresh_secret() -> FreshSecret:
    """Return a new random secret with its hash; slow, hence before any transaction is begun."""
    text = secrets.token_urlsafe(24)
    return FreshSecret(text, hash_secret(text))


_JUDGED = 72
_SAFE_SCORE = 3


def is_guessable(password: str, login: str) -> bool:
    """Return whether a password is common, repeated, a run of keys, or about its login.

    That is zxcvbn's score below 3 of 4, of the first 72 characters.
    """
    judged = zxcvbn(password[:_JUDGED], user_inputs=[login])
    return int(judged["score"]) < _SAFE_SCORE


def hash_secret(secret: str) -> str:
    """Return a salted hash of a secret in the PHC string format."""
    return Argon2id(
        salt=secrets.token_bytes(16),
        length=32,
        iterations=_ITERATIONS,
        lanes=1,
        memory_cost=_MEMORY_KIB,
    ).derive_phc_encoded(secret.encode())


def verify_secret(hashed: str, secret: str) -> bool:
    """Return whether a secret fits a hash."""
    try:
        Argon2id.verify_phc_encoded(secret.encode(), hashed)
    except InvalidKey:
        return False
    return True


def is_outdated(hashed: str) -> bool:
    """Return whether a hash was made with weaker parameters than today's."""
    match = _PARAMETERS.match(hashed)
    return match is None or int(match[1]) < _MEMORY_KIB or int(match[2]) < _ITERATIONS


@cache
def unmatched_hash() -> str:
    """Return a hash that no secret fits."""
    return hash_secret(secrets.token_urlsafe(32))
