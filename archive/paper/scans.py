"""Scanning: one function for all flows, idempotent on (session, seq)."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Act, Denial
from archive.database.engine import database_now
from archive.database.tables_paper import PaperScan, PaperSession
from archive.paper.access import Keeper
from archive.paper.codes import CodeFault, read_code
from archive.paper.counting import count, receive, send
from archive.paper.errors import PaperError
from archive.paper.flows import MOVING
from archive.paper.handovers import find_handover
from archive.paper.outcomes import ScanOutcome, Target, refused, resolve
from archive.paper.stocktakes import find_stocktake
from archive.reference.paper_terms import PaperFault, ScanFlow
from archive.usage.looks import DeniedError

_FLOWS = {
    **MOVING,
    ScanFlow.COUNT: count,
    ScanFlow.SEND: send,
    ScanFlow.RECEIVE: receive,
}
MAX_CODE = 200


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan as a door takes it: its session, its number there from 1, the text, and when."""

    session: str
    seq: int
    code: str
    at: datetime


def open_session(
    session: Session,
    keeper: Keeper,
    flow: ScanFlow,
    *,
    stocktake_id: int | None = None,
    handover_id: int | None = None,
) -> PaperSession:
    """Begin a session of scanning. Raises DeniedError, PaperError.

    A count needs its stocktake, a hand-over its list; two people who count one room have a
    session each.
    """
    keeper.require(Act.KEEP_PAPER)
    if (flow is ScanFlow.COUNT) != (stocktake_id is not None) or (
        flow in (ScanFlow.SEND, ScanFlow.RECEIVE)
    ) != (handover_id is not None):
        raise PaperError(
            PaperFault.VALUE, "盘点须指明盘点单，交接须指明交接单。", "请从该单的页面开始扫描。"
        )
    if stocktake_id is not None:
        find_stocktake(session, keeper, stocktake_id, Act.KEEP_PAPER)
    if handover_id is not None:
        handover = find_handover(session, keeper, handover_id, Act.KEEP_PAPER)
        side = handover.from_org if flow is ScanFlow.SEND else handover.to_org
        keeper.require(Act.KEEP_PAPER, side or "-")
    row = PaperSession(
        id=secrets.token_hex(16),
        flow=flow,
        account=keeper.account,
        org=keeper.reader.org,
        stocktake_id=stocktake_id,
        handover_id=handover_id,
        opened_at=database_now(session),
    )
    session.add(row)
    session.flush()
    return row


def find_session(session: Session, keeper: Keeper, session_id: str) -> PaperSession:
    """Return a session of the reader's own. Raises DeniedError."""
    keeper.require(Act.KEEP_PAPER)
    row = session.get(PaperSession, session_id, with_for_update=True)
    if row is None or row.account != keeper.account:
        raise DeniedError(Denial.NOT_HERE)
    return row


def take_scan(session: Session, keeper: Keeper, scan: Scan) -> PaperScan:
    """Take one scan and return it with its verdict; the same scan again returns the same row.

    A code that cannot be used gets the verdict 未办理 with the reason, and nothing is moved.
    Raises DeniedError for a session of others, and PaperError for a number that leaves a gap or
    was used for another code.
    """
    row = find_session(session, keeper, scan.session)
    code = read_code(scan.code[:MAX_CODE])
    text = None if isinstance(code, CodeFault) else code.text
    if scan.seq <= row.last_seq:
        return _taken(session, scan, text)
    if scan.seq != row.last_seq + 1:
        raise PaperError(
            PaperFault.GAP,
            f"扫描次序缺号，应为第{row.last_seq + 1}次。",
            "请按次序重新送出，页面会自动重送。",
        )
    if isinstance(code, CodeFault):
        outcome = refused(PaperFault.BAD_CODE, code.message, code.action, None)
    else:
        outcome = _outcome(session, keeper, row, resolve(session, code))
    row.last_seq = scan.seq
    taken = PaperScan(
        session_id=row.id,
        seq=scan.seq,
        code=text,
        verdict=outcome.verdict,
        fault=outcome.fault,
        message=outcome.message[:MAX_CODE],
        action=outcome.action[:MAX_CODE],
        item_id=outcome.item.id if outcome.item else None,
        box_id=outcome.box.id if outcome.box else None,
        place_id=outcome.place.id if outcome.place else None,
        stocktake_id=row.stocktake_id,
        scanned_by=keeper.account,
        scanned_at=scan.at,
        taken_at=database_now(session),
    )
    session.add(taken)
    session.flush()
    return taken


def _taken(session: Session, scan: Scan, text: str | None) -> PaperScan:
    taken = session.scalars(
        select(PaperScan).filter_by(session_id=scan.session, seq=scan.seq)
    ).first()
    if taken is None or taken.code != text:
        raise PaperError(
            PaperFault.GAP, "此序号已用于另一次扫描。", "请重新开始扫描会话，再扫这一件。"
        )
    return taken


def _outcome(session: Session, keeper: Keeper, row: PaperSession, target: Target) -> ScanOutcome:
    """Return what a flow makes of a target; a refusal undoes whatever the flow began."""
    try:
        with session.begin_nested():
            return _FLOWS[ScanFlow(row.flow)](session, keeper, row, target)
    except PaperError as fault:
        return refused(fault.fault, fault.message, fault.action, target)
    except DeniedError:
        return refused(
            PaperFault.UNKNOWN,
            "账上没有，或不归您保管。",
            "请核对条码；他单位的请另放一处。",
            Target(target.code),
        )
