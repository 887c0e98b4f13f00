"""Scanning: each scan once, in order, with one verdict; a refusal moves nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text

from archive.administration.policy import Act, Role
from archive.database.encryption import attach_keys, new_keyring
from archive.database.engine import reading, writing
from archive.database.tables_paper import (
    PaperBox,
    PaperItem,
    PaperLoan,
    PaperMove,
    PaperPlace,
    PaperScan,
)
from archive.paper.access import Keeper
from archive.paper.boxes import put_in_box
from archive.paper.codes import PaperCodeKind, paper_code
from archive.paper.errors import PaperError
from archive.paper.handovers import (
    HandoverWanted,
    close_handover,
    entries_of,
    find_handover,
    open_handover,
    send_handover,
)
from archive.paper.loans import (
    Borrower,
    LoanWanted,
    decide_loan,
    is_overdue,
    lend,
    renew_loan,
    request_loan,
    take_back,
)
from archive.paper.moves import last_move
from archive.paper.scans import Scan, open_session, take_scan
from archive.paper.stocktakes import (
    close_stocktake,
    find_stocktake,
    open_stocktake,
    stocktake_number,
    tally,
)
from archive.preservation.key_rotation import reseal_loans
from archive.reference.paper_terms import (
    CountResult,
    HandoverDifference,
    LoanKind,
    LoanState,
    PaperFault,
    PaperState,
    ScanFlow,
    ScanVerdict,
)
from archive.usage.looks import DeniedError
from tests.support.paper import (
    DISTRICT,
    HOME,
    NEIGHBOUR,
    TEST,
    PaperRoom,
    furnish,
    keeper,
)

BOX, PLACE, ITEM = PaperCodeKind.BOX, PaperCodeKind.PLACE, PaperCodeKind.ITEM
WANTED = LoanWanted(
    LoanKind.AWAY, Borrower("测某", "警官证", "060101", "交通派出所"), "核对", "东公〔2026〕1号"
)


class Scanner:
    """A session of scanning; each call is one scan."""

    def __init__(self, engine: Engine, owner: Keeper, flow: ScanFlow, **target: Any) -> None:
        self.engine, self.owner, self.seq = engine, owner, 0
        with writing(engine) as session:
            self.session = open_session(session, owner, flow, **target).id

    def __call__(self, code: str, *, seq: int | None = None) -> PaperScan:
        self.seq = self.seq + 1 if seq is None else seq
        with writing(self.engine) as session:
            scan = Scan(self.session, self.seq, code, datetime.now(UTC))
            return take_scan(session, self.owner, scan)


def case_no(number: int) -> str:
    return f"{HOME}-20260901-{number:06d}"


def state(engine: Engine, item: int) -> tuple[str, int | None]:
    with reading(engine) as session:
        move = last_move(session, session.get_one(PaperItem, item))
        assert move is not None
        return move.state, move.box_id


def test_a_box_is_filled_by_scanning_covers(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=0, waiting=2)
    scan = Scanner(engine, owner, ScanFlow.REGISTER)
    assert scan(case_no(1)).fault == PaperFault.NO_BOX
    assert scan(paper_code(BOX, room.boxes[0])).verdict == ScanVerdict.CHOSEN
    assert scan(case_no(1)).verdict == ScanVerdict.REGISTERED
    assert scan(case_no(1)).fault == PaperFault.REGISTERED
    assert scan(case_no(2)).verdict == ScanVerdict.REGISTERED
    assert scan(case_no(99)).fault == PaperFault.UNKNOWN
    assert scan("23000000").fault == PaperFault.BAD_CODE


def test_the_same_scan_sent_again_is_the_same_row(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=2)
    scan = Scanner(engine, owner, ScanFlow.FILE)
    first = scan(paper_code(BOX, room.boxes[1]))
    moved = scan(paper_code(ITEM, room.items[0]))
    assert (moved.verdict, moved.id) == (ScanVerdict.MOVED, first.id + 1)
    assert scan(paper_code(ITEM, room.items[0]), seq=2).id == moved.id
    with pytest.raises(PaperError) as refusal:
        scan(paper_code(ITEM, room.items[1]), seq=2)
    assert refusal.value.fault is PaperFault.GAP
    with pytest.raises(PaperError) as refusal:
        scan(paper_code(ITEM, room.items[1]), seq=4)
    assert refusal.value.fault is PaperFault.GAP
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(PaperScan)) == 2
        query = select(func.count()).where(PaperMove.item_id == room.items[0])
        assert session.scalar(query) == 2


def test_nobody_scans_in_the_session_of_another(engine: Engine) -> None:
    owner = keeper()
    furnish(engine, owner, items=1)
    scan = Scanner(engine, owner, ScanFlow.FILE)
    scan.owner = keeper(account="other")
    with pytest.raises(DeniedError):
        scan(paper_code(BOX, 1))


def lent(engine: Engine, owner: Keeper, item: int) -> int:
    with writing(engine) as session:
        row = session.get_one(PaperItem, item)
        loan = request_loan(session, owner, row, WANTED)
        decide_loan(session, keeper(Role.CHIEF, account="chief"), loan, approve=True, reason="可")
        lend(session, owner, row, TEST)
        return loan.id


def test_a_lent_item_is_not_moved_and_comes_back_to_its_box(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=2)
    assert (
        Scanner(engine, owner, ScanFlow.LEND)(paper_code(ITEM, room.items[0])).fault
        == PaperFault.NOT_APPROVED
    )
    lent(engine, owner, room.items[0])
    filing = Scanner(engine, owner, ScanFlow.FILE)
    filing(paper_code(BOX, room.boxes[1]))
    assert filing(paper_code(ITEM, room.items[0])).fault == PaperFault.LENT
    with writing(engine) as session, pytest.raises(PaperError, match="归还"):
        item = session.get_one(PaperItem, room.items[0])
        put_in_box(session, owner, item, session.get_one(PaperBox, room.boxes[1]), TEST)
    assert state(engine, room.items[0]) == (PaperState.ON_LOAN, room.boxes[0])
    back = Scanner(engine, owner, ScanFlow.RETURN)
    assert back(paper_code(ITEM, room.items[0])).verdict == ScanVerdict.RETURNED
    assert back(paper_code(ITEM, room.items[1])).fault == PaperFault.STATE
    assert state(engine, room.items[0]) == (PaperState.IN_BOX, room.boxes[0])


def test_an_original_leaves_with_two_approvals_of_others(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=1, original=True)
    with writing(engine) as session:
        item = session.get_one(PaperItem, room.items[0])
        loan = request_loan(session, owner, item, WANTED)
        chief = keeper(Role.CHIEF, account="chief")
        decide_loan(session, chief, loan, approve=True, reason="可")
        assert loan.state == LoanState.REQUESTED
        with pytest.raises(PaperError):
            decide_loan(session, chief, loan, approve=True, reason="可")
        with pytest.raises(DeniedError):
            decide_loan(session, owner, loan, approve=True, reason="可")
        above = keeper(Role.DISTRICT_SUPERVISOR, DISTRICT, account="district")
        decide_loan(session, above, loan, approve=True, reason="可")
        assert loan.state == LoanState.APPROVED
        lend(session, owner, item, TEST)


def test_what_is_overdue_blocks_its_borrower(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=2)
    number = lent(engine, owner, room.items[0])
    with writing(engine) as session:
        loan = session.get_one(PaperLoan, number)
        renew_loan(session, owner, loan)
        with pytest.raises(PaperError):
            renew_loan(session, owner, loan)
        loan.due_at = datetime(2026, 1, 5, tzinfo=UTC)
        assert is_overdue(loan, datetime.now(UTC))
        session.flush()
        second = session.get_one(PaperItem, room.items[1])
        with pytest.raises(PaperError) as refusal:
            request_loan(session, owner, second, WANTED)
        assert refusal.value.fault is PaperFault.OVERDUE
        take_back(session, owner, session.get_one(PaperItem, room.items[0]), TEST)
        request_loan(session, owner, second, WANTED)


def opened(engine: Engine, owner: Keeper, place: int) -> int:
    with writing(engine) as session:
        return open_stocktake(session, owner, session.get_one(PaperPlace, place)).id


def counted(engine: Engine, room: PaperRoom, owner: Keeper) -> tuple[int, Scanner]:
    number = opened(engine, owner, room.room)
    return number, Scanner(engine, owner, ScanFlow.COUNT, stocktake_id=number)


def test_each_scan_of_a_stocktake_gets_one_verdict(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=6)
    elsewhere = furnish(engine, owner, items=1, first=20)
    lent(engine, owner, room.items[4])
    number, scan = counted(engine, room, owner)
    scan(paper_code(PLACE, room.shelves[0]))
    scan(paper_code(BOX, room.boxes[0]))
    verdicts = [
        scan(paper_code(ITEM, item)).verdict
        for item in (
            room.items[0],  # in this box
            room.items[0],  # again
            room.items[1],  # of the other box
            room.items[4],  # on loan
            elsewhere.items[0],
            999,
        )
    ]
    assert verdicts == [
        ScanVerdict.PRESENT,
        ScanVerdict.REPEATED,
        ScanVerdict.MISPLACED,
        ScanVerdict.LENT_ON_SHELF,
        ScanVerdict.FOREIGN,
        ScanVerdict.UNREGISTERED,
    ]
    scan(paper_code(BOX, room.boxes[1]))
    assert scan(paper_code(ITEM, room.items[1])).verdict == ScanVerdict.PRESENT
    with writing(engine) as session:
        put_in_box(
            session,
            owner,
            session.get_one(PaperItem, room.items[3]),
            session.get_one(PaperBox, room.boxes[0]),
            TEST,
        )
        stocktake = find_stocktake(session, owner, number, Act.KEEP_PAPER)
        counts = tally(session, stocktake)
        assert (counts.expected, counts.pending, counts.repeated) == (6, 2, 1)
        assert sum(counts.results.values()) + counts.pending == 6
        result = close_stocktake(session, owner, stocktake)
        assert stocktake_number(stocktake).startswith("PD20")
        with pytest.raises(PaperError) as refusal:
            close_stocktake(session, owner, stocktake)
        assert refusal.value.fault is PaperFault.CLOSED
    assert result["counts"] == {
        CountResult.PRESENT: 2,
        CountResult.LENT_ON_SHELF: 1,
        CountResult.MOVED: 1,
        CountResult.ABSENT: 2,
    }
    assert [row[2] for row in result["strange"]] == [ScanVerdict.FOREIGN, ScanVerdict.UNREGISTERED]
    assert scan(paper_code(ITEM, room.items[2])).fault == PaperFault.CLOSED


def test_two_people_count_one_room(engine: Engine) -> None:
    owner, other = keeper(), keeper(account="second")
    room = furnish(engine, owner, items=4)
    number, first = counted(engine, room, owner)
    second = Scanner(engine, other, ScanFlow.COUNT, stocktake_id=number)
    assert first(paper_code(ITEM, room.items[0])).verdict == ScanVerdict.PRESENT
    assert second(paper_code(ITEM, room.items[0])).verdict == ScanVerdict.REPEATED
    assert second(paper_code(ITEM, room.items[1])).verdict == ScanVerdict.PRESENT
    with pytest.raises(PaperError):
        opened(engine, other, room.shelves[0])


def test_a_hand_over_keeps_its_differences(engine: Engine) -> None:
    owner = keeper()
    room = furnish(engine, owner, items=5)
    receiver = keeper(org=NEIGHBOUR, account="receiver")
    extra = furnish(engine, owner, items=1, first=20)
    with writing(engine) as session:
        handover = open_handover(session, owner, HandoverWanted(None, NEIGHBOUR, "", "集中保管"))
        number = handover.id
    send = Scanner(engine, owner, ScanFlow.SEND, handover_id=number)
    assert send(paper_code(BOX, room.boxes[0])).verdict == ScanVerdict.LISTED
    assert send(paper_code(ITEM, room.items[1])).verdict == ScanVerdict.LISTED
    assert send(paper_code(ITEM, room.items[3])).verdict == ScanVerdict.LISTED
    with writing(engine) as session:
        send_handover(session, owner, find_handover(session, owner, number, Act.KEEP_PAPER))
    assert state(engine, room.items[1])[0] == PaperState.IN_TRANSIT
    with pytest.raises(DeniedError):
        Scanner(engine, keeper(org=DISTRICT[:-6] + "030000"), ScanFlow.RECEIVE, handover_id=number)
    own = furnish(engine, receiver, items=0, boxes=1, first=40)
    take = Scanner(engine, receiver, ScanFlow.RECEIVE, handover_id=number)
    assert take(paper_code(BOX, room.boxes[0])).verdict == ScanVerdict.RECEIVED
    assert take(paper_code(ITEM, room.items[1])).fault == PaperFault.NO_BOX
    assert take(paper_code(BOX, own.boxes[0])).verdict == ScanVerdict.CHOSEN
    assert take(paper_code(ITEM, room.items[1])).verdict == ScanVerdict.RECEIVED
    assert take(paper_code(ITEM, extra.items[0])).verdict == ScanVerdict.FOREIGN
    with writing(engine) as session:
        handover = find_handover(session, receiver, number, Act.KEEP_PAPER)
        close_handover(session, receiver, handover)
        differences = {
            entry.item_id: entry.difference
            for entry in entries_of(session, handover)
            if entry.difference
        }
        box = session.get_one(PaperBox, room.boxes[0])
        move = last_move(session, box)
        assert move is not None
        assert (move.org, move.state) == (NEIGHBOUR, PaperState.UNSHELVED)
    assert differences == {
        room.items[3]: HandoverDifference.MISSING,
        extra.items[0]: HandoverDifference.EXTRA,
    }
    assert state(engine, room.items[1]) == (PaperState.IN_BOX, own.boxes[0])
    assert state(engine, room.items[3])[0] == PaperState.IN_TRANSIT
    filing = Scanner(engine, owner, ScanFlow.FILE)
    filing(paper_code(BOX, room.boxes[1]))
    assert filing(paper_code(ITEM, room.items[3])).verdict == ScanVerdict.MOVED
    assert state(engine, room.items[3]) == (PaperState.IN_BOX, room.boxes[1])


def test_the_borrower_is_encrypted_and_moves_to_a_new_key(engine: Engine) -> None:
    ring = new_keyring()
    attach_keys(engine, ring)
    room = furnish(engine, keeper(), items=1)
    number = lent(engine, keeper(), room.items[0])
    fresh = ring.with_new_key()
    attach_keys(engine, fresh)
    with writing(engine) as session:
        assert reseal_loans(session, fresh, 0, 10) == number
        assert reseal_loans(session, fresh, number, 10) is None
    with reading(engine) as session:
        stored = str(session.execute(text("SELECT borrower FROM paper_loans")).scalar_one())
        assert "060101" not in stored
        assert '"key": "k2"' in stored.replace("'", '"')
        assert session.get_one(PaperLoan, number).borrower["number"] == "060101"
