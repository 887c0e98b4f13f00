"""Stocktakes (盘点): a frozen expected set, one verdict for each scan, closed once."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from archive.administration.policy import Act, Denial
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_paper import (
    PaperExpectation,
    PaperItem,
    PaperMove,
    PaperPlace,
    PaperScan,
    PaperStocktake,
)
from archive.paper.access import Keeper
from archive.paper.errors import PaperError
from archive.paper.moves import is_last_of_item
from archive.reference.paper_terms import (
    CountResult,
    PaperFault,
    PaperState,
    ScanVerdict,
    StocktakeState,
)
from archive.usage.looks import DeniedError

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Tally:
    """The live counts of a stocktake; `expected` is the sum of `results` and `pending`.

    `results` are of expected items; `strange` counts what was scanned and is not expected.
    """

    expected: int
    scans: int
    results: dict[CountResult, int]
    pending: int
    strange: dict[ScanVerdict, int]
    repeated: int


def stocktake_number(stocktake: PaperStocktake) -> str:
    """Return the number of a stocktake (盘点单号)."""
    return f"PD{stocktake.opened_at.year}-{stocktake.id:06d}"


def open_stocktake(session: Session, keeper: Keeper, place: PaperPlace) -> PaperStocktake:
    """Freeze what a place should hold, and journal its digest; return the stocktake.

    What is on loan from its boxes is expected as 在借. Raises DeniedError, PaperError: a place is
    counted once at a time.
    """
    keeper.require(Act.KEEP_PAPER, place.org)
    session.refresh(place, with_for_update=True)
    _refuse_overlapping(session, place)
    rows = _expected(session, place)
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    stocktake = PaperStocktake(
        place_id=place.id,
        org=place.org,
        state=StocktakeState.OPEN,
        expected=len(rows),
        expected_digest=digest,
        opened_by=keeper.account,
        opened_at=database_now(session),
    )
    session.add(stocktake)
    session.flush()
    names = ("item_id", "box_id", "place_id", "seq", "lent")
    for start in range(0, len(rows), _CHUNK):
        session.execute(
            insert(PaperExpectation),
            [
                {"stocktake_id": stocktake.id, **dict(zip(names, row, strict=True))}
                for row in rows[start : start + _CHUNK]
            ],
        )
    journal.record(
        session,
        keeper.account,
        JournalAct.PAPER_STOCKTAKE,
        stocktake_number(stocktake),
        place=place.id,
        expected=len(rows),
        digest=digest,
    )
    return stocktake


def _refuse_overlapping(session: Session, place: PaperPlace) -> None:
    above = [int(part) for part in place.path.strip("/").split("/")]
    query = (
        select(PaperStocktake.id)
        .join(PaperPlace, PaperPlace.id == PaperStocktake.place_id)
        .where(
            PaperStocktake.state == StocktakeState.OPEN,
            or_(PaperPlace.id.in_(above), PaperPlace.path.like(f"{place.path}%")),
        )
    )
    if session.scalar(query.limit(1)) is not None:
        raise PaperError(
            PaperFault.STATE, "此处或其上下级正在盘点。", "请加入或先关闭正在进行的盘点。"
        )


def _expected(session: Session, place: PaperPlace) -> list[tuple[int, int, int, int, bool]]:
    """Return the items that a place should hold: item, box, shelf, last move, whether lent."""
    box_move = aliased(PaperMove)
    later = aliased(PaperMove)
    rows = session.execute(
        select(PaperMove.item_id, PaperMove.box_id, PaperPlace.id, PaperMove.seq, PaperMove.state)
        .join(box_move, box_move.moved_box_id == PaperMove.box_id)
        .join(PaperPlace, PaperPlace.id == box_move.place_id)
        .where(
            PaperPlace.path.like(f"{place.path}%"),
            box_move.state == PaperState.ON_SHELF,
            ~select(later.id)
            .where(later.moved_box_id == box_move.moved_box_id, later.seq > box_move.seq)
            .exists(),
            PaperMove.state.in_((PaperState.IN_BOX, PaperState.ON_LOAN)),
            is_last_of_item(),
        )
        .order_by(PaperMove.item_id)
    )
    return [
        (item, box, shelf, seq, state == PaperState.ON_LOAN)
        for item, box, shelf, seq, state in rows
        if item is not None and box is not None
    ]


def find_stocktake(session: Session, keeper: Keeper, stocktake_id: int, act: Act) -> PaperStocktake:
    """Return a stocktake within reach. Raises DeniedError for others and missing ones alike."""
    stocktake = session.get(PaperStocktake, stocktake_id)
    keeper.require(act, stocktake.org if stocktake else "-")
    if stocktake is None:
        raise DeniedError(Denial.NOT_HERE)
    return stocktake


def latest_verdicts(session: Session, stocktake: PaperStocktake) -> dict[int, ScanVerdict]:
    """Return the verdict that counts for each item scanned: the last that is no repetition."""
    newest = (
        select(func.max(PaperScan.id))
        .where(
            PaperScan.stocktake_id == stocktake.id,
            PaperScan.item_id.is_not(None),
            PaperScan.verdict.not_in((ScanVerdict.REPEATED, ScanVerdict.REFUSED)),
        )
        .group_by(PaperScan.item_id)
    )
    rows = session.execute(
        select(PaperScan.item_id, PaperScan.verdict).where(PaperScan.id.in_(newest))
    )
    return {item: ScanVerdict(verdict) for item, verdict in rows if item is not None}


_OF_VERDICT = {
    ScanVerdict.PRESENT: CountResult.PRESENT,
    ScanVerdict.MISPLACED: CountResult.MISPLACED,
    ScanVerdict.LENT_ON_SHELF: CountResult.LENT_ON_SHELF,
}


def results_of(session: Session, stocktake: PaperStocktake) -> dict[int, CountResult]:
    """Return how each expected item stands now; unscanned ones are 在借, 移动过 or 缺."""
    verdicts = latest_verdicts(session, stocktake)
    rows = session.execute(
        select(PaperExpectation.item_id, PaperExpectation.seq, PaperMove.seq, PaperMove.state)
        .join(PaperMove, PaperMove.item_id == PaperExpectation.item_id)
        .where(PaperExpectation.stocktake_id == stocktake.id, is_last_of_item())
        .order_by(PaperExpectation.item_id)
    )
    return {
        item: _result(verdicts.get(item), moved=frozen != seq, state=PaperState(state))
        for item, frozen, seq, state in rows
    }


def _result(verdict: ScanVerdict | None, *, moved: bool, state: PaperState) -> CountResult:
    if verdict in _OF_VERDICT:
        return _OF_VERDICT[verdict]
    if state is PaperState.ON_LOAN:
        return CountResult.ON_LOAN
    return CountResult.MOVED if moved or verdict is not None else CountResult.ABSENT


def tally(session: Session, stocktake: PaperStocktake) -> Tally:
    """Return the live counts of a stocktake; what was not scanned yet is pending, not missing."""
    results = Counter(results_of(session, stocktake).values())
    pending = results.pop(CountResult.ABSENT, 0)
    repeated, scans = 0, 0
    for verdict, count in session.execute(
        select(PaperScan.verdict, func.count())
        .where(PaperScan.stocktake_id == stocktake.id)
        .group_by(PaperScan.verdict)
    ):
        scans += count
        repeated += count if verdict == ScanVerdict.REPEATED else 0
    strange = Counter(verdict for _scan, verdict in strange_of(session, stocktake))
    return Tally(stocktake.expected, scans, dict(results), pending, dict(strange), repeated)


def strange_of(session: Session, stocktake: PaperStocktake) -> list[tuple[PaperScan, ScanVerdict]]:
    """Return what was scanned and is not expected, each once: the scan and its verdict."""
    expected = select(PaperExpectation.item_id).where(PaperExpectation.stocktake_id == stocktake.id)
    rows = session.scalars(
        select(PaperScan)
        .where(
            PaperScan.stocktake_id == stocktake.id,
            or_(PaperScan.item_id.is_(None), PaperScan.item_id.not_in(expected)),
            PaperScan.verdict.in_(
                (
                    ScanVerdict.UNREGISTERED,
                    ScanVerdict.FOREIGN,
                    ScanVerdict.ENDED_ON_SHELF,
                    ScanVerdict.LENT_ON_SHELF,
                )
            ),
        )
        .order_by(PaperScan.id)
    )
    last = {(row.item_id, row.code if row.item_id is None else None): row for row in rows}
    return [(row, ScanVerdict(row.verdict)) for row in last.values()]


def close_stocktake(session: Session, keeper: Keeper, stocktake: PaperStocktake) -> dict[str, Any]:
    """Close a stocktake, once: write its result, journal its digest, and return the result.

    `results` lists the expected items that are not 在位 as [item, result], `strange` what was
    scanned and is not expected as [item or null, code, verdict]. Raises DeniedError, PaperError.
    """
    keeper.require(Act.KEEP_PAPER, stocktake.org)
    session.refresh(stocktake, with_for_update=True)
    if stocktake.state != StocktakeState.OPEN:
        raise PaperError(PaperFault.CLOSED, "盘点已关闭，报告只出一次。", "请查看已出的盘点报告。")
    results = results_of(session, stocktake)
    strange = strange_of(session, stocktake)
    result: dict[str, Any] = {
        "expected": stocktake.expected,
        "counts": {str(key): count for key, count in Counter(results.values()).items()},
        "results": [
            [item, str(value)]
            for item, value in results.items()
            if value is not CountResult.PRESENT
        ],
        "strange": [[scan.item_id, scan.code, str(verdict)] for scan, verdict in strange],
    }
    stocktake.result = result
    stocktake.state = StocktakeState.CLOSED
    stocktake.closed_by, stocktake.closed_at = keeper.account, database_now(session)
    session.flush()
    digest = hashlib.sha256(
        json.dumps(result, ensure_ascii=False, sort_keys=True).encode()
    ).hexdigest()
    journal.record(
        session,
        keeper.account,
        JournalAct.PAPER_STOCKTAKE_END,
        stocktake_number(stocktake),
        expected_digest=stocktake.expected_digest,
        result_digest=digest,
        counts=result["counts"],
        strange=len(strange),
    )
    return result


def stocktakes_within_reach(
    session: Session, keeper: Keeper, limit: int = 100
) -> Sequence[PaperStocktake]:
    """Return the stocktakes within reach, newest first."""
    keeper.require(Act.VIEW_PAPER)
    query = select(PaperStocktake).order_by(PaperStocktake.id.desc()).limit(limit)
    if keeper.reach is not None:
        query = query.where(PaperStocktake.org.in_(keeper.reach))
    return session.scalars(query).all()


def counted_place(session: Session, stocktake: PaperStocktake) -> PaperPlace:
    """Return the place that is counted."""
    return session.get_one(PaperPlace, stocktake.place_id)


def expectation_of(
    session: Session, stocktake: PaperStocktake, item: PaperItem
) -> PaperExpectation | None:
    """Return what a stocktake expects of an item; None of one that it does not expect."""
    return session.get(PaperExpectation, (stocktake.id, item.id))
