"""How long acts report their progress: the terminal draws bars of it, a worker draws none."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from archive.finding_aids.compile_jobs import CompileJob

Advance = Callable[[int, str], None]
"""Takes how many pieces are done, and a note."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The progress of a batch: volumes to make at the start, and of these done and failed.

    At its end `failures` names what failed in it, and `known` what failed before and was not tried
    again, because it can't succeed.
    """

    total: int
    done: int
    failed: int
    failures: tuple[CompileJob, ...] = ()
    known: tuple[CompileJob, ...] = ()


class Progress(Protocol):
    """What is called with the progress of a long act."""

    def pieces(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        """Follow `total` pieces; None: how many is not known yet."""

    def volumes(self, title: str) -> AbstractContextManager[Callable[[Batch], None]]:
        """Follow volumes that are being made."""


class NoProgress:
    """A `Progress` that shows nothing."""

    def pieces(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        """Follow nothing."""
        del title, total
        return nullcontext(lambda _done, _note: None)

    def volumes(self, title: str) -> AbstractContextManager[Callable[[Batch], None]]:
        """Follow nothing."""
        del title
        return nullcontext(lambda _batch: None)
