"""纸电核对: pages counted on paper against pages of the electronic volume, both ways."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from archive.administration.policy import Act
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_paper import PaperCheck, PaperItem, PaperMove, PaperTask
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.errors import PaperError
from archive.paper.moves import is_last_of_item, last_move
from archive.paper.registration import MAX_PAGES
from archive.reference.paper_terms import (
    ENDED_STATES,
    PageDifference,
    PaperFault,
    PaperTaskState,
)

_REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One difference between paper and volume; `item_id` is None where no paper is registered."""

    kind: PageDifference
    code: str
    item_id: int | None
    paper_pages: int
    electronic_pages: int


def differences(session: Session, keeper: Keeper, limit: int = 1000) -> list[DifferenceRow]:
    """Return what stands between paper and volumes within reach, until a person settles it."""
    keeper.require(Act.VIEW_PAPER)
    later = aliased(PaperCheck)
    newest = (
        ~select(later.id)
        .where(later.item_id == PaperCheck.item_id, later.id > PaperCheck.id)
        .exists()
    )
    query = (
        select(PaperCheck, Volume.code, Volume.void_reason)
        .join(PaperItem, PaperItem.id == PaperCheck.item_id)
        .join(Volume, Volume.id == PaperItem.volume_id)
        .join(PaperMove, PaperMove.item_id == PaperItem.id)
        .where(
            newest,
            is_last_of_item(),
            PaperMove.state.not_in(ENDED_STATES),
            PaperCheck.reason.is_(None),
            (PaperCheck.paper_pages != PaperCheck.electronic_pages)
            | Volume.void_reason.is_not(None),
        )
        .order_by(Volume.code)
        .limit(limit)
    )
    tasks = (
        select(PaperTask, Volume.code)
        .join(Volume, Volume.id == PaperTask.volume_id)
        .where(PaperTask.state == PaperTaskState.PENDING)
        .order_by(Volume.code)
        .limit(limit)
    )
    if keeper.reach is not None:
        query = query.where(PaperMove.org.in_(keeper.reach))
        tasks = tasks.where(PaperTask.station.in_(keeper.reach))
    rows = [
        DifferenceRow(
            _kind(check, void),
            code,
            check.item_id,
            check.paper_pages,
            0 if void else check.electronic_pages,
        )
        for check, code, void in session.execute(query)
    ]
    return rows + [
        DifferenceRow(
            PageDifference.NO_PAPER,
            code,
            None,
            0,
            sum(material["electronic"] for material in task.materials),
        )
        for task, code in session.execute(tasks)
    ]


def open_differences(session: Session, keeper: Keeper) -> list[DifferenceRow]:
    """Return the differences of registered paper, without what waits to be registered."""
    return [row for row in differences(session, keeper) if row.kind is not PageDifference.NO_PAPER]


def _kind(check: PaperCheck, void_reason: str | None) -> PageDifference:
    if void_reason is not None:
        return PageDifference.NO_VOLUME
    if check.paper_pages > check.electronic_pages:
        return PageDifference.MORE_PAPER
    return PageDifference.MORE_ELECTRONIC


def check_pages(
    session: Session, keeper: Keeper, item: PaperItem, *, pages: int, reason: str | None
) -> PaperCheck:
    """Enter a fresh count of an item, or the reason of its difference, and journal it.

    Raises DeniedError, PaperError.
    """
    last = last_move(session, item)
    keeper.require(Act.KEEP_PAPER, last.org if last else item.station)
    text = reason.strip() if reason else ""
    if not 1 <= pages <= MAX_PAGES or len(text) > _REASON_LENGTH:
        raise PaperError(
            PaperFault.VALUE,
            f"页数应为1至{MAX_PAGES}，说明不超过{_REASON_LENGTH}字。",
            "请清点后填写。",
        )
    electronic = sum(material["electronic"] for material in item.materials)
    check = PaperCheck(
        item_id=item.id,
        paper_pages=pages,
        electronic_pages=electronic,
        reason=text or None,
        checked_by=keeper.account,
        checked_at=database_now(session),
    )
    session.add(check)
    session.flush()
    journal.record(
        session,
        keeper.account,
        JournalAct.PAPER_CHECK,
        session.get_one(Volume, item.volume_id).code,
        item=item.id,
        paper=pages,
        electronic=electronic,
        settled=bool(text),
    )
    return check
