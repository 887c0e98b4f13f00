"""The terms of 待办: kinds of work, whose act each is, a row, and how dates are counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from archive.administration.policy import Act, Reader, acts_of
from archive.finding_aids.reach import Reach, reach_of
from archive.paper.access import Keeper
from archive.reference.local_time import LOCAL_TIME
from archive.reference.vocabulary import LabelledEnum
from archive.reference.worktime import add_workdays, workdays_left
from archive.usage.reading_room import ReferenceData

ARCHIVE_WORKDAYS, DECIDE_WORKDAYS, SOON_WORKDAYS = 5, 2, 3
"""Working days from completion until a case is archived (standards.md §2.1), from a request until
it is decided, and before a date from which on it is near."""


class TodoKind(LabelledEnum):
    """A kind of work that waits, named by what is to be done."""

    USE = "USE", "审批利用"
    LOAN = "LOAN", "审批借阅"
    WINDOW = "WINDOW", "办理窗口办件"
    ASKED = "ASKED", "应请核对"
    CORRECT = "CORRECT", "补正退回件"
    CONFIRM = "CONFIRM", "核对"
    COMPILE = "COMPILE", "组卷"
    COMPILE_FAILED = "COMPILE_FAILED", "处理组卷失败"
    GATHER = "GATHER", "补齐缺件"
    PLACE = "PLACE", "归入文件"
    REFUSED = "REFUSED", "处理隔离件"
    REGISTER = "REGISTER", "登记纸质"
    LOAN_LATE = "LOAN_LATE", "催还借出"
    STOCKTAKE = "STOCKTAKE", "盘点"
    RECEIVE = "RECEIVE", "接收交接"
    ACCOUNT = "ACCOUNT", "审批账号"


ACT_OF = {
    TodoKind.USE: Act.DECIDE_USE,
    TodoKind.LOAN: Act.DECIDE_LOAN,
    TodoKind.WINDOW: Act.HANDLE,
    TodoKind.ASKED: Act.VIEW,
    TodoKind.CORRECT: Act.SUBMIT,
    TodoKind.CONFIRM: Act.CONFIRM,
    TodoKind.COMPILE: Act.COMPILE,
    TodoKind.COMPILE_FAILED: Act.COMPILE,
    TodoKind.GATHER: Act.SUBMIT,
    TodoKind.PLACE: Act.SUBMIT,
    TodoKind.REFUSED: Act.SUBMIT,
    TodoKind.REGISTER: Act.KEEP_PAPER,
    TodoKind.LOAN_LATE: Act.KEEP_PAPER,
    TodoKind.STOCKTAKE: Act.KEEP_PAPER,
    TodoKind.RECEIVE: Act.KEEP_PAPER,
    TodoKind.ACCOUNT: Act.APPROVE_ACCOUNT,
}
"""The act that each kind of work needs: who may do it has it among his own."""
_PAPER = frozenset(
    (TodoKind.REGISTER, TodoKind.LOAN_LATE, TodoKind.STOCKTAKE, TodoKind.RECEIVE, TodoKind.LOAN)
)


class Whose(LabelledEnum):
    """Whose work is listed."""

    MINE = "mine", "等我办的"
    UNIT = "unit", "本单位全部"


@dataclass(frozen=True)
class Desk:
    """Who asks what waits, and what the answer needs beside the rows; `today` is local."""

    reader: Reader
    reference: ReferenceData
    now: datetime

    @property
    def today(self) -> date:
        """Return the local day."""
        return self.now.astimezone(LOCAL_TIME).date()

    @property
    def reach(self) -> Reach:
        """Return the organisations whose work it is."""
        return reach_of(self.reader.org, self.reference.organisations)

    @property
    def keeper(self) -> Keeper:
        """Return who asks, as the lists of paper take it."""
        return Keeper(self.reader, self.reference.organisations)

    def name(self, org: str) -> str:
        """Return the name of an organisation; an unknown code as it is."""
        units = self.reference.organisations
        return units.get(org).name if org in units else org

    def due_after(self, start: datetime, workdays: int) -> date:
        """Return the day that is so many working days after a moment."""
        return add_workdays(start.astimezone(LOCAL_TIME).date(), workdays)

    def completed_before(self, left: int) -> datetime:
        """Return the moment before which a case was completed that has fewer days left."""
        day = self.today
        while workdays_left(self.today, add_workdays(day, ARCHIVE_WORKDAYS)) >= left:
            day -= timedelta(days=1)
        after = day + timedelta(days=1)
        return datetime(after.year, after.month, after.day, tzinfo=LOCAL_TIME)


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing that waits: what to do with which number, until when, and who handed it over.

    `left` are the working days until `due`, below 0 when it is past.
    """

    kind: TodoKind
    subject: str
    title: str
    due: date | None
    left: int | None
    who: str
    org: str
    note: str = ""

    @property
    def state(self) -> str:
        """Return late, soon or nothing."""
        if self.left is None or self.left > SOON_WORKDAYS:
            return ""
        return "late" if self.left < 0 else "soon"

    def public(self) -> dict[str, Any]:
        """Return the row as scripts read it."""
        return {
            "kind": self.kind,
            "label": self.kind.label,
            "subject": self.subject,
            "title": self.title,
            "due": self.due and self.due.isoformat(),
            "left": self.left,
            "state": self.state,
            "who": self.who,
            "org": self.org,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much of a kind waits: all of it, what is late, and what is near its date."""

    total: int
    late: int = 0
    soon: int = 0


def todo_row(
    desk: Desk,
    kind: TodoKind,
    subject: str,
    title: str,
    due: date | None,
    *,
    who: str,
    org: str,
    note: str = "",
) -> Todo:
    """Return a row with the working days that are left."""
    left = None if due is None else workdays_left(desk.today, due)
    return Todo(kind, subject, title, due, left, who, org, note)


def kinds_for(reader: Reader, whose: Whose) -> tuple[TodoKind, ...]:
    """Return the kinds of work that a reader is shown.

    One's own are those that the role may do; of the unit's, whoever sees its records sees all.
    """
    acts = acts_of(reader.role)
    own = tuple(kind for kind in TodoKind if ACT_OF[kind] in acts)
    if whose is Whose.MINE or Act.VIEW not in acts:
        return own
    seen = {Act.VIEW_PAPER} & acts
    return tuple(
        kind
        for kind in TodoKind
        if kind in own or (kind is not TodoKind.ACCOUNT and (kind not in _PAPER or seen))
    )


def counted(rows: Sequence[Todo]) -> Waiting:
    """Count rows that were all read."""
    return Waiting(len(rows), _in(rows, "late"), _in(rows, "soon"))


def _in(rows: Iterable[Todo], state: str) -> int:
    return sum(row.state == state for row in rows)
