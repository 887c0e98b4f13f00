"""JSON that keeps what is written: numbers to their last digit, and no key twice.

Readers of JSON take numbers for binary fractions: 12345678901234567 becomes ...568 in one of
them, 98.10 becomes 98.1 in another. On a form every digit was written by somebody.
"""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

_LONGEST = 400
"""Digits up to which an exponent is written out; beyond, the number stays as it is written."""


class RepeatedKeyError(ValueError):
    """A key stands twice in one object: of two readers each would take another value."""


class WrittenNumber(str):
    """A number as it is written, until it is known what it is for."""

    __slots__ = ()


def read_exact(text: str) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return what a text of JSON holds, each number as a WrittenNumber.

    Raises RepeatedKeyError, ValueError for a text that is no JSON or holds NaN, and
    RecursionError.
    """
    return json.loads(
        text,
        object_pairs_hook=_unique_keys,
        parse_int=WrittenNumber,
        parse_float=WrittenNumber,
        parse_constant=_no_number,
    )


def as_number(written: str) -> int | float:
    """Return a written number as other readers of JSON do.

    Raises ValueError for one with more digits than a number of ours has.
    """
    return float(written) if set(written) & set(".eE") else int(written)


def as_digits(written: str) -> str:
    """Return a written number in plain digits: 1e+16 as 10000000000000000, 98.10 as 98.10."""
    if not set(written) & set("eE"):
        return written
    try:
        number = Decimal(written)
    except InvalidOperation:
        return written
    return f"{number:f}" if abs(number.adjusted()) + len(written) <= _LONGEST else written


def as_numbers(value: Any) -> Any:  # noqa: ANN401 - as above
    """Return a value with every WrittenNumber in it as a number; raises ValueError."""
    if isinstance(value, WrittenNumber):
        return as_number(value)
    if isinstance(value, dict):
        return {key: as_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_numbers(item) for item in value]
    return value


def _unique_keys(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    pairs = list(pairs)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RepeatedKeyError
    return fields


def _no_number(written: str) -> None:
    raise ValueError(written)
