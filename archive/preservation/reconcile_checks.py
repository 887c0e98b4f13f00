"""Acts at 核对 (confirmed, returned, asked, remarked, replaced) held to the journal (I12).

The sealed record names the people of a confirmation, so that a row of one that never was would
stand in a volume for good.
"""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from archive.database.encryption import ColumnKeyError
from archive.database.tables_cases import Case
from archive.database.tables_checks import CheckAct
from archive.preservation.faults import Fault
from archive.preservation.journalled import Journalled

_BATCH = 400


def check_faults(session: Session, state: Journalled) -> Iterator[Fault]:
    """Yield what differs between the acts of each case and the entries of the journal."""
    counts: dict[tuple[int, str], int] = {}
    of_case, after = 0, (0, 0)
    query = select(CheckAct.id, CheckAct.case_id, Case.case_no).join(
        Case, Case.id == CheckAct.case_id
    )
    while rows := session.execute(
        query.where((CheckAct.case_id > after[0]) | _later(after))
        .order_by(CheckAct.case_id, CheckAct.id)
        .limit(_BATCH)
    ).all():
        for act_id, case_id, case_no in rows:
            if case_id != of_case:
                of_case, counts = case_id, {}
            yield from _act(session, state, act_id, case_no, counts)
            after = case_id, act_id
        session.expunge_all()
    for case_no, revision, *_ in state.checks.unseen():
        yield Fault("I12", f"{case_no}/{revision}", "日志记有核对，数据库没有登记")


def _later(after: tuple[int, int]) -> ColumnElement[bool]:
    return (CheckAct.case_id == after[0]) & (CheckAct.id > after[1])


def _act(
    session: Session,
    state: Journalled,
    act_id: int,
    case_no: str,
    counts: dict[tuple[int, str], int],
) -> Iterator[Fault]:
    try:
        act = session.get_one(CheckAct, act_id)
    except ColumnKeyError:
        yield Fault("I14", case_no, "加密的核对备注不是写入此行的，或已被改动")
        return
    name, kind = f"{case_no}/{act.revision}", (act.revision, act.kind)
    counts[kind] = counts.get(kind, 0) + 1
    place = (case_no, *kind, counts[kind])
    state.checks.see(place)
    entered = state.checks.get(place)
    if entered is None:
        # Where the end of the journal was lost, a package is the only record of a confirmation.
        if act.account or not state.rebuilds:
            yield Fault("I12", name, "数据库有该次核对，日志没有记录")
    elif differs := [field for field, value in entered.items() if getattr(act, field) != value]:
        yield Fault("I12", name, f"核对登记与日志不符：{'、'.join(differs)}")
