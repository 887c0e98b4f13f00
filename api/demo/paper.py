"""The paper room of the demo: paper to register, a gap, an overdue loan, half a count."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from sqlalchemy.orm import Session

from api.runtime.bootstrap import Runtime
from archive.administration.policy import Reader, Role
from archive.database.engine import database_now, reading, writing
from archive.database.tables_paper import PaperItem, PaperPlace
from archive.paper.access import Keeper
from archive.paper.boxes import begin_box, shelve_box
from archive.paper.codes import PaperCodeKind, paper_code
from archive.paper.listing import TaskRow, waiting_tasks
from archive.paper.loans import Borrower, LoanWanted, decide_loan, lend, request_loan
from archive.paper.moves import Cause
from archive.paper.named import find_task_row
from archive.paper.places import find_shelves, make_place, make_rack
from archive.paper.registration import CountedPaper, register_paper
from archive.paper.scans import Scan, open_session, take_scan
from archive.paper.stocktakes import open_stocktake
from archive.reference.paper_terms import LoanKind, ScanFlow
from archive.reference.vocabulary import OrgKind, Series

_LEFT = 3  # every third case is left to be registered: so the box has gaps
_LATE = timedelta(days=4)
_DEMO = Cause("演示")


@dataclass(frozen=True, slots=True)
class DemoPaper:
    """What was made: at which station, how many items, how many still wait."""

    station: str
    items: int
    waiting: int


def paper_station(runtime: Runtime) -> str | None:
    """Return the station at which most paper waits to be registered; None where none does."""
    (city,) = runtime.organisations.of_kind(OrgKind.CITY)
    everyone = Keeper(Reader("demo", Role.ARCHIVIST, city.code), runtime.organisations)
    with reading(runtime.engine) as session:
        counts = Counter(task.station for task in waiting_tasks(session, everyone))
    return min(counts, key=lambda code: (-counts[code], code)) if counts else None


def make_demo_paper(runtime: Runtime, station: str) -> DemoPaper:
    """Furnish the paper room of a station, in one transaction."""
    keeper = Keeper(Reader("demo", Role.ARCHIVIST, station), runtime.organisations)
    with writing(runtime.engine) as session:
        tasks = waiting_tasks(session, keeper)
        room = make_place(session, keeper, parent_id=None, name="一号库", org=station)
        rack = make_rack(session, keeper, room.id, name="第1列", bays=2, shelves=3, width_mm=900)
        items = _register(session, keeper, tasks, rack.id)
        _lend_two(session, keeper, items)
        _count_half(session, keeper, room.id, items)
    return DemoPaper(station, len(items), len(tasks) - len(items))


def _register(
    session: Session, keeper: Keeper, tasks: list[TaskRow], rack_id: int
) -> list[PaperItem]:
    """Register two of three tasks, each series in boxes of its own, on the shelves in turn."""
    shelves = find_shelves(session, keeper, rack_id)
    items = []
    for index, (key, rows) in enumerate(groupby(tasks, key=lambda row: (row.series, row.year))):
        series, year = key
        box = begin_box(session, keeper, org=None, series=Series(series), year=year, spine_mm=50)
        shelve_box(session, keeper, box, shelves[index % len(shelves)], _DEMO)
        # The last of a series, too, is left: a box is filled from its first case on.
        for number, row in enumerate(list(rows)[:60]):
            if number % _LEFT != _LEFT - 1:
                task = find_task_row(session, keeper, row.id)
                items.append(register_paper(session, keeper, task, box, CountedPaper(), _DEMO))
    return items


def _lend_two(session: Session, keeper: Keeper, items: list[PaperItem]) -> None:
    """Lend two items, of which one is overdue, and leave the request for a third."""
    chiefs = [
        Keeper(Reader(f"demo-{name}", Role.CHIEF, keeper.reader.org), keeper.organisations)
        for name in ("first", "second")
    ]
    for number, item in enumerate(items[1:4]):
        borrower = Borrower("演示民警", "警官证", f"D9{number:04d}", "演示派出所")
        wanted = LoanWanted(LoanKind.AWAY, borrower, "核对旧档", "演示函〔2026〕1号")
        loan = request_loan(session, keeper, item, wanted)
        if number == 2:
            continue
        for chief in chiefs[: loan.needed]:
            decide_loan(session, chief, loan, approve=True, reason="同意")
        lend(session, keeper, item, _DEMO)
        if number == 0:
            loan.due_at = database_now(session) - _LATE


def _count_half(session: Session, keeper: Keeper, room_id: int, items: list[PaperItem]) -> None:
    """Begin to count the room, and scan half of it."""
    stocktake = open_stocktake(session, keeper, session.get_one(PaperPlace, room_id))
    row = open_session(session, keeper, ScanFlow.COUNT, stocktake_id=stocktake.id)
    for seq, item in enumerate(items[: len(items) // 2], 1):
        code = paper_code(PaperCodeKind.ITEM, item.id)
        take_scan(session, keeper, Scan(row.id, seq, code, database_now(session)))
