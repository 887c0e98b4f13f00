"""Paper by its number, label or 档号, for who may act on it."""

from sqlalchemy.orm import Session

from archive.administration.policy import Act, Denial
from archive.database.tables_paper import PaperItem, PaperTask
from archive.paper.access import Keeper
from archive.paper.codes import CodeFault, PaperCodeKind, read_code
from archive.paper.errors import PaperError
from archive.paper.moves import last_move
from archive.paper.outcomes import resolve
from archive.reference.paper_terms import PaperFault
from archive.usage.looks import DeniedError


def find_task_row(session: Session, keeper: Keeper, task_id: int) -> PaperTask:
    """Return a task within reach. Raises DeniedError for others and missing ones alike."""
    task = session.get(PaperTask, task_id)
    keeper.require(Act.KEEP_PAPER, task.station if task else "-")
    if task is None:
        raise DeniedError(Denial.NOT_HERE)
    return task


def find_item(session: Session, keeper: Keeper, item_id: int, act: Act) -> PaperItem:
    """Return an item within reach. Raises DeniedError for others and missing ones alike."""
    item = session.get(PaperItem, item_id)
    return _within(session, keeper, item, act)


def item_named(session: Session, keeper: Keeper, text: str, act: Act) -> PaperItem:
    """Return the item of a label, a 档号 or a case number, within reach.

    Raises PaperError for a text that is no such code, and DeniedError.
    """
    code = read_code(text, (PaperCodeKind.ITEM, PaperCodeKind.VOLUME, PaperCodeKind.CASE))
    if isinstance(code, CodeFault):
        raise PaperError(PaperFault.BAD_CODE, code.message, code.action)
    return _within(session, keeper, resolve(session, code).item, act)


def _within(session: Session, keeper: Keeper, item: PaperItem | None, act: Act) -> PaperItem:
    move = last_move(session, item) if item else None
    keeper.require(act, move.org if move else "-")
    if item is None:
        raise DeniedError(Denial.NOT_HERE)
    return item
