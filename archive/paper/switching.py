"""A district that goes 已电子化: what is pending is kept, or waived with the reason (R16)."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.administration.accounts import require_act
from archive.administration.policy import Act, Reader, scope_of
from archive.audit import journal
from archive.audit.acts import JournalAct
from archive.database.engine import database_now
from archive.database.tables_paper import PaperTask
from archive.paper.errors import PaperError
from archive.reference.organisations import Organisations
from archive.reference.paper_terms import PaperFault, PaperTaskState, PendingChoice


def _stations(district: str, organisations: Organisations) -> list[str]:
    return [
        unit.code
        for unit in organisations
        if district in scope_of((unit.code,), organisations)
        and organisations.district_of(unit.code).code == district
    ]


def pending_in(session: Session, district: str, organisations: Organisations) -> int:
    """Return how many tasks of registration wait in a district."""
    query = select(func.count()).where(
        PaperTask.state == PaperTaskState.PENDING,
        PaperTask.station.in_(_stations(district, organisations)),
    )
    return session.scalar(query) or 0


def settle_pending(
    session: Session,
    actor: Reader,
    district: str,
    *,
    choice: PendingChoice | None,
    reason: str,
    organisations: Organisations,
) -> int:
    """Keep or waive what waits in a district that goes 已电子化; return how many tasks waited.

    Raises PaperError where tasks wait and nobody chose.
    """
    require_act(actor, Act.OPERATE)
    waiting = session.scalars(
        select(PaperTask)
        .where(
            PaperTask.state == PaperTaskState.PENDING,
            PaperTask.station.in_(_stations(district, organisations)),
        )
        .order_by(PaperTask.id)
        .with_for_update()
    ).all()
    if waiting and choice is None:
        raise PaperError(
            PaperFault.VALUE,
            f"该旗区还有{len(waiting)}件纸质待登记。",
            "请选择照旧登记或免予登记，再切换。",
        )
    if waiting and choice is PendingChoice.WAIVE:
        now = database_now(session)
        for task in waiting:
            task.state, task.reason = PaperTaskState.WAIVED, reason
            task.settled_by, task.settled_at = actor.account, now
    if waiting and choice is not None:
        journal.record(
            session,
            actor.account,
            JournalAct.PAPER_WAIVE,
            district,
            choice=choice,
            tasks=len(waiting),
            reason=reason,
        )
    return len(waiting)
