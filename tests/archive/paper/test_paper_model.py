"""Whatever is done in whichever order, and wherever it breaks: paper is in exactly one place."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Act, Role
from archive.database.engine import reading, writing
from archive.database.tables_paper import (
    PaperBox,
    PaperItem,
    PaperLoan,
    PaperMove,
    PaperPlace,
    PaperScan,
)
from archive.paper.boxes import capacity, fill, put_in_box, shelve_box
from archive.paper.codes import PaperCodeKind, paper_code
from archive.paper.errors import PaperError
from archive.paper.handovers import (
    HandoverWanted,
    close_handover,
    find_handover,
    list_items,
    open_handover,
    receive_item,
    send_handover,
)
from archive.paper.loans import (
    Borrower,
    LoanWanted,
    decide_loan,
    lend,
    request_loan,
    take_back,
)
from archive.paper.moves import Destination, enter_move, last_move
from archive.paper.places import shelf_used
from archive.paper.scans import Scan, open_session, take_scan
from archive.paper.stocktakes import close_stocktake, find_stocktake, open_stocktake
from archive.reference.paper_terms import (
    CountResult,
    LoanKind,
    LoanState,
    PaperState,
    ScanFlow,
)
from tests.support.databases import sqlite_database
from tests.support.paper import NEIGHBOUR, TEST, PaperRoom, furnish, keeper

ITEMS = st.integers(0, 5)
BOXES = st.integers(0, 3)
ITEM_STATES = {
    PaperState.IN_BOX,
    PaperState.ON_LOAN,
    PaperState.IN_TRANSIT,
    PaperState.TRANSFERRED,
    PaperState.DESTROYED,
}


class CrashError(Exception):
    """The process dies before its transaction ends."""


class PaperHouse(RuleBasedStateMachine):
    """Moves, loans, stocktakes and hand-overs of two stations, some of which crash half-way."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.engine = sqlite_database(Path(self.folder.name) / "yice.db")
        self.owner = keeper()
        self.neighbour = keeper(org=NEIGHBOUR, account="neighbour")
        room = furnish(self.engine, self.owner, items=6)
        other = furnish(self.engine, self.neighbour, items=0, first=50)
        self.room = PaperRoom(
            room.room, room.shelves + other.shelves, room.boxes + other.boxes, room.items, []
        )
        self.handovers: list[int] = []
        self.loans = 0

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()

    @contextmanager
    def attempt(self, *, crash: bool) -> Iterator[Session]:
        """A transaction that may be refused, or die just before it would be committed."""
        try:
            with writing(self.engine) as session:
                yield session
                session.flush()
                if crash:
                    raise CrashError  # noqa: TRY301 - the death itself
        except (PaperError, CrashError):
            return

    def item(self, session: Session, index: int) -> PaperItem:
        return session.get_one(PaperItem, self.room.items[index])

    def at(self, session: Session, item: PaperItem) -> PaperMove:
        move = last_move(session, item)
        assert move is not None
        return move

    @rule(index=ITEMS, box=BOXES, crash=st.booleans())
    def move(self, index: int, box: int, *, crash: bool) -> None:
        with self.attempt(crash=crash) as session:
            item = self.item(session, index)
            actor = (
                self.owner
                if self.at(session, item).org == self.owner.reader.org
                else self.neighbour
            )
            chosen = session.get_one(PaperBox, self.room.boxes[box])
            boxed = last_move(session, chosen)
            if boxed is not None and actor.reaches(boxed.org):
                put_in_box(session, actor, item, chosen, TEST)

    @rule(index=BOXES, shelf=BOXES, crash=st.booleans())
    def shelve(self, index: int, shelf: int, *, crash: bool) -> None:
        with self.attempt(crash=crash) as session:
            box = session.get_one(PaperBox, self.room.boxes[index])
            place = session.get_one(PaperPlace, self.room.shelves[shelf])
            move = last_move(session, box)
            actor = self.owner if place.org == self.owner.reader.org else self.neighbour
            if move is not None and actor.reaches(move.org):
                shelve_box(session, actor, box, place, TEST)

    @rule(index=ITEMS, crash=st.booleans())
    def lend(self, index: int, *, crash: bool) -> None:
        self.loans += 1
        wanted = LoanWanted(
            LoanKind.AWAY, Borrower("测某", "警官证", f"06{self.loans:04d}", "所"), "核对", "一号"
        )
        with self.attempt(crash=crash) as session:
            item = self.item(session, index)
            org = self.at(session, item).org
            actor = keeper(org=org)
            loan = request_loan(session, actor, item, wanted)
            decide_loan(
                session,
                keeper(Role.CHIEF, org, account="chief"),
                loan,
                approve=True,
                reason="可",
            )
            lend(session, actor, item, TEST)

    @rule(index=ITEMS, crash=st.booleans())
    def give_back(self, index: int, *, crash: bool) -> None:
        with self.attempt(crash=crash) as session:
            item = self.item(session, index)
            take_back(session, keeper(org=self.at(session, item).org), item, TEST)

    @rule(index=ITEMS, crash=st.booleans())
    def send(self, index: int, *, crash: bool) -> None:
        with self.attempt(crash=crash) as session:
            item = self.item(session, index)
            org = self.at(session, item).org
            to = NEIGHBOUR if org != NEIGHBOUR else self.owner.reader.org
            actor = keeper(org=org)
            handover = open_handover(session, actor, HandoverWanted(None, to, "", "集中保管"))
            list_items(session, actor, handover, [item], boxed=False)
            send_handover(session, actor, handover)
            if not crash:
                self.handovers.append(handover.id)

    @rule(taken=st.booleans(), box=BOXES, crash=st.booleans())
    def receive(self, box: int, *, taken: bool, crash: bool) -> None:
        if not self.handovers:
            return
        number = self.handovers[0]
        with self.attempt(crash=crash) as session:
            handover = find_handover(session, self.owner, number, Act.KEEP_PAPER)
            actor = keeper(org=handover.to_org or "")
            if taken:
                entries = session.scalars(
                    select(PaperMove.item_id).where(PaperMove.handover_id == number)
                )
                item = session.get_one(PaperItem, next(iter(entries)))
                chosen = session.get_one(PaperBox, self.room.boxes[box])
                receive_item(session, actor, handover, item, chosen)
            close_handover(session, actor, handover)
            if not crash:
                self.handovers.pop(0)

    @rule(index=ITEMS, crash=st.booleans())
    def destroy(self, index: int, *, crash: bool) -> None:
        with self.attempt(crash=crash) as session:
            item = self.item(session, index)
            move = self.at(session, item)
            enter_move(session, self.owner, item, Destination(PaperState.DESTROYED, move.org), TEST)

    @rule(scanned=st.lists(ITEMS, max_size=6), crash=st.booleans())
    def count(self, scanned: list[int], *, crash: bool) -> None:
        with self.attempt(crash=crash) as session:
            room = session.get_one(PaperPlace, self.room.room)
            stocktake = open_stocktake(session, self.owner, room)
            row = open_session(session, self.owner, ScanFlow.COUNT, stocktake_id=stocktake.id)
            for seq, index in enumerate(scanned, 1):
                code = paper_code(PaperCodeKind.ITEM, self.room.items[index])
                scan = Scan(row.id, seq, code, datetime.now(UTC))
                assert take_scan(session, self.owner, scan).verdict
                assert take_scan(session, self.owner, scan).seq == seq
            result = close_stocktake(
                session,
                self.owner,
                find_stocktake(session, self.owner, stocktake.id, Act.VIEW_PAPER),
            )
            assert sum(result["counts"].values()) == stocktake.expected
            taken = {self.room.items[index] for index in scanned}
            absent = {item for item, value in result["results"] if value == CountResult.ABSENT}
            assert not absent & taken
            scans = session.scalars(select(PaperScan.seq).filter_by(session_id=row.id)).all()
            assert sorted(scans) == list(range(1, len(scanned) + 1))

    @invariant()
    def each_item_is_in_exactly_one_place(self) -> None:
        with reading(self.engine) as session:
            for number in self.room.items:
                moves = session.scalars(
                    select(PaperMove).where(PaperMove.item_id == number).order_by(PaperMove.seq)
                ).all()
                assert [move.seq for move in moves] == list(range(1, len(moves) + 1))
                last = moves[-1]
                assert last.state in ITEM_STATES
                loans = session.scalars(
                    select(PaperLoan).filter_by(item_id=number, state=LoanState.LENT)
                ).all()
                assert len(loans) == (last.state == PaperState.ON_LOAN)
                assert (last.loan_id == loans[0].id) if loans else True
                if last.state == PaperState.IN_BOX:
                    box = last_move(session, session.get_one(PaperBox, last.box_id))
                    assert box is not None
                    assert box.org == last.org
                    assert box.state in {PaperState.ON_SHELF, PaperState.UNSHELVED}
                ended = [move for move in moves[:-1] if move.state == PaperState.DESTROYED]
                assert ended == []

    @invariant()
    def nothing_is_fuller_than_it_can_be(self) -> None:
        with reading(self.engine) as session:
            for number in self.room.boxes:
                box = session.get_one(PaperBox, number)
                assert fill(session, number) <= capacity(box)
            for number in self.room.shelves:
                assert shelf_used(session, number) <= session.get_one(PaperPlace, number).width_mm


TestPaperHouse = PaperHouse.TestCase
TestPaperHouse.settings = settings(
    max_examples=8,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
