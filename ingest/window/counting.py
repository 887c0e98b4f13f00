"""Counts over cases of the window, by their numbers."""

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.tables_cases import Case
from archive.database.tables_volumes import Volume, VolumeVersion
from archive.database.tables_window import WindowCase, WindowSealUse
from archive.reference.vocabulary import VolumeState

_TOGETHER = 500


def _batches(numbers: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (numbers[at : at + _TOGETHER] for at in range(0, len(numbers), _TOGETHER))


def case_count(session: Session) -> int:
    """Return how many cases were ever opened."""
    return session.scalar(select(func.count()).select_from(WindowCase)) or 0


def steps_of(session: Session, numbers: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """Return where each of these cases stands, and how it ended."""
    return {
        row.case_no: (row.step, row.ending)
        for batch in _batches(numbers)
        for row in session.execute(
            select(WindowCase.case_no, WindowCase.step, WindowCase.ending).where(
                WindowCase.case_no.in_(batch)
            )
        )
    }


def committed_cases(session: Session, numbers: Sequence[str]) -> int:
    """Return how many of these cases have a volume that is archived."""
    return sum(
        session.scalar(
            select(func.count(func.distinct(Volume.id)))
            .join(Case, Case.id == Volume.case_id)
            .join(VolumeVersion, VolumeVersion.volume_id == Volume.id)
            .where(Case.case_no.in_(batch), VolumeVersion.state == VolumeState.COMMITTED)
        )
        or 0
        for batch in _batches(numbers)
    )


def seal_use_count(session: Session, numbers: Sequence[str]) -> int:
    """Return how often a seal was used in these cases."""
    return sum(
        session.scalar(
            select(func.count())
            .select_from(WindowSealUse)
            .join(WindowCase, WindowCase.id == WindowSealUse.case_id)
            .where(WindowCase.case_no.in_(batch))
        )
        or 0
        for batch in _batches(numbers)
    )
