"""待办: what waits for a reader and the reader's unit, by deadline, and how much of it.

One list for the first page of every role, the menu, the station API and the command line. A row
names a number or code, whom it is about masked, when it is due and who handed it over.
"""

from datetime import date

from sqlalchemy.orm import Session

from archive.administration.policy import Reader
from archive.database.engine import database_now
from archive.finding_aids.todo_rows import COUNTERS, FINDERS
from archive.finding_aids.todo_terms import Desk, Todo, TodoKind, Waiting, Whose, counted, kinds_for
from archive.usage.reading_room import ReferenceData

_COUNTED = 1000


def todo(
    session: Session, reader: Reader, reference: ReferenceData, whose: Whose, *, limit: int
) -> list[Todo]:
    """Return what waits, the earliest date first; what has none comes last."""
    desk = Desk(reader, reference, database_now(session))
    rows = [row for kind in kinds_for(reader, whose) for row in FINDERS[kind](session, desk, limit)]
    return sorted(rows, key=_by_date)[:limit]


def _by_date(row: Todo) -> tuple[date, int]:
    return row.due or date.max, list(TodoKind).index(row.kind)


def count_todo(
    session: Session, reader: Reader, reference: ReferenceData, whose: Whose
) -> dict[TodoKind, Waiting]:
    """Count what waits by kind; what is long is counted by the database."""
    desk = Desk(reader, reference, database_now(session))
    return {
        kind: COUNTERS[kind](session, desk)
        if kind in COUNTERS
        else counted(FINDERS[kind](session, desk, _COUNTED))
        for kind in kinds_for(reader, whose)
    }
