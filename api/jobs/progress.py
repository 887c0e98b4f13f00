"""How long work tells how far it is: the terminal draws bars of it, a worker draws none."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

Tell = Callable[[int, str], None]
"""How many pieces are done, and a note."""


@dataclass(frozen=True, slots=True)
class Batch:
    """How far a batch is: volumes to make at the start, and of these done and failed."""

    total: int
    done: int
    failed: int


class Progress(Protocol):
    """Who is told how far a long act is."""

    def pieces(self, title: str, total: int | None) -> AbstractContextManager[Tell]:
        """Follow `total` pieces; None: nobody knows yet how many."""

    def volumes(self, title: str) -> AbstractContextManager[Callable[[Batch], None]]:
        """Follow volumes that are being made."""


class Quiet:
    """Tells nobody."""

    def pieces(self, title: str, total: int | None) -> AbstractContextManager[Tell]:  # noqa: ARG002 - of the Protocol
        """Follow nothing."""
        return nullcontext(lambda _done, _note: None)

    def volumes(self, title: str) -> AbstractContextManager[Callable[[Batch], None]]:  # noqa: ARG002 - of the Protocol
        """Follow nothing."""
        return nullcontext(lambda _batch: None)
