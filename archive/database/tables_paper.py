"""Tables of the paper of the transition: items, boxes, places, moves, loans, counts (R19)."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.base import Base, Id
from archive.database.sealed_columns import SealedJson
from archive.reference.paper_terms import (
    HandoverState,
    LoanState,
    PaperTaskState,
    StocktakeState,
)


class PaperTask(Base):
    """Paper to be registered: the kept materials of one revision of a volume (R19).

    `station` received the case in 过渡期. `materials` are {no, kind, pages} as the case states.
    """

    __tablename__ = "paper_tasks"
    __table_args__ = (
        UniqueConstraint("volume_id", "revision"),
        Index("ix_paper_tasks_waiting", "state", "station", "id"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    volume_id: Mapped[int] = mapped_column(ForeignKey("volumes.id"))
    revision: Mapped[int]
    station: Mapped[str] = mapped_column(String(12))
    materials: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(String(12), default=PaperTaskState.PENDING)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    settled_by: Mapped[str | None] = mapped_column(String(64))
    settled_at: Mapped[datetime | None]


class PaperItem(Base):
    """Paper kept for a case, of the same 档号 as its volume (一件一册, R23).

    `station` registered it; who holds it now stands in its last move. `thickness` is in tenths of
    a millimetre.
    """

    __tablename__ = "paper_items"
    __table_args__ = (UniqueConstraint("volume_id", "revision"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    volume_id: Mapped[int] = mapped_column(ForeignKey("volumes.id"))
    revision: Mapped[int]
    station: Mapped[str] = mapped_column(String(12), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    materials: Mapped[list[Any]]
    pages: Mapped[int]
    thickness: Mapped[int]
    condition: Mapped[str] = mapped_column(String(12))
    note: Mapped[str | None] = mapped_column(String(200))
    registered_by: Mapped[str] = mapped_column(String(64))
    registered_at: Mapped[datetime]


class PaperPlace(Base):
    """库房, 列架, 节 or 层: a tree, of which only the shelves bear boxes.

    `path` is the chain of ids from the room down, `1/5/20/`. `width_mm` is what a shelf can hold,
    of others the sum below them.
    """

    __tablename__ = "paper_places"
    __table_args__ = (
        UniqueConstraint("parent_id", "name"),
        Index("ix_paper_places_rooms", "org", "kind"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("paper_places.id"))
    org: Mapped[str] = mapped_column(String(12))
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(40))
    path: Mapped[str] = mapped_column(String(100), index=True)
    width_mm: Mapped[int]
    created_at: Mapped[datetime]


class PaperBoxCounter(Base):
    """The last number of a box given under one station, fonds, year and series.

    The row is locked while a number is taken.
    """

    __tablename__ = "paper_box_counters"
    org: Mapped[str] = mapped_column(String(12), primary_key=True)
    fonds: Mapped[str] = mapped_column(String(4), primary_key=True)
    series: Mapped[str] = mapped_column(String(2), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(default=0)


class PaperBox(Base):
    """盒: numbered at the station that began it; its place stands in its last move."""

    __tablename__ = "paper_boxes"
    __table_args__ = (UniqueConstraint("org", "fonds", "series", "year", "number"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    org: Mapped[str] = mapped_column(String(12))
    fonds: Mapped[str] = mapped_column(String(4))
    series: Mapped[str] = mapped_column(String(2))
    year: Mapped[int]
    number: Mapped[int]
    spine_mm: Mapped[int]
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class PaperMove(Base):
    """One move of an item or of a box; append-only, and the last one says where the thing is.

    `seq` counts the moves of the thing from 1: of two at once the database lets one through.
    `org` holds the thing after the move; `box_id` is the box of an item (also on loan and in
    transit: the one it came from), `place_id` the shelf of a box.
    """

    __tablename__ = "paper_moves"
    __table_args__ = (
        UniqueConstraint("item_id", "seq"),
        UniqueConstraint("moved_box_id", "seq"),
        Index("ix_paper_moves_holders", "org", "state", "item_id"),
        Index("ix_paper_moves_boxes", "box_id", "item_id", "seq"),
        Index("ix_paper_moves_places", "place_id", "moved_box_id", "seq"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    item_id: Mapped[int | None] = mapped_column(ForeignKey("paper_items.id"))
    moved_box_id: Mapped[int | None] = mapped_column(ForeignKey("paper_boxes.id"))
    seq: Mapped[int]
    state: Mapped[str] = mapped_column(String(12))
    org: Mapped[str] = mapped_column(String(12))
    box_id: Mapped[int | None] = mapped_column(ForeignKey("paper_boxes.id"))
    place_id: Mapped[int | None] = mapped_column(ForeignKey("paper_places.id"))
    loan_id: Mapped[int | None] = mapped_column(ForeignKey("paper_loans.id"))
    handover_id: Mapped[int | None] = mapped_column(ForeignKey("paper_handovers.id"))
    scan_session: Mapped[str | None] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(String(200))
    moved_by: Mapped[str] = mapped_column(String(64))
    moved_at: Mapped[datetime]


class PaperLoan(Base):
    """借阅: who borrows which paper, what for, until when.

    `borrower` is encrypted ({name, papers, number}). `needed` approvals let an original leave
    (two) or a copy (one).
    """

    __tablename__ = "paper_loans"
    __table_args__ = (Index("ix_paper_loans_listed", "state", "org", "due_at"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("paper_items.id"), index=True)
    org: Mapped[str] = mapped_column(String(12))
    kind: Mapped[str] = mapped_column(String(8))
    borrower: Mapped[dict[str, Any]] = mapped_column(SealedJson("paper_loans.borrower"))
    borrower_unit: Mapped[str] = mapped_column(String(100))
    purpose: Mapped[str] = mapped_column(Text)
    basis: Mapped[str] = mapped_column(String(100))
    needed: Mapped[int]
    state: Mapped[str] = mapped_column(String(12), default=LoanState.REQUESTED)
    requested_by: Mapped[str] = mapped_column(String(64))
    requested_at: Mapped[datetime]
    lent_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    renewals: Mapped[int] = mapped_column(default=0)
    returned_at: Mapped[datetime | None]


class PaperLoanDecision(Base):
    """One decision on a loan; nobody decides a loan twice."""

    __tablename__ = "paper_loan_decisions"
    __table_args__ = (UniqueConstraint("loan_id", "decided_by"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    loan_id: Mapped[int] = mapped_column(ForeignKey("paper_loans.id"))
    approved: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]


class PaperStocktake(Base):
    """盘点 of a place: the expected set is frozen at its opening, its digest is in the journal.

    `result` is written at its closing, once.
    """

    __tablename__ = "paper_stocktakes"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    place_id: Mapped[int] = mapped_column(ForeignKey("paper_places.id"))
    org: Mapped[str] = mapped_column(String(12), index=True)
    state: Mapped[str] = mapped_column(String(8), default=StocktakeState.OPEN)
    expected: Mapped[int]
    expected_digest: Mapped[str] = mapped_column(String(64))
    opened_by: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime]
    closed_by: Mapped[str | None] = mapped_column(String(64))
    closed_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None]


class PaperExpectation(Base):
    """One item that a stocktake expects: where, and as of which move."""

    __tablename__ = "paper_expectations"
    stocktake_id: Mapped[int] = mapped_column(
        ForeignKey("paper_stocktakes.id"), primary_key=True, autoincrement=False
    )
    item_id: Mapped[int] = mapped_column(
        ForeignKey("paper_items.id"), primary_key=True, autoincrement=False
    )
    box_id: Mapped[int] = mapped_column(ForeignKey("paper_boxes.id"))
    place_id: Mapped[int] = mapped_column(ForeignKey("paper_places.id"))
    seq: Mapped[int]
    lent: Mapped[bool]


class PaperHandover(Base):
    """交接: paper from one organisation to another, or out of our hands to `to_name`."""

    __tablename__ = "paper_handovers"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    from_org: Mapped[str] = mapped_column(String(12), index=True)
    to_org: Mapped[str | None] = mapped_column(String(12), index=True)
    to_name: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(8), default=HandoverState.LISTING)
    opened_by: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime]
    sent_by: Mapped[str | None] = mapped_column(String(64))
    sent_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(64))
    closed_at: Mapped[datetime | None]


class PaperHandoverEntry(Base):
    """One item on the list of a hand-over, with what each side scanned.

    `boxed`: it goes in its box.
    """

    __tablename__ = "paper_handover_entries"
    handover_id: Mapped[int] = mapped_column(
        ForeignKey("paper_handovers.id"), primary_key=True, autoincrement=False
    )
    item_id: Mapped[int] = mapped_column(
        ForeignKey("paper_items.id"), primary_key=True, autoincrement=False
    )
    box_id: Mapped[int | None] = mapped_column(ForeignKey("paper_boxes.id"))
    boxed: Mapped[bool]
    listed_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    difference: Mapped[str | None] = mapped_column(String(8))


class PaperSession(Base):
    """A session of scanning: one flow, one person, at one organisation.

    `box_id` and `place_id` are what was scanned last and what the next scans go into.
    """

    __tablename__ = "paper_sessions"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    flow: Mapped[str] = mapped_column(String(12))
    account: Mapped[str] = mapped_column(String(64), index=True)
    org: Mapped[str] = mapped_column(String(12))
    stocktake_id: Mapped[int | None] = mapped_column(ForeignKey("paper_stocktakes.id"))
    handover_id: Mapped[int | None] = mapped_column(ForeignKey("paper_handovers.id"))
    box_id: Mapped[int | None] = mapped_column(ForeignKey("paper_boxes.id"))
    place_id: Mapped[int | None] = mapped_column(ForeignKey("paper_places.id"))
    last_seq: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class PaperScan(Base):
    """One scan and its verdict; a scan sent again gets the row that is there.

    `code` is what was scanned, if it was a code of ours: anything else may be a person's number.
    """

    __tablename__ = "paper_scans"
    __table_args__ = (
        UniqueConstraint("session_id", "seq"),
        Index("ix_paper_scans_counted", "stocktake_id", "item_id", "id"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("paper_sessions.id"))
    seq: Mapped[int]
    code: Mapped[str | None] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(16))
    fault: Mapped[str | None] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(200))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("paper_items.id"))
    box_id: Mapped[int | None] = mapped_column(ForeignKey("paper_boxes.id"))
    place_id: Mapped[int | None] = mapped_column(ForeignKey("paper_places.id"))
    stocktake_id: Mapped[int | None] = mapped_column(ForeignKey("paper_stocktakes.id"))
    scanned_by: Mapped[str] = mapped_column(String(64))
    scanned_at: Mapped[datetime]
    taken_at: Mapped[datetime]


class PaperCheck(Base):
    """纸电核对: pages counted of an item against those of the electronic volume.

    The last one counts; a difference stands until a person gives the reason.
    """

    __tablename__ = "paper_checks"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("paper_items.id"), index=True)
    paper_pages: Mapped[int]
    electronic_pages: Mapped[int]
    reason: Mapped[str | None] = mapped_column(Text)
    checked_by: Mapped[str] = mapped_column(String(64))
    checked_at: Mapped[datetime]
