"""What waits, as every page shows it: the counts of the menu, and where each kind is done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from archive.administration.notices import count_new
from archive.administration.policy import Reader
from archive.finding_aids.todo import count_todo
from archive.finding_aids.todo_terms import Todo, TodoKind, Waiting, Whose, kinds_for
from archive.usage.reading_room import ReferenceData

_PLACES: Mapping[TodoKind, tuple[str, str]] = {
    TodoKind.USE: ("/approvals", "/usage/{}"),
    TodoKind.LOAN: ("/paper/loans", "/paper/loans"),
    TodoKind.WINDOW: ("/window", "/window/{}"),
    TodoKind.ASKED: ("/checks", "/checks/{}"),
    TodoKind.CORRECT: ("/collecting", "/collecting#returned"),
    TodoKind.CONFIRM: ("/checks", "/checks/{}"),
    TodoKind.COMPILE: ("/compile", "/compile"),
    TodoKind.COMPILE_FAILED: ("/jobs", "/jobs"),
    TodoKind.GATHER: ("/collecting", "/collecting"),
    TodoKind.PLACE: ("/collecting", "/collecting"),
    TodoKind.REFUSED: ("/collecting", "/collecting"),
    TodoKind.REGISTER: ("/paper", "/paper"),
    TodoKind.LOAN_LATE: ("/paper/loans", "/paper/loans"),
    TodoKind.STOCKTAKE: ("/paper/stocktakes", "/paper/stocktakes/{}"),
    TodoKind.RECEIVE: ("/paper/handovers", "/paper/handovers/{}"),
    TodoKind.ACCOUNT: ("/system/accounts", "/system/accounts/{}"),
}
"""The page of each kind in the menu, and the page of one thing."""
_NUMBERED = (TodoKind.STOCKTAKE, TodoKind.RECEIVE)


@dataclass(frozen=True)
class Waits:
    """What waits for a user and for the user's unit, by kind, and how many notices are new."""

    mine: Mapping[TodoKind, Waiting]
    unit: Mapping[TodoKind, Waiting]
    news: int

    def at(self, place: str) -> Waiting:
        """Return what waits at a page of the menu; at `/` all of it."""
        return _sum(
            waiting for kind, waiting in self.mine.items() if place in ("/", _PLACES[kind][0])
        )


def _sum(waiting: Iterable[Waiting]) -> Waiting:
    parts = list(waiting)
    return Waiting(
        sum(part.total for part in parts),
        sum(part.late for part in parts),
        sum(part.soon for part in parts),
    )


def waits_of(session: Session, reader: Reader, reference: ReferenceData) -> Waits:
    """Count what waits for a reader and for the reader's unit."""
    unit = count_todo(session, reader, reference, Whose.UNIT)
    own = kinds_for(reader, Whose.MINE)
    mine = {kind: waiting for kind, waiting in unit.items() if kind in own}
    return Waits(mine, unit, count_new(session, reader))


def place_of_kind(kind: TodoKind) -> str:
    """Return the page of the menu on which a kind of work is done."""
    return _PLACES[kind][0]


def address_of(row: Todo) -> str:
    """Return the page on which a thing is done."""
    subject = row.subject.rpartition("-")[2].lstrip("0") if row.kind in _NUMBERED else row.subject
    return _PLACES[row.kind][1].format(subject)
