"""Registration of paper at the station that received the case (纸质登记, R19)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.administration.policy import Act, Denial
from archive.arrangement.volume_names import has_name
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_cases import Case
from archive.database.tables_paper import PaperBox, PaperCheck, PaperItem, PaperTask
from archive.database.tables_volumes import Volume
from archive.paper.access import Keeper
from archive.paper.boxes import LEAF, put_in_box
from archive.paper.errors import PaperError
from archive.paper.moves import Cause
from archive.reference.paper_terms import (
    PaperCondition,
    PaperFault,
    PaperKind,
    PaperTaskState,
)
from archive.usage.looks import DeniedError

MAX_PAGES = 5000
NOTE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class CountedPaper:
    """What a person counted: pages, condition and a note; `pages` None as the case states."""

    pages: int | None = None
    condition: PaperCondition = PaperCondition.GOOD
    note: str | None = None


def find_task(session: Session, keeper: Keeper, name: str) -> PaperTask:
    """Return the oldest waiting task of the volume of a 档号 or case number.

    Raises DeniedError for foreign and missing volumes alike, and PaperError where nothing waits.
    """
    rows = session.scalars(
        select(PaperTask)
        .join(Volume, Volume.id == PaperTask.volume_id)
        .join(Case, Case.id == Volume.case_id)
        .where(has_name(name))
        .order_by(PaperTask.revision)
    ).all()
    tasks = [task for task in rows if keeper.reaches(task.station)]
    keeper.require(Act.KEEP_PAPER)
    if not tasks:
        raise DeniedError(Denial.NOT_HERE)
    waiting = [task for task in tasks if task.state == PaperTaskState.PENDING]
    if waiting:
        return waiting[0]
    if tasks[-1].state == PaperTaskState.WAIVED:
        raise PaperError(PaperFault.NO_TASK, "此册已免予登记纸质。", "如确有纸质，请报档案员。")
    raise PaperError(PaperFault.REGISTERED, "此册的纸质已登记。", "如需换盒，请用“上架移动”。")


def register_paper(
    session: Session,
    keeper: Keeper,
    task: PaperTask,
    box: PaperBox,
    counted: CountedPaper,
    cause: Cause,
) -> PaperItem:
    """Register the paper of a task and put it into a box; return the item.

    Its pages are held against the volume's (纸电核对) at once. Raises DeniedError, PaperError.
    """
    keeper.require(Act.KEEP_PAPER, task.station)
    session.refresh(task, with_for_update=True)
    if task.state != PaperTaskState.PENDING:
        raise PaperError(PaperFault.REGISTERED, "此册的纸质已登记。", "如需换盒，请用“上架移动”。")
    stated = sum(material["pages"] for material in task.materials)
    pages = _pages(counted, stated)
    now = database_now(session)
    item = PaperItem(
        volume_id=task.volume_id,
        revision=task.revision,
        station=task.station,
        kind=kind_of(task.materials),
        materials=task.materials,
        pages=pages,
        thickness=math.ceil(pages * LEAF),
        condition=counted.condition,
        note=counted.note,
        registered_by=keeper.account,
        registered_at=now,
    )
    session.add(item)
    session.flush()
    task.state, task.settled_by, task.settled_at = PaperTaskState.REGISTERED, keeper.account, now
    code = session.get_one(Volume, task.volume_id).code
    journal.record(
        session,
        keeper.account,
        JournalAct.PAPER_REGISTER,
        code,
        item=item.id,
        box=box.id,
        pages=pages,
        stated=stated,
        kind=item.kind,
    )
    put_in_box(session, keeper, item, box, cause)
    session.add(
        PaperCheck(
            item_id=item.id,
            paper_pages=pages,
            electronic_pages=sum(material["electronic"] for material in task.materials),
            checked_by=keeper.account,
            checked_at=now,
        )
    )
    session.flush()
    return item


def _pages(counted: CountedPaper, stated: int) -> int:
    """Return the pages that were counted, else those stated. Raises PaperError."""
    pages = stated if counted.pages is None else counted.pages
    if not 1 <= pages <= MAX_PAGES or len(counted.note or "") > NOTE_LENGTH:
        raise PaperError(
            PaperFault.VALUE,
            f"页数应为1至{MAX_PAGES}，附注不超过{NOTE_LENGTH}字。",
            "请清点后填写。",
        )
    return pages


def waive_task(session: Session, keeper: Keeper, task: PaperTask, reason: str) -> PaperTask:
    """End a task without paper, with the reason, and journal it. Raises PaperError."""
    keeper.require(Act.KEEP_PAPER, task.station)
    session.refresh(task, with_for_update=True)
    if task.state != PaperTaskState.PENDING:
        raise PaperError(PaperFault.STATE, "此任务已有结论。", "请刷新页面。")
    if not reason.strip():
        raise PaperError(PaperFault.VALUE, "免予登记须写明理由。", "请写明纸质的去向或依据。")
    task.state, task.reason = PaperTaskState.WAIVED, reason.strip()
    task.settled_by, task.settled_at = keeper.account, database_now(session)
    journal.record(
        session,
        keeper.account,
        JournalAct.PAPER_WAIVE,
        session.get_one(Volume, task.volume_id).code,
        reason=task.reason,
    )
    return task


def kind_of(materials: Sequence[dict[str, object]]) -> PaperKind:
    """Return what the paper of these materials counts as: any original makes it one."""
    kinds = {material["kind"] for material in materials}
    return next(kind for kind in PaperKind if kind in kinds)
